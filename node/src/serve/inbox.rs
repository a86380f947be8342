//! Watches the inbox folder: what has come to rest there is imported and put away.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use crate::clock::Clock;
use crate::import::{self, Inbox};
use crate::node::Node;

const LOOK: Duration = Duration::from_secs(1);
/// Who imported, as records name it.
const BY: &str = "inbox";

/// Looks every second until told to stop; a file under way is finished first.
pub(super) async fn watch(node: Arc<Node>, clock: Clock, mut stop: watch::Receiver<bool>) {
    let folder = node.dir.path().to_owned();
    let opened = tokio::task::spawn_blocking(move || Inbox::open(&folder)).await;
    let mut inbox = match opened {
        Ok(Ok(inbox)) => inbox,
        Ok(Err(error)) => return tracing::error!(%error, "the inbox cannot be watched"),
        Err(_) => return,
    };
    let mut looks = tokio::time::interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = looks.tick() => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        let (node, stopping) = (node.clone(), stop.clone());
        let round = tokio::task::spawn_blocking(move || {
            look(&node, &mut inbox, clock, &stopping);
            inbox
        });
        match round.await {
            Ok(back) => inbox = back,
            Err(_) => return tracing::error!("the inbox is not watched any more"),
        }
    }
}

fn look(node: &Node, inbox: &mut Inbox, clock: Clock, stop: &watch::Receiver<bool>) {
    let ready = match inbox.scan(clock.now()) {
        Ok(ready) => ready,
        Err(error) => return tracing::warn!(%error, "the inbox cannot be read"),
    };
    for file in ready {
        if *stop.borrow() || !take(node, inbox, &file) {
            return;
        }
    }
}

/// Imports one file and puts it away; false where the store does not take records now, so that the file stays.
pub(crate) fn take(node: &Node, inbox: &mut Inbox, file: &Path) -> bool {
    // Names of files may name patients: none of them is logged.
    let report = match import::import_file(file, &mut node.sink(BY), &mut |_| ()) {
        Ok(report) => report,
        Err(error) => {
            tracing::warn!(%error, "a file of the inbox was not taken; it stays there");
            return false;
        }
    };
    let counts = report.counts;
    tracing::info!(
        taken = counts.taken,
        unchanged = counts.unchanged,
        new_versions = counts.new_versions,
        quarantined = counts.quarantined,
        "a file of the inbox was read"
    );
    if let Err(error) = inbox.settle(file, &report) {
        tracing::warn!(%error, "a file of the inbox cannot be put away");
    }
    true
}
