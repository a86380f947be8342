//! Attachments: which a patient's records have, and getting one.

use azalea_core::blob::Placed;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::{Answer, OpError, Output, patient_of};
use crate::net::relay_link::LinkState;
use crate::node::{Found, Node};
use crate::web::ClinicError;
use crate::web::model::{AttachmentCard, AttachmentState};

/// How often it is looked whether an attachment that is waited for has come.
const LOOK: Duration = Duration::from_millis(200);
/// So many digits of an id name an attachment, where no other one of the patient begins with them.
const DIGITS_MIN: usize = 6;

pub(super) fn list(node: &Node, id: &str) -> Result<Answer, OpError> {
    let patient = patient_of(node, id)?;
    let found = node.attachments_of(&patient)?;
    let cards: Vec<Value> = found.iter().map(|it| card(&it.card)).collect();
    let lines: Vec<String> = found.iter().map(|it| line(&it.card)).collect();
    let text = match lines.is_empty() {
        true => "no attachments".to_owned(),
        false => lines.join("\n"),
    };
    Ok(Answer::new(json!({ "patient": patient.to_string(), "attachments": cards }), text))
}

/// Hands an attachment out; one that is not here is asked for, and waited for as long as it comes nearer.
pub(super) fn get(
    node: &Node,
    id: &str,
    name: &str,
    patience: Duration,
    output: &mut dyn Output,
) -> Result<Answer, OpError> {
    let mut found = find(node, id, name)?;
    if found.card.state != AttachmentState::Held {
        node.transfers.want(found.placed());
        wait(node, &found.placed(), patience, output)?;
        found = find(node, id, name)?;
    }
    let given = node.give_attachment(&found, &mut |piece| output.bytes(piece));
    let mut answer = Answer::new(card(&found.card), line(&found.card));
    match given {
        Ok(true) => {}
        Ok(false) => {
            answer.text = format!(
                "{}; it comes once the relay has it and this node is connected",
                answer.text
            );
            answer.success = false;
        }
        Err(error) => return Err(error.into()),
    }
    Ok(answer)
}

/// Waits until all of a blob is here, or nothing more of it comes.
fn wait(
    node: &Node,
    of: &Placed,
    patience: Duration,
    output: &mut dyn Output,
) -> Result<(), OpError> {
    let mut before = node.shelf.standing(of)?;
    let mut since = Instant::now();
    // Without a line nothing comes, however long somebody waits.
    let is_offline = || matches!(node.handle().link(), LinkState::Offline { .. });
    while !before.is_whole && since.elapsed() < patience && !is_offline() {
        sleep(LOOK);
        let now = node.shelf.standing(of)?;
        if now != before {
            (before, since) = (now, Instant::now());
            output.progress(&format!("{}%", now.percent()));
        }
    }
    Ok(())
}

fn find(node: &Node, id: &str, name: &str) -> Result<Found, OpError> {
    let patient = patient_of(node, id)?;
    let mut found = node.attachments_of(&patient)?;
    if name.len() < DIGITS_MIN {
        return Err(OpError::Value(format!(
            "give at least {DIGITS_MIN} digits of the attachment's id"
        )));
    }
    found.retain(|it| it.card.blob.to_string().starts_with(name));
    // The same content may be attached to several records.
    let mut seen = BTreeSet::new();
    found.retain(|it| seen.insert(it.placed()));
    match (found.pop(), found.is_empty()) {
        (Some(one), true) => Ok(one),
        (Some(_), false) => {
            Err(OpError::Value("more than one attachment begins with these digits".to_owned()))
        }
        (None, _) => Err(ClinicError::NotFound.into()),
    }
}

fn card(card: &AttachmentCard) -> Value {
    json!({
        "attachment": card.blob.to_string(),
        "record": card.kind, "version": card.version.to_string(), "current": card.current,
        "title": card.title, "media_type": card.media_type, "bytes": card.bytes,
        "state": word(card.state), "percent": percent(card.state),
    })
}

fn line(card: &AttachmentCard) -> String {
    format!(
        "{}  {:>10}  {} {:>3}%  {}  {}",
        card.blob,
        card.bytes,
        word(card.state),
        percent(card.state),
        card.media_type.as_deref().unwrap_or("-"),
        card.title.as_deref().unwrap_or_default()
    )
}

fn word(state: AttachmentState) -> &'static str {
    match state {
        AttachmentState::Held => "held",
        AttachmentState::Coming(_) => "coming",
        AttachmentState::Wanted(_) => "wanted",
        AttachmentState::NotAtRelay(_) => "not-at-relay",
        AttachmentState::NotHere(_) => "not-here",
    }
}

fn percent(state: AttachmentState) -> u8 {
    match state {
        AttachmentState::Held => 100,
        AttachmentState::Coming(percent)
        | AttachmentState::Wanted(percent)
        | AttachmentState::NotAtRelay(percent)
        | AttachmentState::NotHere(percent) => percent,
    }
}
