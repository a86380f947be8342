//! Putting away what no record refers to, and what is not under way either.

use azalea_core::storage::{Order, Range, Read};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;

use crate::blobs::HoldError;
use crate::node::Node;
use crate::store::tables::BLOB_USE;

/// How often it is looked for such attachments.
const TIDY: Duration = Duration::from_secs(60 * 60);

/// Tidies for as long as the node runs.
pub async fn tidy(node: Arc<Node>) {
    loop {
        let tidying = node.clone();
        match tokio::task::spawn_blocking(move || tidying.tidy_attachments()).await {
            Ok(Ok(0)) | Err(_) => {}
            Ok(Ok(count)) => tracing::info!(count, "attachments without a record were put away"),
            Ok(Err(error)) => tracing::warn!(%error, "the attachments could not be looked over"),
        }
        sleep(TIDY).await;
    }
}

impl Node {
    /// Puts away attachments to which no version of a record refers and that are not under way; how many.
    pub fn tidy_attachments(&self) -> Result<u64, HoldError> {
        self.shelf.tidy(&mut |of| {
            if self.transfers.is_in_hand(of) {
                return Ok(true);
            }
            let mut is_used = false;
            let range = Range::prefix(&of.key());
            // Read anew for each: a record may have come since the last one.
            self.handle().snapshot()?.scan(BLOB_USE, &range, Order::Ascending, &mut |_, _| {
                is_used = true;
                false
            })?;
            Ok(is_used)
        })
    }
}
