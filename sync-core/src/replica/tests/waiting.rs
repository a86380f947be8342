//! What waits for a key, and how it is counted.

use super::stories::disclosed;
use super::*;

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
