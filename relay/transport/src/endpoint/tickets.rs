//! What a server keeps of handshakes, so that who comes again may speak in its first flight (TLS 1.3, 0-RTT).
//!
//! A ticket is good once: whoever shows it takes it out. So what a first flight said is heard once, however often its datagrams come.
//! Nothing is written down, and a process that is started again knows no ticket: it hears no first flight that the one before it heard.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use rustls::server::StoresServerSessions;

/// What one caller gets with each handshake; each try to come back over a dead line spends one.
pub(super) const TICKETS_EACH: usize = 4;
/// What is kept at most; of more the oldest are forgotten, and their callers make a whole handshake. Enough for twice as many
/// callers as a relay has places.
const TICKETS_MAX: usize = 12_288 * TICKETS_EACH * 2;

/// The tickets that were given and not shown yet.
#[derive(Default)]
pub(super) struct Tickets {
    held: Mutex<Held>,
    spent: AtomicU64,
}

#[derive(Default)]
struct Held {
    sessions: HashMap<Vec<u8>, Vec<u8>>,
    /// As they were given, those that were shown since among them.
    given: VecDeque<Vec<u8>>,
}

impl Tickets {
    /// How many were shown that are not here: shown before, forgotten, or another process's.
    pub(super) fn spent(&self) -> u64 {
        self.spent.load(Ordering::Relaxed)
    }
}

impl StoresServerSessions for Tickets {
    fn put(&self, ticket: Vec<u8>, session: Vec<u8>) -> bool {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.given.len() >= TICKETS_MAX
            && let Some(oldest) = held.given.pop_front()
        {
            held.sessions.remove(&oldest);
        }
        held.given.push_back(ticket.clone());
        held.sessions.insert(ticket, session);
        true
    }

    /// Asked for by TLS 1.2 alone, which is not spoken here.
    fn get(&self, _ticket: &[u8]) -> Option<Vec<u8>> {
        None
    }

    fn take(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let session = held.sessions.remove(ticket);
        if session.is_none() {
            self.spent.fetch_add(1, Ordering::Relaxed);
        }
        session
    }

    fn can_cache(&self) -> bool {
        true
    }
}

impl std::fmt::Debug for Tickets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tickets")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_good_once() {
        let tickets = Tickets::default();
        tickets.put(vec![1], vec![7]);
        assert_eq!(tickets.take(&[1]), Some(vec![7]));
        assert_eq!(tickets.spent(), 0);
        assert_eq!(tickets.take(&[1]), None);
        assert_eq!(tickets.spent(), 1);
    }

    #[test]
    fn the_oldest_tickets_are_forgotten_and_no_more_than_the_limit_is_kept() {
        let tickets = Tickets::default();
        for number in 0..TICKETS_MAX + 2 {
            tickets.put(number.to_be_bytes().to_vec(), vec![7]);
        }
        let take = |number: usize| tickets.take(&number.to_be_bytes());
        assert_eq!((take(1), take(2).is_some()), (None, true));
        let held = tickets.held.lock().unwrap();
        assert_eq!((held.sessions.len(), held.given.len()), (TICKETS_MAX - 1, TICKETS_MAX));
    }
}
