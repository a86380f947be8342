//! Consents: given, withdrawn, shown.

use azalea_core::id::{FacilityId, Timestamp};
use azalea_core::replica::command::{Command, Outcome, Staff, Who};
use serde_json::{Value, json};

use super::{Answer, OpError, day_text, facility, moment, moment_text, patient_of, staff_of};
use crate::index::Day;
use crate::node::{Node, staff_text};
use crate::typed;
use crate::web::Clinic;
use crate::web::model::{ConsentCard, ConsentForm, ConsentKind, ConsentState};

pub(super) fn give(
    node: &Node,
    id: &str,
    to: &[String],
    until: Option<&str>,
    proxy: Option<String>,
    staff: &str,
) -> Result<Answer, OpError> {
    if let Some(proxy) = &proxy {
        typed::check("the proxy", typed::PROXY, proxy)?;
    }
    let staff = staff_of(node, staff)?;
    let patient = patient_of(node, id)?;
    let facilities = facilities(node, to)?;
    if facilities.is_empty() {
        return Err(OpError::Value("name at least one facility with --to".to_owned()));
    }
    let until = until.map(day).transpose()?;
    let form = ConsentForm { kind: ConsentKind::Specific, facilities, until, proxy };
    let consent = node.record_consent(&staff.id, patient, &form)?;
    let json = json!({ "patient": patient.to_string(), "consent": consent.to_string() });
    Ok(Answer::new(json, format!("consent {consent} for patient {patient}")))
}

pub(super) fn withdraw(
    node: &Node,
    id: &str,
    to: &[String],
    staff: &str,
) -> Result<Answer, OpError> {
    let staff = staff_of(node, staff)?;
    let by = Staff(staff_text(&staff));
    let patient = patient_of(node, id)?;
    let facilities = facilities(node, to)?;
    let command = Command::WithdrawConsent { patient: Who::Network(patient), facilities, by };
    let Outcome::Withdrawn { facilities } = node.command(command)? else {
        return Err(OpError::Value("the node answered something else".to_owned()));
    };
    node.note_withdrawal(patient, &staff.name)?;
    let shown = node.handle().shown();
    let names: Vec<String> = facilities.iter().map(|id| shown.facility(id).name).collect();
    let ids: Vec<String> = facilities.iter().map(ToString::to_string).collect();
    let json = json!({ "patient": patient.to_string(), "facilities": ids });
    let text = match names.is_empty() {
        true => "no facility had access".to_owned(),
        false => format!("access ended for {}", names.join(", ")),
    };
    Ok(Answer::new(json, text))
}

pub(super) fn show(node: &Node, id: &str) -> Result<Answer, OpError> {
    let patient = patient_of(node, id)?;
    let page = node.consents(patient)?;
    let consents: Vec<Value> = page.consents.iter().map(card).collect();
    let text: Vec<String> = page.consents.iter().map(line).collect();
    let json = json!({ "patient": patient.to_string(), "consents": consents });
    Ok(Answer::new(json, text.join("\n")))
}

fn facilities(node: &Node, names: &[String]) -> Result<Vec<FacilityId>, OpError> {
    names.iter().map(|name| facility::find(node, name)).collect()
}

fn day(text: &str) -> Result<Day, OpError> {
    Day::from_fhir(text)
        .filter(|day| day.day().is_some())
        .ok_or_else(|| OpError::Value(format!("{text:?} is no day: write it as 2027-03-31")))
}

fn state(card: &ConsentCard) -> &'static str {
    match card.state {
        ConsentState::Active => "active",
        ConsentState::Expired => "expired",
        ConsentState::Withdrawn { .. } => "withdrawn",
        ConsentState::Unknown => "unknown",
    }
}

fn ended(card: &ConsentCard) -> Option<Timestamp> {
    match &card.state {
        ConsentState::Withdrawn { at, .. } => Some(*at),
        _ => None,
    }
}

fn card(card: &ConsentCard) -> Value {
    let facilities: Vec<Value> = card
        .facilities
        .iter()
        .map(|it| json!({ "id": it.id.to_string(), "name": it.name }))
        .collect();
    json!({
        "id": card.id.to_string(), "state": state(card), "given": moment(card.given),
        "until": card.until.map(day_text), "ended": ended(card).map(moment), "by": card.by, "proxy": card.proxy,
        "facilities": facilities,
    })
}

fn line(card: &ConsentCard) -> String {
    let names: Vec<&str> = card.facilities.iter().map(|it| it.name.as_str()).collect();
    let given = moment_text(card.given);
    let ended = ended(card).map(|at| format!(" – {}", moment_text(at))).unwrap_or_default();
    format!("{}  {:<9} {given}{ended}  {}", card.id, state(card), names.join(", "))
}
