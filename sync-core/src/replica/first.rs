//! Whose records are wanted first while not all of them are here: of those patients whom somebody has looked at.

use std::collections::VecDeque;

use crate::id::{PatientId, ScopeId};
use crate::sync::message::{Message, message_limits};

use super::Replica;
use super::effect::Effect;
use super::session::Phase;
use super::state::State;

/// Patients who are remembered, those whom somebody looked at last.
const PATIENTS_MAX: usize = 16;

/// Whom somebody has looked at, the last one first; none once all is here.
#[derive(Default)]
pub(super) struct First {
    patients: VecDeque<PatientId>,
}

impl First {
    pub(super) fn look_at(&mut self, patient: PatientId) {
        self.patients.retain(|known| *known != patient);
        self.patients.push_front(patient);
        self.patients.truncate(PATIENTS_MAX);
    }

    /// Nothing is on its way any more.
    pub(super) fn is_here(&mut self) {
        self.patients.clear();
    }

    /// Their scopes, as far as keys have told of them; in the order of the patients.
    fn scopes(&self, state: &State) -> Vec<ScopeId> {
        let known = self.patients.iter().filter_map(|patient| state.patients.get(patient));
        let scopes = known.flatten().filter_map(|number| state.numbers.get(number));
        scopes.take(message_limits::FIRST.max).copied().collect()
    }
}

impl Replica {
    /// Tells the relay what is wanted first: once in a session, so that it knows that it was heard, and when it changes.
    pub(super) fn say_first(&mut self) {
        let Phase::Open { .. } = self.session.phase else { return };
        let scopes = self.first.scopes(&self.state);
        if self.session.first.as_ref() == Some(&scopes) {
            return;
        }
        self.session.first = Some(scopes.clone());
        self.effects.push_back(Effect::Send(Message::First { scopes }));
    }
}
