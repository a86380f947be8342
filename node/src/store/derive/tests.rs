//! Rows after a version was taken back, beside those of a store that never had it.

use std::collections::BTreeMap;

use azalea_core::blob::Sealer;
use azalea_core::document::{RecordHeader, content_digest};
use azalea_core::envelope::Formats;
use azalea_core::id::{BlobId, ScopeId, Timestamp};
use azalea_core::identity::FacilityKind;
use azalea_core::keys::ScopeKey;
use azalea_core::replica::command::{Command, ImportRecord, Subject};
use rand::SeedableRng;

use super::*;
use crate::clock::Clock;
use crate::driver::{Handle, start};
use crate::store::tables::{ATTACHMENT, BLOB_USE};
use crate::store::{RedbStore, Snapshot, StoreKey};
use crate::testing::{member, network};
use azalea_core::storage::Batch;
use azalea_store::backend::CACHE_BYTES;
use azalea_store::disk::sim::SimDisk;

const DERIVED: [Table; 6] = [PERSON, TIMELINE, REVIEW, SCOPES, ATTACHMENT, BLOB_USE];

fn record(raw: &str) -> ImportRecord {
    ImportRecord {
        subject: Subject::Patient("p".to_owned()),
        key: RecordKey { kind: "Patient".to_owned(), id: "p".to_owned() },
        header: RecordHeader {
            care_date: None,
            source: "fhir".to_owned(),
            full_url: None,
            received: Timestamp(1),
            by: "test".to_owned(),
        },
        content: content_digest(raw.as_bytes()),
        raw: raw.as_bytes().to_vec(),
    }
}

async fn import(handle: &Handle, raw: &str) {
    let records = vec![record(raw)];
    handle.command(Command::Import { records }).await.expect("an import");
}

fn rows(read: &impl Read) -> BTreeMap<(Table, Vec<u8>), Vec<u8>> {
    let mut rows = BTreeMap::new();
    for table in DERIVED {
        read.scan(table, &Range::all(), Order::Ascending, &mut |key, value| {
            rows.insert((table, key.to_vec()), value.to_vec());
            true
        })
        .expect("a sound store");
    }
    rows
}

/// A reference as a record carries it.
fn reference() -> String {
    let key = ScopeKey::from([2; 32]);
    let sealer = Sealer::new([3; 32], 40_000, ScopeId([1; 16]), 1, &key).expect("a short content");
    data_encoding::BASE64.encode(&sealer.reference(BlobId([4; 32])).to_bytes())
}

fn versions(snapshot: &Snapshot) -> Vec<VersionEntry> {
    let view = View::new(snapshot);
    let scopes = view.scopes().expect("a sound store");
    let records = scopes.iter().flat_map(|scope| view.records(scope.number).expect("sound"));
    records.flatten().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_is_taken_back_leaves_the_rows_that_were_there_before_it() {
    let (identity, ours) = member(2, "筑後病院", FacilityKind::Hospital);
    let store = RedbStore::on(SimDisk::default(), StoreKey([4; 32]), CACHE_BYTES).expect("intact");
    let rng = rand::rngs::StdRng::seed_from_u64(1);
    let running =
        start(identity, Formats::default(), store, Clock::default(), rng).expect("intact");
    let certificates = [network()].into_iter().chain(ours).collect();
    let handle = running.handle.clone();
    handle.command(Command::Begin { certificates, rebuild: false }).await.expect("room");

    let named = |name: &str| {
        format!(r#"{{"resourceType":"Patient","id":"p","name":[{{"text":"{name}"}}]}}"#)
    };
    import(&handle, &named("筑後 太郎")).await;
    let before = handle.snapshot().expect("a sound store");
    let first = versions(&before)[0].id;
    let photo = reference();
    let second = named("久留米 次郎").replace(
        r#""id":"p""#,
        &format!(r#""id":"p","photo":[{{"_data":{{"extension":[{{"url":"urn:azalea:blob","valueBase64Binary":"{photo}"}}]}}}}]"#),
    );
    import(&handle, &second).await;
    let after = handle.snapshot().expect("a sound store");
    assert_ne!(rows(&after), rows(&before));
    assert!(rows(&after).keys().any(|(table, _)| *table == BLOB_USE));

    let second = versions(&after).into_iter().find(|it| it.id != first).expect("two versions");
    let scope = View::new(&after)
        .scopes()
        .expect("sound")
        .into_iter()
        .find(|scope| !View::new(&after).records(scope.number).expect("sound").is_empty());
    let scope = scope.expect("the chart").number;
    let mut taken_back = Batch::new();
    let record = second.key.clone();
    let at = azalea_core::storage::row::record_key(scope, &record.kind, &record.id, &second.id);
    taken_back.remove(table::RECORD, at);
    let mut pending = Pending::default();
    pending.add(taken_back);
    let read = Overlay { below: &after, pending: &pending };
    let removed = Applied::Removed { scope, record, id: second.id };
    let derived = derive(&read, &[removed]).expect("a sound store");
    assert_eq!(derived.persons, [scope, scope], "the list looks again: one name goes, one comes");
    assert_eq!(rows(&Overlay { below: &after, pending: &derived.rows }), rows(&before));
    running.stop().await;
}
