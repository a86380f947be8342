//! The access log as the one ledger of a device.

use super::*;
use azalea_core::storage::Batch;

use azalea_core::storage::table;

/// The lines of the access log's table as they lie in the store.
fn ledger(opened: &Opened) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut lines = Vec::new();
    let visit = &mut |key: &[u8], value: &[u8]| {
        lines.push((key.to_vec(), value.to_vec()));
        true
    };
    let store = opened.node.handle().store();
    store.scan(table::LEDGER, &Range::all(), Order::Ascending, visit).expect("intact");
    lines
}

/// The access log is the one ledger: it says who opened what, online or not, and `verify` names each way of
/// tampering with it.
#[tokio::test]
async fn the_ledger_says_whether_the_line_was_up_and_shows_every_alteration() {
    let hospital = Hospital::new();
    let opened = hospital.open().await.expect("a new node");
    answer(&opened, import(&hospital.file("a.json", &bundle(RESULT)))).await;
    for _ in 0..3 {
        answer(&opened, Request::PatientShow { id: "p-1".into() }).await;
    }
    let page = opened.node.access_log(None, 0, 10).expect("readable");
    let online: Vec<Option<bool>> = page.lines.iter().map(|line| line.entry.online).collect();
    assert_eq!((online, page.chain_whole), (vec![Some(false); 3], true));
    assert_eq!(answer(&opened, Request::Verify).await["checked"]["access_log_lines"], 3);

    let lines = ledger(&opened);
    let altered = |at: usize| {
        let mut line = lines[1].1.clone();
        line[at] ^= 1;
        vec![(lines[1].0.clone(), Some(line))]
    };
    // The time, the flag that says whether the line was up, the signature.
    let length = lines[1].1.len();
    let mut tampered = vec![altered(40), altered(length - 69), altered(length - 1)];
    tampered.push(vec![(lines[1].0.clone(), None)]);
    tampered.push(vec![
        (lines[0].0.clone(), Some(lines[1].1.clone())),
        (lines[1].0.clone(), Some(lines[0].1.clone())),
    ]);
    let store = opened.node.handle().store();
    let put = |rows: &[(Vec<u8>, Option<Vec<u8>>)]| {
        let mut batch = Batch::new();
        for (key, value) in rows {
            match value {
                Some(value) => batch.put(table::LEDGER, key.clone(), value.clone()),
                None => batch.remove(table::LEDGER, key.clone()),
            }
        }
        store.commit_all([&batch]).expect("room");
    };
    let whole: Vec<_> = lines.iter().map(|(key, line)| (key.clone(), Some(line.clone()))).collect();
    for rows in tampered {
        put(&rows);
        let (found, _) = ask(&opened, Request::Verify).await.expect("checked");
        assert!(!found.success && found.text.contains("access log, line"), "{}", found.text);
        put(&whole);
        answer(&opened, Request::Verify).await;
    }
    opened.close().await;
}
