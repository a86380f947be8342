//! What is certain to happen soon is done ahead, on other threads.
//!
//! Devices meet through the relay alone, and whatever is said takes a line's delay: the next thing that happens at a device
//! within the delay after the relay speaks next is known before the time comes, since nothing can reach the device any
//! sooner; and so is the next thing at the relay within the shortest line's delay. So their engines may do their part of that,
//! each on its own state. What follows from it (what is sent, asked of a disk,
//! answered) is drawn when its moment comes, in the order of the queue: the same happens, and in the same order, as
//! if one thing were done after the other.
//!
//! Certain is nothing beyond the next thing that may touch anybody: a fault, a piece of work, a look. Until its moment has
//! come its engine is away, and whoever reached for it would find that out at once.

use azalea_core::id::Timestamp;

use super::World;
use super::crew::{Part, Whose};
use super::event::Event;
use super::facility::Facility;
use super::link::Quality;
use super::queue::Key;

/// What something that is to come may touch.
enum Touches {
    /// One engine, which does its part of it and no more.
    Engine(Whose),
    /// A device and the relay.
    Both(usize),
    /// Anybody.
    All,
}

impl World {
    /// Has engines do what is certain up to `end`, while there is nothing else for the crew to do.
    pub(super) fn work_ahead(&mut self, end: Timestamp) {
        if self.threads == 1 || self.crew.has_work() {
            return;
        }
        let certain = self.certain(end);
        let mut parts: Vec<Part> =
            certain.into_iter().map(|(key, whose)| self.part(&key, whose)).collect();
        if parts.is_empty() && self.now.plus_ms(READ_AHEAD_MS) >= self.probe_at {
            let next = self.unread.pop_if(|place| self.facilities.is_home(*place));
            parts.extend(next.map(|place| Part::look(&self.facilities, place, Facility::read_on)));
        }
        self.crew.send(parts);
    }

    /// Has home whoever does something now.
    pub(super) fn await_engine(&mut self, event: &Event) {
        if is_ahead(event)
            && let Touches::Engine(whose) = touches(event)
        {
            self.crew.bring_home(&mut self.facilities, &mut self.relay, Some(whose));
        }
    }

    /// Has everybody home: what may touch any of them happens before its time could be known.
    pub(super) fn await_all(&mut self) {
        self.crew.bring_home(&mut self.facilities, &mut self.relay, None);
    }

    /// Has all devices say what they are asked next, and the disks read of those that are looked at, so that nobody who looks
    /// waits for it.
    pub(super) fn have_read(&mut self) {
        if self.threads == 1 {
            return;
        }
        let probed: Vec<usize> = self.probed().map(Facility::place).collect();
        let parts = (0..self.facilities.len()).map(|place| {
            let is_probed = probed.contains(&place);
            Part::of(&mut self.facilities, place, move |facility| {
                facility.status();
                if is_probed {
                    facility.held();
                }
            })
        });
        self.crew.send(parts.collect());
        self.await_all();
    }

    /// What is certain up to `end`, but for what comes first: that is done here, without waiting for anybody.
    fn certain(&self, end: Timestamp) -> Vec<(Key, Whose)> {
        let (mut certain, mut touched) = (Vec::new(), Vec::new());
        // When the relay speaks next, at the earliest: when something reaches it that is under way, or is said from now on.
        let mut speaks: Option<Timestamp> = None;
        for (number, (key, event)) in self.queue.upcoming().take(LOOKED_AT).enumerate() {
            if key.0 > end {
                break;
            }
            let at_once = key.0.plus_ms(Quality::Fibre.delay_ms());
            let next = *speaks.get_or_insert(at_once);
            match touches(event) {
                Touches::Engine(whose) => {
                    if !touched.contains(&whose) {
                        touched.push(whose);
                        let is_free = number > 0 && !is_ahead(event);
                        if is_free && self.is_certain(whose, next, key.0, event) {
                            certain.push((*key, whose));
                        }
                    }
                    if whose == Whose::Relay {
                        speaks = Some(next.min(key.0));
                    }
                }
                Touches::Both(place) => {
                    touched.extend([Whose::Device(place), Whose::Relay]);
                    speaks = Some(next.min(key.0));
                }
                Touches::All => break,
            }
        }
        certain
    }

    /// Whether the next thing at somebody who is home comes just so whatever happens until then, where the relay `speaks`
    /// no sooner than that, and is spoken to no sooner either.
    fn is_certain(&self, whose: Whose, speaks: Timestamp, at: Timestamp, event: &Event) -> bool {
        let by = match whose {
            Whose::Relay => speaks,
            Whose::Device(place) => speaks.plus_ms(self.links[place].quality.delay_ms()),
        };
        let comes = || match event {
            // What hangs on its sender does not come where that dies before.
            Event::RelayGets { session, hangs, .. } => self.relay.has(*session) && !hangs,
            Event::RelayDisk { life, .. } | Event::RelayWakes { life, .. } => {
                *life == self.relay.life()
            }
            Event::FacilityGets { place, session, hangs, .. } => {
                self.facilities[*place].session() == Some(*session) && !hangs
            }
            Event::FacilityDisk { place, life, .. } => *life == self.facilities[*place].life(),
            Event::FacilityWakes { place, life, .. } => {
                let facility = &self.facilities[*place];
                *life == facility.life() && facility.wakes_at(at)
            }
            _ => false,
        };
        at <= by && comes()
    }

    /// Takes the engine's part, and the engine, out of what is to come.
    fn part(&mut self, key: &Key, whose: Whose) -> Part {
        let (at, devices, relay) = (key.0, &mut self.facilities, &mut self.relay);
        let said = "nobody has taken it yet";
        match (self.queue.get_mut(key).expect("it was looked at"), whose) {
            (Event::RelayGets { session, message, .. }, _) => {
                let (session, message) = (*session, message.take().expect(said));
                Part::of_relay(relay, move |relay| relay.received(at, session, *message))
            }
            (Event::RelayDisk { ahead, .. }, _) => {
                *ahead = true;
                Part::of_relay(relay, move |relay| relay.disk_step(at))
            }
            (Event::RelayWakes { ahead, .. }, _) => {
                *ahead = true;
                Part::of_relay(relay, move |relay| relay.tick(at))
            }
            (Event::FacilityGets { message, .. }, Whose::Device(place)) => {
                let message = message.take().expect(said);
                Part::of(devices, place, move |facility| facility.received(at, *message))
            }
            (Event::FacilityDisk { ahead, .. }, Whose::Device(place)) => {
                *ahead = true;
                Part::of(devices, place, move |facility| facility.disk_step(at))
            }
            (Event::FacilityWakes { ahead, .. }, Whose::Device(place)) => {
                *ahead = true;
                Part::of(devices, place, move |facility| {
                    let wakes = facility.tick(at);
                    assert!(wakes, "it was planned, and nothing came between");
                })
            }
            _ => unreachable!("only engines' parts are certain"),
        }
    }
}

fn touches(event: &Event) -> Touches {
    match event {
        Event::FacilityGets { place, .. }
        | Event::FacilityDisk { place, .. }
        | Event::FacilityWakes { place, .. } => Touches::Engine(Whose::Device(*place)),
        Event::RelayGets { .. } | Event::RelayDisk { .. } | Event::RelayWakes { .. } => {
            Touches::Engine(Whose::Relay)
        }
        Event::Lost { place, .. } | Event::Silent { place, .. } | Event::Reconnect { place } => {
            Touches::Both(*place)
        }
        Event::Job(_)
        | Event::Day(_)
        | Event::StartRelay
        | Event::Operator { .. }
        | Event::Fault(_)
        | Event::Probe => Touches::All,
    }
}

/// Whether the engine does its part elsewhere, or has done it.
fn is_ahead(event: &Event) -> bool {
    match event {
        Event::RelayGets { message, .. } | Event::FacilityGets { message, .. } => message.is_none(),
        Event::RelayDisk { ahead, .. }
        | Event::RelayWakes { ahead, .. }
        | Event::FacilityDisk { ahead, .. }
        | Event::FacilityWakes { ahead, .. } => *ahead,
        _ => false,
    }
}

/// So long before a look at some devices their disks are read where there is time: what changes until then is read anew.
const READ_AHEAD_MS: u64 = 1_800_000;

/// So far ahead, in things, is looked for what is certain.
const LOOKED_AT: usize = 64;
