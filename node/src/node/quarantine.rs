//! 取込保留: what is kept apart, with its cause, and what a person can do about a file that was not taken.
//!
//! A held file is named by its digest, so that a screen that is out of date never acts on another file. Envelopes
//! that are set apart are shown beside the files; they are evidence and have nothing to retry here.

use azalea_core::id::{DeviceId, Timestamp};
use azalea_core::replica::Cause;
use azalea_core::storage::{Batch, Order, Range, Read};
use azalea_core::view::View;
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Node, disk, view_error};
use crate::import::{self, Inbox, InboxError, SinkError};
use crate::store::Snapshot;
use crate::store::tables::IMPORT;
use crate::web::ClinicError;
use crate::web::model::{AccessKind, Entry, QuarantineItem, QuarantineKind, StaffAccount, StaffId};

/// A file of which something was not taken, as its table has it.
#[derive(Serialize, Deserialize)]
pub(super) struct Withheld {
    pub(super) at_ms: u64,
    pub(super) file: String,
    pub(super) bytes: u64,
    pub(super) causes: Vec<Because>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Because {
    pub(super) place: String,
    pub(super) cause: String,
}

/// Why nothing was done about a held file.
#[derive(Debug, thiserror::Error)]
pub enum QuarantineError {
    /// No file with this key is held; a colleague was quicker, or it is an envelope.
    #[error("no such file is quarantined: see `azalea quarantine list`")]
    Unknown,
    /// The file itself is gone from where it was read. Usual cause: it was moved after an import by command.
    #[error("the file is not where it was read any more: import it again, or discard it")]
    Gone,
    /// Its folder could not be used.
    #[error(transparent)]
    Folder(#[from] InboxError),
    /// The store does not take records now.
    #[error("the store does not take records now: see `azalea status`")]
    Import(#[from] SinkError),
    /// The store could not be used.
    #[error(transparent)]
    Clinic(#[from] ClinicError),
}

impl From<QuarantineError> for ClinicError {
    fn from(error: QuarantineError) -> Self {
        match error {
            QuarantineError::Unknown => Self::Changed,
            QuarantineError::Gone => Self::NotFound,
            QuarantineError::Folder(error) => {
                tracing::warn!(%error, "a quarantined file cannot be put away");
                Self::Disk
            }
            QuarantineError::Import(_) => Self::Disk,
            QuarantineError::Clinic(error) => error,
        }
    }
}

impl Node {
    pub(super) fn import_quarantine_count(&self) -> Result<u64, ClinicError> {
        let snapshot = self.handle.snapshot().map_err(disk)?;
        Ok(held_files(&snapshot)?.iter().map(|(_, held)| held.causes.len() as u64).sum())
    }

    /// Everything that is set apart, the newest first.
    pub(super) fn read_quarantine(&self) -> Result<Vec<QuarantineItem>, ClinicError> {
        let snapshot = self.handle.snapshot().map_err(disk)?;
        let shown = self.handle.shown();
        let mut items = Vec::new();
        for (digest, held) in held_files(&snapshot)? {
            let key = HEXLOWER.encode(&digest);
            items.extend(held.causes.into_iter().map(|because| QuarantineItem {
                key: Some(key.clone()),
                at: Timestamp(held.at_ms),
                kind: QuarantineKind::Import,
                source: held.file.clone(),
                place: because.place,
                cause: because.cause,
                bytes: held.bytes,
            }));
        }
        // After an update that was taken back there may be many of them: one line for each author.
        let mut newer: BTreeMap<DeviceId, (Timestamp, u64)> = BTreeMap::new();
        let named = |author: &DeviceId| {
            let device = shown.roster.device(author);
            device
                .map_or_else(|| author.to_string(), |device| shown.facility(&device.facility).name)
        };
        for row in View::new(&snapshot).quarantined().map_err(view_error)? {
            if row.cause == Cause::Newer {
                let (at, count) = newer.entry(row.author).or_default();
                (*at, *count) = ((*at).max(row.at), *count + 1);
                continue;
            }
            let (kind, cause) = words(row.cause);
            items.push(QuarantineItem {
                key: None,
                at: row.at,
                kind,
                source: named(&row.author),
                place: String::new(),
                cause: cause.to_owned(),
                bytes: row.envelope.len() as u64,
            });
        }
        items.extend(
            newer.into_iter().map(|(author, (at, count))| too_new(named(&author), at, count)),
        );
        if shown.status.newer_unplaced > 0 {
            let count = shown.status.newer_unplaced as u64;
            items.push(too_new("不明 / unknown".to_owned(), shown.at, count));
        }
        items.sort_by_key(|item| std::cmp::Reverse(item.at));
        Ok(items)
    }

    /// Reads a held file again. Says whether all of it is taken now.
    pub(crate) fn retry_held(
        &self,
        by: Option<&StaffAccount>,
        key: &str,
    ) -> Result<bool, QuarantineError> {
        let (digest, held) = self.held(key)?;
        let mut inbox = Inbox::open(self.dir.path())?;
        let file = find(&inbox, &digest, &held)?.ok_or(QuarantineError::Gone)?;
        self.log_held(by, AccessKind::RetriedImport, key, "")?;
        self.retry_file(by, &mut inbox, &file)
    }

    /// Reads a file again and puts it away if it lies in the folder of quarantined files.
    pub(crate) fn retry_file(
        &self,
        by: Option<&StaffAccount>,
        inbox: &mut Inbox,
        file: &Path,
    ) -> Result<bool, QuarantineError> {
        let by = by.map_or(super::BY_COMMAND, |account| account.id.0.as_str());
        let report = import::import_file(file, &mut self.sink(by), &mut |_| ())?;
        inbox.settle_again(file, &report)?;
        Ok(report.counts.quarantined == 0)
    }

    /// Takes a held file off the list: who, when and why is in the access log first. The file itself is kept in
    /// the folder `discarded`, for whoever looks after the machine.
    pub(crate) fn discard_held(
        &self,
        by: &StaffAccount,
        key: &str,
        reason: &str,
    ) -> Result<(), QuarantineError> {
        let (digest, held) = self.held(key)?;
        let mut inbox = Inbox::open(self.dir.path())?;
        let file = find(&inbox, &digest, &held)?;
        self.log_held(Some(by), AccessKind::DiscardedImport, key, reason)?;
        if let Some(file) = file {
            inbox.discard(&file)?;
        }
        let mut rows = Batch::new();
        rows.remove(IMPORT, digest);
        self.handle.store().commit_all([&rows]).map_err(disk)?;
        Ok(())
    }

    /// The account that asks on a screen, if it may deal with what is held.
    pub(super) fn acting_administrator(
        &self,
        staff: &StaffId,
    ) -> Result<StaffAccount, ClinicError> {
        let account = self.account_rows()?.into_iter().find(|account| account.id == *staff);
        account.filter(|it| it.admin && !it.stopped).ok_or(ClinicError::NotAllowed)
    }

    fn held(&self, key: &str) -> Result<([u8; 32], Withheld), QuarantineError> {
        let digest = HEXLOWER.decode(key.as_bytes()).ok();
        let digest: [u8; 32] =
            digest.and_then(|digest| digest.try_into().ok()).ok_or(QuarantineError::Unknown)?;
        let row = self.handle.store().get(IMPORT, &digest).map_err(disk)?;
        let held = row.and_then(|row| serde_json::from_slice(&row).ok());
        Ok((digest, held.ok_or(QuarantineError::Unknown)?))
    }

    /// The file is named by the front of its digest: its own name may name a patient.
    fn log_held(
        &self,
        by: Option<&StaffAccount>,
        kind: AccessKind,
        key: &str,
        reason: &str,
    ) -> Result<(), ClinicError> {
        let named = key.get(..KEY_SHOWN).unwrap_or(key);
        self.append_access(Entry {
            at: self.handle.clock().now(),
            staff: by.map(|account| account.id.clone()),
            staff_name: by.map_or(super::BY_COMMAND, |account| &account.name).to_owned(),
            kind,
            patient: None,
            record: None,
            online: None,
            reason: format!("{named} {reason}").trim_end().to_owned(),
        })
    }
}

/// Digits of a file's digest in the access log: enough to tell the files of a facility apart.
const KEY_SHOWN: usize = 12;

fn held_files(snapshot: &Snapshot) -> Result<Vec<([u8; 32], Withheld)>, ClinicError> {
    let mut held = Vec::new();
    let visit = &mut |key: &[u8], value: &[u8]| {
        if let (Ok(digest), Ok(withheld)) = (key.try_into(), serde_json::from_slice(value)) {
            held.push((digest, withheld));
        }
        true
    };
    snapshot.scan(IMPORT, &Range::all(), Order::Ascending, visit).map_err(disk)?;
    Ok(held)
}

/// Where the bytes of a held file are: where they were read, or in the folder of quarantined files under whatever name.
fn find(
    inbox: &Inbox,
    digest: &[u8; 32],
    held: &Withheld,
) -> Result<Option<PathBuf>, QuarantineError> {
    let read = PathBuf::from(&held.file);
    let candidates = std::iter::once(read).chain(inbox.quarantined()?);
    // Only a file of the same length is worth reading.
    let same_length = |path: &PathBuf| {
        std::fs::metadata(path).is_ok_and(|it| it.is_file() && it.len() == held.bytes)
    };
    Ok(candidates.filter(same_length).find(|path| import::has_digest(path, digest)))
}

/// Entries of one author that a newer program wrote.
fn too_new(source: String, at: Timestamp, count: u64) -> QuarantineItem {
    QuarantineItem {
        key: None,
        at,
        kind: QuarantineKind::TooNew,
        source,
        place: String::new(),
        cause: format!(
            "新しいプログラムで書かれた記録が {count} 件あります。この端末のプログラムを更新すると自動で読み込みます / {count} entries of a newer \
             program; they are read by themselves once this one is updated"
        ),
        bytes: 0,
    }
}

fn words(cause: Cause) -> (QuarantineKind, &'static str) {
    match cause {
        Cause::Late => (
            QuarantineKind::LateWrite,
            "権限の終了後に書かれました / written after the author's right had ended",
        ),
        Cause::Fork => (
            QuarantineKind::Fork,
            "同じ番号の記録が二つあります / one device gave two envelopes the same number",
        ),
        Cause::Body => {
            (QuarantineKind::Unreadable, "内容を読み取れません / the content does not open or read")
        }
        Cause::Newer => (
            QuarantineKind::TooNew,
            "新しいプログラムで書かれています / written by a newer program",
        ),
        Cause::Contradicted => (
            QuarantineKind::Fork,
            "中継サーバに同じ番号の別の記録があります / the relay holds another entry with this number",
        ),
        Cause::Refused => {
            (QuarantineKind::Refused, "中継サーバが受け付けません / the relay does not take it")
        }
    }
}
