//! What is under way with the relay, and who waits for what: shared by the courier, the screens and the commands.

use azalea_core::blob::Placed;
use azalea_core::blob::message::{Refusal, ShelfId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// How soon something that was refused is tried again; each time twice as long.
const PAUSE: Duration = Duration::from_secs(2);
/// The longest such pause: an author may bring an attachment days after its record.
const PAUSE_MAX: Duration = Duration::from_secs(300);
/// What may be waited for at once; whoever asks for more asks again.
const WANTED_MAX: usize = 1_000;

/// Which way something goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// From the relay.
    Here,
    /// To the relay.
    There,
}

/// Shared by all clones.
#[derive(Clone, Default)]
pub struct Transfers(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    wanted: Notify,
    fetched: AtomicU64,
    brought: AtomicU64,
    refused: AtomicU64,
}

#[derive(Default)]
struct State {
    /// What somebody waits for, in the order in which they asked.
    wanted: Vec<Placed>,
    paused: BTreeMap<(Way, Placed), Pause>,
    busy: BTreeSet<(Way, Placed)>,
    relay: Option<ShelfId>,
}

#[derive(Clone, Copy)]
struct Pause {
    until: Instant,
    failures: u32,
    why: Option<Refusal>,
}

/// Bytes moved and refusals since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Moved {
    /// Sealed bytes that came from the relay, proved themselves and are on the disk.
    pub fetched: u64,
    /// Bytes of slices that went to the relay.
    pub brought: u64,
    /// What was refused by the relay, or refused here since it did not prove itself.
    pub refused: u64,
}

impl Transfers {
    /// Somebody waits for this one: it goes before what nobody has asked for.
    pub fn want(&self, of: Placed) {
        let mut state = self.state();
        state.paused.remove(&(Way::Here, of));
        if state.wanted.len() < WANTED_MAX && !state.wanted.contains(&of) {
            state.wanted.push(of);
        }
        drop(state);
        self.0.wanted.notify_one();
    }

    /// Ends when somebody has asked since the last time.
    pub async fn wanted(&self) {
        self.0.wanted.notified().await;
    }

    /// What is waited for and may be tried now.
    pub fn next_wanted(&self) -> Option<Placed> {
        let state = self.state();
        let now = Instant::now();
        state.wanted.iter().copied().find(|of| !state.is_paused(Way::Here, of, now))
    }

    /// Whether somebody waits for another one that may be tried now, and nobody for this one.
    pub fn is_another_wanted(&self, of: &Placed) -> bool {
        let state = self.state();
        let now = Instant::now();
        !state.wanted.contains(of)
            && state.wanted.iter().any(|other| !state.is_paused(Way::Here, other, now))
    }

    /// Whether somebody waits for this one.
    pub fn is_wanted(&self, of: &Placed) -> bool {
        self.state().wanted.contains(of)
    }

    /// Whether this one was refused a short while ago.
    pub fn is_paused(&self, way: Way, of: &Placed) -> bool {
        self.state().is_paused(way, of, Instant::now())
    }

    /// Why this one does not come, as far as the relay has said.
    pub fn refusal(&self, of: &Placed) -> Option<Refusal> {
        self.state().paused.get(&(Way::Here, *of)).and_then(|pause| pause.why)
    }

    /// When the first of what is paused may be tried again.
    pub fn next_try(&self, way: Way) -> Option<Instant> {
        let now = Instant::now();
        let state = self.state();
        let tries = state.paused.iter().filter(|((at, _), _)| *at == way);
        tries.map(|(_, pause)| pause.until).filter(|until| *until > now).min()
    }

    /// It is left alone for a while; `why` is the relay's word, if it gave one.
    pub fn pause(&self, way: Way, of: Placed, why: Option<Refusal>) {
        let mut state = self.state();
        let failures = state.paused.get(&(way, of)).map_or(0, |pause| pause.failures);
        let pause = PAUSE.saturating_mul(1 << failures.min(10)).min(PAUSE_MAX);
        let until = Instant::now() + pause;
        state.paused.insert((way, of), Pause { until, failures: failures + 1, why });
        self.0.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// It is where it was to go.
    pub fn done(&self, way: Way, of: &Placed) {
        let mut state = self.state();
        state.paused.remove(&(way, *of));
        if way == Way::Here {
            state.wanted.retain(|wanted| wanted != of);
        }
    }

    /// Takes it in hand until the answer is dropped.
    pub fn take_up(&self, way: Way, of: Placed) -> InHand {
        self.state().busy.insert((way, of));
        InHand { of: self.clone(), what: (way, of) }
    }

    /// Whether it is in hand, either way.
    pub fn is_in_hand(&self, of: &Placed) -> bool {
        let state = self.state();
        [Way::Here, Way::There].iter().any(|way| state.busy.contains(&(*way, *of)))
    }

    /// Whether it is on its way here now.
    pub fn is_coming(&self, of: &Placed) -> bool {
        self.state().busy.contains(&(Way::Here, *of))
    }

    /// Which shelf the relay has, as it last said.
    pub fn relay(&self) -> Option<ShelfId> {
        self.state().relay
    }

    /// The relay's word on its shelf.
    pub fn relay_has(&self, shelf: ShelfId) {
        self.state().relay = Some(shelf);
    }

    /// So many bytes have moved.
    pub fn moved(&self, way: Way, bytes: u64) {
        let counter = match way {
            Way::Here => &self.0.fetched,
            Way::There => &self.0.brought,
        };
        counter.fetch_add(bytes, Ordering::Relaxed);
    }

    /// What has moved since the start.
    pub fn counts(&self) -> Moved {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Moved {
            fetched: count(&self.0.fetched),
            brought: count(&self.0.brought),
            refused: count(&self.0.refused),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_paused(&self, way: Way, of: &Placed, now: Instant) -> bool {
        self.paused.get(&(way, *of)).is_some_and(|pause| pause.until > now)
    }
}

/// A blob that is in hand.
pub struct InHand {
    of: Transfers,
    what: (Way, Placed),
}

impl Drop for InHand {
    fn drop(&mut self) {
        self.of.state().busy.remove(&self.what);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use azalea_core::blob::Sealed;
    use azalea_core::id::{BlobId, ScopeId};

    fn blob(number: u8) -> Placed {
        let blob =
            Sealed::new(BlobId([number; 32]), 16 + 4_096).expect("a length that sealing gives");
        Placed { scope: ScopeId([1; 16]), blob }
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_refused_is_left_alone_longer_each_time_until_somebody_asks() {
        let transfers = Transfers::default();
        transfers.want(blob(1));
        transfers.wanted().await;
        assert_eq!(transfers.next_wanted(), Some(blob(1)));
        for pause in [2, 4, 8] {
            transfers.pause(Way::Here, blob(1), Some(Refusal::NotHere));
            assert_eq!(transfers.next_wanted(), None, "it was refused just now");
            let moment = Duration::from_millis(1);
            tokio::time::advance(Duration::from_secs(pause) - moment).await;
            assert_eq!(transfers.next_wanted(), None, "{pause} s are not over");
            tokio::time::advance(moment).await;
            assert_eq!(transfers.next_wanted(), Some(blob(1)));
        }
        transfers.pause(Way::Here, blob(1), Some(Refusal::NotHere));
        assert_eq!(transfers.refusal(&blob(1)), Some(Refusal::NotHere));
        transfers.want(blob(1));
        assert_eq!(transfers.next_wanted(), Some(blob(1)), "a person does not wait for a pause");
        transfers.done(Way::Here, &blob(1));
        assert_eq!((transfers.next_wanted(), transfers.refusal(&blob(1))), (None, None));
    }

    #[tokio::test(start_paused = true)]
    async fn only_what_can_come_now_goes_before_another_one() {
        let transfers = Transfers::default();
        assert!(!transfers.is_another_wanted(&blob(1)));
        transfers.want(blob(2));
        assert!(transfers.is_another_wanted(&blob(1)) && !transfers.is_another_wanted(&blob(2)));
        transfers.pause(Way::Here, blob(2), None);
        assert!(!transfers.is_another_wanted(&blob(1)), "it is left alone now");
        let in_hand = transfers.take_up(Way::Here, blob(3));
        assert!(transfers.is_coming(&blob(3)) && transfers.is_in_hand(&blob(3)));
        drop(in_hand);
        assert!(!transfers.is_in_hand(&blob(3)));
    }
}
