//! A store whose rows are damaged: whatever a disk gives back is rows or an error, never a panic and never data that nobody wrote.
//!
//! The node's file authenticates each block, so this is the second wall: a fault of our own, or a store that somebody forged.

use super::stories::disclosed;
use super::*;
use crate::storage::{Batch, Table};

/// Which row, at which places which bytes replace how many, and where to cut; no edits and no cut take the row away.
type Damage = (u16, Vec<(u16, Vec<u8>, u8)>, Option<u16>);

fn damage(rows: &[(Table, &[u8], &[u8])], (which, edits, cut): &Damage) -> Batch {
    let (table, key, value) = rows[usize::from(*which) % rows.len()];
    let mut batch = Batch::new();
    if edits.is_empty() && cut.is_none() {
        batch.remove(table, key);
        return batch;
    }
    let mut value = value.to_vec();
    for (at, new, replaced) in edits.iter().take(4) {
        let at = usize::from(*at) % (value.len() + 1);
        let end = (at + usize::from(*replaced % 8)).min(value.len());
        value.splice(at..end, new.iter().copied().take(8));
    }
    if let Some(cut) = cut {
        value.truncate(usize::from(*cut));
    }
    batch.put(table, key, value);
    batch
}

/// Everything that a page could ask of a store; `None` where it says that it is damaged.
fn read(disk: &Memory) -> Option<Vec<Vec<u8>>> {
    let mut view = View::new(disk);
    let mut raws = Vec::new();
    for scope in view.scopes().ok()? {
        for versions in view.records(scope.number).ok()? {
            for entry in current(&versions) {
                raws.push(view.open(entry).ok()?.raw().unwrap_or_default().to_vec());
            }
        }
        for (_, changes) in view.notes(scope.number).ok()? {
            let changes: Vec<_> = changes.into_iter().map(|(_, change)| change).collect();
            let _ = CareNote::replay(&changes).0.view();
        }
    }
    view.quarantined().ok()?;
    Some(raws)
}

#[test]
fn fuzz_store() {
    let region = disclosed(40);
    let node = &region.nodes["clinic"];
    let written = read(&node.disk).expect("a sound store");
    let rows: Vec<_> = node.disk.rows().collect();
    assert!(rows.len() > 20, "a store with something in it: {} rows", rows.len());
    bolero::check!(name = "store").with_iterations(3_000).with_type::<Damage>().for_each(|it| {
        let mut disk = node.disk.clone();
        disk.commit(&damage(&rows, it)).expect("memory");
        for raw in read(&disk).unwrap_or_default() {
            assert!(written.contains(&raw), "a record that nobody wrote");
        }
        let answers = answer(&disk, &Replica::queries());
        if let Ok(replica) =
            Replica::open(node.identity.clone(), Formats::default(), answers, Timestamp(0))
        {
            let mut awake = Node { replica, ..Node::new(node.identity.clone(), 41) };
            awake.disk = disk;
            let now = Timestamp(2_000_000);
            awake.handle(now, Input::Connected);
            awake.handle(now, Input::Tick);
            let _ = awake.status();
        }
    });
}
