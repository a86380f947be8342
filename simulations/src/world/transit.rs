//! What is said between a device and the relay, on its way, and what becomes of it when the line changes under it.

use azalea_core::id::Timestamp;
use azalea_core::sync::message::Message;
use azalea_relay::mailbox::SessionId;

use super::event::Event;
use super::link::{Quality, Said, Sent, Stream, Way, weight};
use super::{IDLE_MS, World};

impl World {
    /// A message leaves.
    pub(super) fn carry(&mut self, place: usize, session: SessionId, message: Message, way: Way) {
        if place < self.facilities.len() {
            self.transmit(place, (session, Box::new(message)), way);
        }
    }

    fn transmit(&mut self, place: usize, (session, message): Said, way: Way) {
        let now = self.now;
        let bytes = weight(&message);
        match self.links[place].send(now, way, (Stream::of(&message), bytes)) {
            Sent::Arrives { at, hangs } => {
                let message = Some(message);
                let event = match way {
                    Way::Up => Event::RelayGets { session, message, bytes, hangs },
                    Way::Down => Event::FacilityGets { place, session, message, bytes, hangs },
                };
                self.at(at, event);
            }
            Sent::Held => self.hold(place, (session, message), way),
        }
    }

    fn hold(&mut self, place: usize, said: Said, way: Way) {
        let (now, session) = (self.now, said.0);
        if self.links[place].hold(now, way, said) {
            self.after(IDLE_MS, Event::Silent { place, session, since: now });
        }
    }

    /// Both ends give a connection up that has had no answer since then, if it still has none.
    pub(super) fn silent(&mut self, place: usize, session: SessionId, since: Timestamp) {
        if self.links[place].silent_since(session) == Some(since) {
            self.lost(place, session);
        }
    }

    /// A direction is cut, and what is under way in it is lost.
    pub(super) fn cut(&mut self, place: usize, way: Way) {
        if self.links[place].close(self.now, way) {
            for said in self.take_under_way(place, way, false) {
                self.hold(place, said, way);
            }
        }
    }

    /// The line is back, and what fell into the cut is sent again.
    pub(super) fn restore(&mut self, place: usize) {
        // Whoever mends a line cannot give it power.
        if !self.links[place].has_power {
            return;
        }
        for way in Way::BOTH {
            let held = self.links[place].open(self.now, way);
            held.into_iter().for_each(|said| self.transmit(place, said, way));
        }
        self.line_is_back(place);
    }

    /// A device moves to another network, in the middle of whatever it is doing: its connection moves with it.
    pub(super) fn change_address(&mut self, place: usize, quality: Quality) {
        let under_way = Way::BOTH.map(|way| self.take_under_way(place, way, false));
        self.links[place].change_address(self.now, quality);
        for (way, all) in Way::BOTH.into_iter().zip(under_way) {
            for said in all {
                self.links[place].lost(weight(&said.1));
                self.transmit(place, said, way);
            }
        }
    }

    /// A process has died: what hangs on something that it would have to send again never arrives, nor what it said after that.
    pub(super) fn sender_died(&mut self, place: usize, way: Way) {
        self.take_under_way(place, way, true);
    }

    /// Takes out of the queue what is under way to or from a place, in its order; or from the first on that hangs on its
    /// sender.
    fn take_under_way(&mut self, place: usize, way: Way, hanging: bool) -> Vec<Said> {
        let last = self.links[place].whole(way);
        if last < self.now {
            return Vec::new();
        }
        let relay = &self.relay;
        let is_meant = |at: Timestamp, event: &Event| match (event, way) {
            (Event::RelayGets { session, .. }, Way::Up) => {
                at <= last && relay.place_of(*session) == Some(place)
            }
            (Event::FacilityGets { place: to, .. }, Way::Down) => at <= last && *to == place,
            _ => false,
        };
        let begins = |event: &Event| match event {
            Event::RelayGets { hangs, .. } | Event::FacilityGets { hangs, .. } => {
                *hangs || !hanging
            }
            _ => false,
        };
        let taken = self.queue.take_from(is_meant, begins);
        let said = taken.into_iter().filter_map(|event| match event {
            Event::RelayGets { session, message, .. }
            | Event::FacilityGets { session, message, .. } => {
                Some((session, message.expect("nobody has it while it may not come")))
            }
            _ => None,
        });
        said.collect()
    }
}

#[cfg(test)]
mod tests {
    use azalea_core::access::ScopeKind;
    use azalea_core::replica::RelayStatus;
    use azalea_core::view::View;

    use super::super::fault::Fault;
    use super::super::people::Job;
    use super::super::{Options, START_MS};
    use super::*;

    /// A region in which everybody is connected, and its clinic's place.
    fn region() -> (World, usize) {
        let mut world = World::new(Options { seconds: 900, ..Options::default() });
        world.until(Timestamp(START_MS + 120_000));
        (world, 2)
    }

    fn pass(world: &mut World, seconds: u64) {
        world.until(world.now.plus_ms(seconds * 1_000));
    }

    #[test]
    fn a_connection_rides_out_a_short_cut_and_not_a_long_one() {
        let (mut world, place) = region();
        let session = world.facilities[place].session();
        assert!(session.is_some());
        for (seconds, survives) in [(4, true), (60, false)] {
            world.fault(Fault::Cut { place });
            pass(&mut world, seconds);
            world.fault(Fault::Restore { place });
            pass(&mut world, 30);
            assert_eq!(world.facilities[place].session() == session, survives, "{seconds} s");
        }
        assert!(world.facilities[place].session().is_some(), "connected again");
        assert_eq!(world.run(), []);
    }

    #[test]
    fn a_device_that_moves_keeps_its_connection_and_what_was_under_way() {
        let (mut world, place) = region();
        let session = world.facilities[place].session();
        for number in 0..40 {
            world.fault(Fault::Move { place, to: Quality::ALL[number % 3] });
            world.until(world.now.plus_ms(700));
        }
        assert_eq!(world.facilities[place].session(), session);
        assert_eq!(world.datagrams().moves, 40);
        assert_eq!(world.run(), []);
    }

    /// A clinic catches up over a mobile line with what a quarter of an hour has brought; in the middle of that a patient withdraws.
    #[test]
    fn a_withdrawal_overtakes_what_a_device_has_to_catch_up_with() {
        let lines = vec![Quality::Mobile];
        let options = Options {
            seconds: 900,
            hospitals: 1,
            records: 400,
            notes: 0,
            edits: 0,
            lines,
            ..Options::default()
        };
        let mut world = World::new(options);
        let (hospital, clinic, local) = (0, 1, "p0x0".to_owned());
        world.until(Timestamp(START_MS + 360_000));
        world.fault(Fault::Cut { place: clinic });
        pass(&mut world, 200);
        world.fault(Fault::Restore { place: clinic });
        let receives = |world: &World| {
            let status = world.facilities[clinic].status();
            status.is_some_and(|status| status.relay == RelayStatus::Receiving)
        };
        while !receives(&world) {
            world.until(world.now.plus_ms(100));
        }
        let patient = world.network_patient(&(hospital, local.clone())).expect("it consented");
        let is_in = |world: &World| {
            let me = world.facilities[clinic].id();
            let view = View::new(&world.facilities[clinic].disk.rows);
            let scopes = view.scopes().expect("memory");
            let mut care = scopes.iter().filter(|scope| {
                let told = scope.descriptor.as_ref();
                told.is_some_and(|it| it.kind == ScopeKind::Care && it.patient == Some(patient))
            });
            let access = care.next().and_then(|scope| scope.access.as_ref());
            access.is_some_and(|access| access.access_of(&me, world.now).is_some())
        };
        assert!(is_in(&world), "it was let in before");
        world.job(0, Job::Withdraw { place: hospital, local, places: Vec::new() });
        world.until(world.now.plus_ms(PROMPT_MS));
        assert!(!is_in(&world), "it has heard of it");
        assert!(receives(&world), "and has not caught up");
        assert!(world.fed[clinic].went_ahead > 0);
        assert_eq!(world.run(), []);
    }

    /// Two of the line's round trips, two disks, and a datagram that is lost and sent again.
    const PROMPT_MS: u64 = 2_000;
}
