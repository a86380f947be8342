//! What waits: for a key, or for a lost store to be rebuilt.

use super::stories::disclosed;
use super::*;
use crate::storage::{Batch, Order, Range, table};

/// The relay hands over what the new epoch's key opens before the key itself.
#[test]
fn what_waits_for_a_key_is_counted_until_the_key_comes() {
    let mut region = disclosed(15);
    region.cut("clinic");
    let facilities = vec![region.facility("pharmacy")];
    let who = || (local("p1"), staff("s1"));
    let (patient, by) = who();
    let give = Command::GiveConsent { patient, facilities: facilities.clone(), until: None, by };
    region.command("hospital", give).expect("a consent");
    let (patient, by) = who();
    region
        .command("hospital", Command::WithdrawConsent { patient, facilities, by })
        .expect("an end");
    region.command("hospital", import(vec![record("p1", "o3", "later")])).expect("an import");
    region.run();

    let pairs: Vec<_> = region.nodes["clinic"]
        .replica
        .state
        .scopes
        .values()
        .filter(|scope| scope.kind() == Some(ScopeKind::Pair))
        .map(|scope| scope.id)
        .collect();
    let is_key = |(_, bytes): &(DeviceId, Bytes)| {
        let signed = crate::envelope::SignedEnvelope::from_bytes(bytes.0.clone());
        pairs.contains(&signed.expect("nodes push envelopes").claimed_header().scope)
    };
    let late = region.post.len() - 12;
    let (keys, rest): (Vec<_>, Vec<_>) = region.post.split_off(late).into_iter().partition(is_key);
    assert!(!keys.is_empty());
    region.post.extend(rest);
    region.connect("clinic");
    region.run();
    let chart = |region: &Region| {
        let waits = region.nodes["clinic"].status().waiting_for_key;
        let scopes = View::new(&region.nodes["clinic"].disk).scopes().expect("a sound store");
        let named = |number| scopes.iter().find(|scope| scope.number == number);
        let charts = waits.into_iter().filter(|(number, _)| {
            let access = named(*number).and_then(|scope| scope.access.as_ref());
            access.is_some_and(|access| access.kind() == ScopeKind::Chart)
        });
        charts.map(|(_, count)| count).sum::<usize>()
    };
    assert_eq!(chart(&region), 1, "the record of the new epoch");
    region.node("clinic").restart();
    assert_eq!(chart(&region), 1, "counted anew from the disk");
    region.post.extend(keys);
    region.connect("clinic");
    region.run();
    assert_eq!(chart(&region), 0);
    assert!(region.nodes["clinic"].status().waiting_for_key.is_empty());
    assert_eq!(region.nodes["clinic"].records(), 3);
}

/// The clinic's disk dies after it wrote with the line cut; what it wrote is read from the old disk.
#[test]
fn what_a_lost_store_had_not_sent_takes_its_place_again_and_goes_out() {
    let mut region = disclosed(17);
    let patient = region.nodes["clinic"].patients()[0];
    let write = |text: &str| Command::EditNote {
        patient: Who::Network(patient),
        note: None,
        edit: NoteEdit { text: Some(text.into()), ..NoteEdit::default() },
        by: staff("d1"),
    };
    region.command("clinic", write("届いたもの")).expect("a note");
    region.run();
    region.cut("clinic");
    region.command("clinic", write("未送信一")).expect("a note");
    region.command("clinic", write("未送信二")).expect("a note");

    let certificates: Vec<_> = region.nodes["clinic"].replica.roster().certificates().collect();
    let old = region.nodes["clinic"].disk.clone();
    let mut salvaged = Batch::new();
    let mut positions = Vec::new();
    old.scan(table::OUTBOX, &Range::all(), Order::Ascending, &mut |key, _| {
        positions.push(key.to_vec());
        true
    })
    .expect("memory");
    // One that the relay has after all: its acknowledgement was on its way when the disk died.
    let me = region.nodes["clinic"].identity.device_id();
    let mut known = Vec::new();
    old.scan(table::LOG, &Range::all(), Order::Ascending, &mut |key, bytes| {
        let signed = crate::envelope::SignedEnvelope::from_bytes(bytes.to_vec()).expect("shape");
        known = key.to_vec();
        signed.claimed_header().author != me
    })
    .expect("memory");
    assert!(!positions.contains(&known));
    for position in [known].iter().chain(&positions) {
        let envelope = old.get(table::LOG, position).expect("memory").expect("held");
        salvaged.put(table::SALVAGED, position.clone(), envelope);
    }
    assert_eq!(positions.len(), 2);
    let clinic = region.node("clinic");
    clinic.disk = Memory::new();
    clinic.disk.commit(&salvaged).expect("memory");
    clinic.restart();
    region.command("clinic", Command::Begin { certificates, rebuild: true }).expect("a new store");
    region.connect("clinic");
    region.run();
    let sorted = |mut notes: Vec<String>| {
        notes.sort();
        notes
    };
    let all = sorted(region.nodes["clinic"].notes());
    assert_eq!(all.len(), 3, "{all:?}");
    assert_eq!(sorted(region.nodes["hospital"].notes()), all);
    assert_eq!(region.nodes["clinic"].status().unsent, 0);
    region.command("clinic", write("その後")).expect("a note");
    region.run();
    assert_eq!(region.nodes["hospital"].notes().len(), 4);
    for name in ["clinic", "hospital"] {
        assert_eq!(region.nodes[name].status().quarantined, 0, "no fork at {name}");
    }
    let mut left = 0;
    let count = &mut |_: &[u8], _: &[u8]| {
        left += 1;
        true
    };
    let disk = &region.nodes["clinic"].disk;
    disk.scan(table::SALVAGED, &Range::all(), Order::Ascending, count).expect("memory");
    assert_eq!(left, 0);
}

/// The relay does not say yet what the patient's scope is while the store is rebuilt: by its clock the consent has yet to begin.
#[test]
fn what_a_lost_store_had_not_sent_goes_out_before_its_scope_is_known_again() {
    let mut region = disclosed(19);
    let patient = region.nodes["clinic"].patients()[0];
    let write = |text: &str| Command::EditNote {
        patient: Who::Network(patient),
        note: None,
        edit: NoteEdit { text: Some(text.into()), ..NoteEdit::default() },
        by: staff("d1"),
    };
    region.command("clinic", write("届いたもの")).expect("a note");
    region.run();
    region.cut("clinic");
    region.command("clinic", write("未送信一")).expect("a note");
    region.command("clinic", write("未送信二")).expect("a note");
    let certificates: Vec<_> = region.nodes["clinic"].replica.roster().certificates().collect();
    let old = region.nodes["clinic"].disk.clone();
    let mut salvaged = Batch::new();
    old.scan(table::OUTBOX, &Range::all(), Order::Ascending, &mut |position, _| {
        let envelope = old.get(table::LOG, position).expect("memory").expect("held");
        salvaged.put(table::SALVAGED, position.to_vec(), envelope);
        true
    })
    .expect("memory");
    let hospital = region.nodes["hospital"].identity.device_id();
    let (withheld, post): (Vec<_>, Vec<_>) =
        std::mem::take(&mut region.post).into_iter().partition(|(author, _)| *author == hospital);
    region.post = post;
    region.cut("hospital");
    let clinic = region.node("clinic");
    clinic.disk = Memory::new();
    clinic.disk.commit(&salvaged).expect("memory");
    clinic.restart();
    region.command("clinic", Command::Begin { certificates, rebuild: true }).expect("a new store");
    let before = region.post.len();
    region.connect("clinic");
    region.run();
    let status = region.nodes["clinic"].status();
    assert_eq!((status.rebuilding, status.unsent, status.quarantined), (false, 0, 0));
    assert_eq!(region.post.len(), before + 2, "the relay has them");
    // In another order than the hospital has read it in: it begins anew.
    region.post.extend(withheld);
    region.epoch = RelayEpoch([2; 16]);
    region.cut("clinic");
    ["clinic", "hospital"].into_iter().for_each(|name| region.connect(name));
    region.run();
    for name in ["clinic", "hospital"] {
        assert_eq!(region.nodes[name].notes().len(), 3, "at {name}");
        assert_eq!(region.nodes[name].status().quarantined, 0, "at {name}");
    }
}

/// The lost store had come from a backup: the relay has other envelopes under the numbers of what it had not sent.
#[test]
fn what_contradicts_the_relay_is_set_apart_and_never_sent() {
    let mut region = disclosed(18);
    let patient = region.nodes["clinic"].patients()[0];
    let write = |text: &str| Command::EditNote {
        patient: Who::Network(patient),
        note: None,
        edit: NoteEdit { text: Some(text.into()), ..NoteEdit::default() },
        by: staff("d1"),
    };
    let backup = region.nodes["clinic"].disk.clone();
    region.command("clinic", write("届いたもの")).expect("a note");
    region.run();
    region.cut("clinic");
    let certificates: Vec<_> = region.nodes["clinic"].replica.roster().certificates().collect();
    let clinic = region.node("clinic");
    clinic.disk = backup;
    clinic.restart();
    for text in ["古い控えから一", "古い控えから二", "古い控えから三"] {
        region.command("clinic", write(text)).expect("a note");
    }
    let old = region.nodes["clinic"].disk.clone();
    let mut salvaged = Batch::new();
    old.scan(table::OUTBOX, &Range::all(), Order::Ascending, &mut |key, _| {
        let envelope = old.get(table::LOG, key).expect("memory").expect("held");
        salvaged.put(table::SALVAGED, key, envelope);
        true
    })
    .expect("memory");
    let clinic = region.node("clinic");
    clinic.disk = Memory::new();
    clinic.disk.commit(&salvaged).expect("memory");
    clinic.restart();
    region.command("clinic", Command::Begin { certificates, rebuild: true }).expect("a new store");
    region.connect("clinic");
    region.run();
    region.command("clinic", write("その後")).expect("a note");
    region.run();
    assert_eq!(region.nodes["hospital"].notes().len(), 2, "what was sent, and what came after");
    assert_eq!(region.nodes["hospital"].status().quarantined, 0, "no fork was sent");
    let status = region.nodes["clinic"].status();
    assert_eq!((status.quarantined, status.unsent, status.rebuilding), (3, 0, false));
    assert!(status.suspended.is_empty() && !status.contradicted);
}
