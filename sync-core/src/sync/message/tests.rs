//! Messages have one binary form, and whatever a peer sends is a message or a refusal.

use super::*;
use crate::corpus;
use crate::id::FacilityId;
use crate::identity::SigningKeypair;
use crate::sync::heads::{HeadRoll, HeadShare, HeadTree, Tally};

fn samples() -> Vec<(Message, String)> {
    let signer = SigningKeypair::from_seed([7; 32]);
    let network = NetworkId([0x11; 32]);
    let tally = Tally { count: 3, sum: [1, 2, 3, 4] };
    let recipient = FacilityId([0x22; 16]);
    let share = HeadShare { salt: [0x23; 16], recipient, tally };
    let other = HeadShare { salt: [0x24; 16], recipient: FacilityId([0x25; 16]), tally };
    let tree = HeadTree::of([share.clone(), other.clone()]);
    let path = tree.share(&recipient).expect("it is in it").1;
    let roll = HeadRoll::sign(&network, Timestamp(5), tree.root(), &signer);
    let roll_hex: String = roll.to_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let sums = "0000000000000001000000000000000200000000000000030000000000000004";
    let share_hex = |salt: &str, to: &str| {
        format!("{}{}0000000000000003{sums}", salt.repeat(16), to.repeat(16))
    };
    let sibling = HeadTree::of([other.clone()]).root();
    let sibling: String = sibling.iter().map(|byte| format!("{byte:02x}")).collect();
    let known_hex = format!("{}000000000000000200000001{sibling}", share_hex("23", "22"));
    let update = HeadUpdate { roll: roll.clone(), whole: true, shares: vec![other] };
    let words = vec![
        HeadWord { roll: roll.clone(), share: Some((share, path)) },
        HeadWord { roll, share: None },
    ];
    let cursor = Cursor { epoch: RelayEpoch([0x33; 16]), position: 9 };
    let device = DeviceId([0x44; 16]);
    let id = EnvelopeId([0x55; 32]);
    let refusals = [
        (RefusalCause::Invalid, "000000000000000000"),
        (RefusalCause::Author, "010000000000000000"),
        (RefusalCause::Right, "020000000000000000"),
        (RefusalCause::Late, "030000000000000000"),
        (RefusalCause::Gap { expected: 2 }, "040000000000000002"),
        (RefusalCause::Fork, "050000000000000000"),
        (RefusalCause::Busy, "060000000000000000"),
        (RefusalCause::Suspended, "070000000000000000"),
        (RefusalCause::Newer, "080000000000000000"),
    ];
    let refused = refusals.iter().map(|(cause, _)| Refusal { id, cause: *cause }).collect();
    let refused_hex: String =
        refusals.iter().map(|(_, hex)| format!("{}{hex}", "55".repeat(32))).collect();
    let end = ChainEnd { scope: ScopeId([0x77; 16]), author: DeviceId([0x78; 16]), seq: 8, id };
    let end_hex =
        format!("{}{}0000000000000008{}", "77".repeat(16), "78".repeat(16), "55".repeat(32));
    let item = FeedItem { position: 1, envelope: Bytes(vec![0xaa, 0xbb]) };
    vec![
        (
            Message::Hello(Hello {
                network,
                device,
                cursor: Some(cursor),
                want_own: true,
                at: Timestamp(6),
            }),
            format!(
                "0300{}{}01{}0000000000000009010000000000000006",
                "11".repeat(32),
                "44".repeat(16),
                "33".repeat(16)
            ),
        ),
        (
            Message::Welcome(Welcome {
                epoch: cursor.epoch,
                position: 9,
                end: 10,
                at: Timestamp(6),
                yours: 7,
                roll: [0x34; 32],
            }),
            format!(
                "0301{}0000000000000009000000000000000a00000000000000060000000000000007{}",
                "33".repeat(16),
                "34".repeat(32)
            ),
        ),
        (Message::Push(vec![Bytes(vec![0xcc])]), "03020000000100000001cc".into()),
        (
            Message::Taken { stored: vec![id], refused },
            format!("030300000001{}00000009{refused_hex}", "55".repeat(32)),
        ),
        (
            Message::Feed { items: vec![item.clone()], end: 2 },
            "030400000001000000000000000100000002aabb0000000000000002".into(),
        ),
        (Message::Seen { position: 1 }, "03050000000000000001".into()),
        (Message::Roll(update), format!("0306{roll_hex}0100000001{}", share_hex("24", "25"))),
        (
            Message::Challenge { enc: vec![1], sealed: vec![2, 3] },
            "03080000000101000000020203".into(),
        ),
        (Message::Prove { nonce: [9; 32] }, format!("0309{}", "09".repeat(32))),
        (Message::Enrolled { certificates: Vec::new() }, "030a00000000".into()),
        (Message::Goodbye(Goodbye::Version { ours: 1 }), "010b0000000001".into()),
        (Message::Goodbye(Goodbye::Busy { retry_after_ms: 256 }), "010b0500000100".into()),
        (Message::Goodbye(Goodbye::NotAdmitted(NotAdmitted::Unknown)), "010b0100000000".into()),
        (Message::Goodbye(Goodbye::NotAdmitted(NotAdmitted::Revoked)), "010b0100000004".into()),
        (Message::Goodbye(Goodbye::NotAdmitted(NotAdmitted::Registrar)), "010b0100000005".into()),
        (Message::Goodbye(Goodbye::Closing), "010b0600000000".into()),
        (
            Message::Holding { chains: vec![end], certificates: vec![[0x66; 32]] },
            format!("030c00000001{end_hex}00000001{}", "66".repeat(32)),
        ),
        (
            Message::Lacking { chains: vec![end], certificates: Vec::new(), others: true },
            format!("030d00000001{end_hex}0000000001"),
        ),
        (Message::Certificates(Vec::new()), "030e00000000".into()),
        (Message::Heads(words), format!("030f00000002{roll_hex}01{known_hex}{roll_hex}00")),
        (Message::WantHead { publisher: device }, format!("0310{}", "44".repeat(16))),
        (Message::Refill, "0311".into()),
        (Message::Refilled { position: 7 }, "03120000000000000007".into()),
        (
            Message::Ahead { lane: Lane::Wanted, items: vec![item] },
            "03130100000001000000000000000100000002aabb".into(),
        ),
        (
            Message::Kept { held: vec![1, 2], left: vec![3] },
            "03140000000200000000000000010000000000000002000000010000000000000003".into(),
        ),
        (
            Message::First { scopes: vec![ScopeId([0x77; 16])] },
            format!("031500000001{}", "77".repeat(16)),
        ),
    ]
}

#[test]
fn every_message_has_these_bytes() {
    for (message, expected) in samples() {
        let bytes = message.to_bytes();
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, expected, "{message:?}");
        assert_eq!(Message::from_bytes(&bytes), Ok(message));
    }
}

#[test]
fn a_message_of_a_newer_version_asks_for_an_update() {
    let mut bytes = Message::Seen { position: 1 }.to_bytes();
    bytes[0] = 4;
    let error = Message::from_bytes(&bytes).expect_err("version 4 is not known");
    assert!(error.to_string().ends_with("update this program"), "{error}");
}

/// A program of the version before is told in words that it understands.
#[test]
fn an_older_version_is_named_and_answered_with_a_goodbye_of_its_own_form() {
    let mut bytes = Message::Seen { position: 1 }.to_bytes();
    bytes[0] = 2;
    let older = WireError::Version { field: "message", found: 2, known: 3 };
    assert_eq!(Message::from_bytes(&bytes), Err(older));
    let goodbye = Message::Goodbye(Goodbye::Version { ours: VERSION }).to_bytes();
    assert_eq!(goodbye, [1, 11, 0, 0, 0, 0, 3]);
    assert_eq!(Message::from_bytes(&goodbye), Ok(Message::Goodbye(Goodbye::Version { ours: 3 })));
}

#[test]
fn a_cause_that_carries_what_its_kind_does_not_is_refused() {
    let refusal = Refusal { id: EnvelopeId([1; 32]), cause: RefusalCause::Fork };
    let mut bytes = refusal.to_bytes();
    *bytes.last_mut().expect("not empty") = 1;
    assert_eq!(Refusal::from_bytes(&bytes), Err(WireError::Invalid { field: "refusal cause" }));
    for goodbye in ["0200000006", "0600000001"] {
        let bytes: Vec<u8> = goodbye
            .as_bytes()
            .chunks(2)
            .map(|two| {
                u8::from_str_radix(std::str::from_utf8(two).expect("digits"), 16).expect("hex")
            })
            .collect();
        assert_eq!(Goodbye::from_bytes(&bytes), Err(WireError::Invalid { field: "goodbye" }));
    }
}

#[test]
fn whatever_a_peer_sends_is_a_message_or_a_refusal() {
    fn check(bytes: &[u8]) {
        if let Ok(message) = Message::from_bytes(bytes) {
            assert_eq!(message.to_bytes(), bytes, "one value, one form");
        }
    }
    let samples: Vec<Vec<u8>> = samples().iter().map(|(message, _)| message.to_bytes()).collect();
    let names: Vec<String> = (0..samples.len()).map(|at| format!("{at:02}")).collect();
    let named = names.iter().map(String::as_str).zip(samples.iter().cloned());
    corpus::hold("src/sync/message", "message", named);
    bolero::check!(name = "message").with_iterations(10_000).for_each(check);
    bolero::check!(name = "message_damaged")
        .with_iterations(20_000)
        .with_type::<(u8, Vec<(u16, u8)>, Option<u16>)>()
        .for_each(|(which, changes, cut)| {
            let mut bytes = samples[usize::from(*which) % samples.len()].clone();
            for (at, value) in changes {
                let at = usize::from(*at) % bytes.len();
                bytes[at] = *value;
            }
            bytes.truncate(cut.map_or(bytes.len(), usize::from));
            check(&bytes);
        });
}
