//! What there is to do: what records refer to, against what lies here and what the relay has.

use azalea_core::blob::Placed;
use azalea_core::blob::shelf::Census;
use azalea_core::storage::{Order, Range, Read, StorageError};

use crate::blobs::HoldError;
use crate::node::Node;
use crate::store::tables::{BLOB_USE, used_blob};

/// What there is to do, the smallest first.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Errands {
    /// Here, in a chart of ours, and as far as is known not at the relay.
    pub to_bring: Vec<Placed>,
    /// Not here, or not all of it, and fetched without anybody asking: small ones, and those that were begun.
    pub to_fetch: Vec<Placed>,
    /// Not here, and too large to be fetched before somebody asks.
    pub on_demand: Vec<Placed>,
}

/// Some attachments.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Amount {
    /// How many.
    pub count: u64,
    /// Their sealed bytes.
    pub bytes: u64,
}

/// How it stands with attachments, for whoever watches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AttachmentsStatus {
    /// What lies here.
    pub held: Census,
    /// What the relay does not have.
    pub to_bring: Amount,
    /// What is fetched by itself.
    pub to_fetch: Amount,
    /// What is fetched once somebody asks.
    pub on_demand: Amount,
}

impl Node {
    /// Counts what is here and what there is to do.
    pub fn attachments_status(&self) -> Result<AttachmentsStatus, HoldError> {
        let errands = self.errands()?;
        let amount = |list: &[Placed]| Amount {
            count: list.len() as u64,
            bytes: list.iter().map(|of| of.blob.bytes()).sum(),
        };
        Ok(AttachmentsStatus {
            held: self.shelf.census()?,
            to_bring: amount(&errands.to_bring),
            to_fetch: amount(&errands.to_fetch),
            on_demand: amount(&errands.on_demand),
        })
    }

    /// Looks at everything that records refer to.
    pub fn errands(&self) -> Result<Errands, HoldError> {
        let mut errands = Errands::default();
        for of in referred(&self.handle().snapshot()?)? {
            let standing = self.shelf.standing(&of)?;
            if !standing.is_whole {
                let is_unasked = standing.held > 0 || of.blob.bytes() <= self.unasked_bytes_max;
                let list = match is_unasked {
                    true => &mut errands.to_fetch,
                    false => &mut errands.on_demand,
                };
                list.push(of);
            } else if self.is_to_bring(&of)? {
                errands.to_bring.push(of);
            }
        }
        for list in [&mut errands.to_bring, &mut errands.to_fetch, &mut errands.on_demand] {
            list.sort_by_key(|of| of.blob.bytes());
        }
        Ok(errands)
    }

    /// Whether any record of a chart of ours refers to an attachment.
    pub(super) fn has_own_attachments(&self) -> Result<bool, HoldError> {
        let home = self.home();
        let referred = referred(&self.handle().snapshot()?)?;
        let directory = self.handle().directory();
        let is_own =
            |of: &Placed| directory.scope_of(&of.scope).is_some_and(|scope| scope.owner == home);
        Ok(referred.iter().any(is_own))
    }

    fn is_to_bring(&self, of: &Placed) -> Result<bool, HoldError> {
        let home = self.home();
        let directory = self.handle().directory();
        // The relay takes attachments from those alone who may write where they belong.
        if directory.scope_of(&of.scope).is_none_or(|scope| scope.owner != home) {
            return Ok(false);
        }
        drop(directory);
        let has = self.shelf.brought_to(of)?;
        // Before the relay has said which shelf it has, the last one counts.
        Ok(has.is_none() || self.transfers.relay().is_some_and(|shelf| has != Some(shelf)))
    }
}

/// The blobs to which records refer, each once.
fn referred(read: &impl Read) -> Result<Vec<Placed>, StorageError> {
    let mut found: Vec<Placed> = Vec::new();
    read.scan(BLOB_USE, &Range::all(), Order::Ascending, &mut |key, _| {
        // In the order of the keys, so that the same blob comes in a row.
        found.extend(used_blob(key).filter(|of| found.last() != Some(of)));
        true
    })?;
    Ok(found)
}
