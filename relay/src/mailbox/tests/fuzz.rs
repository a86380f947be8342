//! Whatever a device sends or a disk gives back is a finished value with one binary form, or a refusal; never a panic.

use azalea_core::wire::Wire;

use super::walk::Walk;
use super::*;

#[path = "../../../../sync-core/tests/support/corpus.rs"]
mod corpus;

#[test]
fn no_message_stops_the_engine() {
    bolero::check!(name = "message").with_iterations(2_000).for_each(|bytes: &[u8]| {
        if let Ok(message) = Message::from_bytes(bytes) {
            assert_eq!(Message::from_bytes(&message.to_bytes()), Ok(message.clone()));
            let mut world = World::new();
            let mut clinic = world.member(FacilityKind::Clinic);
            world.connect(&mut clinic, None).unwrap();
            world.say(&clinic, message.clone());
            world.open(&mut clinic);
            world.say(&clinic, message);
        }
    });
}

/// A key and a value of each table, as a relay that has worked for a while keeps them.
fn samples() -> Vec<(String, Vec<u8>)> {
    let mut walk = Walk::new(1);
    (0..40).for_each(|_| walk.step());
    let mut samples = BTreeMap::new();
    for (table, key, value) in walk.world.store.rows() {
        let mut sample = |part: &str, bytes: &[u8]| {
            samples.entry(format!("{}-{part}", table.name())).or_insert_with(|| bytes.to_vec());
        };
        sample("key", key);
        sample("value", value);
    }
    // No disk rots on that walk.
    let before = EnvelopeId([1; 32]);
    let lost = tables::Lost { scope: 1, author: 2, seq: 3, id: EnvelopeId([7; 32]), before };
    let missed = vec![tables::Missed { recipient: 4, parting: true }];
    let row = tables::RottenRow { lost, missed, again: Some(9) };
    samples.insert("rotten-value".into(), row.to_bytes());
    samples.into_iter().collect()
}

#[test]
fn no_row_is_read_as_what_it_is_not() {
    fn check<T: Wire>(bytes: &[u8]) {
        if let Ok(row) = T::from_bytes(bytes) {
            assert_eq!(row.to_bytes(), bytes);
        }
    }
    fn any(bytes: &[u8]) {
        check::<tables::ChainRow>(bytes);
        check::<tables::FeedPlace>(bytes);
        check::<tables::RottenRow>(bytes);
        check::<tables::Member>(bytes);
        check::<tables::DeviceRow>(bytes);
        check::<tables::ScopeRow>(bytes);
        check::<Invite>(bytes);
        check::<azalea_core::sync::heads::HeadRoll>(bytes);
        check::<azalea_core::sync::heads::HeadShare>(bytes);
        let _ = tables::parse_chain_key(bytes);
        let _ = tables::parse_member_key(bytes);
        let _ = tables::feed_position(bytes);
        if let Some(envelope) = tables::parse_log_value(3, bytes) {
            assert_eq!(tables::log_value(3, envelope), bytes);
        }
    }
    let samples = samples();
    assert!(samples.len() > 12, "rows of many tables");
    let named = samples.iter().map(|(name, bytes)| (name.as_str(), bytes.clone()));
    corpus::hold("src/mailbox/tests", "row", named);
    bolero::check!(name = "row").with_iterations(5_000).for_each(any);
    bolero::check!(name = "row_damaged")
        .with_iterations(5_000)
        .with_type::<(u8, Vec<(u16, u8)>, Option<u16>)>()
        .for_each(|(which, edits, cut)| {
            let mut bytes = samples[usize::from(*which) % samples.len()].1.clone();
            for (at, byte) in edits {
                let at = usize::from(*at) % bytes.len().max(1);
                bytes.get_mut(at).into_iter().for_each(|it| *it = *byte);
            }
            bytes.truncate(cut.map_or(bytes.len(), usize::from));
            any(&bytes);
        });
}
