//! What is certain to happen soon is done ahead, on other threads.
//!
//! Devices meet through the relay alone, and whatever is said takes a line's delay: the next thing that happens at a device
//! within the delay after the relay speaks next is known before the time comes, since nothing can reach the device any
//! sooner. So its engine may do its part of that, on its own state, while others do theirs. What follows from it (what is sent, asked of a disk,
//! answered) is drawn when its moment comes, in the order of the queue: the same happens, and in the same order, as
//! if one thing were done after the other.
//!
//! Certain is nothing beyond the next thing that may touch anybody: a fault, a piece of work, a look. Until its moment has
//! come the device is away, and whoever reached for it would find that out at once.

use azalea_core::id::Timestamp;

use super::World;
use super::crew::Part;
use super::event::Event;
use super::link::Quality;

/// What something that is to come may touch.
enum Touches {
    /// One device, whose engine does its part of it and no more.
    Engine(usize),
    /// A device, and the relay.
    Both(usize),
    /// The relay alone.
    Relay,
    /// Anybody.
    All,
}

impl World {
    /// Has engines do what is certain up to `end`, while there is nothing else for the crew to do.
    pub(super) fn work_ahead(&mut self, end: Timestamp) {
        if self.threads == 1 || self.crew.has_work() {
            return;
        }
        let mut touched = Vec::new();
        let mut certain = Vec::new();
        // When the relay speaks next, at the earliest: when something reaches it that is under way, or is said from now on.
        let mut speaks: Option<Timestamp> = None;
        for (number, (key, event)) in self.queue.upcoming().take(LOOKED_AT).enumerate() {
            if key.0 > end {
                break;
            }
            let next = *speaks.get_or_insert(key.0.plus_ms(Quality::Fibre.delay_ms()));
            match touches(event) {
                Touches::Engine(place) if !touched.contains(&place) => {
                    touched.push(place);
                    // What comes first is done here, without waiting for anybody.
                    let is_free = number > 0 && !is_ahead(event);
                    if is_free && self.is_certain(place, next, key.0, event) {
                        certain.push((*key, place));
                    }
                }
                Touches::Engine(_) => {}
                Touches::Both(place) => {
                    touched.push(place);
                    speaks = Some(next.min(key.0));
                }
                Touches::Relay => speaks = Some(next.min(key.0)),
                Touches::All => break,
            }
        }
        let queue = &mut self.queue;
        let parts = certain.into_iter().map(|(key, place)| {
            let event = queue.get_mut(&key).expect("looked at just above");
            (place, take(event, key.0))
        });
        self.crew.send(&mut self.facilities, parts);
    }

    /// Has the device home at which something happens now.
    pub(super) fn await_device(&mut self, event: &Event) {
        if is_ahead(event)
            && let Touches::Engine(place) = touches(event)
        {
            self.crew.bring_home(&mut self.facilities, Some(place));
        }
    }

    /// Has all devices home: what may touch any of them happens before its time could be known.
    pub(super) fn await_all(&mut self) {
        self.crew.bring_home(&mut self.facilities, None);
    }

    /// Whether the next thing at a device, which is home, comes just so whatever happens until then.
    fn is_certain(&self, place: usize, speaks: Timestamp, at: Timestamp, event: &Event) -> bool {
        let facility = &self.facilities[place];
        let comes = match event {
            // What hangs on its sender does not come where that dies before.
            Event::FacilityGets { session, hangs, .. } => {
                facility.session() == Some(*session) && !hangs
            }
            Event::FacilityDisk { life, .. } => *life == facility.life(),
            Event::FacilityWakes { life, .. } => *life == facility.life() && facility.wakes_at(at),
            _ => false,
        };
        comes && at <= speaks.plus_ms(self.links[place].quality.delay_ms())
    }
}

fn touches(event: &Event) -> Touches {
    match event {
        Event::FacilityGets { place, .. }
        | Event::FacilityDisk { place, .. }
        | Event::FacilityWakes { place, .. } => Touches::Engine(*place),
        Event::Lost { place, .. } | Event::Silent { place, .. } | Event::Reconnect { place } => {
            Touches::Both(*place)
        }
        Event::RelayGets { .. } | Event::RelayDisk { .. } | Event::RelayWakes { .. } => {
            Touches::Relay
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
        Event::FacilityGets { message, .. } => message.is_none(),
        Event::FacilityDisk { ahead, .. } | Event::FacilityWakes { ahead, .. } => *ahead,
        _ => false,
    }
}

/// Takes the engine's part out of what is to come.
fn take(event: &mut Event, at: Timestamp) -> Part {
    match event {
        Event::FacilityGets { message, .. } => {
            let message = message.take().expect("nobody has taken it yet");
            Box::new(move |facility| facility.received(at, *message))
        }
        Event::FacilityDisk { ahead, .. } => {
            *ahead = true;
            Box::new(move |facility| facility.disk_step(at))
        }
        Event::FacilityWakes { ahead, .. } => {
            *ahead = true;
            Box::new(move |facility| {
                let wakes = facility.tick(at);
                assert!(wakes, "it was planned, and nothing came between");
            })
        }
        _ => unreachable!("only engines' parts are certain"),
    }
}

/// So far ahead, in things, is looked for what is certain.
const LOOKED_AT: usize = 64;
