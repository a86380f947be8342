//! Asking for a job, and asking again; what the council is asked for, and its answer.

use azalea_core::id::Timestamp;
use azalea_core::identity::Subject as Revoked;

use super::{Asked, Job, PATIENCE_MS};
use crate::world::{Event, RETRY_MS, World};

impl World {
    /// Asks for a job; when it cannot be done yet it is asked for again.
    pub(in crate::world) fn attempt(&mut self, index: usize) {
        let job = self.jobs[index].job.clone();
        let (place, now) = (job.place(), self.now);
        self.jobs[index].at.get_or_insert(now);
        if let Job::Admit { place } | Job::Revoke { place } = job {
            return self.ask_council(index, place);
        }
        if self.truth.revoked.contains_key(&place) {
            return;
        }
        if !self.facilities[place].is_up() {
            // Nobody asks a machine that does not run; they do as soon as it does.
            return self.parked.entry(place).or_default().push(index);
        }
        match job {
            Job::Open { place, choice } => return self.open(index, place, choice),
            Job::Look { place, person } => return self.look_at(index, place, person),
            _ => {}
        }
        match self.command(index, &job) {
            Some(command) => {
                self.facilities[place].command(now, index, command);
                self.drain_facility(place);
            }
            None => self.again(index),
        }
    }

    /// Who has waited for long asks less often: what cannot be done for weeks must not keep the world busy.
    pub(super) fn again(&mut self, index: usize) {
        let at = self.jobs[index].at.max(self.truth.healed);
        let waited = at.map_or(0, |at| self.now.since_ms(at));
        let wait = RETRY_MS.max(waited.saturating_sub(PATIENCE_MS) / 8);
        self.after(wait, Event::Job(index));
    }

    /// The region was healed: what people had nearly given up is asked for again at once.
    pub(in crate::world) fn ask_again_soon(&mut self) {
        let soon = self.now.plus_ms(RETRY_MS);
        let jobs = &self.jobs;
        let is_late = |at: Timestamp, event: &Event| match event {
            Event::Job(index) => at > soon && jobs[*index].at.is_some(),
            _ => false,
        };
        for event in self.queue.take(is_late) {
            self.at(soon, event);
        }
    }

    fn ask_council(&mut self, index: usize, place: usize) {
        let (now, id) = (self.now, index as u64 + 1_000);
        match self.jobs[index].job {
            // Nobody sets up a machine whose disk takes nothing, or without power.
            Job::Admit { .. }
                if self.facilities[place].disk.condition.is_bad()
                    || !self.facilities[place].has_power =>
            {
                self.again(index);
            }
            Job::Admit { .. } => {
                let certificates = self.members[place].certificates.clone();
                self.council.admit(&self.members[place]);
                self.relay.publish(now, id, certificates);
            }
            _ => {
                let subject = Revoked::Device(self.facilities[place].device());
                self.relay.revoke(now, id, subject);
            }
        }
        self.drain_relay();
    }

    /// The relay was set up from a backup: what the council said since then is said again.
    pub(in crate::world) fn tell_again(&mut self) {
        if !std::mem::take(&mut self.told_again) {
            return;
        }
        for index in 0..self.jobs.len() {
            let Asked { job: Job::Admit { place } | Job::Revoke { place }, done: true, .. } =
                self.jobs[index]
            else {
                continue;
            };
            self.ask_council(index, place);
        }
    }

    /// The relay answered its operator.
    pub(in crate::world) fn council_done(&mut self, id: u64, took_effect: bool) {
        let Some(index) = id.checked_sub(1_000).map(|index| index as usize) else { return };
        if !took_effect {
            self.jobs[index].done = false;
            return self.again(index);
        }
        let now = self.now;
        self.jobs[index].done = true;
        self.truth.changed = Some(now);
        match self.jobs[index].job {
            Job::Admit { place } if !self.facilities[place].joined => {
                let certificates = self.council.given();
                if !self.facilities[place].join(now, certificates, false) {
                    self.jobs[index].done = false;
                    return self.again(index);
                }
                self.drain_facility(place);
                self.after(500, Event::Reconnect { place });
            }
            Job::Revoke { place } => {
                self.relay.revoked.insert(place);
                self.truth.revoked.entry(place).or_insert(now);
            }
            _ => {}
        }
    }
}
