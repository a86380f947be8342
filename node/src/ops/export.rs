//! Writing records out, byte for byte as they came.

use azalea_core::access::ScopeKind;
use azalea_core::replica::effect::ScopeView;
use azalea_core::view::{VersionEntry, View, current};
use serde_json::json;
use std::io;

use super::{Answer, Export, OpError, Output, What, moment, patient_of};
use crate::node::Node;

/// Text handed on at once.
const PIECE_BYTES: usize = 256 << 10;

pub(super) fn write(
    node: &Node,
    export: &Export,
    output: &mut dyn Output,
) -> Result<Answer, OpError> {
    let scopes = scopes(node, &export.what)?;
    let snapshot = node.handle().snapshot()?;
    let mut view = View::new(&snapshot);
    let mut pieces = Pieces { output, waiting: String::new() };
    if !export.ndjson {
        let at = moment(node.handle().clock().now());
        pieces.put(&format!(
            "{{\"resourceType\":\"Bundle\",\"type\":\"collection\",\"timestamp\":\"{at}\",\"entry\":["
        ))?;
    }
    let (mut count, mut newer, mut missing): (u64, u64, u64) = (0, 0, 0);
    for scope in scopes {
        for entry in chosen(view.records(scope.number)?, export.versions) {
            let version = match view.open(&entry) {
                Err(error) if error.is_newer() => {
                    newer += 1;
                    continue;
                }
                version => version?,
            };
            let Some(raw) = version.raw() else { continue };
            let restored = node.restored(scope.id, raw)?;
            missing += restored.missing;
            let resource = text(&restored.raw)?;
            match export.ndjson {
                true => {
                    // Line breaks in JSON stand between tokens only, where a space says the same.
                    pieces.put(&resource.replace(['\n', '\r'], " "))?;
                    pieces.put("\n")?;
                }
                false => {
                    pieces.put(if count == 0 { "\n{" } else { ",\n{" })?;
                    if let Some(url) = &version.header.full_url {
                        pieces.put(&format!("\"fullUrl\":{},", json!(url)))?;
                    }
                    pieces.put("\"resource\":")?;
                    pieces.put(resource)?;
                    pieces.put("}")?;
                }
            }
            count += 1;
        }
    }
    if !export.ndjson {
        pieces.put("]}\n")?;
    }
    pieces.flush()?;
    let mut answer = Answer::new(json!({ "resources": count }), format!("{count} resources"));
    if newer > 0 {
        // Whoever takes this for the whole chart must be told otherwise.
        answer.json["newer"] = newer.into();
        answer.text.push_str(&format!(
            "; {newer} more were written by a newer program and are not in it: update this one"
        ));
        answer.success = false;
    }
    if missing > 0 {
        answer.json["attachments_missing"] = missing.into();
        answer.text.push_str(&format!(
            "; {missing} attachments are not here and are only named in it: see `azalea attachment list`"
        ));
        answer.success = false;
    }
    Ok(answer)
}

/// The versions that are written out, in the order in which they lie in the log: each envelope is opened once,
/// however many records it holds.
fn chosen(records: Vec<Vec<VersionEntry>>, superseded: bool) -> Vec<VersionEntry> {
    let mut chosen = Vec::new();
    for versions in records {
        let heads: Vec<_> = current(&versions).iter().map(|head| head.id).collect();
        let is_wanted =
            |entry: &VersionEntry| !entry.row.removed && (superseded || heads.contains(&entry.id));
        chosen.extend(versions.into_iter().filter(is_wanted));
    }
    chosen.sort_by_key(|entry| (entry.row.position, entry.row.index));
    chosen
}

fn scopes(node: &Node, what: &What) -> Result<Vec<ScopeView>, OpError> {
    let directory = node.handle().directory();
    let is_facility =
        |scope: &&ScopeView| matches!(scope.kind, ScopeKind::Directory | ScopeKind::Office);
    let is_chart = |scope: &&ScopeView| scope.kind == ScopeKind::Chart;
    Ok(match what {
        What::Patient(id) => {
            drop(directory);
            let patient = patient_of(node, id)?;
            node.handle().directory().scopes_of(&patient).filter(is_chart).cloned().collect()
        }
        What::Directory => directory.scopes().filter(is_facility).cloned().collect(),
        What::All => {
            directory.scopes().filter(|it| is_chart(it) || is_facility(it)).cloned().collect()
        }
    })
}

fn text(raw: &[u8]) -> Result<&str, OpError> {
    std::str::from_utf8(raw)
        .map_err(|_| OpError::Value("a record is not UTF-8: run `azalea verify`".to_owned()))
}

/// Gathers small texts into pieces.
struct Pieces<'a> {
    output: &'a mut dyn Output,
    waiting: String,
}

impl Pieces<'_> {
    fn put(&mut self, text: &str) -> io::Result<()> {
        self.waiting.push_str(text);
        if self.waiting.len() >= PIECE_BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        let piece = std::mem::take(&mut self.waiting);
        if piece.is_empty() { Ok(()) } else { self.output.data(&piece) }
    }
}
