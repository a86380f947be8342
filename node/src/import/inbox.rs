//! The watched folder: files that come to rest in `inbox` are taken and moved to `done` or `quarantined` beside it.
//!
//! Moving is the last step. A process that dies before it finds the file again, and the sink knows it by its digest.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use azalea_core::id::Timestamp;

use super::cause::Language;
use super::report::{FileReport, Outcome};

/// A folder with `inbox`, `done` and `quarantined` in it.
pub struct Inbox {
    folder: PathBuf,
    waiting: BTreeMap<PathBuf, Seen>,
}

/// What a file looked like, and since when.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Seen {
    bytes: u64,
    changed: Option<SystemTime>,
    since: Timestamp,
}

impl Seen {
    fn looks_like(&self, other: &Self) -> bool {
        (self.bytes, self.changed) == (other.bytes, other.changed)
    }
}

/// A folder of the inbox could not be used. Usual cause: missing rights, or a full disk.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {folder}: {source}")]
pub struct InboxError {
    action: &'static str,
    folder: &'static str,
    source: io::Error,
}

impl Inbox {
    /// Opens the folder and makes what is missing in it.
    pub fn open(folder: &Path) -> Result<Self, InboxError> {
        for name in [INBOX, DONE, QUARANTINED] {
            fs::create_dir_all(folder.join(name)).map_err(failed("make", name))?;
        }
        Ok(Self { folder: folder.to_owned(), waiting: BTreeMap::new() })
    }

    /// Files that have not changed between two looks at least a second apart, in the order of their names. Hidden files and
    /// those that are being copied (`.part`, `.tmp`) wait until they are renamed.
    pub fn scan(&mut self, now: Timestamp) -> Result<Vec<PathBuf>, InboxError> {
        let mut found = BTreeMap::new();
        list(&self.folder.join(INBOX), DEPTH_MAX, &mut found).map_err(failed("read", INBOX))?;
        let mut ready = Vec::new();
        for (path, (bytes, changed)) in found.iter() {
            let mut seen = Seen { bytes: *bytes, changed: *changed, since: now };
            let before = self.waiting.get(path);
            if let Some(before) = before.filter(|before| before.looks_like(&seen)) {
                seen.since = before.since;
            }
            if now.since_ms(seen.since) >= QUIET_MS {
                ready.push(path.clone());
            }
            self.waiting.insert(path.clone(), seen);
        }
        self.waiting.retain(|path, _| found.contains_key(path));
        Ok(ready)
    }

    /// Puts a file away once its report is there; returns where it is now.
    pub fn settle(&mut self, file: &Path, report: &FileReport) -> Result<PathBuf, InboxError> {
        let clean = matches!(report.outcome, Outcome::Taken | Outcome::SeenBefore);
        let name = if clean { DONE } else { QUARANTINED };
        let inside = file
            .strip_prefix(self.folder.join(INBOX))
            .unwrap_or(file.file_name().map_or(file, Path::new));
        let target = free_name(&self.folder.join(name).join(inside));
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent).map_err(failed("make", name))?;
        }
        if !clean {
            fs::write(cause_name(&target), cause_text(report))
                .map_err(failed("write into", name))?;
        }
        fs::rename(file, &target).map_err(failed("move a file to", name))?;
        self.waiting.remove(file);
        Ok(target)
    }
}

impl Inbox {
    /// The files that were put aside, in the order of their names.
    pub fn quarantined(&self) -> Result<Vec<PathBuf>, InboxError> {
        let mut found = BTreeMap::new();
        list(&self.folder.join(QUARANTINED), DEPTH_MAX, &mut found)
            .map_err(failed("read", QUARANTINED))?;
        let is_cause = |path: &PathBuf| {
            path.file_name().is_some_and(|name| name.as_encoded_bytes().ends_with(CAUSE.as_bytes()))
        };
        Ok(found.into_keys().filter(|path| !is_cause(path)).collect())
    }

    /// Puts a file away that was read again: to `done` once all of it is held, otherwise it stays where it is, with
    /// the causes of today. A file that lies elsewhere is not touched.
    pub fn settle_again(&mut self, file: &Path, report: &FileReport) -> Result<(), InboxError> {
        if !file.starts_with(self.folder.join(QUARANTINED)) {
            return Ok(());
        }
        match report.outcome {
            Outcome::Taken | Outcome::SeenBefore => self.move_out(file, DONE),
            Outcome::PartlyQuarantined | Outcome::Quarantined => {
                let failed = failed("write into", QUARANTINED);
                fs::write(cause_name(file), cause_text(report)).map_err(failed)
            }
        }
    }

    /// Moves a quarantined file to `discarded`; one that lies elsewhere is not touched.
    pub fn discard(&mut self, file: &Path) -> Result<(), InboxError> {
        match file.starts_with(self.folder.join(QUARANTINED)) {
            true => self.move_out(file, DISCARDED),
            false => Ok(()),
        }
    }

    /// The cause goes last: without its file it is from a run that died, and is replaced.
    fn move_out(&self, file: &Path, name: &'static str) -> Result<(), InboxError> {
        let inside = file.strip_prefix(self.folder.join(QUARANTINED)).unwrap_or(file);
        let target = free_name(&self.folder.join(name).join(inside));
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent).map_err(failed("make", name))?;
        }
        fs::rename(file, &target).map_err(failed("move a file to", name))?;
        match fs::remove_file(cause_name(file)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(failed("remove a cause from", QUARANTINED)(error))
            }
            _ => Ok(()),
        }
    }
}

/// Both languages: whoever opens the file cannot switch.
fn cause_text(report: &FileReport) -> String {
    [Language::Japanese, Language::English].map(|language| report.text(language)).join("\n")
}

fn cause_name(target: &Path) -> PathBuf {
    let mut name = target.as_os_str().to_owned();
    name.push(CAUSE);
    PathBuf::from(name)
}

/// The name itself, or with a number before its ending. A cause without its file is from a run that died, and is replaced.
fn free_name(wanted: &Path) -> PathBuf {
    let stem = wanted.file_stem().unwrap_or_default();
    let numbered = |number: u64| {
        let mut name = OsString::from(stem);
        name.push(format!("-{number}"));
        if let Some(ending) = wanted.extension() {
            name.push(".");
            name.push(ending);
        }
        wanted.with_file_name(name)
    };
    let mut names = std::iter::once(wanted.to_owned()).chain((2..).map(numbered));
    names.find(|name| fs::symlink_metadata(name).is_err()).expect("the numbers do not end")
}

type Found = BTreeMap<PathBuf, (u64, Option<SystemTime>)>;

fn list(folder: &Path, depth: usize, found: &mut Found) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if is_unfinished(&name) || found.len() >= FILES_MAX {
            continue;
        }
        let Ok(kind) = entry.metadata() else { continue };
        if kind.is_dir() && depth > 0 {
            list(&entry.path(), depth - 1, found)?;
        } else if kind.is_file() {
            found.insert(entry.path(), (kind.len(), kind.modified().ok()));
        }
    }
    Ok(())
}

fn is_unfinished(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    name.starts_with(b".")
        || [&b".part"[..], b".tmp", b".partial"].iter().any(|ending| name.ends_with(ending))
}

fn failed(action: &'static str, folder: &'static str) -> impl Fn(io::Error) -> InboxError {
    move |source| InboxError { action, folder, source }
}

/// Where files are put for import.
const INBOX: &str = "inbox";
/// Where they go when all of them is held.
const DONE: &str = "done";
/// Where they go when something was not taken.
const QUARANTINED: &str = "quarantined";
/// Where they go when a person has decided that they are not to be taken.
const DISCARDED: &str = "discarded";
/// Added to a quarantined file's name.
const CAUSE: &str = ".cause.txt";
/// Folders within folders that are looked into.
const DEPTH_MAX: usize = 8;
/// Files looked at in one scan; the rest is found once these are gone.
const FILES_MAX: usize = 100_000;
/// How long a file has to stay as it is: a copy over the network pauses, but seldom so long.
const QUIET_MS: u64 = 1_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::{MemorySink, import_file};

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder)
            .expect("the folder is there")
            .map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"))
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_taken_when_it_has_come_to_rest_and_moved_at_the_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut inbox = Inbox::open(folder.path()).expect("opens");
        let mut sink = MemorySink::default();
        let put = |name: &str, text: &str| {
            fs::write(folder.path().join("inbox").join(name), text).expect("written")
        };
        put("a.json", r#"{"resourceType":"Patient","id":"1"}"#);
        put("b.xml", "<Patient/>");
        put(".hidden", "{}");
        put("c.json.part", "{}");
        assert!(
            inbox.scan(Timestamp(10_000)).expect("scans").is_empty(),
            "seen for the first time"
        );
        put("a.json", r#"{"resourceType":"Patient","id":"12"}"#);
        let ready = inbox.scan(Timestamp(11_000)).expect("scans");
        assert_eq!(ready.len(), 1, "one of them is still being written");
        assert_eq!(inbox.scan(Timestamp(12_000)).expect("scans").len(), 2);
        for round in 0..2 {
            for file in inbox.scan(Timestamp(13_000 + round * 2_000)).expect("scans") {
                let report = import_file(&file, &mut sink, &mut |_| ()).expect("memory holds it");
                inbox.settle(&file, &report).expect("moves");
            }
            assert_eq!(names(&folder.path().join("inbox")), [".hidden", "c.json.part"]);
            if round == 0 {
                put("a.json", r#"{"resourceType":"Patient","id":"12"}"#);
                put("b.xml", "<Patient/>");
                inbox.scan(Timestamp(14_000)).expect("scans");
            }
        }
        assert_eq!(names(&folder.path().join("done")), ["a-2.json", "a.json"]);
        assert_eq!(
            names(&folder.path().join("quarantined")),
            ["b-2.xml", "b-2.xml.cause.txt", "b.xml", "b.xml.cause.txt"]
        );
        let cause =
            fs::read_to_string(folder.path().join("quarantined/b.xml.cause.txt")).expect("a text");
        assert!(
            cause.contains("FHIR XML は読み込みません") && cause.contains("FHIR XML is not read")
        );
        assert_eq!(sink.len(), 1);
    }

    #[test]
    fn a_file_that_is_read_again_keeps_its_name_until_all_of_it_is_held() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut inbox = Inbox::open(folder.path()).expect("opens");
        let mut sink = MemorySink::default();
        let held = folder.path().join(QUARANTINED).join("a.json");
        let mut again = |text: &str| {
            fs::write(&held, text).expect("written");
            let report = import_file(&held, &mut sink, &mut |_| ()).expect("memory holds it");
            inbox.settle_again(&held, &report).expect("moves");
            names(&folder.path().join(QUARANTINED))
        };
        assert_eq!(again("<Patient/>"), ["a.json", "a.json.cause.txt"]);
        assert_eq!(again("no json"), ["a.json", "a.json.cause.txt"]);
        assert!(again(r#"{"resourceType":"Patient","id":"1"}"#).is_empty());
        assert_eq!(names(&folder.path().join(DONE)), ["a.json"]);

        fs::write(&held, "<Patient/>").expect("written");
        assert_eq!(inbox.quarantined().expect("reads"), [held.as_path()]);
        inbox.discard(&held).expect("moves");
        assert_eq!(names(&folder.path().join(DISCARDED)), ["a.json"]);
        let elsewhere = folder.path().join("export.json");
        fs::write(&elsewhere, "<Patient/>").expect("written");
        inbox.discard(&elsewhere).expect("nothing to do");
        assert!(elsewhere.exists(), "what the facility keeps elsewhere is its own");
    }
}
