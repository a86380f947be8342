//! The network's facilities, as their certificates name them.

use azalea_core::id::FacilityId;
use azalea_core::identity::FacilityKind;
use serde_json::json;

use super::{Answer, OpError};
use crate::node::Node;

pub(super) fn list(node: &Node) -> Result<Answer, OpError> {
    let shown = node.handle().shown();
    let members = shown.roster.facilities().filter(|it| it.kind != FacilityKind::Relay);
    let mut json = Vec::new();
    let mut lines = Vec::new();
    for facility in members {
        let id = facility.id();
        let standing = shown.roster.facility_standing(&id, shown.at);
        json.push(json!({
            "id": id.to_string(), "code": facility.code, "name": facility.name,
            "english": facility.english, "kind": kind(facility.kind),
            "disclose": facility.rights.disclose, "view": facility.rights.view,
            "member": standing.is_ok(),
        }));
        let note = standing.err().map(|error| format!(" ({error})")).unwrap_or_default();
        lines.push(format!(
            "{id}  {:<10} {:<10} {}{note}",
            kind(facility.kind),
            facility.code,
            facility.name
        ));
    }
    Ok(Answer::new(json!({ "facilities": json }), lines.join("\n")))
}

/// A facility by id, code, name or English name.
pub(super) fn find(node: &Node, name: &str) -> Result<FacilityId, OpError> {
    let shown = node.handle().shown();
    if let Ok(id) = name.parse::<FacilityId>()
        && shown.roster.facility(&id).is_some()
    {
        return Ok(id);
    }
    let mut fits = shown
        .roster
        .facilities()
        .filter(|it| it.code == name || it.name == name || it.english == name)
        .filter(|it| it.kind != FacilityKind::Relay);
    let first = fits.next().ok_or_else(|| OpError::Facility(name.to_owned()))?;
    match fits.next() {
        Some(_) => Err(OpError::Ambiguous(name.to_owned())),
        None => Ok(first.id()),
    }
}

fn kind(kind: FacilityKind) -> &'static str {
    match kind {
        FacilityKind::Hospital => "hospital",
        FacilityKind::Clinic => "clinic",
        FacilityKind::Pharmacy => "pharmacy",
        FacilityKind::VisitingNurse => "nurse",
        FacilityKind::Relay => "relay",
    }
}
