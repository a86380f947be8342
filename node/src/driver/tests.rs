//! The driver over a disk that fills up and loses its power.

use super::*;
use azalea_core::document::{RecordHeader, RecordKey, content_digest};
use azalea_core::envelope::Formats;
use azalea_core::identity::{Certificate, FacilityKind};
use azalea_core::replica::command::Command;
use azalea_core::replica::command::{ImportRecord, Subject, Taken};
use rand::SeedableRng;

use crate::store::StoreKey;
use crate::testing::{member, network};
use azalea_store::backend::CACHE_BYTES;
use azalea_store::disk::sim::SimDisk;

fn begin(disk: &SimDisk) -> (Running, Vec<Certificate>) {
    let (identity, ours) = member(2, "筑後病院", FacilityKind::Hospital);
    let store = RedbStore::on(disk.clone(), StoreKey([4; 32]), CACHE_BYTES).expect("intact");
    let rng = StdRng::seed_from_u64(1);
    let running =
        start(identity, Formats::default(), store, Clock::default(), rng).expect("intact");
    let certificates = [network()].into_iter().chain(ours).collect();
    (running, certificates)
}

fn records(from: usize, count: usize) -> Command {
    let record = |number: usize| {
        // Noise, so that compression does not hide how much is written.
        let noise = blake3::hash(&number.to_be_bytes()).to_hex().repeat(20);
        let raw = format!(
            r#"{{"resourceType":"Observation","id":"{number}","status":"final","code":{{"text":"{noise}"}}}}"#
        );
        ImportRecord {
            subject: Subject::Patient("p".to_owned()),
            key: RecordKey { kind: "Observation".to_owned(), id: number.to_string() },
            header: RecordHeader {
                care_date: None,
                source: "fhir".to_owned(),
                full_url: None,
                received: azalea_core::id::Timestamp(1),
                by: "test".to_owned(),
            },
            content: content_digest(raw.as_bytes()),
            raw: raw.into_bytes(),
        }
    };
    Command::Import { records: (from..from + count).map(record).collect() }
}

async fn taken(handle: &Handle, command: Command) -> Result<Vec<Taken>, DriveError> {
    match handle.command(command).await? {
        Outcome::Imported(taken) => Ok(taken),
        other => panic!("{other:?}"),
    }
}

/// The disk fills up in the middle of an import: it says so, what was saved stays, and with room again it goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_the_command_and_nothing_else() {
    let disk = SimDisk::default();
    let (running, certificates) = begin(&disk);
    let handle = running.handle.clone();
    handle.command(Command::Begin { certificates, rebuild: false }).await.expect("room");
    assert_eq!(taken(&handle, records(0, 10)).await.expect("room"), [Taken::New; 10]);

    disk.fill_after(40_000);
    let refused = taken(&handle, records(10, 200)).await.expect_err("no room");
    assert!(matches!(refused, DriveError::Command(CommandError::Storage(StorageError::Full))));
    assert_eq!(handle.troubles().disk(), Some(StorageError::Full));

    disk.make_room();
    // The replica leaves a failed store alone for a moment; a command waits as long.
    assert_eq!(
        taken(&handle, records(0, 20)).await.expect("room again")[..10],
        [Taken::Unchanged; 10]
    );
    assert_eq!(handle.troubles().disk(), None);
    running.stop().await;
}

/// The power goes after an answer: what was answered is there, whatever was on its way.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_survives_the_power_cut() {
    let mut disk = SimDisk::default();
    let mut answered = 0;
    for round in 0..6 {
        let (running, certificates) = begin(&disk);
        let handle = running.handle.clone();
        if round == 0 {
            handle.command(Command::Begin { certificates, rebuild: false }).await.expect("room");
        }
        let again = taken(&handle, records(0, answered)).await.expect("room");
        assert_eq!(again, vec![Taken::Unchanged; answered], "round {round}");
        taken(&handle, records(answered, 7)).await.expect("room");
        answered += 7;
        // This one is not waited for.
        let _under_way = handle.clone();
        let flight = tokio::spawn(async move { taken(&_under_way, records(1_000, 50)).await });
        let cut = disk.power_cut(round);
        flight.abort();
        running.stop().await;
        disk = cut;
    }
}
