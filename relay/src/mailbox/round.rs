//! From the queue to the disk and back: what is taken together, and what follows once it is durable.

use std::collections::BTreeSet;

use azalea_core::id::Timestamp;
use azalea_core::storage::StorageError;
use azalea_core::sync::message::{Goodbye, Message, Refusal, RefusalCause};

use super::group::{Draft, Group};
use super::load::Query;
use super::queued::Queued;
use super::{Effect, EffectId, Loading, Mailbox, Notice, RETRY_MS, Request, SessionId};

/// Envelopes of one commit.
const GROUP_ITEMS_MAX: usize = 512;
/// Bytes of one commit, about.
const GROUP_BYTES_MAX: usize = 8 << 20;
/// What an envelope that is no envelope costs beside the others.
const PENALTY_ENVELOPES: u64 = 100;

impl Mailbox {
    /// Starts the next commit, unless one is under way or there is nothing to do.
    pub(crate) fn next_round(&mut self, now: Timestamp) {
        while self.in_flight.is_none() {
            let due = self.take_due(now);
            let has_work = !(self.queue.is_empty()
                && self.requests.is_empty()
                && self.admits.is_empty()
                && self.filled.is_empty()
                && self.met.is_empty()
                && self.say_again.is_empty()
                && due.is_empty())
                || self.flush && (!self.noted.is_empty() || self.state.heads.is_unsaved());
            if !has_work {
                return;
            }
            self.flush = false;
            let queued = self.take_queued();
            let filled = std::mem::take(&mut self.filled);
            let requests = std::mem::take(&mut self.requests);
            let admits = std::mem::take(&mut self.admits);
            let noted = std::mem::take(&mut self.noted);
            let met = std::mem::take(&mut self.met);
            let say_again = std::mem::take(&mut self.say_again);
            for (_, request) in &requests {
                if let Request::Registrar(key) = request {
                    self.registrars.insert(key.public(), key.clone());
                }
            }
            let mut repeats = Vec::new();
            let (heads, unsaved) = self.state.heads.save();
            let mut draft = Draft::new(&self.state, now);
            draft.group.batch.extend(heads);
            draft.group.heads = unsaved;
            for step in &filled {
                draft.fill(step);
            }
            let again: BTreeSet<_> = due.intersection(&self.state.again).copied().collect();
            for scope in &due {
                if again.contains(scope) {
                    draft.unsettle(scope);
                }
                draft.settle_members(scope);
                draft.group.governed.insert(*scope);
            }
            (draft.group.due, draft.group.again) = (due, again.clone());
            met.into_iter().for_each(|met| draft.lose(met));
            for (id, request) in requests {
                let result = draft.request(request, &self.own, &self.registrars);
                draft.group.requests.push((id, result));
            }
            for certificate in say_again {
                // One that would not be taken any more says nothing that still counts.
                let _ = draft.publish(&self.own, certificate);
                draft.group.says_again = true;
            }
            for admit in admits {
                draft.admit(admit, &self.own, &self.registrars);
            }
            draft.prove(&queued);
            for queued in queued {
                draft.take_queued(queued, &self.own, &mut repeats);
            }
            for (device, (seen, last_seen)) in noted {
                if let Some(device) = draft.device_mut(device) {
                    (device.row.seen, device.row.last_seen) = (seen, last_seen);
                }
            }
            for (device, own) in &self.owns {
                let done = draft.group.own_done.iter().filter(|done| *done == device).count();
                if done == own.scopes_left
                    && let Some(device) = draft.device_mut(*device)
                {
                    device.row.own_through = own.through;
                }
            }
            let early = again.iter().filter(|scope| draft.has_early_members(scope)).copied();
            let early: BTreeSet<_> = early.collect();
            let mut group = draft.finish();
            self.state.again.retain(|scope| !group.again.contains(scope) || early.contains(scope));
            if !repeats.is_empty() {
                let places = repeats.iter().map(|it| it.repeat.place).collect();
                self.load(Query::Chains { places }, Loading::Repeats(repeats));
            }
            if group.batch.is_empty() {
                self.finished(now, group);
                continue;
            }
            let id = self.effect_id();
            let batch = std::mem::take(&mut group.batch);
            self.in_flight = Some((id, group));
            self.effects.push_back(Effect::Store { id, batch });
        }
    }

    fn take_queued(&mut self) -> Vec<Queued> {
        let (mut queued, mut bytes) = (Vec::new(), 0);
        while queued.len() < GROUP_ITEMS_MAX && bytes < GROUP_BYTES_MAX {
            let Some(next) = self.queue.pop() else { break };
            if let Queued::Envelope { bytes: envelope, .. } = &next {
                bytes += envelope.len();
            }
            queued.push(next);
        }
        queued
    }

    pub(crate) fn stored(
        &mut self,
        now: Timestamp,
        id: EffectId,
        result: Result<(), StorageError>,
    ) {
        let Some((_, group)) = self.in_flight.take_if(|(under_way, _)| *under_way == id) else {
            return;
        };
        match result {
            Ok(()) => {
                self.counters.commits += 1;
                if std::mem::take(&mut self.is_failing) {
                    self.effects.push_back(Effect::Notice(Notice::StoreRecovered));
                }
                self.finished(now, group);
            }
            Err(error) => {
                self.counters.commits_failed += 1;
                // Said once: every push that follows fails in the same way until there is room again.
                if !std::mem::replace(&mut self.is_failing, true) {
                    self.effects.push_back(Effect::Notice(Notice::StoreFailed(error.clone())));
                }
                self.abandoned(now, group, &error);
            }
        }
    }

    /// The disk has the group: now it counts, and everybody may know.
    fn finished(&mut self, now: Timestamp, group: Group) {
        let registry_changed = group.roster.is_some();
        let envelopes = group.items.len() as u64;
        let bytes: u64 = group.items.iter().map(|item| item.bytes.len() as u64).sum();
        self.counters.accepted += envelopes;
        self.counters.bytes_stored += bytes;
        self.counters.forks += group.forked.len() as u64;
        for author in group.forked.iter().copied().collect::<BTreeSet<_>>() {
            self.effects.push_back(Effect::Notice(Notice::Fork { author }));
        }
        let mut group = group.apply(&mut self.state);
        self.queue_fills(std::mem::take(&mut group.fills));
        for (id, result) in group.requests {
            self.effects.push_back(Effect::Done { id, result });
        }
        for (session, reply) in group.replies {
            reply.refused.iter().for_each(|refusal| self.refusal_counted(now, session, refusal));
            if self.sessions.contains_key(&session) {
                let (stored, refused) = (reply.stored, reply.refused);
                self.send(session, Message::Taken { stored, refused });
            }
        }
        self.forward(now, &group.items, &group.left_out, group.feeds);
        if !group.common.is_empty() {
            self.pump_all(now);
        }
        self.rotten_noted(now, group.rotten);
        self.go_on(group.met);
        for (session, certificates) in group.enrolled {
            self.enrolled(session, certificates);
        }
        for (session, goodbye) in group.turned_away {
            self.close(now, session, goodbye);
        }
        for device in group.own_done {
            self.own_done(now, device);
        }
        if registry_changed {
            self.close_revoked(now);
        }
    }

    /// The disk refused: nothing of the group has happened. Authors keep their envelopes and come again.
    fn abandoned(&mut self, now: Timestamp, group: Group, error: &StorageError) {
        self.retry_at = Some(now.plus_ms(RETRY_MS));
        self.state.heads.not_saved(group.heads);
        self.queue_fills(group.worked);
        self.state.again.extend(group.again);
        self.state.due.extend(group.due.into_iter().map(|scope| (now.plus_ms(RETRY_MS), scope)));
        for (id, _) in group.requests {
            let result = Err(super::PublishError::Store(error.clone()));
            self.effects.push_back(Effect::Done { id, result });
        }
        for (session, reply) in group.replies {
            let busy = |id| Refusal { id, cause: RefusalCause::Busy };
            let refused: Vec<_> =
                reply.refused.into_iter().chain(reply.stored.into_iter().map(busy)).collect();
            refused.iter().for_each(|refusal| self.counters.refused(refusal.cause));
            if self.sessions.contains_key(&session) {
                self.send(session, Message::Taken { stored: Vec::new(), refused });
            }
        }
        let enrolling = group.enrolled.into_iter().map(|(session, _)| session);
        let turned_away = group.turned_away.into_iter().map(|(session, _)| session);
        for session in enrolling.chain(turned_away) {
            self.close(now, session, Goodbye::Busy { retry_after_ms: 5_000 });
        }
        self.is_unsaid |= group.says_again;
        // What they met they will meet again.
        for session in group.met {
            self.with_member(session, |member| member.is_loading = false);
        }
        for device in group.devices.values() {
            let number = device.row.number;
            if self.state.device(number).is_some() {
                let noted = (device.row.seen, device.row.last_seen);
                self.noted.entry(number).or_insert(noted);
            }
        }
    }

    fn refusal_counted(&mut self, now: Timestamp, session: SessionId, refusal: &Refusal) {
        self.counters.refused(refusal.cause);
        if refusal.cause == RefusalCause::Invalid
            && let Some(facility) = self.facility_of(session)
        {
            self.pushed.charge(now, &facility, PENALTY_ENVELOPES);
        }
    }
}
