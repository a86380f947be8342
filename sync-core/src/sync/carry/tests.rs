//! A file is whole, or it is told what is wrong with it.

use super::*;
use crate::corpus;
use crate::id::{EnvelopeId, ScopeId};
use crate::sync::peer::Reach;

fn label() -> Label {
    Label {
        network: NetworkId([0x11; 32]),
        from: DeviceId([0x22; 16]),
        to: FacilityId([0x33; 16]),
        at: Timestamp(5),
    }
}

fn file(parts: &[Part]) -> Vec<u8> {
    let (mut composer, mut bytes) = Composer::begin(label());
    parts.iter().for_each(|part| bytes.extend(composer.frame(part)));
    bytes.extend(composer.end());
    bytes
}

fn sample() -> Vec<u8> {
    let author = DeviceId([0x44; 16]);
    let reach = Reach { author, seq: 3, id: EnvelopeId([0x55; 32]), ahead: vec![] };
    let named = Named { scope: ScopeId([0x66; 16]), vector: vec![reach] };
    let envelopes = |byte| Part::Envelopes(vec![Bytes(vec![byte]), Bytes(vec![byte; 2])]);
    file(&[Part::Holds(vec![named]), envelopes(0x77), envelopes(0x88)])
}

/// Reads a file as whoever has it does: its front, then frame by frame to its end.
fn read(bytes: &[u8]) -> Result<Vec<Part>, CarryError> {
    let (front, mut rest) = bytes.split_at(bytes.len().min(Checker::FRONT));
    let mut checker = Checker::begin(front)?;
    let mut parts = Vec::new();
    while let Some((length, more)) = rest.split_first_chunk::<4>() {
        let length = u32::from_be_bytes(*length) as usize;
        let Some((frame, more)) = more.split_at_checked(length) else { break };
        parts.push(checker.take(frame)?);
        rest = more;
    }
    match rest.is_empty() {
        true => checker.finish().map(|()| parts),
        false => Err(CarryError::Torn),
    }
}

#[test]
fn a_file_has_these_bytes_and_comes_apart_as_it_was_put_together() {
    let empty = file(&[]);
    let hex: String = empty[..empty.len() - 32].iter().map(|byte| format!("{byte:02x}")).collect();
    let label =
        format!("00{}{}{}0000000000000005", "11".repeat(32), "22".repeat(16), "33".repeat(16));
    let front: String = b"azalea carry\x01".iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, format!("{front}00000049{label}00000029030000000000000000"));
    assert_eq!(read(&empty).map(|parts| parts.len()), Ok(2));
    let parts = read(&sample()).expect("it is whole");
    assert_eq!(parts.len(), 5);
    assert_eq!(parts[0], Part::Label(self::label()));
    assert!(matches!(parts[4], Part::End { envelopes: 4, .. }));
}

#[test]
fn a_file_that_is_cut_off_anywhere_is_not_whole() {
    let bytes = sample();
    for cut in 1..bytes.len() {
        assert_eq!(read(&bytes[..cut]), Err(CarryError::Torn), "at {cut}");
    }
    assert_eq!(read(b""), Err(CarryError::Foreign));
    assert_eq!(read(b"{\"resourceType\":\"Bundle\"}"), Err(CarryError::Foreign));
}

#[test]
fn a_byte_that_differs_is_noticed() {
    let bytes = sample();
    for at in 0..bytes.len() {
        let mut bytes = bytes.clone();
        bytes[at] ^= 1;
        assert!(read(&bytes).is_err(), "at {at}");
    }
}

#[test]
fn parts_come_in_their_order_and_once() {
    let label = Part::Label(label());
    let wrong = Err(CarryError::Damaged("order of its parts"));
    assert_eq!(read(&file(&[label])), wrong);
    let envelopes = Part::Envelopes(vec![Bytes(vec![1])]);
    assert_eq!(read(&file(&[envelopes, Part::Holds(vec![])])), wrong);
    let mut twice = sample();
    twice.extend(&sample()[Checker::FRONT..]);
    assert_eq!(read(&twice), wrong);
}

#[test]
fn a_newer_file_asks_for_an_update() {
    let mut bytes = sample();
    bytes[12] = 2;
    let error = read(&bytes).expect_err("version 2 is not known");
    assert!(error.to_string().ends_with("update this program"), "{error}");
}

#[test]
fn whatever_lies_in_a_file_is_whole_or_refused() {
    fn check(bytes: &[u8]) {
        if let Ok(parts) = read(bytes) {
            let Part::Label(label) = &parts[0] else { panic!("the label comes first") };
            let (mut composer, mut again) = Composer::begin(label.clone());
            let inner = &parts[1..parts.len() - 1];
            inner.iter().for_each(|part| again.extend(composer.frame(part)));
            again.extend(composer.end());
            assert_eq!(again, bytes, "one value, one form");
        }
    }
    let samples = [("empty", file(&[])), ("sample", sample())];
    corpus::hold("src/sync/carry", "carry", samples.clone());
    bolero::check!(name = "carry").with_iterations(10_000).for_each(check);
    bolero::check!(name = "carry_damaged")
        .with_iterations(20_000)
        .with_type::<(bool, Vec<(u16, u8)>, Option<u16>)>()
        .for_each(|(which, changes, cut)| {
            let mut bytes = samples[usize::from(*which)].1.clone();
            for (at, value) in changes {
                let at = usize::from(*at) % bytes.len();
                bytes[at] = *value;
            }
            bytes.truncate(cut.map_or(bytes.len(), usize::from));
            check(&bytes);
        });
}
