//! What a world is made of and how much befalls it: drawn from the seed, printed before anything happens.

mod region;

use serde::{Deserialize, Serialize};

pub use region::Region;
pub(super) use region::YEAR_S;

use super::hostile::Trick;
use super::link::Quality;
use crate::population::Dice;

/// Everything that makes one run what it is. A story is a file with some of these, the rest as here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// What the story is called, for people.
    pub story: String,
    /// The seed of everything.
    pub seed: u64,
    /// Hospitals that disclose.
    pub hospitals: usize,
    /// Clinics, which read.
    pub clinics: usize,
    /// Pharmacies, which read.
    #[serde(skip_serializing_if = "is_none")]
    pub pharmacies: usize,
    /// Visiting-nurse stations, which read.
    #[serde(skip_serializing_if = "is_none")]
    pub visiting_nurses: usize,
    /// Hospitals that only read.
    #[serde(skip_serializing_if = "is_none")]
    pub reading_hospitals: usize,
    /// Medical associations that admit the facilities of their districts; with none the council admits them itself.
    #[serde(skip_serializing_if = "is_none")]
    pub associations: usize,
    /// Tablets: further devices of the visiting-nurse stations, and second devices of the first clinics.
    pub tablets: usize,
    /// Devices, the last of all, that join while everything is under way.
    pub joining: usize,
    /// What is done, by patients and time. Then `patients`, `readers`, `records`, `notes`, `edits`, `openings`,
    /// `withdrawals` and `lines` are not looked at: facilities' sizes and lines are drawn from the seed too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
    /// Patients of each hospital.
    pub patients: usize,
    /// Facilities that a consent names; 0 for all.
    pub readers: usize,
    /// Records of each patient.
    pub records: u64,
    /// Care notes of each clinic.
    pub notes: u64,
    /// Edits of notes that are there, by anybody of the team.
    pub edits: u64,
    /// Pages of patients that somebody opens.
    pub openings: u64,
    /// Of a hundred patients, so many change or withdraw their consent.
    pub withdrawals: u64,
    /// Readers who are cut off, put out meanwhile, and write on because nobody could tell them.
    pub late: usize,
    /// Patients of the second hospital who turn out to be patients of the first; every other one by mistake.
    pub links: usize,
    /// Devices that are reported lost and revoked.
    pub revocations: usize,
    /// Devices that keep their rows in the node's own store, on a disk of pages.
    pub stores: usize,
    /// Envelopes of one volume that make a hospital's device put a snapshot of them into the chart; 0: it makes none.
    #[serde(skip_serializing_if = "is_none")]
    pub snapshot_after: usize,
    /// For how long things are written and broken, in virtual seconds.
    pub seconds: u64,
    /// For how long a healed region may take to come to rest.
    pub rest_seconds: u64,
    /// How often publishers state how much there is.
    pub statement_seconds: u64,
    /// How often the world looks at what the screens claim.
    pub probe_seconds: u64,
    /// The lines, dealt out in turn to clinics and tablets; hospitals have fibre.
    pub lines: Vec<Quality>,
    /// The largest error of a clock at the start, in milliseconds.
    pub skew_ms: i64,
    /// The largest drift of a clock, in millionths.
    pub drift_ppm: i64,
    /// The same of the relay's clock.
    #[serde(skip_serializing_if = "is_right")]
    pub relay_skew_ms: i64,
    /// And its drift.
    #[serde(skip_serializing_if = "is_right")]
    pub relay_drift_ppm: i64,
    /// What befalls the region.
    pub faults: Faults,
    /// What the relay does to its readers while it is hostile.
    pub tricks: Vec<Trick>,
    /// Whether a member with good papers does what it may not.
    pub hostile_member: bool,
    /// Whether whoever has a device that is revoked writes with its keys.
    #[serde(skip_serializing_if = "is_not")]
    pub thief: bool,
    /// Readers that stay cut when the others are healed.
    pub left_out: usize,
}

/// How many of each misfortune.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// Lines cut in both directions.
    pub cuts: usize,
    /// Lines cut in one direction.
    pub half_cuts: usize,
    /// A node's process killed between two events.
    pub kills: usize,
    /// A node's process that dies at some effect, those before it carried out and those after it not.
    pub crashes: usize,
    /// The relay's process killed.
    pub relay_kills: usize,
    /// The relay's process that dies at some effect.
    pub relay_crashes: usize,
    /// The relay rebuilt from a backup.
    pub relay_restores: usize,
    /// How old that backup is then, in virtual seconds; 0: drawn, up to a third of the time.
    #[serde(skip_serializing_if = "is_zero")]
    pub backup_age: u64,
    /// A node's store lost, and the node set up again with its kit.
    pub rebuilds: usize,
    /// Hospitals that disclose, of which all devices lose their stores at once, are down for a seventh of the time, and are then set
    /// up again with their kits. Its line is pulled a hundredth of the time before: what is written from then on is lost.
    #[serde(skip_serializing_if = "is_none")]
    pub ransomware: usize,
    /// Disks that are full for a while, the relay's among them.
    pub full_disks: usize,
    /// Disks that are slow for a while.
    pub slow_disks: usize,
    /// Disks that cannot be read for a while.
    pub unreadable: usize,
    /// Clocks set wrong.
    pub clock_jumps: usize,
    /// The relay's clock set wrong.
    #[serde(skip_serializing_if = "is_none")]
    pub relay_jumps: usize,
    /// A valley without power for a third of the time: of one district, not the city's where there is another, processes are
    /// down and lines dead; tablets run on without a line. It comes back to everybody there at once.
    pub typhoons: usize,
    /// Changes of a reader's address, in the middle of whatever it is doing, mostly to a line of another kind.
    pub moves: usize,
    /// Times at which bits of a disk turn, of a device that has the node's own store.
    pub rot: usize,
    /// Times at which bits of the relay's log turn; it fetches again what it meets of that.
    pub relay_rot: usize,
    /// A row of the relay's feeds cannot be read any more, and its operator sets it up from a backup once that was met: once
    /// at most, and not where its backup serves another misfortune.
    #[serde(skip_serializing_if = "is_none")]
    pub relay_tables: usize,
    /// Devices that are updated before the others, and write what those cannot read; most of them are put back for a
    /// while. With none, everybody has the newest program from the beginning.
    pub upgrades: usize,
    /// The longest misfortune, as a share of the time in thousandths.
    pub lasting: u64,
}

impl Faults {
    /// Whether the relay may lose what it had taken.
    pub fn relay_goes_back(&self) -> bool {
        self.relay_restores + self.relay_rot + self.relay_tables > 0
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            story: String::new(),
            seed: 1,
            hospitals: 2,
            clinics: 2,
            pharmacies: 0,
            visiting_nurses: 0,
            reading_hospitals: 0,
            associations: 0,
            tablets: 0,
            joining: 0,
            region: None,
            patients: 3,
            readers: 0,
            records: 5,
            notes: 4,
            edits: 4,
            openings: 0,
            withdrawals: 0,
            late: 0,
            links: 0,
            revocations: 0,
            stores: 0,
            snapshot_after: 0,
            seconds: 600,
            rest_seconds: 900,
            statement_seconds: 20,
            probe_seconds: 60,
            lines: vec![Quality::Fibre],
            skew_ms: 0,
            drift_ppm: 0,
            relay_skew_ms: 0,
            relay_drift_ppm: 0,
            faults: Faults::default(),
            tricks: Vec::new(),
            hostile_member: false,
            thief: false,
            left_out: 0,
        }
    }
}

/// Whether a clock is right, of which older lines do not know that it may be wrong.
fn is_right(by: &i64) -> bool {
    *by == 0
}

fn is_not(whether: &bool) -> bool {
    !whether
}

fn is_zero(seconds: &u64) -> bool {
    *seconds == 0
}

/// Whether there is none of something that older lines do not know.
fn is_none(count: &usize) -> bool {
    *count == 0
}

impl Options {
    /// Facilities that read and do not disclose.
    pub fn readers_of_all_kinds(&self) -> usize {
        self.clinics + self.pharmacies + self.visiting_nurses + self.reading_hospitals
    }

    /// Draws a small region and its misfortunes. Half of the kinds of misfortune are left out of each draw: where
    /// everything breaks all the time, little of it ever meets.
    pub fn draw(seed: u64) -> Self {
        let mut dice = Dice::new(seed).fork("options", 0);
        let mut some =
            |most: u64| if dice.below(2) == 0 { 0 } else { dice.below(most + 1) as usize };
        let faults = Faults {
            cuts: some(10),
            half_cuts: some(5),
            kills: some(6),
            crashes: some(10),
            relay_kills: some(3),
            relay_crashes: some(5),
            relay_restores: some(2).min(1),
            backup_age: 0,
            rebuilds: some(2),
            ransomware: 0,
            full_disks: some(3),
            slow_disks: some(3),
            unreadable: some(2),
            clock_jumps: some(4),
            relay_jumps: 0,
            typhoons: some(1),
            moves: 0,
            rot: 0,
            relay_rot: 0,
            relay_tables: 0,
            upgrades: 0,
            lasting: 20 + some(200) as u64,
        };
        let people = (some(100) as u64, some(2), some(2), some(2), some(1));
        let (withdrawals, links, revocations, joining, left_out) = people;
        let (skew_ms, drift_ppm) = (some(300_000) as i64, some(200) as i64);
        let (edits, tablets) = (2 + some(12) as u64, some(2));
        let openings = dice.fork("openings", 0).below(60);
        // Rare by themselves, and from dice of their own: what else a seed draws does not hang on them.
        let mut rare = dice.fork("rare", 0);
        let late = if rare.below(8) == 0 { 1 + rare.below(2) as usize } else { 0 };
        let smuggles = rare.below(16) == 0;
        let mut update = dice.fork("upgrades", 0);
        let upgrades = if update.below(6) == 0 { 1 + update.below(4) as usize } else { 0 };
        let mut roam = dice.fork("moves", 0);
        let moves = if roam.below(3) == 0 { 1 + roam.below(8) as usize } else { 0 };
        let mut paged = dice.fork("stores", 0);
        let stores = if paged.below(4) == 0 { 1 + paged.below(2) as usize } else { 0 };
        let rot = if stores > 0 { paged.below(4) as usize } else { 0 };
        let mut rotten = dice.fork("relay rot", 0);
        let relay_rot = if rotten.below(6) == 0 { 1 + rotten.below(3) as usize } else { 0 };
        let relay_tables = usize::from(dice.fork("relay tables", 0).below(12) == 0);
        let mut snapshots = dice.fork("snapshots", 0);
        let snapshot_after = match snapshots.below(4) {
            0 => 0,
            // Few patients have more than a dozen imports in one year.
            1 | 2 => 2 + snapshots.below(3) as usize,
            _ => 2 + snapshots.below(39) as usize,
        };
        let withholds = snapshot_after > 0 && snapshots.below(8) == 0;
        let ransomware = usize::from(dice.fork("ransomware", 0).below(8) == 0);
        let thief = revocations > 0 && dice.fork("thief", 0).below(2) == 0;
        // Every other relay's clock is right.
        let mut wrong = dice.fork("relay clock", 0);
        let (relay_skew_ms, relay_drift_ppm, relay_jumps) = match wrong.below(2) {
            0 => (0, 0, 0),
            _ => (wrong.below(300_001) as i64, wrong.below(201) as i64, wrong.below(4) as usize),
        };
        let faults = Faults {
            ransomware,
            upgrades,
            moves,
            rot,
            relay_rot,
            relay_tables,
            relay_jumps,
            ..faults
        };
        let (mut kinds, mut field) = (dice.fork("kinds", 0), dice.fork("field", 0));
        let mut dice = dice.fork("region", 0);
        let mut tricks: Vec<Trick> = match dice.below(3) {
            0 => Trick::DRAWN.into_iter().filter(|_| dice.below(3) == 0).collect(),
            _ => Vec::new(),
        };
        tricks.extend(smuggles.then_some(Trick::Smuggle));
        tricks.extend(withholds.then_some(Trick::WithholdSnapshots));
        let mut drawn = Self {
            seed,
            hospitals: 1 + dice.below(3) as usize,
            clinics: 2 + dice.below(3) as usize,
            tablets,
            joining,
            patients: 1 + dice.below(4) as usize,
            readers: dice.below(3) as usize,
            records: 2 + dice.below(4),
            notes: 1 + dice.below(5),
            edits,
            openings,
            withdrawals,
            late,
            links,
            revocations,
            stores,
            snapshot_after,
            seconds: 300 + dice.below(900),
            lines: Quality::ALL.into_iter().filter(|_| dice.below(2) == 0).collect(),
            skew_ms,
            drift_ppm,
            relay_skew_ms,
            relay_drift_ppm,
            faults,
            tricks,
            // Who smuggles carries for somebody.
            hostile_member: dice.below(4) == 0 || smuggles,
            thief,
            left_out,
            ..Self::default()
        };
        // Some of the clinics are something else.
        for _ in 0..drawn.clinics {
            let kind = match kinds.below(8) {
                0 => &mut drawn.pharmacies,
                1 => &mut drawn.visiting_nurses,
                2 => &mut drawn.reading_hospitals,
                _ => continue,
            };
            *kind += 1;
        }
        drawn.clinics -= drawn.pharmacies + drawn.visiting_nurses + drawn.reading_hospitals;
        drawn.associations = kinds.below(5) as usize;
        if field.below(4) == 0 {
            drawn.region = Some(Region::draw(&mut field, drawn.seconds));
        }
        drawn
    }

    /// One line with everything in it.
    pub fn line(&self) -> String {
        serde_json::to_string(self).expect("plain data")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_line_is_read_as_it_was_meant_and_written_as_it_was() {
        let line = Options::default().line();
        assert!(!line.contains("pharmacies") && !line.contains("region"), "{line}");
        let read: Options = serde_json::from_str(r#"{"hospitals":2,"clinics":3}"#).expect("a line");
        assert_eq!(read, Options { clinics: 3, ..Options::default() });
        assert_eq!(read.readers_of_all_kinds(), 3);
    }

    #[test]
    fn seeds_draw_what_is_rare_really() {
        let drawn: Vec<Options> = (1..1_001).map(Options::draw).collect();
        let smuggles = drawn.iter().filter(|it| it.tricks.contains(&Trick::Smuggle));
        assert!(smuggles.clone().all(|it| it.hostile_member), "who smuggles carries for somebody");
        assert!((30..120).contains(&smuggles.count()));
        let withholds = drawn.iter().filter(|it| it.tricks.contains(&Trick::WithholdSnapshots));
        assert!((40..160).contains(&withholds.count()));
        assert!((150..350).contains(&drawn.iter().filter(|it| it.snapshot_after == 0).count()));
        assert!((60..250).contains(&drawn.iter().filter(|it| it.late > 0).count()));
        assert!((100..250).contains(&drawn.iter().filter(|it| it.faults.upgrades > 0).count()));
        assert!((150..350).contains(&drawn.iter().filter(|it| it.region.is_some()).count()));
        let with = |has: fn(&Options) -> bool| drawn.iter().filter(|it| has(it)).count();
        assert!(with(|it| it.pharmacies > 0) > 100 && with(|it| it.visiting_nurses > 0) > 100);
        assert!(with(|it| it.reading_hospitals > 0) > 100 && with(|it| it.associations > 1) > 400);
    }
}
