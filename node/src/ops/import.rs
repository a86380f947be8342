//! Importing files, and what could not be taken.

use serde_json::{Value, json};
use std::io;
use std::path::{Path, PathBuf};

use super::{Answer, BY_COMMAND, OpError, Output, moment, moment_text, staff_of};
use crate::import::{self, Inbox, Language};
use crate::node::Node;
use crate::serve::inbox;
use crate::web::Clinic;
use crate::web::model::{QuarantineItem, QuarantineKind};

/// Bytes between two words on progress.
const PROGRESS_BYTES: u64 = 16 << 20;

pub(super) fn take(
    node: &Node,
    paths: &[PathBuf],
    staff: Option<String>,
    lang: &str,
    output: &mut dyn Output,
) -> Result<Answer, OpError> {
    let by = match staff {
        Some(staff) => staff_of(node, &staff)?.id.0,
        None => BY_COMMAND.to_owned(),
    };
    let language = if lang == "ja" { Language::Japanese } else { Language::English };
    let mut sink = node.sink(by);
    let mut reports = Vec::new();
    let mut texts = Vec::new();
    let mut success = true;
    for path in paths {
        let mut told = 0;
        let report = import::import_path(path, &mut sink, &mut |progress| {
            if progress.bytes_taken >= told + PROGRESS_BYTES {
                told = progress.bytes_taken;
                output.progress(&format!("{} of {} MB", told >> 20, progress.bytes >> 20));
            } else if progress.bytes_taken < told {
                told = progress.bytes_taken;
            }
        });
        success &= report.stopped.is_none() && report.counts.quarantined == 0;
        texts.push(report.text(language));
        reports.push(serde_json::to_value(&report).map_err(io::Error::other)?);
    }
    // One path is the common case: its report stands by itself.
    let json = match reports.len() {
        1 => reports.remove(0),
        _ => json!({ "reports": reports }),
    };
    Ok(Answer { json, text: texts.join("\n"), success })
}

pub(super) fn quarantine(node: &Node) -> Result<Answer, OpError> {
    let items = node.quarantine()?;
    let json: Vec<Value> = items
        .iter()
        .map(|item| {
            json!({
                "at": moment(item.at), "kind": kind(item), "source": item.source,
                "cause": item.cause, "bytes": item.bytes,
            })
        })
        .collect();
    let lines: Vec<String> = items
        .iter()
        .map(|item| {
            format!("{}  {:<10}  {}: {}", moment_text(item.at), kind(item), item.source, item.cause)
        })
        .collect();
    Ok(Answer::new(json!({ "quarantined": json }), lines.join("\n")))
}

/// Puts quarantined files back into the inbox and takes them again.
pub(super) fn retry(node: &Node, output: &mut dyn Output) -> Result<Answer, OpError> {
    let folder = node.dir.path();
    let mut inbox = Inbox::open(folder).map_err(|error| OpError::Value(error.to_string()))?;
    let mut files = Vec::new();
    list(&folder.join("quarantined"), &mut files)?;
    let (mut taken, mut left) = (0, 0);
    for file in files {
        output.progress("one file");
        if !inbox::take(node, &mut inbox, &file) {
            return Err(OpError::Value(
                "the store does not take records now: see `azalea status`".to_owned(),
            ));
        }
        match file.exists() {
            true => left += 1,
            false => taken += 1,
        }
    }
    let json = json!({ "taken": taken, "left": left });
    Ok(Answer::new(json, format!("{taken} files were read again, {left} stay quarantined")))
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            list(&path, files)?;
        } else if path.extension().is_none_or(|ending| ending != "txt") {
            files.push(path);
        }
    }
    Ok(())
}

fn kind(item: &QuarantineItem) -> &'static str {
    match item.kind {
        QuarantineKind::Import => "import",
        QuarantineKind::LateWrite => "late-write",
        QuarantineKind::Fork => "fork",
        QuarantineKind::TooNew => "unreadable",
    }
}
