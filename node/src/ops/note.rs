//! Care notes.

use serde_json::{Value, json};
use std::collections::BTreeMap;

use super::{Answer, OpError, moment, moment_text, patient_of, staff_of};
use crate::node::Node;
use crate::node::notes::edit_of;
use crate::typed;
use crate::web::model::{Delivery, NoteDraft, NoteKind, NoteState, NoteView, Vitals};

/// A note as a command states it.
pub(super) struct Draft {
    pub(super) kind: String,
    pub(super) title: String,
    pub(super) text: String,
    pub(super) vitals: BTreeMap<String, String>,
}

pub(super) fn write(node: &Node, id: &str, draft: Draft, staff: &str) -> Result<Answer, OpError> {
    let staff = staff_of(node, staff)?;
    let patient = patient_of(node, id)?;
    let kinds = NoteKind::ALL.map(NoteKind::slug).join(", ");
    let kind = NoteKind::from_slug(&draft.kind);
    let kind = kind
        .ok_or_else(|| OpError::Value(format!("no kind {:?}: it is one of {kinds}", draft.kind)))?;
    typed::check("the title", typed::NOTE_TITLE, &draft.title)?;
    typed::check("the text", typed::NOTE_TEXT, &draft.text)?;
    let vitals = vitals(draft.vitals)?;
    let (title, text) = (draft.title, draft.text);
    let draft = NoteDraft { kind, title, text, vitals, base: String::new() };
    let note = node.save_note(&staff.id, patient, None, edit_of(&draft)?)?;
    let json = json!({ "patient": patient.to_string(), "note": note.to_string() });
    Ok(Answer::new(json, format!("note {note} saved")))
}

pub(super) fn list(node: &Node, id: &str) -> Result<Answer, OpError> {
    let patient = patient_of(node, id)?;
    let notes = node.notes(patient)?;
    let json: Vec<Value> = notes.iter().map(entry).collect();
    let text: Vec<String> = notes.iter().map(line).collect();
    let json = json!({ "patient": patient.to_string(), "notes": json });
    Ok(Answer::new(json, text.join("\n\n")))
}

fn vitals(stated: BTreeMap<String, String>) -> Result<Vitals, OpError> {
    let mut vitals = Vitals::default();
    for (name, value) in stated {
        typed::check("a vital sign", typed::VITAL, &value)?;
        let field = match name.as_str() {
            "temperature" => &mut vitals.temperature,
            "systolic" => &mut vitals.systolic,
            "diastolic" => &mut vitals.diastolic,
            "pulse" => &mut vitals.pulse,
            "spo2" => &mut vitals.spo2,
            "respiration" => &mut vitals.respiration,
            _ => {
                let known = "temperature, systolic, diastolic, pulse, spo2, respiration";
                return Err(OpError::Value(format!(
                    "no vital sign {name:?}: it is one of {known}"
                )));
            }
        };
        *field = value;
    }
    Ok(vitals)
}

fn state(note: &NoteView) -> &'static str {
    match note.state {
        NoteState::Valid => "valid",
        NoteState::Corrected => "corrected",
        NoteState::Cancelled => "cancelled",
    }
}

fn delivery(note: &NoteView) -> &'static str {
    match note.delivery {
        Delivery::Saved => "unsent",
        Delivery::Stored => "stored",
        Delivery::Refused => "refused",
        Delivery::Late => "late",
        Delivery::Received => "received",
    }
}

fn entry(note: &NoteView) -> Value {
    let vitals = &note.vitals;
    let conflicts: Vec<Value> = note
        .conflicts
        .iter()
        .map(|conflict| {
            let values: Vec<&str> = conflict.values.iter().map(|it| it.value.as_str()).collect();
            json!({ "field": conflict.field.slug(), "values": values })
        })
        .collect();
    json!({
        "id": note.id.to_string(), "kind": note.kind.slug(), "title": note.title, "text": note.text,
        "vitals": {
            "temperature": vitals.temperature, "systolic": vitals.systolic,
            "diastolic": vitals.diastolic, "pulse": vitals.pulse, "spo2": vitals.spo2,
            "respiration": vitals.respiration,
        },
        "author": note.author, "facility": note.facility.name, "created": moment(note.created),
        "changed": moment(note.changed), "state": state(note), "delivery": delivery(note),
        "conflicts": conflicts,
    })
}

fn line(note: &NoteView) -> String {
    let head = format!(
        "{}  {}  {}  {} ({}, {})",
        note.id,
        moment_text(note.created),
        note.kind.slug(),
        note.author,
        state(note),
        delivery(note)
    );
    format!("{head}\n{}\n{}", note.title, note.text).trim_end().to_owned()
}
