//! One resource becomes one record.

use std::borrow::Cow;

use azalea_core::wire::limits;

use super::attachment;
use super::care_date::care_date;
use super::cause::Cause;
use super::content;
use super::json::Node;
use super::links::Context;
use super::place::Place;
use super::reference::is_type;
use super::report::Quarantined;
use super::sink::{RecordInput, RecordKey, Subject};
use super::whose::{Whose, whose};

/// Where a resource stands.
#[derive(Clone, Copy)]
pub(crate) struct Origin {
    pub(crate) entry: Option<u64>,
    pub(crate) place: Place,
}

impl Origin {
    /// The resource, not taken.
    pub(crate) fn quarantined(self, resource: &Node<'_>, cause: Cause) -> Quarantined {
        let kind = resource.text_at("resourceType").filter(|kind| is_type(kind)).map(str::to_owned);
        Quarantined { entry: self.entry, kind, place: Some(self.place), cause }
    }
}

/// Reads what a record says about itself; `raw` is kept as it is.
pub(crate) fn record(
    resource: &Node<'_>,
    raw: &str,
    full_url: Option<Option<Cow<'_, str>>>,
    context: &Context<'_>,
    scratch: &mut Vec<u8>,
) -> Result<RecordInput, Cause> {
    if raw.len() > limits::RECORD.max {
        return Err(Cause::TooLarge(limits::RECORD.max));
    }
    if attachment::refers(raw.as_bytes()) {
        return Err(Cause::AttachmentReference);
    }
    let kind = resource.text_at("resourceType").ok_or(Cause::NoResourceType)?;
    if !is_type(kind) {
        return Err(Cause::BadResourceType);
    }
    let full_url = match full_url {
        None => None,
        Some(Some(url)) if url.len() <= limits::TEXT.max => Some(url.into_owned()),
        Some(_) => return Err(Cause::BadFullUrl(limits::TEXT.max)),
    };
    let content = content::digest(resource, scratch);
    let id = id_of(kind, resource, &content)?;
    let by_id = format!("{kind}/{id}");
    let names: Vec<&str> = full_url.as_deref().into_iter().chain([by_id.as_str()]).collect();
    let subject = match whose(resource, &names, context) {
        Whose::Patient(patient) => Subject::Patient(patient),
        Whose::Several | Whose::Nobody => Subject::Directory,
        Whose::Unknown(field) => return Err(Cause::PatientUnknown(field)),
    };
    let care_date = care_date(resource);
    let year = care_date.and_then(|date| u16::try_from(date / 10_000).ok()).unwrap_or(0);
    let key = RecordKey { kind: kind.to_owned(), id };
    Ok(RecordInput {
        subject,
        key,
        year,
        care_date,
        content,
        full_url,
        raw: raw.as_bytes().to_vec(),
    })
}

/// The id within the facility and type. A Bundle without one goes by its identifier, anything else by its content.
fn id_of(kind: &str, resource: &Node<'_>, content: &[u8; 32]) -> Result<String, Cause> {
    if let Some(id) = resource.get("id") {
        let id = id.text().ok_or(Cause::IdNotText)?;
        return if content::usable_id(id) {
            Ok(id.to_owned())
        } else {
            Err(Cause::BadId(limits::KEY.max))
        };
    }
    let identifier = resource.get("identifier").filter(|_| kind == "Bundle");
    let value = identifier.and_then(|identifier| identifier.text_at("value"));
    let usable = value.filter(|value| content::usable_id(value)).map(str::to_owned);
    Ok(usable.unwrap_or_else(|| content::nameless_id(content)))
}
