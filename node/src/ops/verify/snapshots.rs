//! Snapshots: each is held against what its author said of it, and what it stands for likewise, wherever that is here.

use std::collections::BTreeMap;

use azalea_core::access::Snapshot;
use azalea_core::document::{DocumentId, RecordVersion};
use azalea_core::envelope::{AdmittedEnvelope, Body, Formats};
use azalea_core::id::{DeviceId, VersionId};
use azalea_core::storage::row::{ChainRow, ScopeNumber, SnapshotRow, Standing, chain_key};
use azalea_core::storage::{Read, table};
use azalea_core::view::View;
use azalea_core::wire::Wire;

use super::{Checking, chain_place, rows};
use crate::ops::OpError;

/// What authors said of snapshots, by chain and by the number of the statement.
pub(super) type Snapshots = BTreeMap<(ScopeNumber, DeviceId), BTreeMap<u64, SnapshotRow>>;

impl Checking<'_> {
    /// Reads what authors said.
    pub(super) fn read_snapshots(&mut self) -> Result<(), OpError> {
        for (key, value) in rows(self.snapshot, table::SNAPSHOT)? {
            let (Some((scope, author, seq)), Ok(row)) =
                (chain_place(&key), SnapshotRow::from_bytes(&value))
            else {
                self.findings.wrong("table snapshot", "a row does not read");
                continue;
            };
            self.snapshots.entry((scope, author)).or_default().insert(seq, row);
        }
        Ok(())
    }

    /// Whether an envelope is a snapshot that is set apart, since it is not what its author said.
    pub(super) fn is_broken(&self, scope: ScopeNumber, author: &DeviceId, seq: u64) -> bool {
        let said =
            self.snapshots.get(&(scope, *author)).and_then(|rows| rows.get(&seq.saturating_add(1)));
        said.is_some_and(|row| row.standing == Standing::Broken)
    }

    /// Makes the digest of every snapshot anew: over the snapshot, and over the originals, where all of them are here.
    pub(super) fn compare_snapshots(&mut self) -> Result<(), OpError> {
        let snapshots = std::mem::take(&mut self.snapshots);
        for ((scope, author), rows) in &snapshots {
            for (seq, row) in rows {
                // One that is known not to be what it should be is set apart, and shown.
                if matches!(row.standing, Standing::Broken | Standing::Withdrawn) {
                    continue;
                }
                self.compare((*scope, *author, *seq), &row.claim, rows)?;
            }
        }
        self.snapshots = snapshots;
        Ok(())
    }

    fn compare(
        &mut self,
        (scope, author, seq): (ScopeNumber, DeviceId, u64),
        claim: &Snapshot,
        rows: &BTreeMap<u64, SnapshotRow>,
    ) -> Result<(), OpError> {
        let place = format!("snapshot {} of {author} in scope {scope}", seq - 1);
        let mut volume = None;
        if let Some(Opened { document, ids }) = self.open((scope, author, seq - 1))? {
            self.findings.snapshots += 1;
            volume = Some(document);
            if self.digest(scope, claim, &document, ids)? != Some(claim.digest) {
                self.findings.wrong(&place, "does not hold what its author says of it");
            }
        }
        let (mut ids, mut is_whole) = (Vec::new(), true);
        for number in claim.covered.iter().flat_map(|(from, to)| from..=to) {
            match self.open((scope, author, number))? {
                Some(opened) => {
                    let document = *volume.get_or_insert(opened.document);
                    if document != opened.document {
                        self.findings.wrong(&place, "stands for records of another volume");
                    }
                    ids.extend(opened.ids);
                }
                // A snapshot that is not here, while what it stands for is.
                None if rows.contains_key(&(number + 1)) || rows.contains_key(&number) => {}
                None => {
                    is_whole = false;
                    break;
                }
            }
        }
        let Some(document) = volume.filter(|_| is_whole) else { return Ok(()) };
        self.findings.compared += 1;
        if self.digest(scope, claim, &document, ids)? != Some(claim.digest) {
            self.findings.wrong(&place, "is not, byte for byte, what its originals hold");
        }
        Ok(())
    }

    fn digest(
        &self,
        scope: ScopeNumber,
        claim: &Snapshot,
        document: &DocumentId,
        ids: Vec<VersionId>,
    ) -> Result<Option<[u8; 32]>, OpError> {
        let key = View::new(self.snapshot).scope_key(scope, claim.epoch)?;
        Ok(key.map(|key| Snapshot::digest_of(&key, document, ids)))
    }

    /// The records of an envelope, where it is here, has some, and can be opened; what is wrong with it otherwise has been said.
    fn open(&self, place: (ScopeNumber, DeviceId, u64)) -> Result<Option<Opened>, OpError> {
        let (scope, author, seq) = place;
        let row = self.snapshot.get(table::CHAIN, &chain_key(scope, &author, seq))?;
        let Some(row) = row.and_then(|row| ChainRow::from_bytes(&row).ok()) else {
            return Ok(None);
        };
        let bytes = self.snapshot.get(table::LOG, &row.position.to_be_bytes())?;
        let Some(Ok(envelope)) = bytes.map(AdmittedEnvelope::restore) else { return Ok(None) };
        let key = View::new(self.snapshot).scope_key(scope, envelope.header().epoch)?;
        let Some(key) = key.filter(|_| !envelope.header().is_clear()) else { return Ok(None) };
        match envelope.open(&key, Formats::default()).map(|body| body.into_inner()) {
            Ok(Body::Records { document, versions }) => {
                let ids = versions.iter().map(RecordVersion::version_id).collect();
                Ok(Some(Opened { document, ids }))
            }
            _ => Ok(None),
        }
    }
}

struct Opened {
    document: DocumentId,
    ids: Vec<VersionId>,
}
