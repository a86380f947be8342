//! What befalls the region, when, and for how long.

mod ransomware;
mod typhoon;

use azalea_core::envelope::Formats;

use super::link::{Quality, Way};
use super::{Event, Facility, World};

/// One misfortune, or its end.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    Cut {
        place: usize,
    },
    CutOneWay {
        place: usize,
        way: Way,
    },
    Restore {
        place: usize,
    },
    /// A place is without power, and so is its line.
    PowerLost {
        place: usize,
    },
    PowerBack {
        place: usize,
    },
    /// A device moves to another network, and its connections with it.
    Move {
        place: usize,
        to: Quality,
    },
    /// Bits of a device's disk turn; the place after the last facility's is the relay's.
    Rot {
        place: usize,
    },
    /// A row of the relay's feeds cannot be read any more.
    RotFeed,
    KillFacility {
        place: usize,
    },
    /// It dies after so many more effects.
    CrashFacility {
        place: usize,
        effects: u64,
    },
    StartFacility {
        place: usize,
    },
    KillRelay,
    CrashRelay {
        effects: u64,
    },
    StartRelay,
    BackUpRelay,
    RestoreRelay,
    /// The store of a node is lost; it is set up again with its keys.
    Rebuild {
        place: usize,
    },
    /// All devices of a hospital lose their stores at once.
    Ransomware {
        hospital: usize,
    },
    /// A disk's trouble; the place after the last facility's is the relay's.
    Disk {
        place: usize,
        trouble: Trouble,
        begins: bool,
    },
    /// A clock is set wrong; the place after the last facility's is the relay's.
    Jump {
        place: usize,
        by_ms: i64,
    },
    /// The hostile relay goes back to how it was when it was backed up, and says nothing of it.
    RollBack,
    /// A hostile member has its say.
    Attack,
    /// Whoever has a stolen device has its say.
    Steal {
        place: usize,
    },
    /// A device's program is replaced by the newest, or by the one before.
    Install {
        place: usize,
        newest: bool,
    },
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Trouble {
    Full,
    Slow,
    Unreadable,
}

impl World {
    /// Draws what will break.
    pub(super) fn plan_faults(&mut self) {
        let (faults, span) = (self.options.faults.clone(), self.options.seconds * 1_000);
        for _ in 0..faults.cuts {
            let place = self.any_place();
            self.misfortune(Fault::Cut { place }, Fault::Restore { place });
        }
        for _ in 0..faults.half_cuts {
            let place = self.any_place();
            let way = if self.dice.below(2) == 0 { Way::Up } else { Way::Down };
            self.misfortune(Fault::CutOneWay { place, way }, Fault::Restore { place });
        }
        for _ in 0..faults.kills {
            let place = self.any_place();
            self.misfortune(Fault::KillFacility { place }, Fault::StartFacility { place });
        }
        for _ in 0..faults.crashes {
            let (place, effects) = (self.any_place(), self.dice.below(12));
            let crash = Fault::CrashFacility { place, effects };
            self.misfortune(crash, Fault::StartFacility { place });
        }
        for _ in 0..faults.relay_kills {
            self.misfortune(Fault::KillRelay, Fault::StartRelay);
        }
        for _ in 0..faults.relay_crashes {
            let effects = self.dice.below(30);
            self.misfortune(Fault::CrashRelay { effects }, Fault::StartRelay);
        }
        for _ in 0..faults.relay_restores {
            let (at, age) = (span / 4 + self.dice.below(span / 4), self.dice.below(span / 3));
            let (at, age) = match faults.backup_age * 1_000 {
                0 => (at, age),
                // As old as it should be, and set up while there is still something to do.
                asked => (at.min((span * 9 / 10).saturating_sub(asked)), asked),
            };
            self.after(at, Event::Fault(Fault::BackUpRelay));
            let at = at + age;
            self.after(at, Event::Fault(Fault::RestoreRelay));
            self.after(at + span / 40, Event::Fault(Fault::StartRelay));
        }
        for _ in 0..faults.rebuilds {
            let place = self.any_place();
            let at = span / 3 + self.dice.below(span / 2);
            self.after(at, Event::Fault(Fault::Rebuild { place }));
        }
        let troubles = [
            (faults.full_disks, Trouble::Full),
            (faults.slow_disks, Trouble::Slow),
            (faults.unreadable, Trouble::Unreadable),
        ];
        for (many, trouble) in troubles {
            for _ in 0..many {
                let place = self.dice.below(self.facilities.len() as u64 + 1) as usize;
                let fault = |begins| Fault::Disk { place, trouble, begins };
                self.misfortune(fault(true), fault(false));
            }
        }
        for _ in 0..faults.clock_jumps {
            let place = self.any_place();
            let by_ms = self.dice.between(-600_000, 300_000);
            let at = self.dice.below(span);
            self.after(at, Event::Fault(Fault::Jump { place, by_ms }));
        }
        let mut dice = self.dice.fork("relay jumps", 0);
        for _ in 0..faults.relay_jumps {
            let (place, by_ms) = (self.facilities.len(), dice.between(-600_000, 300_000));
            self.after(dice.below(span), Event::Fault(Fault::Jump { place, by_ms }));
        }
        if self.hostile.rolls_back() {
            let at = span / 4 + self.dice.below(span / 4);
            self.after(at, Event::Fault(Fault::BackUpRelay));
            self.after(at + span / 5, Event::Fault(Fault::RollBack));
            self.after(at + span / 5 + 3_000, Event::Fault(Fault::StartRelay));
        }
        self.plan_typhoons(span);
        self.plan_ransomware(span);
        self.plan_upgrades(span);
        self.plan_moves(span);
        self.plan_rot(span);
        if self.options.hostile_member {
            for _ in 0..6 {
                let at = span / 4 + self.dice.below(span * 2 / 3);
                self.after(at, Event::Fault(Fault::Attack));
            }
        }
    }

    /// Some devices are updated and write what the others cannot read; most of them are put back, one after the other,
    /// and work on with what they cannot read any more; in the end everybody is updated.
    fn plan_upgrades(&mut self, span: u64) {
        let many = self.options.faults.upgrades.min(self.facilities.len());
        if many == 0 {
            return;
        }
        let mut dice = self.dice.fork("upgrades", 0);
        // A hospital among them, or there is little to read that is newer.
        let first = dice.below(self.options.hospitals as u64) as usize;
        let mut others: Vec<usize> =
            (0..self.facilities.len()).filter(|place| *place != first).collect();
        let mut chosen = vec![first];
        while chosen.len() < many {
            chosen.push(others.remove(dice.below(others.len() as u64) as usize));
        }
        for place in chosen {
            let at = span / 10 + dice.below(span / 5);
            self.after(at, Event::Fault(Fault::Install { place, newest: true }));
            if dice.below(4) > 0 {
                let at = span * 2 / 5 + dice.below(span / 5);
                self.after(at, Event::Fault(Fault::Install { place, newest: false }));
            }
        }
        for place in 0..self.facilities.len() {
            let at = span * 3 / 4 + dice.below(span / 5);
            self.after(at, Event::Fault(Fault::Install { place, newest: true }));
        }
    }

    /// Readers change their address: at the door, on the way, and back. Some of them stay on a line of the same kind.
    fn plan_moves(&mut self, span: u64) {
        let readers = self.facilities.len() - self.options.hospitals;
        let mut dice = self.dice.fork("moves", 0);
        for _ in 0..if readers == 0 { 0 } else { self.options.faults.moves } {
            let place = self.options.hospitals + dice.below(readers as u64) as usize;
            let (at, to) = (dice.below(span), *dice.pick(&Quality::ALL));
            self.after(at, Event::Fault(Fault::Move { place, to }));
        }
    }

    /// Whoever has a device that is reported lost writes with its keys before that, while nobody suspects anything, and after.
    pub(super) fn plan_thief(&mut self, place: usize, revoked_at: u64) {
        if !self.options.thief {
            return;
        }
        let mut dice = self.dice.fork("thief", place as u64);
        let span = self.options.seconds * 1_000;
        let steals = Event::Fault(Fault::Steal { place });
        self.after(revoked_at - dice.below(span / 10), steals);
        for _ in 0..3 {
            let steals = Event::Fault(Fault::Steal { place });
            self.after(revoked_at + dice.below(span / 6), steals);
        }
    }

    /// Of devices, only the node's own store has pages that can rot.
    fn plan_rot(&mut self, span: u64) {
        let mut dice = self.dice.fork("rot", 0);
        let stores = self.facilities.iter().filter(|it| it.disk.pages.is_some());
        let stores: Vec<usize> = stores.map(Facility::place).collect();
        let faults = self.options.faults.clone();
        for _ in 0..faults.relay_rot {
            let (place, at) = (self.facilities.len(), span / 8 + dice.below(span * 3 / 4));
            self.after(at, Event::Fault(Fault::Rot { place }));
        }
        // The operator has a backup from before; stories that make backups of their own would put the damage into it.
        let has_backup = self.options.tricks.is_empty() && faults.relay_restores == 0;
        for _ in 0..if has_backup { faults.relay_tables.min(1) } else { 0 } {
            let at = span / 4 + dice.below(span / 4);
            self.after(at, Event::Fault(Fault::BackUpRelay));
            let at = at + dice.below(span / 3);
            self.after(at, Event::Fault(Fault::RotFeed));
        }
        for _ in 0..if stores.is_empty() { 0 } else { self.options.faults.rot } {
            let (place, at) = (*dice.pick(&stores), span / 8 + dice.below(span * 3 / 4));
            self.after(at, Event::Fault(Fault::Rot { place }));
        }
    }

    fn any_place(&mut self) -> usize {
        self.dice.below(self.facilities.len() as u64) as usize
    }

    fn misfortune(&mut self, begin: Fault, end: Fault) {
        let span = self.options.seconds * 1_000;
        let at = self.dice.below(span * 9 / 10);
        let longest = (span * self.options.faults.lasting / 1_000).max(1_000);
        let lasts = 500 + self.dice.below(longest);
        self.after(at, Event::Fault(begin));
        self.after(at + lasts, Event::Fault(end));
    }

    pub(super) fn fault(&mut self, fault: Fault) {
        let now = self.now;
        match fault {
            Fault::Cut { place } => {
                Way::BOTH.into_iter().for_each(|way| self.cut(place, way));
            }
            Fault::CutOneWay { place, way } => self.cut(place, way),
            Fault::Restore { place } => self.restore(place),
            Fault::PowerLost { place } => self.power_lost(place),
            Fault::PowerBack { place } => self.power_is_back(place),
            Fault::Rot { place } => self.rot(place),
            Fault::RotFeed => self.relay.rot_feed(&mut self.dice.fork("rotten feed", 0)),
            Fault::Move { place, to } => self.change_address(place, to),
            Fault::KillFacility { place } => self.kill(place),
            Fault::CrashFacility { place, effects } => {
                self.facilities[place].dies_in = Some(effects);
            }
            Fault::StartFacility { place } => {
                if self.facilities[place].start(now) {
                    self.drain_facility(place);
                    self.after(500, Event::Reconnect { place });
                } else {
                    self.call_operator(place);
                }
            }
            Fault::KillRelay => self.kill_relay(),
            Fault::CrashRelay { effects } => self.relay.dies_in = Some(effects),
            Fault::StartRelay => {
                if self.relay.start(now) {
                    self.drain_relay();
                    self.after(50, Event::RelayWakes { life: self.relay.life(), ahead: false });
                    (0..self.facilities.len()).for_each(|place| self.line_is_back(place));
                    self.tell_again();
                }
            }
            Fault::BackUpRelay => self.relay.back_up(now),
            Fault::RestoreRelay => {
                self.kill_relay();
                self.watch.backup_ages.extend(self.relay.backup_age(now));
                self.relay.restore(true);
                self.told_again = true;
            }
            Fault::RollBack => {
                self.kill_relay();
                self.relay.restore(false);
                self.hostile.goes_back(now);
            }
            Fault::Rebuild { place } => self.rebuild(place),
            Fault::Ransomware { hospital } => self.ransom(hospital),
            Fault::Disk { place, trouble, begins } => {
                let condition = match self.facilities.get_mut(place) {
                    Some(facility) => &mut facility.disk.condition,
                    None => &mut self.relay.disk.condition,
                };
                match trouble {
                    Trouble::Full => condition.full = begins,
                    Trouble::Slow => condition.slow = begins,
                    Trouble::Unreadable => condition.unreadable = begins,
                }
            }
            Fault::Jump { place, by_ms } => {
                if place == self.facilities.len() {
                    // It finds out with whatever happens next, as its process does.
                    return self.relay.clock.jump(by_ms);
                }
                self.facilities[place].clock.jump(by_ms);
                self.facilities[place].forget_wake();
                self.drain_facility(place);
            }
            Fault::Attack => self.attack(),
            Fault::Steal { place } => self.steal(place),
            Fault::Install { place, newest } => {
                let formats = if newest { Formats::default() } else { old_program() };
                let was_up = self.facilities[place].is_up();
                self.kill(place);
                self.facilities[place].install(formats);
                // Who is down for another reason is started by whoever mends that.
                if was_up {
                    self.after(INSTALLED_MS, Event::Fault(Fault::StartFacility { place }));
                }
            }
        }
    }
}

/// A program from before the dictionary and before snapshots: both what is sealed and what is stated can be too new for it.
pub(super) fn old_program() -> Formats {
    Formats::up_to(0).expect("the first format")
}

/// How long a program takes to be replaced.
const INSTALLED_MS: u64 = 4_000;
