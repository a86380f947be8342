//! The devices of the world and its relay, and the threads that work at several of them at once.
//!
//! Who is worked at elsewhere is away until its part is done. Parts are short, some millionths of a second, and come by
//! the hundred thousand: a thread that has none waits for the next one without going to sleep, for a while.

use std::collections::VecDeque;
use std::ops::{Deref, DerefMut, Index, IndexMut};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use azalea_core::identity::Signatures;

use super::facility::Facility;
use super::relay::Relay;

/// Somebody whose engine may be at work elsewhere, or who is looked at from there.
pub(super) struct Seat<T> {
    it: Option<Arc<T>>,
    /// Somebody waits for whoever looks.
    wanted: Arc<AtomicBool>,
}

impl<T> Seat<T> {
    pub(super) fn new(it: T) -> Self {
        Self { it: Some(Arc::new(it)), wanted: Arc::default() }
    }

    fn take(&mut self) -> Arc<T> {
        self.alone();
        self.it.take().expect(HOME)
    }

    /// Waits until nobody looks any longer; whoever does is told.
    fn alone(&mut self) -> &mut T {
        let it = self.it.as_mut().expect(HOME);
        if Arc::get_mut(it).is_none() {
            self.wanted.store(true, Ordering::Release);
            while Arc::get_mut(it).is_none() {
                std::hint::spin_loop();
            }
            self.wanted.store(false, Ordering::Release);
        }
        alone(it)
    }
}

impl<T> Deref for Seat<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.it.as_deref().expect(HOME)
    }
}

impl<T> DerefMut for Seat<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.alone()
    }
}

/// Whom nobody looks at.
fn alone<T>(it: &mut Arc<T>) -> &mut T {
    Arc::get_mut(it).expect("whoever looks begins where this waits")
}

/// All devices by their place.
#[derive(Default)]
pub struct Devices(Vec<Seat<Facility>>);

impl Devices {
    pub(super) fn push(&mut self, device: Facility) {
        self.0.push(Seat::new(device));
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether somebody is not at work elsewhere.
    pub(super) fn is_home(&self, place: usize) -> bool {
        self.0[place].it.is_some()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each of them, in the order of their places.
    pub fn iter(&self) -> impl Iterator<Item = &Facility> {
        self.0.iter().map(|device| &**device)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Facility> {
        self.0.iter_mut().map(|device| &mut **device)
    }

    pub(super) fn get(&self, place: usize) -> Option<&Facility> {
        self.0.get(place).map(|device| &**device)
    }

    pub(super) fn get_mut(&mut self, place: usize) -> Option<&mut Facility> {
        self.0.get_mut(place).map(|device| &mut **device)
    }
}

impl Index<usize> for Devices {
    type Output = Facility;

    fn index(&self, place: usize) -> &Facility {
        &self.0[place]
    }
}

impl IndexMut<usize> for Devices {
    fn index_mut(&mut self, place: usize) -> &mut Facility {
        &mut self.0[place]
    }
}

/// Who is at work elsewhere is away only until what it does there happens, and nothing else can happen to it before.
const HOME: &str = "nobody reaches for whoever is at work elsewhere";

/// Whose engine.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    Relay,
    Device(usize),
}

/// Who does something elsewhere and comes back.
enum Engine {
    Relay(Arc<Relay>),
    Device(Arc<Facility>),
    /// Nobody was taken: somebody was looked at.
    None,
}

/// What an engine is to do elsewhere.
pub(super) struct Part(Box<dyn FnOnce() -> Engine + Send>);

impl Part {
    /// What a device does.
    pub(super) fn of(
        devices: &mut Devices,
        place: usize,
        part: impl FnOnce(&mut Facility) + Send + 'static,
    ) -> Self {
        let mut device = devices.0[place].take();
        Self(Box::new(move || {
            part(alone(&mut device));
            Engine::Device(device)
        }))
    }

    /// Looks at a device, which stays where it is; whoever would change it waits, and the look is told that it is.
    pub(super) fn look(
        devices: &Devices,
        place: usize,
        look: impl FnOnce(&Facility, &AtomicBool) + Send + 'static,
    ) -> Self {
        let seat = &devices.0[place];
        let (device, wanted) =
            (Arc::clone(seat.it.as_ref().expect(HOME)), Arc::clone(&seat.wanted));
        Self(Box::new(move || {
            look(&device, &wanted);
            Engine::None
        }))
    }

    /// What the relay does.
    pub(super) fn of_relay(
        relay: &mut Seat<Relay>,
        part: impl FnOnce(&mut Relay) + Send + 'static,
    ) -> Self {
        let mut relay = relay.take();
        Self(Box::new(move || {
            part(alone(&mut relay));
            Engine::Relay(relay)
        }))
    }
}

/// What the threads share.
#[derive(Default)]
pub(super) struct Crew {
    parts: Mutex<VecDeque<Part>>,
    /// How many parts nobody has begun.
    open: AtomicUsize,
    done: Mutex<Vec<thread::Result<Engine>>>,
    /// How many parts have not come home.
    away: AtomicUsize,
    asleep: Mutex<usize>,
    wakes: Condvar,
    is_over: AtomicBool,
}

impl Crew {
    /// What a thread of the crew does until all is over.
    pub(super) fn serve(&self, signatures: &Signatures) {
        signatures.use_here();
        let mut idle = 0_u32;
        while !self.is_over.load(Ordering::Acquire) {
            if self.has_work() && self.do_one() {
                idle = 0;
            } else if idle < PATIENCE {
                idle += 1;
                std::hint::spin_loop();
            } else {
                self.sleep();
                idle = 0;
            }
        }
    }

    /// Whether there is something that nobody has begun.
    pub(super) fn has_work(&self) -> bool {
        self.open.load(Ordering::Acquire) > 0
    }

    /// Has parts done, the first of them first.
    pub(super) fn send(&self, parts: Vec<Part>) {
        let more = parts.len();
        if more == 0 {
            return;
        }
        self.away.fetch_add(more, Ordering::AcqRel);
        locked(&self.parts).extend(parts);
        self.open.fetch_add(more, Ordering::AcqRel);
        if *locked(&self.asleep) > 0 {
            self.wakes.notify_all();
        }
    }

    /// Has somebody home, or everybody. What nobody has begun is done here.
    pub(super) fn bring_home(
        &self,
        devices: &mut Devices,
        relay: &mut Seat<Relay>,
        whom: Option<Whose>,
    ) {
        loop {
            let is_home = match whom {
                Some(Whose::Relay) => relay.it.is_some(),
                Some(Whose::Device(place)) => devices.0[place].it.is_some(),
                None => self.away.load(Ordering::Acquire) == 0,
            };
            if is_home {
                return;
            }
            for done in locked(&self.done).drain(..) {
                self.away.fetch_sub(1, Ordering::AcqRel);
                match done {
                    Ok(Engine::Relay(back)) => relay.it = Some(back),
                    Ok(Engine::Device(back)) => {
                        let place = back.place();
                        devices.0[place].it = Some(back);
                    }
                    Ok(Engine::None) => {}
                    Err(panic) => resume_unwind(panic),
                }
            }
            // Whoever is waited for is among the first of those that nobody has begun with, or at work elsewhere.
            if self.has_work() {
                self.do_one();
            } else {
                std::hint::spin_loop();
            }
        }
    }

    /// Nobody serves any longer.
    pub(super) fn end(&self) {
        self.is_over.store(true, Ordering::Release);
        let _asleep = locked(&self.asleep);
        self.wakes.notify_all();
    }

    /// Whether there was something to do.
    fn do_one(&self) -> bool {
        let Some(Part(part)) = locked(&self.parts).pop_front() else { return false };
        self.open.fetch_sub(1, Ordering::AcqRel);
        let done = catch_unwind(AssertUnwindSafe(part));
        locked(&self.done).push(done);
        true
    }

    fn sleep(&self) {
        let mut asleep = locked(&self.asleep);
        *asleep += 1;
        let waits = |_: &mut usize| !self.has_work() && !self.is_over.load(Ordering::Acquire);
        let mut asleep =
            self.wakes.wait_while(asleep, waits).unwrap_or_else(PoisonError::into_inner);
        *asleep -= 1;
    }
}

fn locked<T>(it: &Mutex<T>) -> MutexGuard<'_, T> {
    it.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How often is looked before a thread goes to sleep: a few milliseconds.
const PATIENCE: u32 = 100_000;
