//! What the engine promises, told as stories.

use super::*;
use crate::wire::limits;
use rand::seq::SliceRandom;

const MEMBERS: [(&str, FacilityKind); 3] = [
    ("hospital", FacilityKind::Hospital),
    ("clinic", FacilityKind::Clinic),
    ("pharmacy", FacilityKind::Pharmacy),
];

fn consent(region: &Region, to: &'static str) -> Command {
    let facilities = vec![region.facility(to)];
    Command::GiveConsent { patient: local("p1"), facilities, until: None, by: staff("s1") }
}

pub(super) fn disclosed(seed: u64) -> Region {
    let mut region = Region::new(seed, &MEMBERS);
    for (name, _) in MEMBERS {
        region.connect(name);
    }
    let records = vec![record("p1", "o1", "{\"value\": 6.30}"), record("p1", "o2", "{}")];
    region.command("hospital", import(records)).expect("an import");
    let give = consent(&region, "clinic");
    region.command("hospital", give).expect("a consent");
    region.run();
    region
}

#[test]
fn a_record_reaches_whom_the_patient_consented_to_byte_for_byte_and_nobody_else() {
    let region = disclosed(1);
    assert_eq!(region.nodes["clinic"].visible(), region.nodes["hospital"].visible());
    assert_eq!(region.nodes["clinic"].records(), 2);
    assert_eq!(
        region.nodes["pharmacy"].records(),
        0,
        "everything was handed to it, nothing opened"
    );
    assert_eq!(region.nodes["clinic"].patients(), region.nodes["hospital"].patients());
}

#[test]
fn importing_again_changes_nothing_and_other_content_is_a_version() {
    let mut region = disclosed(2);
    let taken = |region: &mut Region, text: &str| {
        let outcome = region.command("hospital", import(vec![record("p1", "o1", text)]));
        let Ok(Outcome::Imported(taken)) = outcome else { panic!("{outcome:?}") };
        taken[0]
    };
    assert_eq!(taken(&mut region, "{\"value\": 6.30}"), Taken::Unchanged);
    assert_eq!(taken(&mut region, "{\"value\": 6.3}"), Taken::Version);
    assert_eq!(taken(&mut region, "{\"value\": 6.30}"), Taken::Revert);
    region.run();
    assert_eq!(region.nodes["clinic"].visible(), region.nodes["hospital"].visible());
    assert_eq!(region.nodes["hospital"].status().unsent, 0);
}

#[test]
fn nothing_that_follows_a_withdrawal_can_be_read() {
    let mut region = disclosed(3);
    let withdraw =
        Command::WithdrawConsent { patient: local("p1"), facilities: vec![], by: staff("s1") };
    region.command("hospital", withdraw).expect("a withdrawal");
    region.command("hospital", import(vec![record("p1", "o3", "later")])).expect("an import");
    region.run();
    assert_eq!(region.nodes["hospital"].records(), 3);
    assert_eq!(region.nodes["clinic"].records(), 2);
    let give = consent(&region, "clinic");
    region.command("hospital", give).expect("a new consent");
    region.run();
    assert_eq!(region.nodes["clinic"].records(), 3, "a new consent opens all again");
}

#[test]
fn the_same_seed_gives_the_same_trace_of_effects() {
    let (one, other) = (disclosed(4), disclosed(4));
    for (name, node) in &one.nodes {
        assert_eq!(node.trace, other.nodes[name].trace, "{name}");
    }
    assert_eq!(one.post, other.post, "byte for byte");
    assert_ne!(one.post, disclosed(5).post);
}

#[test]
fn a_full_disk_refuses_the_command_and_loses_nothing() {
    let mut region = disclosed(6);
    region.node("hospital").full = true;
    let later = || import(vec![record("p1", "o3", "later")]);
    let failed = region.command("hospital", later());
    assert_eq!(failed, Err(CommandError::Storage(StorageError::Full)));
    assert_eq!(region.nodes["hospital"].records(), 2);
    region.node("hospital").full = false;
    let now = region.now.plus_ms(60_000);
    region.now = now;
    region.node("hospital").handle(now, Input::Tick);
    region.command("hospital", later()).expect("room again");
    region.cut("hospital");
    region.connect("hospital");
    region.run();
    assert_eq!(region.nodes["clinic"].records(), 3);
}

#[test]
fn a_disk_that_stays_full_is_left_alone_for_longer_each_time_up_to_a_bound() {
    let mut region = disclosed(6);
    let command = |region: &mut Region, number: u32| {
        let id = CommandId(1_000 + u64::from(number));
        let command = import(vec![record("p1", &format!("o{number}"), "later")]);
        let now = region.now;
        region.node("hospital").handle(now, Input::Command { id, command });
        let due = region.nodes["hospital"].replica.wake_at().expect("to try again");
        let pause = due.since_ms(now);
        region.now = due;
        region.node("hospital").handle(due, Input::Tick);
        pause
    };
    region.node("hospital").full = true;
    let pauses: Vec<u64> = (10..16).map(|number| command(&mut region, number)).collect();
    assert_eq!(pauses, [1_000, 2_000, 4_000, 8_000, 8_000, 8_000]);
    region.node("hospital").full = false;
    region.command("hospital", import(vec![record("p1", "o3", "room again")])).expect("room again");
    region.node("hospital").full = true;
    assert_eq!(command(&mut region, 16), 1_000, "it begins anew");
}

/// The disk failed and could not be read then. Until it is read again a session begins, and the relay takes what was unsent.
#[test]
fn what_the_relay_takes_while_a_disk_waits_to_be_read_is_known_as_sent() {
    let mut region = disclosed(8);
    region.cut("hospital");
    region.command("hospital", import(vec![record("p1", "o3", "unsent")])).expect("an import");
    let set = |region: &mut Region, fails: bool| {
        let node = region.node("hospital");
        (node.full, node.unreadable) = (fails, fails);
    };
    set(&mut region, true);
    region
        .command("hospital", import(vec![record("p1", "o4", "lost")]))
        .expect_err("a disk that fails");
    set(&mut region, false);
    region.connect("hospital");
    region.run();
    assert!(region.nodes["hospital"].status().unsent > 0, "its disk has yet to be read");
    let now = region.now.plus_ms(60_000);
    region.now = now;
    region.node("hospital").handle(now, Input::Tick);
    region.run();
    assert_eq!(region.nodes["hospital"].status().unsent, 0);
    assert_eq!(region.nodes["clinic"].records(), 3);
}

#[test]
fn a_reader_with_a_full_disk_says_so_and_catches_up_later() {
    let mut region = disclosed(7);
    region.node("clinic").full = true;
    region.command("hospital", import(vec![record("p1", "o3", "later")])).expect("an import");
    region.run();
    assert!(region.nodes["clinic"].status().store_failing);
    region.node("clinic").full = false;
    region.now = region.now.plus_ms(60_000);
    let now = region.now;
    region.node("clinic").handle(now, Input::Tick);
    region.cut("clinic");
    region.connect("clinic");
    region.run();
    assert_eq!(region.nodes["clinic"].records(), 3);
}

#[test]
fn envelopes_in_any_order_and_many_times_give_the_same_view() {
    let reference = disclosed(8);
    for seed in 0..20 {
        let mut region = Region::new(8, &MEMBERS);
        region.connect("clinic");
        region.run();
        let mut rng = StdRng::seed_from_u64(seed);
        let mut post = reference.post.clone();
        post.extend(reference.post.clone());
        post.shuffle(&mut rng);
        region.post = post;
        region.run();
        let clinic = &region.nodes["clinic"];
        assert_eq!(clinic.visible(), reference.nodes["clinic"].visible(), "seed {seed}");
        assert_eq!(clinic.status().waiting, reference.nodes["clinic"].status().waiting);
    }
}

#[test]
fn a_device_that_crashes_after_every_message_ends_where_the_others_are() {
    let reference = disclosed(9);
    let mut region = Region::new(9, &MEMBERS);
    let post = reference.post.clone();
    for end in 0..=post.len() {
        region.post = post[..end].to_vec();
        region.node("clinic").restart();
        region.connect("clinic");
        region.run();
    }
    assert_eq!(region.nodes["clinic"].visible(), reference.nodes["clinic"].visible());
}

#[test]
fn complete_as_of_is_said_only_when_everything_is_held() {
    let mut region = disclosed(10);
    let said = region.nodes["clinic"].status().publishers;
    assert_eq!(said.len(), 1);
    assert!(said[0].complete.is_some(), "{said:?}");
    assert_eq!(said[0].missing, 0);
    let before = said[0].complete;

    region.command("hospital", import(vec![record("p1", "o3", "later")])).expect("an import");
    let held_back = region.post.len();
    region.exchange("hospital");
    // The relay withholds what the hospital wrote, and passes its word on.
    let withheld = region.post.split_off(held_back);
    assert!(!withheld.is_empty());
    region.now = region.now.plus_ms(120_000);
    let now = region.now;
    region.node("hospital").handle(now, Input::Tick);
    region.run();
    let said = region.nodes["clinic"].status().publishers;
    assert_eq!(said[0].complete, before);
    assert_eq!(said[0].missing, 1);
}

/// A page is opened in the moment between the judging of a word and the disk's answer: it reads rows, and must not claim more.
#[test]
fn complete_as_of_never_runs_ahead_of_the_disk() {
    let complete = |status: Status| status.publishers.first().and_then(|it| it.complete);
    let mut moved = 0;
    for commits in 0..8 {
        let mut region = disclosed(10);
        let before = complete(region.nodes["clinic"].status());
        let held = region.nodes["clinic"].records();
        region.command("hospital", import(vec![record("p1", "o3", "later")])).expect("an import");
        region.node("clinic").commits_left = Some(commits);
        region.run();
        let shown = complete(region.nodes["clinic"].status());
        region.node("clinic").restart();
        let has_it = region.nodes["clinic"].records() > held;
        assert!(has_it || shown <= before, "after {commits} commits");
        moved += usize::from(shown > before);
    }
    assert!((1..8).contains(&moved), "a word was judged in some of them: {moved}");
}

#[test]
fn a_lost_store_is_rebuilt_from_the_relay_and_goes_on_in_the_same_chains() {
    let mut region = disclosed(11);
    let certificates: Vec<_> = region.nodes["clinic"].replica.roster().certificates().collect();
    region.cut("hospital");
    let before = region.nodes["hospital"].visible();
    let hospital = region.node("hospital");
    hospital.disk = Memory::new();
    hospital.restart();
    let begin = Command::Begin { certificates, rebuild: true };
    region.command("hospital", begin).expect("an empty store begins");
    let early = region.command("hospital", import(vec![record("p9", "o9", "early")]));
    assert_eq!(early, Err(CommandError::Rebuilding));
    region.connect("hospital");
    region.run();
    assert_eq!(region.nodes["hospital"].visible(), before);
    assert_eq!(region.nodes["hospital"].status().waiting, 0);
    region.command("hospital", import(vec![record("p1", "o1", "changed")])).expect("an import");
    region.run();
    assert_eq!(region.nodes["clinic"].visible(), region.nodes["hospital"].visible());
    assert_eq!(region.nodes["clinic"].status().quarantined, 0, "no fork");
}

#[test]
fn a_note_written_with_the_line_cut_reaches_the_hospital_when_it_is_back() {
    let mut region = disclosed(12);
    region.cut("clinic");
    let patient = region.nodes["clinic"].patients()[0];
    let write = |note, text: &str| Command::EditNote {
        patient: Who::Network(patient),
        note,
        edit: NoteEdit { text: Some(text.into()), ..NoteEdit::default() },
        by: staff("d1"),
    };
    let saved = region.command("clinic", write(None, "発熱なし"));
    let Ok(Outcome::Saved { note }) = saved else { panic!("{saved:?}") };
    assert_eq!(region.nodes["clinic"].status().unsent, 1);
    region.run();
    assert_eq!(region.nodes["hospital"].notes(), Vec::<String>::new());
    region.connect("clinic");
    region.run();
    assert_eq!(region.nodes["clinic"].status().unsent, 0);
    assert_eq!(region.nodes["hospital"].notes(), ["発熱なし"]);
    region.command("hospital", write(Some(note), "発熱なし。明日再診")).expect("an edit");
    region.run();
    assert_eq!(region.nodes["clinic"].notes(), ["発熱なし。明日再診"]);
}

/// A power cut between the sending and the commit would let the device give the same place in its chain to
/// another envelope: the relay and every reader would see it contradict itself, for ever.
#[test]
fn nothing_goes_to_the_relay_before_the_disk_has_it() {
    let mut region = disclosed(14);
    let now = region.now.plus_ms(1_000);
    let node = region.node("hospital");
    node.sent.clear();
    // Reads see what is on its way to the disk, as they do in the driver.
    let mut seen = node.disk.clone();
    let mut awaited = Vec::new();
    let command = import(vec![record("p1", "o3", "later")]);
    let id = CommandId(900);
    let mut inputs = std::collections::VecDeque::from([Input::Command { id, command }]);
    while let Some(input) = inputs.pop_front() {
        node.replica.handle(now, &mut node.rng, input);
        while let Some(effect) = node.replica.poll() {
            match effect {
                Effect::Load { id, queries } => {
                    inputs.push_back(Input::Loaded { id, result: Ok(answer(&seen, &queries)) });
                }
                Effect::Store { id, batch, .. } => {
                    seen.commit(&batch).expect("memory");
                    awaited.push(id);
                }
                Effect::Send(message) => panic!("sent before the disk had it: {message:?}"),
                Effect::Done { .. } => panic!("done before the disk had it"),
                Effect::Hangup | Effect::Notify(_) => {}
            }
        }
    }
    node.disk = seen;
    node.handle(now, Input::Stored { id: awaited[0], result: Ok(()) });
    assert!(
        node.sent.iter().any(|message| matches!(message, Message::Push(_))),
        "and then it goes"
    );
}

#[test]
fn a_withdrawal_overtakes_a_backlog() {
    let mut region = disclosed(13);
    region.cut("hospital");
    for n in 0..8 {
        let backlog = import(vec![record("p2", &format!("o{n}"), "a long chart of somebody else")]);
        region.command("hospital", backlog).expect("an import");
    }
    let withdraw =
        Command::WithdrawConsent { patient: local("p1"), facilities: vec![], by: staff("s1") };
    region.command("hospital", withdraw).expect("a withdrawal");
    let before = region.post.len();
    region.connect("hospital");
    region.run();
    let header = |bytes: &Bytes| {
        let signed = crate::envelope::SignedEnvelope::from_bytes(bytes.0.clone());
        signed.expect("nodes push envelopes").claimed_header().clone()
    };
    let roster = region.nodes["clinic"].replica.roster();
    let urgent = region.post[before..].iter().position(|(_, bytes)| {
        let signed = crate::envelope::SignedEnvelope::from_bytes(bytes.0.clone()).expect("shape");
        let verified = signed.verify(roster, &roster.network()).expect("well signed");
        matches!(verified.statement(), Ok(Some(crate::access::Statement::Revoke { .. })))
    });
    let backlog = region.post[before..].iter().position(|(_, bytes)| {
        let scope = header(bytes).scope;
        !region.post[..before].iter().any(|(_, known)| header(known).scope == scope)
    });
    assert!(urgent.expect("a revocation") < backlog.expect("a chart that is new"));
}

#[test]
fn a_local_id_above_its_limit_is_refused_before_anything_is_written() {
    let mut region = disclosed(16);
    let patient = region.nodes["clinic"].patients()[0];
    let propose = |length: usize| Command::ProposeLink {
        local: "8".repeat(length),
        patient,
        by: staff("s1"),
    };
    let refused = region.command("clinic", propose(limits::KEY.max + 1));
    assert!(matches!(refused, Err(CommandError::TooLarge { max: 512, .. })), "{refused:?}");
    assert_eq!(region.nodes["clinic"].status().unsent, 0);
    assert_eq!(region.command("clinic", propose(limits::KEY.max)), Ok(Outcome::Proposed));
}
