//! Stories told with whole replicas on virtual time, a post office in place of the relay.

mod blob;
mod damaged;
mod heads;
mod lanes;
mod members;
mod offer;
mod peer;
mod program;
mod rebuild;
mod refill;
mod rejudge;
mod renew;
mod snapshot;
mod stories;
mod suspend;
mod time;
mod waiting;

use std::collections::{BTreeMap, BTreeSet};

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::command::{Command, CommandError, ImportRecord, Outcome, Staff, Subject, Taken, Who};
use super::effect::{Effect, Query};
use super::input::{Answer, CommandId, Input};
use super::{Replica, Status};
use crate::access::ScopeKind;
use crate::document::{CareNote, NoteEdit, RecordHeader, RecordKey, content_digest};
use crate::envelope::{Formats, SignedEnvelope};
use crate::id::{DeviceId, EnvelopeId, FacilityId, PatientId, RelayEpoch, ScopeId, Timestamp};
use crate::identity::{
    AgreementKeypair, Certificate, Device, Facility, FacilityKind, Identity, Possession, Rights,
    Root, Signed, SigningKeypair, Validity,
};
use crate::storage::{Memory, Read, StorageError, Store};
use crate::sync::heads::{HeadRoll, HeadTree, HeadWord};
use crate::sync::message::{Bytes, ChainEnd, Cursor, FeedItem, Message, Welcome};
use crate::view::{View, current};

/// What every device is given at enrolment.
struct Council {
    root: SigningKeypair,
    certificates: Vec<Certificate>,
}

impl Council {
    fn new(rng: &mut StdRng) -> Self {
        let root = SigningKeypair::generate(rng);
        let claims = Root { key: root.public(), name: "協議会".into(), created: Timestamp(0) };
        let certificate = Certificate::Root(Signed::sign(claims, &root).expect("a small root"));
        Self { root, certificates: vec![certificate] }
    }

    fn enrol(&mut self, rng: &mut StdRng, name: &str, kind: FacilityKind) -> Identity {
        self.enrol_until(rng, name, kind, Timestamp(u64::MAX))
    }

    fn enrol_until(
        &mut self,
        rng: &mut StdRng,
        name: &str,
        kind: FacilityKind,
        device_until: Timestamp,
    ) -> Identity {
        let network = self.root.public().network_id();
        let facility_key = SigningKeypair::generate(rng);
        let device = SigningKeypair::generate(rng);
        let agreement = AgreementKeypair::generate(rng);
        let validity = Validity { not_before: Timestamp(0), not_after: Timestamp(u64::MAX) };
        let facility = facility_key.public().facility_id();
        let claims = Facility {
            network,
            key: facility_key.public(),
            code: "4012345".into(),
            name: name.into(),
            kana: String::new(),
            english: String::new(),
            kind,
            rights: Rights { disclose: kind == FacilityKind::Hospital, view: true },
            validity,
            registrar: self.root.public(),
        };
        let signed = Signed::sign(claims, &self.root).expect("a small certificate");
        self.certificates.push(Certificate::Facility(signed));
        let claims = Device {
            facility,
            key: device.public(),
            agreement: agreement.public().clone(),
            possession: Possession::prove(&device, &facility, agreement.public()),
            label: "受付".into(),
            validity: Validity { not_after: device_until, ..validity },
        };
        let signed = Signed::sign(claims, &facility_key).expect("a small certificate");
        self.certificates.push(Certificate::Device(signed));
        Identity { network, facility, facility_key: Some(facility_key), device, agreement }
    }
}

/// One device with its disk.
struct Node {
    identity: Identity,
    formats: Formats,
    replica: Replica,
    disk: Memory,
    rng: StdRng,
    /// Set: commits fail as on a full disk.
    full: bool,
    /// Set: reads fail.
    unreadable: bool,
    /// Set: so many more commits, and then the power is cut.
    commits_left: Option<usize>,
    done: BTreeMap<u64, Result<Outcome, CommandError>>,
    sent: Vec<Message>,
    trace: Vec<String>,
    next_command: u64,
}

impl Node {
    fn new(identity: Identity, seed: u64) -> Self {
        let disk = Memory::new();
        let formats = Formats::default();
        let replica = open(&identity, formats, &disk, Timestamp(0));
        let rng = StdRng::seed_from_u64(seed);
        let (done, sent, trace) = (BTreeMap::new(), Vec::new(), Vec::new());
        let (full, commits_left, next_command) = (false, None, 1);
        Self {
            identity,
            formats,
            replica,
            disk,
            rng,
            full,
            unreadable: false,
            commits_left,
            done,
            sent,
            trace,
            next_command,
        }
    }

    /// Forgets everything but the disk, as after a crash.
    fn restart(&mut self) {
        self.restart_at(Timestamp(0));
    }

    /// As above, by a clock that shows `now`.
    fn restart_at(&mut self, now: Timestamp) {
        self.commits_left = None;
        self.replica = open(&self.identity, self.formats, &self.disk, now);
        self.sent.clear();
    }

    /// Another program takes this one's place.
    fn replace_program(&mut self, formats: Formats) {
        self.formats = formats;
        self.restart();
    }

    fn handle(&mut self, now: Timestamp, input: Input) {
        let mut inputs = std::collections::VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            self.replica.handle(now, &mut self.rng, input);
            while let Some(effect) = self.replica.poll() {
                self.trace.push(format!("{effect:?}"));
                match effect {
                    Effect::Load { id, queries } => {
                        let damaged = || StorageError::Damaged { place: "a page".to_owned() };
                        let result = match self.unreadable {
                            true => Err(damaged()),
                            false => Ok(answer(&self.disk, &queries)),
                        };
                        inputs.push_back(Input::Loaded { id, result });
                    }
                    Effect::Store { .. } if self.commits_left == Some(0) => return,
                    Effect::Store { id, batch, .. } => {
                        self.commits_left = self.commits_left.map(|left| left - 1);
                        let result = if self.full {
                            Err(StorageError::Full)
                        } else {
                            self.disk.commit(&batch)
                        };
                        inputs.push_back(Input::Stored { id, result });
                    }
                    Effect::Send(message) => self.sent.push(message),
                    Effect::Done { command, result } => {
                        self.done.insert(command.0, result);
                    }
                    Effect::Hangup | Effect::Notify(_) => {}
                }
            }
        }
        // Whoever asks to be woken at once, for ever, keeps a core busy.
        let due = self.replica.wake_at();
        assert!(due.is_none_or(|due| due > now), "{due:?} is not after {now:?}");
    }

    fn command(&mut self, now: Timestamp, command: Command) -> Result<Outcome, CommandError> {
        let id = self.next_command;
        self.next_command += 1;
        self.handle(now, Input::Command { id: CommandId(id), command });
        self.done.remove(&id).expect("commands are done at once where the disk is")
    }

    fn status(&self) -> Status {
        self.replica.status()
    }

    /// All that a page could show: every scope's current records with their bytes, in a comparable order.
    fn visible(&self) -> BTreeMap<(FacilityId, String, String), Vec<Vec<u8>>> {
        let mut view = View::new(&self.disk).knowing(self.formats);
        let mut visible = BTreeMap::new();
        for scope in view.scopes().expect("a sound store") {
            let Some(access) = &scope.access else { continue };
            for versions in view.records(scope.number).expect("a sound store") {
                let key = versions[0].key.clone();
                let raws = current(&versions)
                    .into_iter()
                    .filter_map(|entry| match view.open(entry) {
                        Err(error) if error.is_newer() => None,
                        version => Some(version.expect("a sound store")),
                    })
                    .map(|version| version.raw().unwrap_or_default().to_vec())
                    .collect::<Vec<_>>();
                if !raws.is_empty() {
                    visible.insert((access.owner(), key.kind, key.id), raws);
                }
            }
        }
        visible
    }

    fn records(&self) -> usize {
        self.visible().len()
    }

    fn notes(&self) -> Vec<String> {
        let view = View::new(&self.disk);
        let scopes = view.scopes().expect("a sound store");
        let notes = scopes.iter().flat_map(|scope| view.notes(scope.number).expect("sound"));
        notes
            .map(|(_, rows)| rows.into_iter().map(|(_, row)| row).collect::<Vec<_>>())
            .filter_map(|rows| CareNote::replay(&rows).0.view())
            .map(|note| note.text)
            .collect()
    }

    fn patients(&self) -> Vec<PatientId> {
        let scopes = View::new(&self.disk).scopes().expect("a sound store");
        let mut patients: Vec<PatientId> = scopes
            .iter()
            .filter_map(|scope| scope.descriptor.as_ref())
            .filter(|descriptor| descriptor.kind == ScopeKind::Chart)
            .filter_map(|descriptor| descriptor.patient)
            .collect();
        patients.sort_unstable();
        patients.dedup();
        patients
    }
}

fn open(identity: &Identity, formats: Formats, disk: &Memory, now: Timestamp) -> Replica {
    let answers = answer(disk, &Replica::queries());
    Replica::open(identity.clone(), formats, answers, now).expect("a sound store")
}

fn answer(disk: &Memory, queries: &[Query]) -> Vec<Answer> {
    let read = |query: &Query| match query {
        Query::Get { table, key } => Answer::Value(disk.get(*table, key).expect("memory")),
        Query::Scan { table, range, order, limit } => {
            let mut rows = Vec::new();
            if *limit > 0 {
                disk.scan(*table, range, *order, &mut |key, value| {
                    rows.push((key.to_vec(), value.to_vec()));
                    rows.len() < *limit
                })
                .expect("memory");
            }
            Answer::Rows(rows)
        }
    };
    queries.iter().map(read).collect()
}

/// Devices around a post office that gives everything to everyone: what a hostile relay could do at worst.
struct Region {
    now: Timestamp,
    nodes: BTreeMap<&'static str, Node>,
    epoch: RelayEpoch,
    /// Everything that was pushed, in order, with who wrote it.
    post: Vec<(DeviceId, Bytes)>,
    rolls: BTreeMap<DeviceId, (HeadRoll, HeadTree)>,
    /// Who said a roll, whether whole, and with how many shares.
    rolls_said: Vec<(DeviceId, bool, usize)>,
    /// How far each node has been sent the post; absent while its line is cut.
    online: BTreeMap<&'static str, usize>,
    /// How many entries of the post go into one message of a feed.
    feed_max: usize,
    /// What the relay passes over in a node's feed; where it is asked for that once more, it sends it.
    passed_over: BTreeMap<&'static str, BTreeSet<EnvelopeId>>,
}

impl Region {
    fn new(seed: u64, members: &[(&'static str, FacilityKind)]) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut council = Council::new(&mut rng);
        let identities: Vec<_> = members
            .iter()
            .map(|(name, kind)| (*name, council.enrol(&mut rng, name, *kind)))
            .collect();
        let mut region = Self {
            now: Timestamp(1_000_000),
            nodes: BTreeMap::new(),
            epoch: RelayEpoch([1; 16]),
            post: Vec::new(),
            rolls: BTreeMap::new(),
            rolls_said: Vec::new(),
            online: BTreeMap::new(),
            feed_max: usize::MAX,
            passed_over: BTreeMap::new(),
        };
        for (at, (name, identity)) in (0..).zip(identities) {
            let mut node = Node::new(identity, seed + 1 + at);
            let certificates = council.certificates.clone();
            let begin = Command::Begin { certificates, rebuild: false };
            node.command(region.now, begin).expect("an empty store begins");
            region.nodes.insert(name, node);
        }
        region
    }

    fn node(&mut self, name: &'static str) -> &mut Node {
        self.nodes.get_mut(name).expect("a member")
    }

    fn facility(&self, name: &'static str) -> FacilityId {
        self.nodes[name].identity.facility
    }

    fn command(&mut self, name: &'static str, command: Command) -> Result<Outcome, CommandError> {
        self.now = self.now.plus_ms(1_000);
        let now = self.now;
        self.node(name).command(now, command)
    }

    fn connect(&mut self, name: &'static str) {
        let now = self.now;
        self.node(name).handle(now, Input::Connected);
        self.online.insert(name, 0);
    }

    fn cut(&mut self, name: &'static str) {
        let now = self.now;
        self.online.remove(name);
        self.node(name).sent.clear();
        self.node(name).handle(now, Input::Disconnected);
    }

    /// Lets so many milliseconds pass, in which a node is woken when it asks to be, and at no other time.
    fn pass(&mut self, name: &'static str, ms: u64) {
        let end = self.now.plus_ms(ms);
        while let Some(at) = self.nodes[name].replica.wake_at().filter(|at| *at <= end) {
            self.now = at.max(self.now);
            let now = self.now;
            self.node(name).handle(now, Input::Tick);
            self.run();
        }
        self.now = self.now.max(end);
    }

    /// Delivers until nothing moves.
    fn run(&mut self) {
        for _ in 0..1_000 {
            self.now = self.now.plus_ms(10);
            let names: Vec<_> = self.online.keys().copied().collect();
            let moved = names.into_iter().filter(|name| self.exchange(name)).count();
            if moved == 0 {
                return;
            }
        }
        panic!("the region does not come to rest");
    }

    fn exchange(&mut self, name: &'static str) -> bool {
        let now = self.now;
        let sent = std::mem::take(&mut self.node(name).sent);
        let mut moved = !sent.is_empty();
        for message in sent {
            self.take(name, message);
        }
        let from = self.online[name];
        let to = from.saturating_add(self.feed_max).min(self.post.len());
        moved |= from < to;
        let me = self.nodes[name].identity.device_id();
        let end = self.post.len() as u64;
        let want_own = self.nodes[name].status().rebuilding;
        let items: Vec<FeedItem> = (1..)
            .zip(&self.post)
            .take(to)
            .skip(from)
            .filter(|(_, (author, _))| want_own || *author != me)
            .filter(|(_, (_, envelope))| !self.passes_over(name, envelope))
            .map(|(position, (_, envelope))| FeedItem { position, envelope: envelope.clone() })
            .collect();
        self.online.insert(name, to);
        if !items.is_empty() {
            let feed = Message::Feed { items, end };
            self.node(name).handle(now, Input::Received(feed));
        }
        moved
    }

    fn passes_over(&self, name: &'static str, envelope: &Bytes) -> bool {
        let passed_over = self.passed_over.get(name);
        passed_over.is_some_and(|ids| {
            let signed = SignedEnvelope::from_bytes(envelope.0.clone());
            ids.contains(&signed.expect("nodes push envelopes").claimed_id())
        })
    }

    /// How far the post has somebody's chain.
    fn end_of(&self, author: &DeviceId, scope: ScopeId) -> ChainEnd {
        let own = self.post.iter().filter(|(by, _)| by == author).map(|(_, envelope)| {
            let signed = SignedEnvelope::from_bytes(envelope.0.clone());
            signed.expect("nodes push envelopes").claimed_header().clone()
        });
        let last = own.filter(|header| header.scope == scope).max_by_key(|header| header.seq);
        let (seq, id) = last.map_or((0, EnvelopeId::ZERO), |header| (header.seq, header.id()));
        ChainEnd { scope, author: *author, seq, id }
    }

    /// What a publisher last said to a reader.
    fn word(&self, publisher: &DeviceId, reader: &'static str) -> Option<HeadWord> {
        let (roll, tree) = self.rolls.get(publisher)?;
        let share = tree.share(&self.facility(reader))?;
        Some(HeadWord { roll: roll.clone(), share: Some(share) })
    }

    fn take(&mut self, name: &'static str, message: Message) {
        let now = self.now;
        let me = self.nodes[name].identity.device_id();
        match message {
            Message::Hello(hello) => {
                let cursor = hello.cursor.filter(|cursor| cursor.epoch == self.epoch);
                let position = cursor.map_or(0, |cursor| cursor.position);
                self.online.insert(name, usize::try_from(position).expect("a short post"));
                let end = self.post.len() as u64;
                let own = self.post.iter().filter(|(author, _)| *author == me);
                let (epoch, yours) = (self.epoch, own.count() as u64);
                let roll = self.rolls.get(&me).map(|(_, tree)| tree.root());
                let roll = roll.unwrap_or_else(|| HeadTree::default().root());
                let welcome = Welcome { epoch, position, end, at: now, yours, roll };
                self.node(name).handle(now, Input::Received(Message::Welcome(welcome)));
            }
            Message::Push(envelopes) => {
                let mut stored = Vec::new();
                for envelope in envelopes {
                    let signed = crate::envelope::SignedEnvelope::from_bytes(envelope.0.clone())
                        .expect("nodes push envelopes");
                    stored.push(signed.claimed_id());
                    if !self.post.iter().any(|(_, known)| *known == envelope) {
                        self.post.push((signed.claimed_header().author, envelope));
                    }
                }
                let taken = Message::Taken { stored, refused: Vec::new() };
                self.node(name).handle(now, Input::Received(taken));
            }
            Message::Holding { chains, .. } => {
                let ends: Vec<ChainEnd> =
                    chains.iter().map(|end| self.end_of(&end.author, end.scope)).collect();
                let behind = |(end, held): &(ChainEnd, &ChainEnd)| end.seq < held.seq;
                let chains = ends.into_iter().zip(&chains).filter(behind);
                let chains = chains.map(|(end, _)| end).collect();
                let lacking = Message::Lacking { chains, certificates: Vec::new(), others: false };
                self.node(name).handle(now, Input::Received(lacking));
            }
            Message::Roll(update) => {
                self.rolls_said.push((me, update.whole, update.shares.len()));
                let before = self.rolls.remove(&me).filter(|_| !update.whole);
                let mut tree = before.map(|(_, tree)| tree).unwrap_or_default();
                tree.set(update.shares);
                assert_eq!(tree.root(), update.roll.root, "a roll covers what the relay has then");
                self.rolls.insert(me, (update.roll, tree));
                let names: Vec<_> = self.online.keys().copied().collect();
                for other in names {
                    if let Some(word) = self.word(&me, other) {
                        // A real relay's feed comes first as well.
                        self.exchange(other);
                        let heads = Input::Received(Message::Heads(vec![word]));
                        self.node(other).handle(now, heads);
                    }
                }
            }
            Message::Refill => {
                let end = self.post.len() as u64;
                let items = (1..).zip(&self.post).map(|(position, (_, envelope))| FeedItem {
                    position,
                    envelope: envelope.clone(),
                });
                let items = items.collect();
                self.online.insert(name, self.post.len());
                let feed = Message::Feed { items, end };
                for message in [feed, Message::Refilled { position: end }] {
                    self.node(name).handle(now, Input::Received(message));
                }
            }
            _ => {}
        }
    }
}

fn record(patient: &str, id: &str, text: &str) -> ImportRecord {
    ImportRecord {
        subject: Subject::Patient(patient.into()),
        key: RecordKey { kind: "Observation".into(), id: id.into() },
        header: RecordHeader {
            care_date: Some(20_240_131),
            source: "fhir".into(),
            full_url: None,
            received: Timestamp(1),
            by: "s1".into(),
        },
        content: content_digest(text.as_bytes()),
        raw: text.as_bytes().to_vec(),
    }
}

fn import(records: Vec<ImportRecord>) -> Command {
    Command::Import { records }
}

fn staff(id: &str) -> Staff {
    Staff(id.into())
}

fn local(id: &str) -> Who {
    Who::Local(id.into())
}
