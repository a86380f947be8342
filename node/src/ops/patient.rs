//! Patients: what is held, from whom, how fresh; and linking.

use azalea_core::replica::command::Staff;
use serde_json::{Value, json};
use std::collections::BTreeMap;

use super::{Answer, OpError, Step, day_text, moment, moment_text, patient_of, staff_of};
use crate::index::CareTime;
use crate::node::links::LinkStep;
use crate::node::{Node, staff_text};
use crate::web::Clinic;
use crate::web::model::{FacilityRef, Freshness, LocalId, PatientHit};

pub(super) fn list(
    node: &Node,
    query: &str,
    offset: usize,
    limit: usize,
) -> Result<Answer, OpError> {
    let found = node.search(query, offset, limit)?;
    let lines: Vec<String> = found.hits.iter().map(line).collect();
    let hits: Vec<Value> = found.hits.iter().map(hit).collect();
    let json = json!({ "patients": hits, "total": found.total, "held": found.held });
    let mut text = lines.join("\n");
    if found.total > found.hits.len() as u64 {
        text.push_str(&format!("\n… {} of {}", found.hits.len(), found.total));
    }
    Ok(Answer::new(json, text))
}

pub(super) fn show(node: &Node, id: &str) -> Result<Answer, OpError> {
    let patient = patient_of(node, id)?;
    let chart = node.chart(patient)?;
    let mut counts: BTreeMap<&'static str, u64> = BTreeMap::new();
    for entry in chart.entries.iter().filter(|entry| !entry.row.inside_document) {
        *counts.entry(entry.row.category.slug()).or_default() += 1;
    }
    let head = &chart.patient;
    let publishers: Vec<Value> =
        chart.publishers.iter().map(|it| publisher(&it.facility, &it.freshness)).collect();
    let json = json!({
        "id": patient.to_string(), "name": head.name, "kana": head.kana,
        "birth": head.birth.map(day_text), "deceased": head.deceased,
        "local_ids": head.local_ids.iter().map(local).collect::<Vec<_>>(),
        "publishers": publishers, "entries": counts, "notes": chart.notes.len(),
        "receiving": chart.is_coming,
        "needs_review": chart.entries.iter().filter(|entry| entry.conflict).count(),
    });
    let mut lines = vec![format!(
        "{patient}  {}  {}  {}",
        head.name,
        head.kana.as_deref().unwrap_or_default(),
        head.birth.map(day_text).unwrap_or_default()
    )];
    lines.extend(head.local_ids.iter().map(|id| format!("  {} {}", id.facility.name, id.value)));
    lines.extend(
        chart
            .publishers
            .iter()
            .map(|it| format!("  {}: {}", it.facility.name, freshness_text(&it.freshness))),
    );
    if chart.is_coming {
        lines.push("  receiving: some records may not have arrived yet".to_owned());
    }
    lines.extend(counts.iter().map(|(category, count)| format!("  {category}: {count}")));
    lines.push(format!("  notes: {}", chart.notes.len()));
    Ok(Answer::new(json, lines.join("\n")))
}

pub(super) fn link(
    node: &Node,
    step: Step,
    patient: &str,
    local: &str,
    staff: &str,
) -> Result<Answer, OpError> {
    let staff = staff_of(node, staff)?;
    let patient = patient_of(node, patient)?;
    if local.trim().is_empty() {
        return Err(OpError::Value("this facility's own patient id is empty".to_owned()));
    }
    let link_step = match step {
        Step::Propose => LinkStep::Propose,
        Step::Confirm => LinkStep::Confirm,
        Step::Remove => LinkStep::Remove,
    };
    node.link_as(Staff(staff_text(&staff)), patient, local, link_step)?;
    let (word, text) = match step {
        Step::Propose => ("proposed", "proposed: another person confirms it"),
        Step::Confirm => ("confirmed", "linked"),
        Step::Remove => ("removed", "taken back"),
    };
    let json = json!({ "patient": patient.to_string(), "local": local, "link": word });
    Ok(Answer::new(json, text.to_owned()))
}

pub(super) fn links(node: &Node) -> Result<Answer, OpError> {
    let page = node.links()?;
    let waiting: Vec<Value> = page
        .waiting
        .iter()
        .map(|it| {
            let candidates: Vec<&str> =
                it.candidates.iter().map(|candidate| candidate.local_id.as_str()).collect();
            json!({ "patient": it.patient.id.to_string(), "name": it.patient.name, "candidates": candidates })
        })
        .collect();
    let proposals: Vec<Value> = page
        .proposals
        .iter()
        .map(|it| {
            json!({
                "patient": it.patient.id.to_string(), "local": it.local.local_id, "by": it.by,
                "at": moment(it.at),
            })
        })
        .collect();
    let linked: Vec<Value> = page
        .linked
        .iter()
        .map(|it| {
            json!({
                "patient": it.patient.to_string(), "local": it.local_id,
                "proposed_by": it.proposed_by, "confirmed_by": it.confirmed_by, "at": moment(it.at),
            })
        })
        .collect();
    let text =
        format!("{} waiting, {} proposed, {} linked", waiting.len(), proposals.len(), linked.len());
    let json = json!({ "waiting": waiting, "proposals": proposals, "linked": linked });
    Ok(Answer::new(json, text))
}

/// A publisher's freshness, for programs.
pub(super) fn publisher(facility: &FacilityRef, freshness: &Freshness) -> Value {
    let mut json = json!({ "id": facility.id.to_string(), "name": facility.name });
    match freshness {
        Freshness::Own => json["freshness"] = "own".into(),
        Freshness::CompleteAsOf(at) => {
            json["freshness"] = "complete".into();
            json["complete_as_of"] = moment(*at).into();
        }
        Freshness::Missing { count, announced } => {
            json["freshness"] = "missing".into();
            json["missing"] = (*count).into();
            json["announced"] = moment(*announced).into();
        }
        Freshness::NotHeardSince(at) => {
            json["freshness"] = "not-heard".into();
            json["not_heard_since"] = at.map(moment).into();
        }
    }
    json
}

/// A publisher's freshness, for people.
pub(super) fn freshness_text(freshness: &Freshness) -> String {
    match freshness {
        Freshness::Own => "our own".to_owned(),
        Freshness::CompleteAsOf(at) => format!("complete as of {}", moment_text(*at)),
        Freshness::Missing { count, announced } => {
            format!("{count} entries missing of what it had at {}", moment_text(*announced))
        }
        Freshness::NotHeardSince(Some(at)) => format!("not heard since {}", moment_text(*at)),
        Freshness::NotHeardSince(None) => "never heard".to_owned(),
    }
}

fn hit(hit: &PatientHit) -> Value {
    let publishers: Vec<Value> =
        hit.publishers.iter().map(|(facility, freshness)| publisher(facility, freshness)).collect();
    json!({
        "id": hit.id.to_string(), "name": hit.name, "kana": hit.kana,
        "birth": hit.birth.map(day_text),
        "local_ids": hit.local_ids.iter().map(local).collect::<Vec<_>>(),
        "publishers": publishers, "needs_review": hit.needs_review,
        "link_waiting": hit.link_waiting, "last_care": hit.last_care.map(care_text),
    })
}

fn local(id: &LocalId) -> Value {
    json!({ "facility": id.facility.name, "facility_id": id.facility.id.to_string(), "value": id.value })
}

fn line(hit: &PatientHit) -> String {
    let birth = hit.birth.map(day_text).unwrap_or_default();
    let care = hit.last_care.map(care_text).unwrap_or_default();
    format!("{}  {birth:<10}  {care:<10}  {}", hit.id, hit.name)
}

fn care_text(care: CareTime) -> String {
    day_text(care.day)
}
