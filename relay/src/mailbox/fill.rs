//! Fetching what came before a new reader: a few scopes at a time, each recipient in its turn.

use azalea_core::id::{ScopeId, Timestamp};

use super::load::Query;
use super::members::Fill;
use super::{Loading, Mailbox};

/// Scopes whose earlier envelopes are fetched at once.
const FILL_SCOPES_MAX: usize = 64;
/// Envelopes that are fetched at once, over all scopes: what they add to a commit must not hold up the others.
const FILL_ROWS_MAX: usize = 4_096;

impl Mailbox {
    /// Asks the disk for the next part of what new readers lack.
    pub(crate) fn next_fill(&mut self, now: Timestamp) {
        let paused = self.retry_at.is_some_and(|at| now < at);
        if self.is_filling || !self.filled.is_empty() || paused || self.fills.is_empty() {
            return;
        }
        let mut asked = Vec::new();
        while asked.len() < FILL_SCOPES_MAX {
            let Some((fill, after)) = self.take_fill() else { break };
            if let Some(scope) = self.state.scopes.get(&fill.scope) {
                asked.push((fill, after, scope.last));
            }
        }
        if asked.is_empty() {
            return;
        }
        let scopes = asked.iter().map(|(fill, after, _)| {
            let number = self.state.scopes[&fill.scope].number;
            (number, *after)
        });
        let rows_max = FILL_ROWS_MAX / asked.len();
        let query = Query::Scopes { scopes: scopes.collect(), rows_max };
        self.is_filling = true;
        self.load(query, Loading::Fills(asked));
    }

    /// The next fill of the recipient after the last one's, so that a first sync of one does not hold up the others.
    fn take_fill(&mut self) -> Option<(Fill, u64)> {
        let recipient = self.last_filled.wrapping_add(1);
        let from = Fill { recipient, own: false, scope: ScopeId::ZERO };
        let next = self.fills.range(from..).next().or_else(|| self.fills.first_key_value());
        let fill = *next?.0;
        self.last_filled = fill.recipient;
        self.fills.remove_entry(&fill)
    }
}
