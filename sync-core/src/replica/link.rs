//! Linking: our own patient id and a network patient are one person, when two people say so.

use crate::access::ScopeKind;
use crate::document::{Contribution, DocumentId, Link, LinkError, Links};
use crate::envelope::Body;
use crate::id::PatientId;
use crate::storage::row::{ScopeNumber, key};
use crate::storage::{Order, Range, table};
use crate::wire::{Wire, limits};

use super::Tx;
use super::command::{CommandError, Outcome, Staff};
use super::effect::Query;
use super::input::Answer;
use super::state::State;

/// What is done about a link.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Propose,
    Confirm,
    Remove,
}

impl State {
    /// The changes of a document of one scope, in log order.
    pub(super) fn document_queries(
        number: Option<ScopeNumber>,
        document: &DocumentId,
    ) -> Vec<Query> {
        let Some(number) = number else { return Vec::new() };
        let prefix = key(&[&number.to_be_bytes(), &document.to_bytes()]);
        let (order, limit) = (Order::Ascending, usize::MAX);
        vec![Query::Scan { table: table::DOCUMENT, range: Range::prefix(&prefix), order, limit }]
    }

    /// One step towards a link, or back.
    pub(super) fn link(
        &mut self,
        tx: &mut Tx<'_>,
        local: &str,
        patient: PatientId,
        by: &Staff,
        step: Step,
        answers: Vec<Answer>,
    ) -> Result<Outcome, CommandError> {
        if !self.patients.contains_key(&patient) {
            return Err(CommandError::UnknownPatient);
        }
        if local.len() > limits::KEY.max {
            let what = "this facility's own patient id";
            return Err(CommandError::TooLarge { what, max: limits::KEY.max });
        }
        let office = match self.own_scope(ScopeKind::Office) {
            Some(number) => number,
            None => self.create_scope(tx, ScopeKind::Office, None, None),
        };
        let (mut links, _) = Links::replay(&contributions(answers));
        let editor = self.editor(by);
        let link = Link { facility: self.home, local: local.to_owned(), patient };
        let made = match step {
            Step::Propose => links.propose(&link, &editor, tx.now)?,
            Step::Confirm => links.confirm(&link, &editor, tx.now)?,
            Step::Remove => links.remove(&link, &editor, tx.now)?,
        };
        if let Some(changes) = made {
            self.write_document(tx, office, DocumentId::Links, changes);
        }
        Ok(match step {
            Step::Propose => Outcome::Proposed,
            Step::Confirm => {
                self.join(tx, local, patient);
                Outcome::Linked
            }
            Step::Remove => {
                self.part(tx, local, patient);
                Outcome::Unlinked
            }
        })
    }

    /// Seals changes of a document and keeps them.
    pub(super) fn write_document(
        &mut self,
        tx: &mut Tx<'_>,
        number: ScopeNumber,
        document: DocumentId,
        changes: Vec<u8>,
    ) {
        let body = match document {
            DocumentId::Note(note) => Body::Note { note, changes: changes.clone() },
            document => Body::Document { document, changes: changes.clone() },
        };
        let position = self.author(tx, number, &body);
        self.keep_changes(tx, number, document, position, self.me, changes);
    }

    /// What two people confirmed before the store was lost counts again.
    pub(super) fn relink(&mut self, tx: &mut Tx<'_>, answers: Vec<Answer>) {
        let (links, _) = Links::replay(&contributions(answers));
        for found in links.view() {
            let link = found.link;
            let counts = found.confirmed.is_some() && link.facility == self.home;
            if counts && self.patients.contains_key(&link.patient) {
                self.join(tx, &link.local, link.patient);
            }
        }
    }

    /// Our id now stands for the network's patient. A chart of ours that nobody linked before moves to that patient.
    fn join(&mut self, tx: &mut Tx<'_>, local: &str, patient: PatientId) {
        let mut row = self.locals.get(local).cloned().unwrap_or_default();
        if row.patients.contains(&patient) {
            return;
        }
        let own = row.patients.first().copied().filter(|_| row.chart.is_some());
        match own {
            // The id that we drew for ourselves gives way to the one that the network knows.
            Some(own) => {
                row.patients[0] = patient;
                self.move_patient(tx, own, patient);
            }
            None => row.patients.push(patient),
        }
        self.set_local(tx, local.to_owned(), row);
    }

    fn part(&mut self, tx: &mut Tx<'_>, local: &str, patient: PatientId) {
        let Some(mut row) = self.locals.get(local).cloned() else { return };
        let Some(at) = row.patients.iter().position(|it| *it == patient) else { return };
        match row.chart {
            Some(chart) if at == 0 => {
                // Our chart goes back to being of a patient whom only we know.
                let own = PatientId::random(tx.rng);
                row.patients[0] = own;
                let chart = self.scopes[&chart].number;
                self.unfollow_consent(tx, chart);
                self.describe(tx, chart, own);
            }
            _ => {
                row.patients.remove(at);
            }
        }
        self.set_local(tx, local.to_owned(), row);
    }

    /// Our own scopes of one patient become those of another.
    fn move_patient(&mut self, tx: &mut Tx<'_>, from: PatientId, to: PatientId) {
        let ours: Vec<ScopeNumber> = [ScopeKind::Chart, ScopeKind::Care]
            .into_iter()
            .flat_map(|kind| self.scopes_of(&from, kind))
            .filter(|scope| scope.access.as_ref().is_some_and(|it| it.owner() == self.home))
            .map(|scope| scope.number)
            .collect();
        for number in ours {
            self.describe(tx, number, to);
        }
        let theirs: Vec<ScopeNumber> =
            self.scopes_of(&to, ScopeKind::Care).map(|scope| scope.number).collect();
        tx.governed.extend(theirs);
    }

    /// Says of a scope of ours whose it is; its readers are told with the keys.
    fn describe(&mut self, tx: &mut Tx<'_>, number: ScopeNumber, patient: PatientId) {
        let before = self.scope(number).patient();
        if let Some(descriptor) = &mut self.scope_mut(number).descriptor {
            descriptor.patient = Some(patient);
        }
        self.index_patient(number, before);
        tx.touched.insert(number);
        tx.unshared.insert(number);
    }
}

/// The contributions in the answer to [`State::document_queries`].
pub(super) fn contributions(answers: Vec<Answer>) -> Vec<Contribution> {
    let Some(Answer::Rows(rows)) = answers.into_iter().next() else { return Vec::new() };
    rows.iter().filter_map(|(_, value)| Contribution::from_bytes(value).ok()).collect()
}

impl From<LinkError> for CommandError {
    fn from(error: LinkError) -> Self {
        match error {
            LinkError::NotProposed => Self::NotProposed,
            LinkError::SamePerson => Self::SamePerson,
            LinkError::Edit(error) => error.into(),
        }
    }
}
