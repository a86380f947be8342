//! A reader's feed once more from its beginning, without what the reader says it holds.
//!
//! Wanted where a reader's cursor means nothing to this store (it was set up from a backup, or the reader was elsewhere), and
//! where a reader misses by its publishers' words what its cursor has passed. Rows of a feed are short and say whose
//! envelope they mean: most of what a reader holds is passed over without a look at the log.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use azalea_core::access::Statement;
use azalea_core::envelope::SignedEnvelope;
use azalea_core::id::{EnvelopeId, Timestamp};
use azalea_core::sync::message::{ChainEnd, Goodbye};

use super::session::Subscribed;
use super::tables::{DeviceNumber, FeedRow, ScopeNumber};
use super::{Mailbox, SessionId};

/// Where a session stands with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Refill {
    /// The feed goes on from the reader's cursor.
    #[default]
    None,
    /// The cursor means nothing here; the reader says what it holds before it is fed.
    Awaited,
    /// Asked for; it begins once nothing is being read for this feed.
    Asked {
        /// Nothing has been given in this session.
        is_first: bool,
    },
    /// Under way.
    Going(Going),
}

/// A refill that is under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Going {
    /// What is left out.
    pub(crate) held: Arc<Held>,
    /// The last position that may have been missed: what comes behind it is on its way, or is still to come.
    pub(crate) through: u64,
    /// The position behind which the feed goes on.
    pub(crate) resume: u64,
}

/// How far chains go at a reader, and which certificates it has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Held {
    ends: BTreeMap<(ScopeNumber, DeviceNumber), End>,
    /// Their digests.
    certificates: BTreeSet<[u8; 32]>,
}

/// How far one chain goes there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// It has what has an earlier place in the log than this.
    Log(u64),
    /// It has the chain up to this number, if the envelope there is the same here.
    At {
        /// The number.
        seq: u64,
        /// The envelope there.
        id: EnvelopeId,
    },
    /// It goes up to this number, which is further than here.
    Further {
        /// The number.
        seq: u64,
        /// It has what has an earlier place in the log than this.
        log: u64,
    },
}

impl End {
    /// Whether a place in the log is one that the reader has by its chain's end alone.
    pub(crate) fn is_before(self, place: u64) -> bool {
        matches!(self, Self::Log(log) | Self::Further { log, .. } if place < log)
    }
}

impl Held {
    /// How many chains are remembered.
    pub(crate) fn chains(&self) -> usize {
        self.ends.len()
    }

    /// Whether an envelope says nothing but a certificate that is there. Where it can follow on nothing that is there, as what
    /// the registry says where it has become another one, it is worth no more than that.
    pub(crate) fn has_certificate(&self, envelope: &[u8]) -> bool {
        if self.certificates.is_empty() {
            return false;
        }
        let signed = SignedEnvelope::from_bytes(envelope);
        let said = signed.ok().and_then(|signed| signed.claimed_statement().ok().flatten());
        match said {
            Some(Statement::Certificate(it)) => self.certificates.contains(&it.digest()),
            _ => false,
        }
    }

    /// How far the chain goes that a row of a feed is part of.
    pub(crate) fn end(&self, row: &FeedRow) -> Option<End> {
        self.ends.get(&(row.scope, row.author)).copied()
    }
}

impl Subscribed {
    /// Begins with the feed's first place, and ends with what the session has given so far, or where it has given nothing yet,
    /// with the feed.
    fn begin_refill(&mut self, is_first: bool, feed_end: u64) {
        let resume = if is_first { feed_end } else { self.scanned };
        let on_its_way = self.under_way.front().map(|(position, _)| position - 1);
        let through = on_its_way.unwrap_or(resume);
        let held = Arc::new(std::mem::take(&mut self.held));
        self.scanned = 0;
        self.refill = Refill::Going(Going { held, through, resume });
    }

    /// The position up to which the feed is to be read now, of one that ends at `feed_end`.
    pub(crate) fn reads_to(&self, feed_end: u64) -> u64 {
        if let Refill::Going(going) = &self.refill { going.through } else { feed_end }
    }

    /// The position up to which the feed has been sent or passed over, in this session or by the refill that it is in.
    pub(crate) fn sent_to(&self) -> u64 {
        if let Refill::Going(going) = &self.refill { going.resume } else { self.scanned }
    }
}

impl Mailbox {
    /// A member asks for its feed once more, after it has said what it holds.
    pub(crate) fn refill_wanted(&mut self, now: Timestamp, session: SessionId) {
        let Some(member) = self.sessions.get_mut(&session).and_then(|it| it.subscribed_mut())
        else {
            return;
        };
        let Some(left) = member.holdings_left.checked_sub(1) else {
            return self.close(now, session, Goodbye::Protocol);
        };
        member.holdings_left = left;
        if matches!(member.refill, Refill::None | Refill::Awaited) {
            member.refill = Refill::Asked { is_first: member.refill == Refill::Awaited };
            self.counters.refills += 1;
        }
        self.pump(session);
    }

    /// Begins a refill that was asked for. Whether the session may be fed.
    pub(crate) fn begins_refill(&mut self, session: SessionId) -> bool {
        let Some(member) = self.sessions.get_mut(&session).and_then(|it| it.subscribed_mut())
        else {
            return false;
        };
        if let Refill::Asked { is_first } = member.refill
            && !member.is_loading
        {
            let feed_end = self.state.feed_end(member.device);
            member.begin_refill(is_first, feed_end);
        }
        matches!(member.refill, Refill::None | Refill::Going(_))
    }

    /// Notes where a chain ends at a reader, for a refill that it may ask for. Only chains that are here take memory, and whoever
    /// names their scopes has been in them: their names cannot be guessed.
    ///
    /// Of an end that contradicts ours nothing is left out but certificates that are there too: its reader is to see that. Of a
    /// chain that goes further there it has surely what this store had when its epoch began, which is what every store of this
    /// network once had; what came since may be another chain, as the registry is after a backup.
    pub(crate) fn note_held(&mut self, session: SessionId, end: &ChainEnd) {
        let Some(number) = self.state.numbers.get(&end.author).copied() else { return };
        let Some(scope) = self.state.scopes.get(&end.scope) else { return };
        let Some(tip) = scope.chains.get(&number).and_then(|chain| chain.tip()) else { return };
        let held = match end.seq.cmp(&tip.seq) {
            Ordering::Equal if end.id == tip.id => End::Log(self.state.next_log),
            Ordering::Less | Ordering::Equal => End::At { seq: end.seq, id: end.id },
            Ordering::Greater => End::Further { seq: end.seq, log: self.state.epoch_began },
        };
        let key = (scope.number, number);
        self.with_member(session, |member| {
            member.held.ends.insert(key, held);
        });
    }

    /// Notes which of our certificates a reader has, for a refill that it may ask for.
    pub(crate) fn note_certificates(&mut self, session: SessionId, known: Vec<[u8; 32]>) {
        self.with_member(session, |member| member.held.certificates.extend(known));
    }
}
