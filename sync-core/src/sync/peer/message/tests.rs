//! Messages have one binary form, and whatever the other side sends is a message or a refusal.

use super::*;
use crate::corpus;
use crate::id::EnvelopeId;
use crate::sync::message::NotAdmitted;
use crate::sync::peer::Reach;
use crate::sync::reconcile::{Bound, Content};

fn samples() -> Vec<(Message, String)> {
    let scope = ScopeId([0x22; 16]);
    let reach =
        Reach { author: DeviceId([0x44; 16]), seq: 3, id: EnvelopeId([0x55; 32]), ahead: vec![5] };
    let reach_hex =
        format!("{}0000000000000003{}000000010000000000000005", "44".repeat(16), "55".repeat(32));
    let named = Named { scope, vector: vec![reach] };
    let named_hex = format!("{}00000001{reach_hex}", "22".repeat(16));
    let front = Bound::between(&ScopeId([0x10; 16]), &ScopeId([0x20; 16]));
    let turn = Turn {
        ranges: vec![
            Range { upto: front, content: Content::Settled },
            Range {
                upto: Bound::between(&ScopeId([0x20; 16]), &ScopeId([0x21; 16])),
                content: Content::Print(Print([0x66; 8])),
            },
            Range { upto: Bound::End, content: Content::List(vec![Print([0x77; 8])]) },
        ],
        asks: vec![Print([0x88; 8])],
        offers: vec![named.clone()],
        answers: vec![Answer::Holds(named), Answer::Closed(scope)],
        more: true,
    };
    let turn_hex = format!(
        "0121\
         0000000301202121{}4001{}\
         00000001{}\
         00000001{named_hex}\
         0000000200{named_hex}01{}\
         01",
        "66".repeat(8),
        "77".repeat(8),
        "88".repeat(8),
        "22".repeat(16)
    );
    vec![
        (
            Message::Hello(Hello {
                network: NetworkId([0x11; 32]),
                device: DeviceId([0x44; 16]),
                nonce: [0x99; 32],
                at: Timestamp(6),
            }),
            format!(
                "0120{}{}{}0000000000000006",
                "11".repeat(32),
                "44".repeat(16),
                "99".repeat(32)
            ),
        ),
        (Message::Turn(turn), turn_hex),
        (Message::Turn(Turn::default()), format!("0121{}00", "00000000".repeat(4))),
        (Message::Envelopes(vec![Bytes(vec![0xcc])]), "01220000000100000001cc".into()),
        (Message::Held { count: 2 }, "01230000000000000002".into()),
        (Message::End { count: 3 }, "01240000000000000003".into()),
        (Message::Goodbye(Goodbye::NotAdmitted(NotAdmitted::Revoked)), "01250100000004".into()),
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
fn neither_session_takes_a_message_of_the_other() {
    for (message, _) in samples() {
        assert!(crate::sync::message::Message::from_bytes(&message.to_bytes()).is_err());
    }
    let relays = crate::sync::message::Message::Seen { position: 1 };
    assert!(Message::from_bytes(&relays.to_bytes()).is_err());
}

#[test]
fn what_is_out_of_order_is_refused() {
    let (message, _) = samples().swap_remove(1);
    let Message::Turn(turn) = message else { panic!("a turn") };
    let mut ranges = turn.clone();
    ranges.ranges.swap(0, 1);
    let refused = Message::from_bytes(&Message::Turn(ranges).to_bytes());
    assert_eq!(refused, Err(WireError::Invalid { field: "ranges" }));
    let mut authors = turn.clone();
    let again = authors.offers[0].vector[0].clone();
    authors.offers[0].vector.push(again);
    let refused = Message::from_bytes(&Message::Turn(authors).to_bytes());
    assert_eq!(refused, Err(WireError::Invalid { field: "vector" }));
    let mut ahead = turn;
    ahead.offers[0].vector[0].ahead = vec![3];
    let refused = Message::from_bytes(&Message::Turn(ahead).to_bytes());
    assert_eq!(refused, Err(WireError::Invalid { field: "ahead" }));
}

#[test]
fn whatever_the_other_side_sends_is_a_message_or_a_refusal() {
    fn check(bytes: &[u8]) {
        if let Ok(message) = Message::from_bytes(bytes) {
            assert_eq!(message.to_bytes(), bytes, "one value, one form");
        }
    }
    let samples: Vec<Vec<u8>> = samples().iter().map(|(message, _)| message.to_bytes()).collect();
    let names: Vec<String> = (0..samples.len()).map(|at| format!("{at:02}")).collect();
    let named = names.iter().map(String::as_str).zip(samples.iter().cloned());
    corpus::hold("src/sync/peer/message", "peer_message", named);
    bolero::check!(name = "peer_message").with_iterations(10_000).for_each(check);
    bolero::check!(name = "peer_message_damaged")
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
