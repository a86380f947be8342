//! Importing files.

use serde_json::json;
use std::io;
use std::path::PathBuf;

use super::{Answer, BY_COMMAND, OpError, Output, staff_of};
use crate::import::{self, Language};
use crate::node::Node;

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
