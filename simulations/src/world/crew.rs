//! The devices of the world, and the threads that work at several of them at once.
//!
//! A device that is worked at elsewhere is away until its part is done. Parts are short, some millionths of a second,
//! and come by the hundred thousand: whoever has none waits for the next one without going to sleep, for a while.

use std::collections::VecDeque;
use std::ops::{Index, IndexMut};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use azalea_core::identity::Signatures;

use super::facility::Facility;

/// All devices by their place.
#[derive(Default)]
pub struct Devices(Vec<Option<Box<Facility>>>);

impl Devices {
    pub(super) fn push(&mut self, device: Facility) {
        self.0.push(Some(Box::new(device)));
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each of them, in the order of their places.
    pub fn iter(&self) -> impl Iterator<Item = &Facility> {
        self.0.iter().map(|device| device.as_deref().expect(HOME))
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Facility> {
        self.0.iter_mut().map(|device| device.as_deref_mut().expect(HOME))
    }

    pub(super) fn get(&self, place: usize) -> Option<&Facility> {
        self.0.get(place).map(|device| device.as_deref().expect(HOME))
    }

    pub(super) fn get_mut(&mut self, place: usize) -> Option<&mut Facility> {
        self.0.get_mut(place).map(|device| device.as_deref_mut().expect(HOME))
    }

    fn is_home(&self, place: usize) -> bool {
        self.0[place].is_some()
    }

    fn take(&mut self, place: usize) -> Box<Facility> {
        self.0[place].take().expect(HOME)
    }

    fn bring_back(&mut self, device: Box<Facility>) {
        let place = device.place();
        self.0[place] = Some(device);
    }
}

impl Index<usize> for Devices {
    type Output = Facility;

    fn index(&self, place: usize) -> &Facility {
        self.0[place].as_deref().expect(HOME)
    }
}

impl IndexMut<usize> for Devices {
    fn index_mut(&mut self, place: usize) -> &mut Facility {
        self.0[place].as_deref_mut().expect(HOME)
    }
}

/// A device is away only until what it does there happens, and nothing else can happen to it before.
const HOME: &str = "the device is where it belongs";

/// What is to be done at one device.
pub(super) type Part = Box<dyn FnOnce(&mut Facility) + Send>;

/// What the threads share.
#[derive(Default)]
pub(super) struct Crew {
    parts: Mutex<VecDeque<(Box<Facility>, Part)>>,
    /// How many parts nobody has begun.
    open: AtomicUsize,
    done: Mutex<Vec<thread::Result<Box<Facility>>>>,
    /// How many devices are away.
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

    /// Has parts done, each at the device of its place, the first of them first.
    pub(super) fn send(&self, devices: &mut Devices, parts: impl Iterator<Item = (usize, Part)>) {
        let mut waiting = locked(&self.parts);
        let before = waiting.len();
        waiting.extend(parts.map(|(place, part)| (devices.take(place), part)));
        let more = waiting.len() - before;
        drop(waiting);
        if more == 0 {
            return;
        }
        self.away.fetch_add(more, Ordering::AcqRel);
        self.open.fetch_add(more, Ordering::AcqRel);
        if *locked(&self.asleep) > 0 {
            self.wakes.notify_all();
        }
    }

    /// Brings the device of a place home, or all of them. What nobody has begun is done here.
    pub(super) fn bring_home(&self, devices: &mut Devices, place: Option<usize>) {
        let is_home = |devices: &Devices| match place {
            Some(place) => devices.is_home(place),
            None => self.away.load(Ordering::Acquire) == 0,
        };
        loop {
            for done in locked(&self.done).drain(..) {
                self.away.fetch_sub(1, Ordering::AcqRel);
                match done {
                    Ok(device) => devices.bring_back(device),
                    Err(panic) => resume_unwind(panic),
                }
            }
            if is_home(devices) {
                return;
            }
            // The device that is waited for is among the first of those that nobody has begun, or at work elsewhere.
            if !self.do_one() {
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
        let Some((mut device, part)) = locked(&self.parts).pop_front() else { return false };
        self.open.fetch_sub(1, Ordering::AcqRel);
        let done = catch_unwind(AssertUnwindSafe(|| {
            part(&mut device);
            device
        }));
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
