//! Stories about the relay, told with the memory store, virtual time and a fixed sequence of random numbers.

mod access;
mod blobs;
mod chain;
mod common;
mod disk;
mod enrolment;
mod feed;
mod fuzz;
mod greet;
mod heads;
mod holding;
mod lanes;
mod refill;
mod renew;
mod rotten;
mod snapshot;
mod suspend;
mod time;
mod walk;

use std::collections::{BTreeMap, BTreeSet};

use azalea_core::access::{Access, ScopeKind, Statement, created_scope};
use azalea_core::document::DocumentId;
use azalea_core::envelope::{Body, Chain, Draft as EnvelopeDraft, Formats, SignedEnvelope, seal};
use azalea_core::id::{DeviceId, EnvelopeId, FacilityId, GrantId, RelayEpoch, ScopeId, Timestamp};
use azalea_core::identity::{
    AgreementKeypair, Certificate, Cutoff, Device, Facility, FacilityKind, Identity, Rights,
    Signed, SigningKeypair, Subject, Validity,
};
use azalea_core::keys::ScopeKey;
use azalea_core::storage::{Batch, Memory, StorageError, Store};
use azalea_core::sync::message::{
    Bytes, Cursor, Goodbye, Hello, Message, NotAdmitted, Refusal, RefusalCause, Welcome,
};
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::tables;
use super::*;

const YEAR_MS: u64 = 365 * 24 * 60 * 60 * 1_000;

/// A relay, its disk, and everybody who talks to it.
struct World {
    now: Timestamp,
    rng: StdRng,
    store: Memory,
    mailbox: Mailbox,
    root: SigningKeypair,
    relay: SigningKeypair,
    registrar: SigningKeypair,
    /// Log positions whose page cannot be read.
    unreadable: BTreeSet<u64>,
    /// While set, commits fail with it.
    failure: Option<StorageError>,
    /// While set, what the disk is asked waits.
    held: Option<Vec<Effect>>,
    sent: BTreeMap<SessionId, Vec<Message>>,
    closed: BTreeMap<SessionId, Goodbye>,
    done: BTreeMap<RequestId, RequestResult>,
    notices: Vec<Notice>,
    next: u64,
}

/// A facility with one device.
struct Member {
    facility: SigningKeypair,
    device: SigningKeypair,
    agreement: AgreementKeypair,
    chains: BTreeMap<ScopeId, Chain>,
    session: SessionId,
}

impl World {
    fn new() -> Self {
        let mut rng = StdRng::seed_from_u64(7);
        let [root, facility, relay, registrar] =
            std::array::from_fn(|_| SigningKeypair::generate(&mut rng));
        let agreement = AgreementKeypair::generate(&mut rng);
        let now = Timestamp(1_800_000_000_000);
        let genesis = Genesis {
            root: &root,
            name: "協議会",
            facility: &facility,
            device: &relay,
            agreement: &agreement,
            registrar: &registrar,
            epoch: RelayEpoch([9; 16]),
            valid_ms: 10 * YEAR_MS,
            statement_interval_ms: 60_000,
        };
        let mut store = Memory::new();
        store.commit(&genesis.rows(now).unwrap()).unwrap();
        let mailbox = open(&store, now, &relay, &registrar);
        Self {
            now,
            rng,
            store,
            mailbox,
            root,
            relay,
            registrar,
            unreadable: BTreeSet::new(),
            failure: None,
            held: None,
            sent: BTreeMap::new(),
            closed: BTreeMap::new(),
            done: BTreeMap::new(),
            notices: Vec::new(),
            next: 0,
        }
    }

    /// Ends the process and starts it again on what the disk has.
    fn restart(&mut self) {
        self.mailbox = open(&self.store, self.now, &self.relay, &self.registrar);
    }

    fn input(&mut self, input: Input) {
        self.mailbox.handle(self.now, &mut self.rng, input);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(effect) = self.mailbox.poll() {
            match effect {
                Effect::Send { session, message } => {
                    self.sent.entry(session).or_default().push(message);
                }
                Effect::Close { session, goodbye } => {
                    self.closed.insert(session, goodbye);
                }
                Effect::Done { id, result } => {
                    self.done.insert(id, result);
                }
                Effect::Notice(notice) => self.notices.push(notice),
                effect @ (Effect::Store { .. } | Effect::Load { .. }) => match &mut self.held {
                    Some(held) => held.push(effect),
                    None => self.disk(effect),
                },
            }
        }
    }

    /// Lets the disk do what it was asked.
    fn disk(&mut self, effect: Effect) {
        let answer = match effect {
            Effect::Store { id, batch } => {
                let result = match &self.failure {
                    Some(failure) => Err(failure.clone()),
                    None => self.store.commit(&batch),
                };
                Input::Stored { id, result }
            }
            Effect::Load { id, query } => {
                let disk = rotten::Pages { rows: &self.store, unreadable: &self.unreadable };
                Input::Loaded { id, result: run(&disk, &query) }
            }
            _ => return,
        };
        self.mailbox.handle(self.now, &mut self.rng, answer);
    }

    fn release(&mut self) {
        for effect in self.held.take().into_iter().flatten() {
            self.disk(effect);
        }
        self.drain();
    }

    fn wait(&mut self, ms: u64) {
        self.now = self.now.plus_ms(ms);
        self.input(Input::Tick);
    }

    fn request(&mut self, request: Request) -> RequestResult {
        self.next += 1;
        let id = RequestId(self.next);
        self.input(Input::Request { id, request });
        self.done.remove(&id).expect("an answer")
    }

    /// A facility that is certified and not connected.
    fn member(&mut self, kind: FacilityKind) -> Member {
        let member = self.stranger();
        let certificates = vec![member.facility_certificate(self, kind), member.certificate(self)];
        self.request(Request::Publish(certificates)).unwrap();
        member
    }

    /// Somebody with keys and no certificate.
    fn stranger(&mut self) -> Member {
        Member {
            facility: SigningKeypair::generate(&mut self.rng),
            device: SigningKeypair::generate(&mut self.rng),
            agreement: AgreementKeypair::generate(&mut self.rng),
            chains: BTreeMap::new(),
            session: SessionId(0),
        }
    }

    fn network(&self) -> azalea_core::id::NetworkId {
        self.root.public().network_id()
    }

    /// A connection of this device that has said nothing yet.
    fn open(&mut self, member: &mut Member) -> SessionId {
        self.next += 1;
        member.session = SessionId(self.next);
        self.input(Input::Opened { session: member.session, key: member.device.public() });
        member.session
    }

    fn connect(&mut self, member: &mut Member, cursor: Option<Cursor>) -> Option<Welcome> {
        self.connect_wanting(member, cursor, false)
    }

    fn connect_wanting(
        &mut self,
        member: &mut Member,
        cursor: Option<Cursor>,
        want_own: bool,
    ) -> Option<Welcome> {
        let session = self.open(member);
        let device = member.id();
        let network = self.network();
        let hello = Hello { network, device, cursor, want_own, at: self.now };
        self.say(member, Message::Hello(hello));
        self.sent.get_mut(&session)?.iter().find_map(|message| match message {
            Message::Welcome(welcome) => Some(welcome.clone()),
            _ => None,
        })
    }

    fn say(&mut self, member: &Member, message: Message) {
        self.input(Input::Received { session: member.session, message });
    }

    /// Pushes and returns what was stored and refused.
    fn push(&mut self, member: &Member, envelopes: &[&[u8]]) -> (Vec<EnvelopeId>, Vec<Refusal>) {
        let pushed = envelopes.iter().map(|bytes| Bytes(bytes.to_vec())).collect();
        self.say(member, Message::Push(pushed));
        self.taken(member)
    }

    fn push_all(&mut self, member: &Member, envelopes: &[SignedEnvelope]) {
        let bytes: Vec<&[u8]> = envelopes.iter().map(SignedEnvelope::as_bytes).collect();
        let (stored, refused) = self.push(member, &bytes);
        assert_eq!(refused, []);
        assert_eq!(stored.len(), envelopes.len());
    }

    /// Takes the acknowledgements that have come for a member.
    fn taken(&mut self, member: &Member) -> (Vec<EnvelopeId>, Vec<Refusal>) {
        let (mut all_stored, mut all_refused) = (Vec::new(), Vec::new());
        let sent = self.sent.entry(member.session).or_default();
        sent.retain(|message| match message {
            Message::Taken { stored, refused } => {
                all_stored.extend(stored);
                all_refused.extend(refused.clone());
                false
            }
            _ => true,
        });
        (all_stored, all_refused)
    }

    /// Takes the feed items that have come for a member, and confirms them.
    fn fed(&mut self, member: &Member) -> Vec<(u64, EnvelopeId)> {
        let mut items = Vec::new();
        loop {
            let sent = std::mem::take(self.sent.entry(member.session).or_default());
            let before = items.len();
            for message in sent {
                if let Message::Feed { items: some, .. } = message {
                    items.extend(some.iter().map(|item| {
                        let bytes = item.envelope.0.as_slice();
                        (item.position, SignedEnvelope::from_bytes(bytes).unwrap().claimed_id())
                    }));
                }
            }
            if items.len() == before {
                return items;
            }
            let position = items.last().unwrap().0;
            self.say(member, Message::Seen { position });
        }
    }

    fn fed_ids(&mut self, member: &Member) -> Vec<EnvelopeId> {
        self.fed(member).into_iter().map(|(_, id)| id).collect()
    }

    /// The newest position of a member's feed.
    fn feed_end(&self, member: &Member) -> u64 {
        let state = &self.mailbox.state;
        state.feed_end(state.numbers[&member.id()])
    }

    fn refused(&self, cause: &str) -> u64 {
        self.mailbox.counters.refused.get(cause).copied().unwrap_or(0)
    }
}

impl Member {
    fn id(&self) -> DeviceId {
        self.device.public().device_id()
    }

    fn facility_id(&self) -> FacilityId {
        self.facility.public().facility_id()
    }

    fn facility_certificate(&self, world: &World, kind: FacilityKind) -> Certificate {
        let facility = Facility {
            network: world.network(),
            key: self.facility.public(),
            code: "4010001".into(),
            name: "施設".into(),
            kana: "シセツ".into(),
            english: "Facility".into(),
            kind,
            rights: Rights { disclose: kind == FacilityKind::Hospital, view: true },
            validity: Validity::lasting(world.now, YEAR_MS),
            registrar: world.registrar.public(),
        };
        Certificate::Facility(Signed::sign(facility, &world.registrar).unwrap())
    }

    fn certificate(&self, world: &World) -> Certificate {
        let identity = Identity {
            network: world.network(),
            facility: self.facility_id(),
            facility_key: None,
            device: self.device.clone(),
            agreement: self.agreement.clone(),
        };
        let device = Device {
            facility: self.facility_id(),
            key: self.device.public(),
            agreement: self.agreement.public().clone(),
            possession: identity.possession(),
            label: "受付".into(),
            validity: Validity::lasting(world.now, YEAR_MS),
        };
        Certificate::Device(Signed::sign(device, &self.facility).unwrap())
    }

    /// The next envelope of this device's chain in a scope.
    fn seal(&mut self, world: &World, scope: ScopeId, body: &Body) -> SignedEnvelope {
        let chain = self.chains.entry(scope).or_default();
        let (seq, previous) = chain.next();
        let epoch = u32::from(!matches!(body, Body::Statement(_)));
        let draft = EnvelopeDraft {
            network: world.network(),
            scope,
            seq,
            previous,
            epoch,
            at: world.now,
            formats: Formats::default(),
        };
        let key = ScopeKey::from([7; 32]);
        let sealed = seal(draft, body, (epoch > 0).then_some(&key), &self.device).unwrap();
        chain.follow(sealed.claimed_header());
        sealed
    }

    fn say(&mut self, world: &World, scope: ScopeId, statement: Statement) -> SignedEnvelope {
        self.seal(world, scope, &Body::Statement(statement))
    }

    fn write(&mut self, world: &World, scope: ScopeId, changes: &[u8]) -> SignedEnvelope {
        let body = Body::Document { document: DocumentId::Profile, changes: changes.to_vec() };
        self.seal(world, scope, &body)
    }

    fn create(&mut self, world: &World, kind: ScopeKind, nonce: u8) -> (ScopeId, SignedEnvelope) {
        let (owner, nonce) = (self.facility_id(), [nonce; 16]);
        let scope = created_scope(kind, &owner, &nonce);
        (scope, self.say(world, scope, Statement::Create { kind, owner, nonce }))
    }

    fn grant(
        &mut self,
        world: &World,
        scope: ScopeId,
        to: &Member,
        access: Access,
        tick: u64,
    ) -> SignedEnvelope {
        let statement = Statement::Grant {
            grant: GrantId([1; 16]),
            facility: to.facility_id(),
            access,
            from: world.now,
            until: None,
            consent: None,
            tick,
        };
        self.say(world, scope, statement)
    }

    fn revoke(
        &mut self,
        world: &World,
        scope: ScopeId,
        whom: &Member,
        accepted: Vec<Cutoff>,
        tick: u64,
    ) -> SignedEnvelope {
        let (facility, at) = (whom.facility_id(), world.now);
        let revoke = Statement::Revoke { facility, consent: None, at, accepted, tick };
        self.say(world, scope, revoke)
    }
}

fn open(
    store: &Memory,
    now: Timestamp,
    relay: &SigningKeypair,
    registrar: &SigningKeypair,
) -> Mailbox {
    Mailbox::open(store, now, relay.clone(), [registrar.clone()], Limits::default()).unwrap()
}

fn ids(envelopes: &[SignedEnvelope]) -> Vec<EnvelopeId> {
    envelopes.iter().map(SignedEnvelope::claimed_id).collect()
}

/// A hospital with a chart that a clinic may read; both are connected and have caught up.
fn hospital_and_clinic() -> (World, Member, Member, ScopeId) {
    let mut world = World::new();
    let mut hospital = world.member(FacilityKind::Hospital);
    let mut clinic = world.member(FacilityKind::Clinic);
    world.connect(&mut hospital, None).unwrap();
    world.connect(&mut clinic, None).unwrap();
    let (chart, created) = hospital.create(&world, ScopeKind::Chart, 1);
    let grant = hospital.grant(&world, chart, &clinic, Access::READ, 1);
    world.push_all(&hospital, &[created, grant]);
    world.fed(&hospital);
    world.fed(&clinic);
    (world, hospital, clinic, chart)
}
