//! Two replicas without a relay between them.

use std::collections::VecDeque;

use super::stories::disclosed;
use super::suspend::fork;
use super::*;
use crate::id::ScopeId;
use crate::replica::PeerError;
use crate::replica::peer::Recipient;
use crate::sync::peer::{
    self, Effect as PeerEffect, Failure, Input as PeerInput, Message as PeerMessage, Role, Session,
    Summary,
};
use crate::wire::Wire;

/// What a session of two came to, and all that went over the line between them.
pub(super) struct Met {
    ended: [Result<Summary, Failure>; 2],
    line: Vec<Vec<u8>>,
}

impl Met {
    pub(super) fn summary(&self) -> Summary {
        let [caller, _] = &self.ended;
        (*caller).expect("the session finished")
    }

    /// Whether a scope is named anywhere on the line, but for the envelopes themselves.
    fn names(&self, scope: &ScopeId) -> bool {
        self.line.iter().any(|bytes| {
            let envelopes = matches!(PeerMessage::from_bytes(bytes), Ok(PeerMessage::Envelopes(_)));
            !envelopes && bytes.windows(ScopeId::LEN).any(|it| it == scope.as_bytes())
        })
    }
}

fn begin(
    region: &Region,
    me: &'static str,
    with: &'static str,
    role: Role,
) -> Result<Session, PeerError> {
    let device = region.nodes[with].identity.device_id();
    region.nodes[me].replica.meet(&device, role, [me.len() as u8; 32], region.now)
}

/// Lets `caller` have a session with `answerer`.
pub(super) fn meet(region: &mut Region, caller: &'static str, answerer: &'static str) -> Met {
    region.now = region.now.plus_ms(1_000);
    let names = [caller, answerer];
    let mut sides = [
        begin(region, caller, answerer, Role::Caller).expect("in good order"),
        begin(region, answerer, caller, Role::Answerer).expect("in good order"),
    ];
    let mut inputs = VecDeque::from([(0, PeerInput::Connected), (1, PeerInput::Connected)]);
    let mut ended = [None, None];
    let mut line = Vec::new();
    while let Some((at, input)) = inputs.pop_front() {
        let now = region.now;
        sides[at].handle(&region.nodes[names[at]].replica, now, input);
        while let Some(effect) = sides[at].poll() {
            let node = region.node(names[at]);
            match effect {
                PeerEffect::Send(message) => {
                    let bytes = message.to_bytes();
                    inputs.push_back((1 - at, PeerInput::Received(message)));
                    line.push(bytes);
                }
                PeerEffect::Find { stretches, partings } => {
                    let with = region.facility(names[1 - at]);
                    let node = region.node(names[at]);
                    let network = node.identity.network;
                    let mut found = peer::placed(&node.disk, &network, &stretches).expect("memory");
                    for (scope, number) in partings {
                        let more = peer::partings(&node.disk, scope, number, &with);
                        found.extend(more.expect("memory"));
                    }
                    inputs.push_back((at, PeerInput::Found(found)));
                }
                PeerEffect::Read { places, bytes_max } => {
                    let (envelopes, taken) =
                        peer::envelopes(&node.disk, &places, bytes_max).expect("memory");
                    inputs.push_back((at, PeerInput::Read { envelopes, taken }));
                }
                PeerEffect::Take(envelopes) => {
                    let receive = Command::Receive { envelopes };
                    node.command(now, receive).expect("it is taken in");
                    inputs.push_back((at, PeerInput::Taken));
                }
                PeerEffect::Finished(summary) => ended[at] = Some(Ok(summary)),
                PeerEffect::Failed(failure) => ended[at] = Some(Err(failure)),
            }
        }
    }
    Met { ended: ended.map(|it| it.expect("it comes to an end")), line }
}

fn scopes(region: &Region, of: &'static str, kind: ScopeKind) -> Vec<ScopeId> {
    let scopes = View::new(&region.nodes[of].disk).scopes().expect("a sound store");
    let kind = |scope: &crate::view::ScopeEntry| {
        scope.access.as_ref().is_some_and(|access| access.kind() == kind)
    };
    scopes.into_iter().filter(kind).map(|scope| scope.id).collect()
}

fn note(region: &Region, from: &'static str, text: &str) -> Command {
    let patient = Who::Network(region.nodes[from].patients()[0]);
    let edit = NoteEdit { text: Some(text.into()), ..NoteEdit::default() };
    Command::EditNote { patient, note: None, edit, by: staff("s2") }
}

fn alone(seed: u64) -> Region {
    let mut region = disclosed(seed);
    for name in ["hospital", "clinic", "pharmacy"] {
        region.cut(name);
    }
    region
}

#[test]
fn two_replicas_that_no_relay_joins_end_with_the_same() {
    let mut region = alone(31);
    let write = note(&region, "clinic", "食欲もどる");
    region.command("clinic", write).expect("a note");
    region.command("hospital", import(vec![record("p1", "o3", "new")])).expect("an import");
    let met = meet(&mut region, "clinic", "hospital");
    let summary = met.summary();
    assert!(summary.sent >= 1 && summary.received >= 1, "{summary:?}");
    assert_eq!(region.nodes["hospital"].notes(), ["食欲もどる"]);
    assert_eq!(region.nodes["clinic"].visible(), region.nodes["hospital"].visible());
    assert_eq!(region.nodes["clinic"].records(), 3);

    // Once more nothing moves, and after a restart neither: digests follow from the rows.
    for name in ["clinic", "hospital"] {
        region.node(name).restart();
    }
    let again = meet(&mut region, "hospital", "clinic").summary();
    assert_eq!((again.sent, again.received, again.differed), (0, 0, 0));

    // When the relay is back it gets everything once, from whoever wrote it.
    for name in ["hospital", "clinic", "pharmacy"] {
        region.connect(name);
    }
    region.run();
    for name in ["hospital", "clinic"] {
        assert_eq!(region.nodes[name].status().unsent, 0);
        assert_eq!(region.nodes[name].records(), 3);
        assert_eq!(region.nodes[name].notes().len(), 1);
    }
}

#[test]
fn a_scope_that_the_other_may_not_read_is_not_even_named() {
    let mut region = alone(32);
    region.command("hospital", import(vec![record("p2", "o9", "secret")])).expect("an import");
    let met = meet(&mut region, "pharmacy", "hospital");
    assert_eq!(met.summary().differed, 0);
    for kind in [ScopeKind::Chart, ScopeKind::Care, ScopeKind::Office] {
        let scopes = scopes(&region, "hospital", kind);
        assert!(scopes.iter().all(|scope| !met.names(scope)), "{kind:?}");
    }
    // Nor what the hospital and the clinic tell each other.
    let [hospital, clinic] =
        ["hospital", "clinic"].map(|name| region.nodes[name].identity.device_id());
    let network = region.nodes["hospital"].identity.network;
    assert!(!met.names(&crate::access::pair_scope(&network, &hospital, &clinic)));
    assert_eq!(region.nodes["pharmacy"].records(), 0);

    // Between two that may read, the same look finds it.
    let chart = *scopes(&region, "clinic", ScopeKind::Chart).first().expect("a chart");
    region.command("hospital", import(vec![record("p1", "o3", "new")])).expect("an import");
    assert!(meet(&mut region, "clinic", "hospital").names(&chart));
}

#[test]
fn a_withdrawal_reaches_whom_it_puts_out_without_a_relay_too() {
    let mut region = alone(33);
    let withdraw =
        Command::WithdrawConsent { patient: local("p1"), facilities: vec![], by: staff("s1") };
    region.command("hospital", withdraw).expect("a withdrawal");
    region.command("hospital", import(vec![record("p1", "o3", "later")])).expect("an import");
    let write = note(&region, "clinic", "あとから");
    region.command("clinic", write).expect("the clinic does not know yet");
    let met = meet(&mut region, "hospital", "clinic");
    assert!(met.summary().sent >= 1, "it is told");
    assert_eq!(region.nodes["clinic"].records(), 2, "and given nothing that came after");
    let charts = scopes(&region, "hospital", ScopeKind::Chart);
    let again = meet(&mut region, "clinic", "hospital");
    assert_eq!((again.summary().sent, again.summary().received), (0, 0));
    assert!(charts.iter().all(|chart| !again.names(chart)), "it knows now");
    let write = note(&region, "clinic", "もう一度");
    assert!(region.command("clinic", write).is_err(), "it writes no more there");
}

#[test]
fn what_arrives_twice_changes_nothing() {
    let mut region = alone(34);
    let write = note(&region, "clinic", "一度だけ");
    region.command("clinic", write).expect("a note");
    let hospital = region.facility("hospital");
    let now = region.now;
    let clinic = &region.nodes["clinic"];
    let shared = clinic.replica.shared_with(&Recipient::Facility(hospital), now);
    let places = peer::whole(&shared);
    let network = clinic.identity.network;
    let places = peer::placed(&clinic.disk, &network, &places).expect("memory");
    let (envelopes, taken) = peer::envelopes(&clinic.disk, &places, usize::MAX).expect("memory");
    assert_eq!(taken, places.len());
    let receive = || Command::Receive { envelopes: envelopes.clone() };
    let first = region.command("hospital", receive()).expect("taken in");
    assert!(matches!(first, Outcome::Received { stored: 1.., .. }), "{first:?}");
    assert_eq!(region.nodes["hospital"].notes(), ["一度だけ"]);
    let status = region.nodes["hospital"].status();
    let disk = region.nodes["hospital"].disk.clone();
    let again = region.command("hospital", receive()).expect("taken in");
    assert_eq!(again, Outcome::Received { stored: 0, waiting: 0 });
    assert_eq!(region.nodes["hospital"].status(), status);
    assert!(region.nodes["hospital"].disk == disk, "not one row is another");

    // Where they can only wait, they wait once: the pharmacy knows nothing of that patient.
    region.command("pharmacy", receive()).expect("held");
    let waiting = region.nodes["pharmacy"].status().waiting;
    let again = region.command("pharmacy", receive()).expect("held");
    assert_eq!(again, Outcome::Received { stored: 0, waiting: 0 });
    assert_eq!(region.nodes["pharmacy"].status().waiting, waiting);
}

/// What comes in one handful has its signatures verified together: a forged one among it takes nothing from its neighbours.
#[test]
fn forged_envelopes_in_a_handful_change_nothing_for_the_others() {
    let given = |is_forged: bool| {
        let mut region = alone(38);
        for text in ["一", "二", "三", "四", "五"] {
            let write = note(&region, "clinic", text);
            region.command("clinic", write).expect("a note");
        }
        let hospital = region.facility("hospital");
        let clinic = &region.nodes["clinic"];
        let shared = clinic.replica.shared_with(&Recipient::Facility(hospital), region.now);
        let network = clinic.identity.network;
        let places = peer::placed(&clinic.disk, &network, &peer::whole(&shared)).expect("memory");
        let (whole, _) = peer::envelopes(&clinic.disk, &places, usize::MAX).expect("memory");
        let mut envelopes = Vec::new();
        for envelope in whole {
            if is_forged {
                // Another time of the author's, which it never signed.
                let mut forged = envelope.clone();
                forged[132] ^= 1;
                envelopes.push(forged);
            }
            envelopes.push(envelope);
        }
        let outcome = region.command("hospital", Command::Receive { envelopes });
        (
            outcome.expect("taken in"),
            region.nodes["hospital"].notes(),
            region.nodes["hospital"].status(),
        )
    };
    let (honest, forged) = (given(false), given(true));
    assert_eq!(honest.1.len(), 5);
    assert_eq!(honest, forged);
}

#[test]
fn a_contradiction_travels_between_replicas_too() {
    let mut region = alone(35);
    let (_, Bytes(contradiction)) = fork(&region);
    // The pharmacy's part is played by the hospital's twin: the clinic holds the other envelope of one number.
    region.command("clinic", Command::Receive { envelopes: vec![contradiction] }).expect("kept");
    let status = region.nodes["clinic"].status();
    assert_eq!(status.suspended.len(), 1, "{:?}", status.suspended);

    // To the hospital itself it says that its store has a twin, not that it should distrust itself.
    let (_, Bytes(contradiction)) = fork(&region);
    let receive = Command::Receive { envelopes: vec![contradiction] };
    region.command("hospital", receive).expect("kept");
    let status = region.nodes["hospital"].status();
    assert!(status.contradicted && status.suspended.is_empty());
}

#[test]
fn whoever_is_not_in_good_order_gets_no_session() {
    let region = alone(36);
    let refused = |with: DeviceId| {
        let met = region.nodes["clinic"].replica.meet(&with, Role::Caller, [0; 32], region.now);
        met.err()
    };
    assert_eq!(refused(DeviceId([7; 16])), Some(PeerError::Unknown));
    let me = region.nodes["clinic"].identity.device_id();
    assert_eq!(refused(me), Some(PeerError::Itself));
    assert_eq!(refused(region.nodes["hospital"].identity.device_id()), None);
}
