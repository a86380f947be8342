//! What whoever watches over the machine gets to see.

use super::*;
use azalea_core::identity::FacilityKind;
use azalea_core::replica::PublisherRow;
use azalea_core::storage::Batch;
use azalea_core::sync::heads::{HeadRoll, HeadShare, HeadStatement, HeadTree, Tally};
use azalea_core::wire::Wire;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::metrics;
use crate::testing::member;

/// The clinic's word from ninety seconds ago, when all of it was here; three more have been announced.
fn hear_clinic(opened: &Opened) {
    let (clinic, _) = member(3, "久留米医院", FacilityKind::Clinic);
    let now = opened.node.handle().clock().now().0;
    let (complete, heard) = (Timestamp(now - 90_000), Timestamp(now - 60_000));
    let tally = Tally { count: 3, sum: [1; 4] };
    let recipient = opened.node.home();
    let salt = clinic.device.head_salt(&recipient);
    let tree = HeadTree::of([HeadShare { salt, recipient, tally }]);
    let roll = HeadRoll::sign(&clinic.network, heard, tree.root(), &clinic.device);
    let (share, path) = tree.share(&recipient).expect("it is in it");
    let statement = HeadStatement { roll, share, path };
    let row = PublisherRow { statement, heard, complete: Some(complete) };
    let mut rows = Batch::new();
    rows.put(table::HEAD, clinic.device_id().as_bytes(), row.to_bytes());
    opened.node.handle().store().commit_all([&rows]).expect("room");
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_count_and_name_nobody() {
    let hospital = Hospital::new();
    let opened = hospital.open().await.expect("a new node");
    consented(&hospital, &opened).await;
    hear_clinic(&opened);
    opened.close().await;
    let opened = hospital.open().await.expect("the same node");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    let (quit, quitting) = tokio::sync::oneshot::channel::<()>();
    let stop = async {
        let _ = quitting.await;
    };
    let served = tokio::spawn(metrics::serve(listener, opened.node.clone(), stop));
    let scrape = async |path: &str| {
        let mut stream = TcpStream::connect(address).await.expect("it listens");
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut text = String::new();
        stream.read_to_string(&mut text).await.expect("an answer");
        text
    };
    let text = scrape("/metrics").await;
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("azalea_node_{name} ")));
        line.unwrap_or_else(|| panic!("{name} in {text}")).parse::<i64>().expect("a number")
    };
    let status = answer(&opened, Request::Status).await;
    assert_eq!(value("unsent"), status["unsent"].as_i64().expect("a number"));
    assert!(value("unsent") > 0 && value("store_bytes") > 4_096);
    let clinic = text.lines().filter(|line| line.contains(&hospital.clinic.to_string()));
    let age = |name: &str| {
        let line = clinic.clone().find(|line| line.starts_with(&format!("azalea_node_{name}{{")));
        let line = line.unwrap_or_else(|| panic!("{name} in {text}"));
        line.rsplit(' ').next().and_then(|age| age.parse::<i64>().ok()).expect("a number")
    };
    assert!(age("publisher_complete_age_seconds") >= 90);
    assert!(age("publisher_heard_age_seconds") >= 60 && age("publisher_missing") == 3);
    assert_eq!(value("missing"), 3);
    for zero in ["connected", "waiting", "waiting_for_key", "quarantined", "rebuilding"] {
        assert_eq!(value(zero), 0, "{zero}");
    }
    let patient = opened.node.find_patient("p-1").expect("imported").to_string();
    for name in ["p-1", "石橋", "山田", "筑後", "久留米", &patient] {
        assert!(!text.contains(name), "{name} in {text}");
    }
    assert!(scrape("/").await.starts_with("HTTP/1.1 404"));
    let _ = quit.send(());
    served.await.expect("no panic").expect("it ends");
    opened.close().await;
}
