//! Hostile changes: damaged bytes under a right checksum, and well-formed operations that point anywhere.
//!
//! Whatever arrives, Automerge must never fail on something that passed our checks (`ChangeError::Merge`), and
//! two replicas that get the same in another order must end alike.

use automerge::legacy::{ElementId, Key, ObjectId, Op, OpId, OpType};
use automerge::{ActorId, Change, ExpandedChange, ObjType, ScalarValue};

use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::changes::{self, columns};
use super::shape::Shape;
use super::*;
use crate::id::{DeviceId, FacilityId, Timestamp};

/// Everybody writes under a device of their own, so that each one's batches may come in any order.
const fn author(device: u8) -> Author {
    Author { device: DeviceId([device; 16]), facility: FacilityId([9; 16]) }
}

const HOSTILE: u8 = 4;

/// A note's beginning by device 1 and two edits made apart, by devices 2 and 3.
static SAMPLES: LazyLock<[Vec<u8>; 3]> = LazyLock::new(|| {
    let editor = |device| Editor { author: author(device), staff: "s".into() };
    let edit = |text: &str, pulse: &str| NoteEdit {
        title: Some(text.into()),
        text: Some(format!("熱はない。{text}")),
        vitals: [(Vital::Pulse, pulse.into())].into(),
        ..NoteEdit::default()
    };
    let (mut note, begun) =
        CareNote::create(&edit("one", "60"), &editor(1), Timestamp(1)).expect("a small note");
    let mut other = note.clone();
    let write = |note: &mut CareNote, text, pulse, device| {
        let made = note.edit(&edit(text, pulse), &editor(device), Timestamp(2));
        made.expect("a small edit").expect("it changes something")
    };
    let left = write(&mut note, "two", "", 2);
    let right = write(&mut other, "three", "61", 3);
    [begun, left, right]
});

/// The data of the samples as the hostile device would write it.
fn hostile_samples() -> Vec<Vec<u8>> {
    let rename = |sample: &Vec<u8>| {
        let mut data = data(sample).to_vec();
        let dependencies = usize::from(data[0]);
        let actor = 1 + dependencies * 32 + 1;
        data[actor..actor + 16].fill(HOSTILE);
        data
    };
    SAMPLES.iter().map(rename).collect()
}

/// The data of a change chunk, after its magic, checksum, type and length.
fn data(chunk: &[u8]) -> &[u8] {
    let length = chunk[9..].iter().take_while(|byte| **byte & 0x80 != 0).count() + 1;
    &chunk[9 + length..]
}

/// A chunk around data, with the checksum that it should have where the data can be read at all.
fn chunk(data: &[u8]) -> Vec<u8> {
    let mut chunk = vec![0x85, 0x6f, 0x4a, 0x83, 0, 0, 0, 0, 1];
    let mut len = data.len();
    while len >= 0x80 {
        chunk.push(u8::try_from(len & 0x7f).expect("seven bits") | 0x80);
        len >>= 7;
    }
    chunk.push(u8::try_from(len).expect("seven bits"));
    chunk.extend_from_slice(data);
    if columns::check(data).is_ok()
        && let Ok(change) = Change::try_from(chunk.as_slice())
    {
        chunk[4..8].copy_from_slice(&change.hash().0[..4]);
    }
    chunk
}

/// Applies what is hostile among good changes, in two orders; returns whether it was merged.
fn meet(hostile: &[u8]) -> bool {
    let [begun, left, right] = SAMPLES.each_ref().map(Vec::as_slice);
    let batches = [(1, begun), (2, left), (HOSTILE, hostile), (3, right)];
    let mut merged = false;
    let [mut first, mut second] = [CareNote::new(), CareNote::new()];
    for (device, batch) in batches {
        let applied = first.apply(&author(device), batch);
        assert_ne!(applied, Err(ChangeError::Merge), "Automerge failed on a checked change");
        if device == HOSTILE {
            merged = applied.is_ok_and(|applied| applied.merged > 0);
        } else {
            assert!(applied.is_ok());
        }
    }
    for (device, batch) in batches.into_iter().rev() {
        let applied = second.apply(&author(device), batch);
        assert_ne!(applied, Err(ChangeError::Merge), "in another order");
    }
    assert_eq!(first.view(), second.view());
    let restored = CareNote::load(&first.save()).expect("just saved");
    assert_eq!(restored.view(), first.view());
    merged
}

#[test]
fn the_samples_are_read_and_written_the_same() {
    for sample in SAMPLES.iter() {
        assert_eq!(chunk(data(sample)), *sample);
        assert_eq!(changes::read(sample).map(|read| read.len()), Ok(1));
    }
}

/// Which sample, and at which places which bytes replace how many.
type Damage = (u8, Vec<(u16, Vec<u8>, u8)>);

#[test]
fn fuzz_note_changes() {
    let samples = hostile_samples();
    let named = ["begun", "left", "right"].into_iter().zip(samples.iter().cloned());
    crate::corpus::hold("src/document", "note_changes", named);
    bolero::check!(name = "note_changes").with_iterations(2_000).for_each(|bytes: &[u8]| {
        let _ = changes::read(bytes);
        if changes::read(&chunk(bytes)).is_ok() {
            meet(&chunk(bytes));
        }
    });
    bolero::check!(name = "note_changes_damaged")
        .with_type::<Damage>()
        .with_iterations(250)
        .for_each(|(which, edits)| {
            let mut data = samples[usize::from(*which) % samples.len()].clone();
            for (at, bytes, replaced) in edits.iter().take(4) {
                let at = usize::from(*at) % (data.len() + 1);
                let end = (at + usize::from(*replaced % 4)).min(data.len());
                data.splice(at..end, bytes.iter().copied().take(4));
            }
            meet(&chunk(&data));
        });
}

/// Five small numbers choose an operation's object, place, predecessor, kind and value.
type Choice = (u8, u8, u8, u8, bool);

#[test]
fn fuzz_operations_that_point_anywhere() {
    let merged = AtomicUsize::new(0);
    bolero::check!(name = "operations")
        .with_type::<(u8, bool, Vec<Choice>)>()
        .with_iterations(250)
        .for_each(|(actor, strict, choices)| {
            if meet(&crafted(*actor, *strict, choices)) {
                merged.fetch_add(1, Ordering::Relaxed);
            }
        });
    let merged = merged.into_inner();
    assert!(merged > 0, "some crafted changes are sound, or nothing was tested");
}

/// A well-formed change on top of the beginning, whose references are drawn from what is and is not there.
///
/// A strict one leaves out each operation that our checks refuse, so that long sound ones reach Automerge.
fn crafted(actor: u8, strict: bool, choices: &[Choice]) -> Vec<u8> {
    let [begun, left, _] = SAMPLES.each_ref();
    let base = changes::read(begun).expect("sound").remove(0);
    let apart = changes::read(left).expect("sound").remove(0);
    let own = ActorId::from([[HOSTILE; 16].as_slice(), &[actor; 8]].concat());
    let first = base.change.max_op() + 1;
    let pool: Vec<OpId> = (base.change.start_op().get()..=base.change.max_op())
        .map(|counter| OpId::new(counter, base.change.actor_id()))
        .chain((first..first + 6).map(|counter| OpId::new(counter, &own)))
        .chain([OpId::new(first, apart.change.actor_id()), OpId::new(1, &own)])
        .collect();
    let pick = |at: u8| pool[usize::from(at) % pool.len()].clone();
    let fields = ["title", "kind", "text", "vitals", "pulse", "new"];
    let operation = |(object, place, replaced, kind, insert): &Choice| Op {
        obj: if object % 3 == 0 { ObjectId::Root } else { ObjectId::Id(pick(object / 3)) },
        key: match place % 4 {
            0 | 1 => Key::Map(fields[usize::from(place / 4) % fields.len()].into()),
            2 => Key::Seq(ElementId::Id(pick(place / 4))),
            _ => Key::Seq(ElementId::Head),
        },
        pred: match replaced % 3 {
            0 => Vec::new().into(),
            1 => vec![pick(replaced / 3)].into(),
            _ => vec![pick(replaced / 3), pick(replaced / 5)].into(),
        },
        action: match kind % 8 {
            0 => OpType::Make(ObjType::Map),
            1 => OpType::Make(ObjType::Text),
            2 => OpType::Make(ObjType::List),
            3 => OpType::Delete,
            4 => OpType::Increment(i64::from(*kind)),
            5 => OpType::Put(ScalarValue::Int(i64::from(*kind))),
            6 => OpType::Put(ScalarValue::counter(1)),
            _ => OpType::Put(ScalarValue::Str("字".into())),
        },
        insert: *insert,
    };
    let change = |operations: Vec<Op>| {
        let change = Change::from(ExpandedChange {
            operations,
            actor_id: own.clone(),
            hash: None,
            seq: 1,
            start_op: std::num::NonZeroU64::new(first).expect("counted from one"),
            time: 3,
            message: None,
            deps: vec![base.change.hash()],
            extra_bytes: Vec::new(),
            author: None,
        });
        change.raw_bytes().to_vec()
    };
    let is_sound = |operations: &[Op]| {
        let mut shape = Shape::default();
        shape.take(&base).expect("sound");
        let candidates = changes::read(&change(operations.to_vec()));
        candidates.is_ok_and(|read| read.iter().all(|candidate| shape.take(candidate).is_ok()))
    };
    let mut operations = Vec::new();
    for choice in choices.iter().take(if strict { 64 } else { 8 }) {
        operations.push(operation(choice));
        if strict && !is_sound(&operations) {
            operations.pop();
        }
    }
    change(operations)
}

/// A few bytes that claim a million operations, or texts repeated a million times.
#[test]
fn runs_that_would_fill_the_memory_are_refused() {
    for data in hostile_samples() {
        for at in 0..data.len() {
            let bomb = [&data[..at], &[0xff, 0xff, 0xff, 0xff, 0x07], &data[at + 1..]].concat();
            meet(&chunk(&bomb));
        }
    }
}
