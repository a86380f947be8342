//! Two people write in one note, together and apart.

use automerge::transaction::{CommitOptions, Transactable};
use automerge::{ActorId, Automerge, ObjType, ROOT, ReadDoc, ScalarValue};
use proptest::prelude::*;

use super::*;
use crate::id::{DeviceId, FacilityId};

fn author(device: u8) -> Author {
    Author { device: DeviceId([device; 16]), facility: FacilityId([device + 100; 16]) }
}

fn editor(device: u8) -> Editor {
    Editor { author: author(device), staff: format!("staff {device}") }
}

fn edit(text: &str) -> NoteEdit {
    NoteEdit { text: Some(text.into()), ..NoteEdit::default() }
}

fn titled(title: &str) -> NoteEdit {
    NoteEdit { title: Some(title.into()), ..NoteEdit::default() }
}

/// A note with some text on two replicas, and the changes that began it.
fn pair(text: &str) -> (CareNote, CareNote, Vec<u8>) {
    let (mine, changes) =
        CareNote::create(&edit(text), &editor(1), Timestamp(10)).expect("a small note");
    let mut theirs = CareNote::new();
    let applied = theirs.apply(&author(1), &changes).expect("just made");
    assert_eq!((applied.merged, applied.waiting), (1, 0));
    (mine, theirs, changes)
}

fn view(note: &CareNote) -> NoteView {
    note.view().expect("the note has begun")
}

fn write(note: &mut CareNote, edit: &NoteEdit, by: u8, at: u64) -> Vec<u8> {
    note.edit(edit, &editor(by), Timestamp(at))
        .expect("a small edit")
        .expect("it changes something")
}

#[test]
fn a_note_says_what_was_written_by_whom_and_when() {
    let edit = NoteEdit {
        kind: Some("handover".into()),
        title: Some("申し送り".into()),
        text: Some("夜間に発熱あり。".into()),
        vitals: [(Vital::Temperature, "38.0".into()), (Vital::Pulse, "96".into())].into(),
        ..NoteEdit::default()
    };
    let (note, changes) = CareNote::create(&edit, &editor(1), Timestamp(10)).expect("a small note");
    let mut reader = CareNote::new();
    assert_eq!(reader.view(), None);
    reader.apply(&author(1), &changes).expect("just made");
    let seen = view(&reader);
    assert_eq!(seen, view(&note));
    assert_eq!((seen.kind.as_str(), seen.title.as_str()), ("handover", "申し送り"));
    assert_eq!(seen.text, "夜間に発熱あり。");
    assert_eq!(seen.vitals[&Vital::Temperature], "38.0", "the lexeme is kept");
    assert_eq!((seen.author, seen.created), (editor(1), Timestamp(10)));
    assert!(!seen.corrected && !seen.cancelled && seen.conflicts.is_empty());
}

#[test]
fn edits_of_the_text_made_apart_both_survive() {
    let (mut mine, mut theirs, _) = pair("朝は平熱。食事は半量。");
    let one = write(&mut mine, &edit("朝は平熱(36.4)。食事は半量。"), 1, 20);
    let two = write(&mut theirs, &edit("朝は平熱。食事は半量。水分は十分。"), 2, 21);
    mine.apply(&author(2), &two).expect("theirs");
    theirs.apply(&author(1), &one).expect("mine");
    assert_eq!(view(&mine).text, "朝は平熱(36.4)。食事は半量。水分は十分。");
    assert_eq!(view(&mine), view(&theirs));
    assert!(view(&mine).conflicts.is_empty() && view(&mine).corrected);
}

#[test]
fn values_set_apart_are_shown_until_somebody_settles_them() {
    let (mut mine, mut theirs, _) = pair("");
    let high = NoteEdit::setting(Field::Vital(Vital::Systolic), "150");
    let low = NoteEdit::setting(Field::Vital(Vital::Systolic), "105");
    let one = write(&mut mine, &high, 1, 20);
    let two = write(&mut theirs, &low, 2, 21);
    mine.apply(&author(2), &two).expect("theirs");
    theirs.apply(&author(1), &one).expect("mine");
    let seen = view(&mine);
    assert_eq!(seen, view(&theirs));
    let [conflict] = seen.conflicts.as_slice() else { panic!("one conflict: {seen:?}") };
    assert_eq!(conflict.field, Field::Vital(Vital::Systolic));
    let mut values: Vec<(&str, &Editor)> =
        conflict.values.iter().map(|choice| (choice.value.as_str(), &choice.editor)).collect();
    values.sort_unstable();
    assert_eq!(values, [("105", &editor(2)), ("150", &editor(1))]);
    assert_eq!(seen.vitals[&Vital::Systolic], conflict.values[1].value, "the last one is shown");

    let settled = mine
        .resolve(conflict.field, "105", &editor(1), Timestamp(30))
        .expect("a small edit")
        .expect("a choice is a change even where it is the value shown");
    theirs.apply(&author(1), &settled).expect("mine");
    assert!(view(&theirs).conflicts.is_empty());
    assert_eq!(view(&theirs).vitals[&Vital::Systolic], "105");
}

#[test]
fn the_same_value_set_apart_is_no_disagreement() {
    let (mut mine, mut theirs, _) = pair("");
    let one = write(&mut mine, &titled("発熱"), 1, 20);
    let two = write(&mut theirs, &titled("発熱"), 2, 21);
    mine.apply(&author(2), &two).expect("theirs");
    theirs.apply(&author(1), &one).expect("mine");
    assert!(view(&mine).conflicts.is_empty());
    assert_eq!(view(&mine), view(&theirs));
}

/// Somebody opens the form, another edit arrives, then the form is saved: what arrived must not be undone.
#[test]
fn a_form_that_was_open_meanwhile_undoes_nothing() {
    let (mut mine, mut theirs, _) = pair("一行目。");
    let opened = view(&mine).heads;
    let arrived = write(&mut theirs, &edit("一行目。二行目。"), 2, 20);
    let retitled = write(&mut theirs, &titled("訪問"), 2, 21);
    mine.apply(&author(2), &[arrived, retitled].concat()).expect("theirs");
    let heads = opened.to_string().parse().expect("the form's hidden field");
    let form = NoteEdit {
        base: Some(heads),
        title: Some("往診".into()),
        text: Some("一行目(追記)。".into()),
        ..NoteEdit::default()
    };
    write(&mut mine, &form, 1, 30);
    let seen = view(&mine);
    assert_eq!(seen.text, "一行目(追記)。二行目。");
    assert_eq!(seen.conflicts.len(), 1, "both titles are shown: {seen:?}");
    assert!(mine.view_at(&opened).is_some_and(|view| view.text == "一行目。"));
}

#[test]
fn every_edit_stays_in_the_history() {
    let (mut note, _, _) = pair("a");
    write(&mut note, &edit("ab"), 1, 20);
    write(&mut note, &NoteEdit { cancelled: Some(true), ..NoteEdit::default() }, 2, 30);
    let history = note.history();
    let who: Vec<_> =
        history.iter().map(|revision| (revision.editor.clone(), revision.at)).collect();
    assert_eq!(
        who,
        [(editor(1), Timestamp(10)), (editor(1), Timestamp(20)), (editor(2), Timestamp(30))]
    );
    let texts: Vec<_> = history
        .iter()
        .filter_map(|revision| note.view_at(&revision.heads))
        .map(|view| (view.text, view.cancelled))
        .collect();
    assert_eq!(texts, [("a".into(), false), ("ab".into(), false), ("ab".into(), true)]);
}

#[test]
fn an_edit_that_arrives_before_what_it_builds_on_waits_also_in_the_store() {
    let (mut mine, _, begun) = pair("a");
    let first = write(&mut mine, &edit("ab"), 1, 20);
    let second = write(&mut mine, &edit("abc"), 1, 30);
    let mut late = CareNote::new();
    assert_eq!(late.apply(&author(1), &second).map(|applied| applied.waiting), Ok(1));
    assert_eq!(late.apply(&author(1), &begun).map(|applied| applied.waiting), Ok(1));
    assert_eq!((view(&late).text.as_str(), view(&late).waiting), ("a", 1));
    let mut restored = CareNote::load(&late.save()).expect("just saved");
    let applied = restored.apply(&author(1), &first).expect("what was missing");
    assert_eq!((applied.merged, applied.waiting), (2, 0));
    assert_eq!(view(&restored), view(&mine));
    let again = restored.apply(&author(1), &[begun, first, second].concat()).expect("known");
    assert_eq!((again.known, again.merged), (3, 0));
}

#[test]
fn an_edit_that_changes_nothing_makes_no_change() {
    let (mut note, _, _) = pair("a");
    for same in [edit("a"), titled(""), NoteEdit::default()] {
        assert_eq!(note.edit(&same, &editor(1), Timestamp(20)), Ok(None));
    }
    assert_eq!(note.history().len(), 1);
    let unknown = NoteEdit { base: Some(Heads(vec![automerge::ChangeHash([1; 32])])), ..edit("b") };
    assert_eq!(note.edit(&unknown, &editor(1), Timestamp(20)), Err(EditError::UnknownBase));
    assert_eq!(
        CareNote::new().edit(&edit("b"), &editor(1), Timestamp(20)),
        Err(EditError::NotBegun)
    );
}

/// A tablet is restored from yesterday's backup and edits again: with one actor per device its changes would
/// repeat numbers that others hold already, and nobody could merge them.
#[test]
fn a_device_restored_from_a_backup_can_go_on_writing() {
    let (mut mine, mut theirs, _) = pair("a");
    let backup = mine.save();
    let lost = write(&mut mine, &edit("ab"), 1, 20);
    theirs.apply(&author(1), &lost).expect("mine");
    let mut restored = CareNote::load(&backup).expect("just saved");
    let other = write(&mut restored, &edit("ax"), 1, 20);
    let applied = theirs.apply(&author(1), &other).expect("mine again");
    assert_eq!((applied.merged, applied.refused.len()), (1, 0));
    restored.apply(&author(1), &lost).expect("back from the relay");
    assert_eq!(view(&restored), view(&theirs));
}

#[test]
fn what_a_newer_program_wrote_is_kept_and_passed_on() {
    let (mut mine, mut theirs, _) = pair("a");
    let newer = mine
        .shared
        .edit(None, &editor(1), Timestamp(20), |transaction| {
            transaction.put(ROOT, "mood", "calm")?;
            let list = transaction.put_object(ROOT, "photos", ObjType::List)?;
            transaction.insert(&list, 0, 7)
        })
        .expect("a small edit")
        .expect("a change");
    theirs.apply(&author(1), &newer).expect("fields that are not known here");
    write(&mut theirs, &edit("ab"), 2, 30);
    let restored = CareNote::load(&theirs.save()).expect("just saved");
    let mood = restored.shared.document().get(ROOT, "mood").expect("a field");
    assert_eq!(mood.map(|(value, _)| value.to_string()), Some("\"calm\"".to_owned()));
    assert_eq!(view(&restored).text, "ab");
}

#[test]
fn changes_under_another_devices_name_are_refused() {
    let (_, mut theirs, _) = pair("a");
    let (_, forged) = CareNote::create(&edit("x"), &editor(1), Timestamp(20)).expect("small");
    assert_eq!(theirs.apply(&author(2), &forged), Err(ChangeError::Author));
    let check = |by| Contribution { author: author(by), changes: forged.clone() }.check();
    assert_eq!((check(2), check(1)), (Err(ChangeError::Author), Ok(())));
}

/// Makes changes with Automerge directly, as a hostile author could.
fn hostile(actor: &[u8], write: impl Fn(&mut automerge::transaction::Transaction<'_>)) -> Vec<u8> {
    let mut document = Automerge::new();
    document.set_actor(ActorId::from(actor));
    let mut transaction = document.transaction();
    write(&mut transaction);
    let (hash, _) = transaction.commit_with(CommitOptions::default().with_time(1));
    let change = document.get_change_by_hash(&hash.expect("something was written"));
    change.expect("just made").raw_bytes().to_vec()
}

fn actor(device: u8, suffix: u8) -> Vec<u8> {
    [[device; 16].as_slice(), &[suffix; 8]].concat()
}

#[test]
fn what_no_edit_contains_is_refused_by_name() {
    let mut note = CareNote::new();
    let counter = hostile(&actor(1, 1), |transaction| {
        transaction.put(ROOT, "n", ScalarValue::counter(1)).expect("a counter");
    });
    let refused = note.apply(&author(1), &counter);
    assert_eq!(refused, Err(ChangeError::Foreign { field: "a value type" }));
    let long = hostile(&[1; 40], |transaction| {
        transaction.put(ROOT, "n", 1).expect("a number");
    });
    assert_eq!(note.apply(&author(1), &long), Err(ChangeError::Author));
    assert_eq!(note.view(), None, "nothing of it was merged");
}

/// Two changes under one actor: whichever comes first in its author's chain counts, also if it has to wait.
#[test]
fn the_first_claim_of_an_actor_stands() {
    let one = hostile(&actor(1, 1), |transaction| {
        transaction.put(ROOT, "title", "one").expect("a text");
    });
    let two = hostile(&actor(1, 1), |transaction| {
        transaction.put(ROOT, "title", "two").expect("a text");
    });
    let mut note = CareNote::new();
    note.apply(&author(1), &one).expect("the first");
    let applied = note.apply(&author(1), &two).expect("the second");
    assert_eq!(applied.refused, [ChangeError::Repeated]);
    assert_eq!(view(&note).title, "one");
}

#[test]
fn truncated_flipped_and_joined_changes_never_panic() {
    let (mut mine, _, begun) = pair("a note with some text");
    let more = write(&mut mine, &edit("a note with other text"), 1, 20);
    for whole in [&begun, &more] {
        for at in 0..whole.len() {
            let mut note = CareNote::new();
            note.apply(&author(1), &begun).expect("sound");
            let mut flipped = whole.clone();
            flipped[at] ^= 0x41;
            let _ = note.apply(&author(1), &flipped);
            assert!(note.apply(&author(1), &whole[..at]).is_err() || at == 0, "{at} bytes passed");
            note.apply(&author(1), &more).expect("still usable");
            assert_eq!(view(&note).text, "a note with other text");
        }
    }
}

/// One step of a random story: which replica, what it does.
#[derive(Debug, Clone)]
enum Step {
    Text(u8, usize, String),
    Title(u8, String),
    Vital(u8, u8, String),
    Cancel(u8, bool),
    /// One replica takes in everything that another wrote.
    Meet(u8, u8),
}

const REPLICAS: u8 = 3;

fn step() -> impl Strategy<Value = Step> {
    let who = 0..REPLICAS;
    prop_oneof![
        4 => (who.clone(), 0..40usize, "[a-cあ-う]{0,4}").prop_map(|(r, at, s)| Step::Text(r, at, s)),
        2 => (who.clone(), "[xy]{0,2}").prop_map(|(r, s)| Step::Title(r, s)),
        2 => (who.clone(), 0..6u8, "[0-9]{0,2}").prop_map(|(r, v, s)| Step::Vital(r, v, s)),
        1 => (who.clone(), any::<bool>()).prop_map(|(r, c)| Step::Cancel(r, c)),
        3 => (who.clone(), who).prop_map(|(a, b)| Step::Meet(a, b)),
    ]
}

/// Plays a story; returns the replicas and every batch with its author.
fn play(steps: &[Step]) -> (Vec<CareNote>, Vec<(u8, Vec<u8>)>) {
    let (first, begun) =
        CareNote::create(&edit("start"), &editor(0), Timestamp(0)).expect("a small note");
    let mut batches = vec![(0, begun)];
    let mut notes = vec![first];
    for _ in 1..REPLICAS {
        let mut note = CareNote::new();
        note.apply(&author(0), &batches[0].1).expect("just made");
        notes.push(note);
    }
    let mut held: Vec<Vec<usize>> = vec![vec![0]; usize::from(REPLICAS)];
    for (at, step) in (1..).zip(steps) {
        let (by, edit) = match step {
            Step::Text(by, place, text) => {
                let mut letters: Vec<char> = view(&notes[usize::from(*by)]).text.chars().collect();
                let place = (*place).min(letters.len());
                let end = (place + 2).min(letters.len());
                letters.splice(place..end, text.chars());
                (*by, edit(&letters.into_iter().collect::<String>()))
            }
            Step::Title(by, title) => (*by, titled(title)),
            Step::Vital(by, vital, value) => {
                let field = Field::Vital(Vital::ALL[usize::from(*vital)]);
                (*by, NoteEdit::setting(field, value))
            }
            Step::Cancel(by, cancelled) => {
                (*by, NoteEdit { cancelled: Some(*cancelled), ..NoteEdit::default() })
            }
            Step::Meet(to, from) => {
                for index in held[usize::from(*from)].clone() {
                    let (writer, batch) = &batches[index];
                    notes[usize::from(*to)].apply(&author(*writer), batch).expect("sound");
                    if !held[usize::from(*to)].contains(&index) {
                        held[usize::from(*to)].push(index);
                    }
                }
                continue;
            }
        };
        let note = &mut notes[usize::from(by)];
        if let Some(batch) = note.edit(&edit, &editor(by), Timestamp(at)).expect("small") {
            held[usize::from(by)].push(batches.len());
            batches.push((by, batch));
        }
    }
    (notes, batches)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_order_with_repeats_gives_the_same_note(
        (batches, order, seen) in prop::collection::vec(step(), 0..24).prop_flat_map(|steps| {
            let (mut notes, batches) = play(&steps);
            for (writer, batch) in &batches {
                notes[0].apply(&author(*writer), batch).expect("sound");
            }
            let twice: Vec<usize> = (0..batches.len()).chain(0..batches.len()).collect();
            (Just(batches), Just(twice).prop_shuffle(), Just(view(&notes[0])))
        })
    ) {
        let mut note = CareNote::new();
        for (at, index) in order.iter().enumerate() {
            let (writer, batch) = &batches[*index];
            let applied = note.apply(&author(*writer), batch).expect("sound");
            prop_assert!(applied.refused.is_empty());
            if at == order.len() / 2 {
                note = CareNote::load(&note.save()).expect("just saved");
            }
        }
        prop_assert_eq!(note.view(), Some(seen));
    }
}
