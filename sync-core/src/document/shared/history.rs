//! Who edited a document when, in one order on every replica.

use std::collections::{BTreeMap, BTreeSet};

use automerge::{ChangeHash, ChangeMetadata};

use super::Shared;
use crate::document::{Author, Editor, Heads};
use crate::id::{DeviceId, Timestamp};

/// One edit in a document's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    /// Who.
    pub editor: Editor,
    /// When, by the editor's device.
    pub at: Timestamp,
    /// The state right after it.
    pub heads: Heads,
}

impl Shared {
    /// Every edit that a state consists of: each after those that it builds on, otherwise by time. The same on
    /// every replica, in whatever order the edits came.
    pub(in crate::document) fn history(&self, heads: &Heads) -> Vec<Revision> {
        let mut found = BTreeMap::new();
        let mut open = heads.0.clone();
        while let Some(hash) = open.pop() {
            let Some(meta) = self.document.get_change_meta_by_hash(&hash) else { continue };
            if found.contains_key(&hash) {
                continue;
            }
            open.extend(&meta.deps);
            found.insert(hash, meta);
        }
        let mut missing: BTreeMap<ChangeHash, usize> = BTreeMap::new();
        let mut next: BTreeMap<ChangeHash, Vec<ChangeHash>> = BTreeMap::new();
        for (hash, meta) in &found {
            missing.insert(*hash, meta.deps.len());
            meta.deps.iter().for_each(|before| next.entry(*before).or_default().push(*hash));
        }
        let time = |hash: &ChangeHash| found.get(hash).map_or(0, |meta| meta.timestamp);
        let mut ready: BTreeSet<(i64, ChangeHash)> = missing
            .iter()
            .filter(|(_, count)| **count == 0)
            .map(|(hash, _)| (time(hash), *hash))
            .collect();
        let mut history = Vec::with_capacity(found.len());
        while let Some((_, hash)) = ready.pop_first() {
            history.extend(found.get(&hash).and_then(|meta| self.revision(meta)));
            for after in next.remove(&hash).unwrap_or_default() {
                let count = missing.entry(after).or_default();
                *count = count.saturating_sub(1);
                if *count == 0 {
                    ready.insert((time(&after), after));
                }
            }
        }
        history
    }

    fn revision(&self, meta: &ChangeMetadata<'_>) -> Option<Revision> {
        Some(Revision {
            editor: self.editor(meta.actor.to_bytes(), meta.message.as_deref())?,
            at: Timestamp(u64::try_from(meta.timestamp).unwrap_or(0)),
            heads: Heads(vec![meta.hash]),
        })
    }

    fn editor(&self, actor: &[u8], staff: Option<&str>) -> Option<Editor> {
        let claim = self.claims.get(actor)?;
        let device = DeviceId(actor.get(..DeviceId::LEN)?.try_into().ok()?);
        let author = Author { device, facility: claim.facility };
        Some(Editor { author, staff: staff.unwrap_or_default().to_owned() })
    }

    /// The edit that wrote a value.
    pub(in crate::document) fn writer(&self, value: &automerge::ObjId) -> Option<Revision> {
        let hash = self.document.hash_for_opid(value)?;
        self.document.get_change_meta_by_hash(&hash).and_then(|meta| self.revision(&meta))
    }
}
