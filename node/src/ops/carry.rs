//! Carrying changes in a file, for where no line goes.

use azalea_core::envelope::Header;
use azalea_core::id::{FacilityId, ScopeId};
use azalea_core::replica::Recipient;
use azalea_core::replica::command::{Command, Outcome};
use azalea_core::sync::carry::{Label, Part};
use azalea_core::sync::message::Bytes;
use azalea_core::sync::peer::{self, Holding, Named, REACHES, Reach, Stretch};
use azalea_core::wire::{Reader, Wire};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::{Answer, OpError, Output, facility, moment, moment_text};
use crate::carry;
use crate::node::Node;

/// Envelopes after which whoever waits is told how far it is.
const TELL: u64 = 2_000;

/// What to put into a file.
pub(super) struct Out<'a> {
    /// The facility that it is for.
    pub(super) to: &'a str,
    /// A file from there: only what it says is lacking is written.
    pub(super) answer: Option<&'a Path>,
    /// Only what the relay does not have of this device.
    pub(super) unsent: bool,
}

/// Writes what a facility may have into a file.
pub(super) fn out(
    node: &Node,
    file: &Path,
    what: &Out<'_>,
    output: &mut dyn Output,
) -> Result<Answer, OpError> {
    let to = facility::find(node, what.to)?;
    let shown = node.handle().shown();
    let now = node.handle().clock().now();
    if shown.roster.facility_standing(&to, now).is_err() {
        return Err(OpError::Value(
            "that facility is no member now (revoked or expired): nothing is written for it"
                .to_owned(),
        ));
    }
    let known = what.answer.map(|answer| known(node, answer, &to)).transpose()?;
    let look = move |replica: &azalea_core::replica::Replica| {
        let shared = replica.shared_with(&Recipient::Facility(to), now);
        (shared, replica.parted_from(&to, now), replica.unsent())
    };
    let (shared, parted, unsent) =
        node.handle().look_blocking(look).map_err(crate::driver::DriveError::from)?;
    let stretches = lacking(&shared, known.as_ref());
    let snapshot = node.handle().snapshot()?;
    let mut places = Vec::new();
    // Whoever was put out learns that first.
    for (scope, number) in parted {
        if known.as_ref().is_none_or(|known| known.contains_key(&scope)) {
            places.extend(peer::partings(&snapshot, scope, number, &to)?);
        }
    }
    places.extend(peer::placed(&snapshot, &node.identity.network, &stretches)?);
    if what.unsent {
        places.retain(|place| unsent.contains(&place.position));
    }
    let label =
        Label { network: node.identity.network, from: node.identity.device_id(), to, at: now };
    let holds: Vec<Named> = shared.into_iter().filter_map(named).collect();
    let mut told = 0;
    let total = places.len();
    let (envelopes, bytes) = carry::write(file, label, &holds, &snapshot, &places, &mut |done| {
        if done >= told + TELL {
            told = done;
            output.progress(&format!("{done} of {total} entries written"));
        }
    })?;
    let name = shown.facility(&to).name;
    let json = json!({
        "file": file, "to": { "id": to.to_string(), "name": name },
        "envelopes": envelopes, "bytes": bytes, "scopes": holds.len(),
    });
    let text = format!(
        "{envelopes} entries for {name} in {} ({bytes} bytes); there: azalea carry in FILE",
        file.display()
    );
    Ok(Answer::new(json, text))
}

/// What the other side lacks: all where nothing is known of it.
fn lacking(
    shared: &[(ScopeId, Holding)],
    known: Option<&BTreeMap<ScopeId, Vec<Reach>>>,
) -> Vec<Stretch> {
    let Some(known) = known else { return peer::whole(shared) };
    let mut stretches = Vec::new();
    for (scope, holding) in shared {
        if let Holding::Shared { number, vector } = holding {
            let theirs = known.get(scope).map_or(&[][..], Vec::as_slice);
            stretches.extend(peer::lacking(*scope, *number, vector, theirs));
        }
    }
    stretches
}

fn named((scope, holding): (ScopeId, Holding)) -> Option<Named> {
    match holding {
        Holding::Shared { mut vector, .. } => {
            vector.truncate(REACHES.max);
            Some(Named { scope, vector })
        }
        Holding::Unknown | Holding::Closed { .. } => None,
    }
}

/// What a file from a facility says that is held there.
fn known(
    node: &Node,
    file: &Path,
    from: &FacilityId,
) -> Result<BTreeMap<ScopeId, Vec<Reach>>, OpError> {
    let mut known = BTreeMap::new();
    carry::read(file, |part| {
        match part {
            Part::Label(label) => {
                check_network(node, &label)?;
                let shown = node.handle().shown();
                let device = shown.roster.device(&label.from);
                if device.is_none_or(|device| device.facility != *from) {
                    let text =
                        "the file given with --answer is not from the facility given with --to";
                    return Err(OpError::Value(text.to_owned()));
                }
            }
            Part::Holds(named) => known.extend(named.into_iter().map(|it| (it.scope, it.vector))),
            Part::Envelopes(_) | Part::End { .. } => {}
        }
        Ok(())
    })?;
    Ok(known)
}

fn check_network(node: &Node, label: &Label) -> Result<(), OpError> {
    match label.network == node.identity.network {
        true => Ok(()),
        false => Err(OpError::Value("the file is of another network".to_owned())),
    }
}

/// Takes in what a file holds, as if the relay had sent it.
pub(super) fn take(node: &Node, file: &Path, output: &mut dyn Output) -> Result<Answer, OpError> {
    // All of it is looked at before any of it is taken.
    let mut label = None;
    let mut total = 0;
    carry::read(file, |part| {
        match part {
            Part::Label(found) => {
                check(node, &found)?;
                label = Some(found);
            }
            Part::Envelopes(envelopes) => total += envelopes.len() as u64,
            Part::Holds(_) | Part::End { .. } => {}
        }
        Ok::<(), OpError>(())
    })?;
    let Some(label) = label else {
        return Err(OpError::Value("the file has no label".to_owned()));
    };
    let (mut stored, mut waiting, mut done, mut told) = (0, 0, 0, 0);
    carry::read(file, |part| {
        let Part::Envelopes(envelopes) = part else { return Ok(()) };
        done += envelopes.len() as u64;
        let envelopes = wanted(node, envelopes)?;
        let outcome = node.command(Command::Receive { envelopes })?;
        if let Outcome::Received { stored: more, waiting: held } = outcome {
            (stored, waiting) = (stored + more, waiting + held);
        }
        if done >= told + TELL {
            told = done;
            output.progress(&format!("{done} of {total} entries looked at, {stored} taken"));
        }
        Ok::<(), OpError>(())
    })?;
    let shown = node.handle().shown();
    let from = shown.roster.device(&label.from).map(|device| device.facility);
    let name = from.map_or_else(|| label.from.to_string(), |from| shown.facility(&from).name);
    let json = json!({
        "from": {
            "device": label.from.to_string(),
            "facility": { "id": from.map(|id| id.to_string()), "name": name },
        },
        "written": moment(label.at), "envelopes": total, "stored": stored, "waiting": waiting,
    });
    let mut text = format!(
        "from {name}, written {}: {stored} of {total} entries are new here",
        moment_text(label.at)
    );
    if waiting > 0 {
        text.push_str(&format!("; {waiting} wait for a statement that may still come"));
    }
    Ok(Answer::new(json, text))
}

/// Whether a file is meant for us; whoever wrote it proves nothing, each envelope proves itself.
fn check(node: &Node, label: &Label) -> Result<(), OpError> {
    check_network(node, label)?;
    if label.to != node.home() {
        let name = node.handle().shown().facility(&label.to).name;
        return Err(OpError::Value(format!("the file is for {name}, not for this facility")));
    }
    if label.from == node.identity.device_id() {
        return Err(OpError::Value("the file was written by this very device".to_owned()));
    }
    Ok(())
}

/// Leaves out what is of no use here: envelopes of scopes that we are known not to read.
fn wanted(node: &Node, envelopes: Vec<Bytes>) -> Result<Vec<Vec<u8>>, OpError> {
    let now = node.handle().clock().now();
    let scope = |bytes: &Bytes| Header::read(&mut Reader::new(&bytes.0)).map(|header| header.scope);
    let scopes: BTreeSet<ScopeId> = envelopes.iter().filter_map(|it| scope(it).ok()).collect();
    let look = move |replica: &azalea_core::replica::Replica| -> BTreeSet<ScopeId> {
        scopes.into_iter().filter(|scope| !replica.wants(scope, now)).collect()
    };
    let unwanted = node.handle().look_blocking(look).map_err(crate::driver::DriveError::from)?;
    let keep = |bytes: &Bytes| scope(bytes).map_or(true, |scope| !unwanted.contains(&scope));
    Ok(envelopes.into_iter().filter(keep).map(|Bytes(bytes)| bytes).collect())
}
