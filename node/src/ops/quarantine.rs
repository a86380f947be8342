//! What is set apart: listed, read again, discarded.

use serde_json::{Value, json};

use super::{Answer, OpError, Output, moment, moment_text, staff_of};
use crate::import::Inbox;
use crate::node::{Node, QuarantineError};
use crate::typed;
use crate::web::Clinic;
use crate::web::model::{QuarantineItem, QuarantineKind};

pub(super) fn list(node: &Node) -> Result<Answer, OpError> {
    let items = node.quarantine()?;
    let json: Vec<Value> = items
        .iter()
        .map(|item| {
            json!({
                "key": item.key, "at": moment(item.at), "kind": kind(item), "source": source(item),
                "cause": item.cause, "bytes": item.bytes,
            })
        })
        .collect();
    let lines: Vec<String> = items
        .iter()
        .map(|item| {
            let at = moment_text(item.at);
            let line = format!("{at}  {:<10}  {}: {}", kind(item), source(item), item.cause);
            item.key.iter().fold(line, |line, key| format!("{line}\n    {key}"))
        })
        .collect();
    Ok(Answer::new(json!({ "quarantined": json }), lines.join("\n")))
}

/// Reads one held file again, or all that lie in the folder of quarantined files.
pub(super) fn retry(
    node: &Node,
    key: Option<&str>,
    output: &mut dyn Output,
) -> Result<Answer, OpError> {
    let (mut taken, mut left) = (0, 0);
    let mut count = |whole: bool| match whole {
        true => taken += 1,
        false => left += 1,
    };
    match key {
        Some(key) => count(node.retry_held(None, key)?),
        None => {
            let mut inbox = Inbox::open(node.dir.path()).map_err(QuarantineError::from)?;
            for file in inbox.quarantined().map_err(QuarantineError::from)? {
                output.progress("one file");
                count(node.retry_file(None, &mut inbox, &file)?);
            }
        }
    }
    let json = json!({ "taken": taken, "left": left });
    let text = format!("{taken} files were taken, {left} stay quarantined");
    Ok(Answer { json, text, success: left == 0 })
}

pub(super) fn discard(
    node: &Node,
    key: &str,
    reason: &str,
    staff: &str,
) -> Result<Answer, OpError> {
    let reason = reason.trim();
    if reason.is_empty() {
        return Err(OpError::Value(
            "say why with --reason: it is kept in the access log".to_owned(),
        ));
    }
    typed::check("the reason", typed::REASON, reason)?;
    node.discard_held(&staff_of(node, staff)?, key, reason)?;
    let text = "off the list; the file is kept in the folder discarded".to_owned();
    Ok(Answer::new(json!({ "discarded": key }), text))
}

/// The file and the place in it, or the facility.
fn source(item: &QuarantineItem) -> String {
    format!("{} {}", item.source, item.place).trim_end().to_owned()
}

fn kind(item: &QuarantineItem) -> &'static str {
    match item.kind {
        QuarantineKind::Import => "import",
        QuarantineKind::LateWrite => "late-write",
        QuarantineKind::Fork => "fork",
        QuarantineKind::TooNew => "newer",
        QuarantineKind::Unreadable => "unreadable",
        QuarantineKind::Refused => "refused",
    }
}
