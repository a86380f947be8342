//! Random walks: lines drop, the disk fails and is slow, the relay is killed, grants come and go. In the end
//! nothing acknowledged is lost, and everybody has what it may have and nothing else.

use rand::RngExt;

use super::*;

const CHARTS: usize = 3;
const STEPS: usize = 150;

/// A reader: what it holds, and how far.
struct Reader {
    member: Member,
    cursor: Option<Cursor>,
    held: Vec<EnvelopeId>,
}

/// What the hospital has said, in the order of its log.
struct Written {
    chart: usize,
    envelope: SignedEnvelope,
    /// Who is let in (or put out) by it.
    ruling: Option<(usize, bool)>,
}

pub(super) struct Walk {
    pub(super) world: World,
    hospital: Member,
    charts: Vec<ScopeId>,
    ticks: Vec<u64>,
    readers: Vec<Reader>,
    written: Vec<Written>,
    acknowledged: BTreeSet<EnvelopeId>,
    luck: StdRng,
}

impl Walk {
    pub(super) fn new(seed: u64) -> Self {
        let mut world = World::new();
        let hospital = world.member(FacilityKind::Hospital);
        let kinds = [FacilityKind::Clinic, FacilityKind::Pharmacy];
        let readers =
            kinds.map(|kind| Reader { member: world.member(kind), cursor: None, held: Vec::new() });
        let mut walk = Self {
            world,
            hospital,
            charts: Vec::new(),
            ticks: vec![0; CHARTS],
            readers: readers.into(),
            written: Vec::new(),
            acknowledged: BTreeSet::new(),
            luck: StdRng::seed_from_u64(seed),
        };
        for chart in 0..CHARTS {
            let nonce = u8::try_from(chart).unwrap();
            let (scope, envelope) = walk.hospital.create(&walk.world, ScopeKind::Chart, nonce);
            walk.charts.push(scope);
            walk.written.push(Written { chart, envelope, ruling: None });
        }
        walk.connect_all();
        walk
    }

    pub(super) fn step(&mut self) {
        let chart = self.luck.random_range(0..CHARTS);
        let scope = self.charts[chart];
        match self.luck.random_range(0..100) {
            0..35 => {
                let content: [u8; 24] = self.luck.random();
                let envelope = self.hospital.write(&self.world, scope, &content);
                self.written.push(Written { chart, envelope, ruling: None });
            }
            35..45 => {
                let reader = self.luck.random_range(0..self.readers.len());
                let lets_in = self.luck.random_bool(0.6);
                self.ticks[chart] += 1;
                let (tick, whom) = (self.ticks[chart], &self.readers[reader].member);
                let envelope = match lets_in {
                    true => self.hospital.grant(&self.world, scope, whom, Access::READ, tick),
                    false => self.hospital.revoke(&self.world, scope, whom, Vec::new(), tick),
                };
                self.written.push(Written { chart, envelope, ruling: Some((reader, lets_in)) });
            }
            45..65 => self.push(),
            65..75 => self.read(),
            75..80 => self.world.failure = Some(StorageError::Full),
            80..86 => self.world.failure = None,
            86..90 => {
                if self.world.held.is_none() {
                    self.world.held = Some(Vec::new());
                }
            }
            90..94 => self.world.release(),
            94..97 => self.world.wait(2_000),
            97 => self.restart(),
            _ => {
                let reader = self.luck.random_range(0..self.readers.len());
                let session = self.readers[reader].member.session;
                self.world.input(Input::Closed { session });
                self.connect(reader);
            }
        }
        self.acknowledge();
    }

    /// The process is killed: what the disk had not finished is gone, and so is what was on the lines.
    fn restart(&mut self) {
        self.world.held = None;
        self.world.sent.clear();
        self.world.restart();
        self.connect_all();
    }

    fn connect_all(&mut self) {
        // A device that was enrolled before the walk is known to the relay; its welcome may wait for the disk.
        let _ = self.world.connect(&mut self.hospital, None);
        (0..self.readers.len()).for_each(|reader| self.connect(reader));
    }

    fn connect(&mut self, reader: usize) {
        let Reader { member, cursor, .. } = &mut self.readers[reader];
        self.world.sent.remove(&member.session);
        let _ = self.world.connect(member, *cursor);
    }

    /// Sends some of what is not acknowledged, in order, as a node does.
    fn push(&mut self) {
        let count = self.luck.random_range(1..20);
        let waiting = self.written.iter().map(|written| &written.envelope);
        let waiting = waiting.filter(|it| !self.acknowledged.contains(&it.claimed_id()));
        let envelopes = waiting.take(count).map(|it| Bytes(it.as_bytes().to_vec())).collect();
        self.world.say(&self.hospital, Message::Push(envelopes));
    }

    fn acknowledge(&mut self) {
        let (stored, refused) = self.world.taken(&self.hospital);
        self.acknowledged.extend(stored);
        for refusal in refused {
            let cause = refusal.cause;
            assert!(matches!(cause, RefusalCause::Busy | RefusalCause::Gap { .. }), "{cause:?}");
        }
    }

    fn read(&mut self) {
        for reader in &mut self.readers {
            for (position, id) in self.world.fed(&reader.member) {
                let epoch = RelayEpoch([9; 16]);
                reader.cursor = Some(Cursor { epoch, position });
                reader.held.push(id);
            }
        }
    }

    /// Everything works again, and time passes.
    fn heal(&mut self) {
        self.world.failure = None;
        self.world.release();
        self.world.wait(10_000);
        for _ in 0..self.written.len() {
            self.push();
            self.acknowledge();
        }
        self.world.wait(10_000);
        (0..self.readers.len()).for_each(|reader| self.connect(reader));
        self.read();
    }

    fn check(&self) {
        let log: Vec<EnvelopeId> = self.logged();
        let unique: BTreeSet<_> = log.iter().copied().collect();
        assert_eq!(log.len(), unique.len(), "nothing is stored twice");
        assert!(self.acknowledged.is_subset(&unique), "nothing acknowledged is lost");
        assert_eq!(self.acknowledged.len(), self.written.len(), "in the end all is taken");
        for (index, reader) in self.readers.iter().enumerate() {
            for chart in 0..CHARTS {
                self.check_chart(index, reader, chart);
            }
        }
    }

    fn check_chart(&self, index: usize, reader: &Reader, chart: usize) {
        let of_chart: Vec<&Written> =
            self.written.iter().filter(|written| written.chart == chart).collect();
        let mut is_in = false;
        let mut may_have = BTreeSet::new();
        for (place, written) in of_chart.iter().enumerate() {
            match written.ruling {
                Some((whom, true)) if whom == index => {
                    is_in = true;
                    may_have.extend(of_chart[..place].iter().map(|it| it.envelope.claimed_id()));
                }
                // The word that puts it out is the last it gets.
                Some((whom, false)) if whom == index && is_in => {
                    is_in = false;
                    may_have.insert(written.envelope.claimed_id());
                }
                _ => {}
            }
            if is_in {
                may_have.insert(written.envelope.claimed_id());
            }
        }
        let all: Vec<_> = of_chart.iter().map(|written| written.envelope.claimed_id()).collect();
        let held: BTreeSet<_> = reader.held.iter().filter(|id| all.contains(id)).copied().collect();
        assert!(held.is_subset(&may_have), "a reader has only what it may have");
        if is_in {
            assert_eq!(held.len(), all.len(), "a reader has all that it may have");
        }
    }

    fn logged(&self) -> Vec<EnvelopeId> {
        use azalea_core::storage::{Order, Range, Read};
        let mut ids = Vec::new();
        let mut visit = |key: &[u8], value: &[u8]| {
            let position = u64::from_be_bytes(key.try_into().expect("a position"));
            let envelope = tables::parse_log_value(position, value).expect("what was written");
            ids.push(SignedEnvelope::from_bytes(envelope).expect("an envelope").claimed_id());
            true
        };
        self.world.store.scan(tables::LOG, &Range::all(), Order::Ascending, &mut visit).unwrap();
        let of_hospital: BTreeSet<_> =
            self.written.iter().map(|written| written.envelope.claimed_id()).collect();
        ids.retain(|id| of_hospital.contains(id));
        ids
    }
}

#[test]
fn whatever_happens_nothing_acknowledged_is_lost_and_nobody_gets_what_is_not_theirs() {
    for seed in 0..60 {
        let walk = std::panic::AssertUnwindSafe(|| {
            let mut walk = Walk::new(seed);
            (0..STEPS).for_each(|_| walk.step());
            walk.heal();
            walk.check();
        });
        if let Err(panic) = std::panic::catch_unwind(walk) {
            eprintln!("the walk with seed {seed} failed");
            std::panic::resume_unwind(panic);
        }
    }
}
