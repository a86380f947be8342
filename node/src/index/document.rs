//! A document Bundle (discharge summary, referral): its title, author and sections as plain text.

use serde_json::Value;

use super::date::CareTime;
use super::fhir::{concept, human_name, list, reference_name, text, time};
use super::markup;
use super::row::{Category, TimelineRow};

/// Sections deeper or more numerous than these are left to the verbatim view.
const DEPTH_MAX: u8 = 6;
const SECTIONS_MAX: usize = 500;

/// A document as a person reads it.
#[derive(Clone, PartialEq, Eq)]
pub struct DocumentView {
    /// 診療情報提供書, 退院時サマリー…
    pub title: String,
    /// When it was made.
    pub at: Option<CareTime>,
    /// Who made it, people and organisations.
    pub authors: Vec<String>,
    /// Its sections in order.
    pub sections: Vec<Section>,
}

/// A section of a document.
#[derive(Clone, PartialEq, Eq)]
pub struct Section {
    /// Its heading.
    pub title: String,
    /// Its text: plain, with line breaks.
    pub text: String,
    /// 0 for a section of the document, 1 for a section of a section, and so on.
    pub depth: u8,
}

/// The document in these bytes: a document Bundle or a lone Composition. `None` for anything else.
pub fn document_view(raw: &[u8]) -> Option<DocumentView> {
    let value: Value = serde_json::from_slice(raw).ok()?;
    let composition = composition(&value)?;
    let mut sections = Vec::new();
    list(composition, "section").iter().for_each(|it| collect(&value, it, 0, &mut sections));
    Some(DocumentView {
        title: title(composition),
        at: time(composition, &["date"]),
        authors: authors(&value, composition),
        sections,
    })
}

/// The timeline row of a document Bundle.
pub(super) fn row(bundle: &Value) -> Option<TimelineRow> {
    let composition = composition(bundle)?;
    let mut row = TimelineRow::new(Category::Document, "Bundle");
    row.title = title(composition);
    row.at = time(composition, &["date"]).or_else(|| time(bundle, &["timestamp"]));
    row.status = text(composition, "status").unwrap_or_default().to_owned();
    row.performer = authors(bundle, composition).join("　");
    let headings = list(composition, "section").iter().flat_map(|section| {
        std::iter::once(section).chain(list(section, "section")).filter_map(|it| text(it, "title"))
    });
    row.detail = headings.take(12).collect::<Vec<_>>().join("・");
    Some(row)
}

fn composition(value: &Value) -> Option<&Value> {
    let is = |it: &Value| text(it, "resourceType") == Some("Composition");
    if is(value) {
        return Some(value);
    }
    list(value, "entry").iter().filter_map(|entry| entry.get("resource")).find(|it| is(it))
}

fn title(composition: &Value) -> String {
    let kind = || concept(composition.get("type"));
    text(composition, "title").map(str::to_owned).or_else(kind).unwrap_or_default()
}

fn authors(bundle: &Value, composition: &Value) -> Vec<String> {
    let named = list(composition, "author").iter().filter_map(|author| {
        let target = resolve(bundle, author);
        target.and_then(name_of).or_else(|| reference_name(author).map(str::to_owned))
    });
    named.take(8).collect()
}

fn collect(bundle: &Value, section: &Value, depth: u8, sections: &mut Vec<Section>) {
    if depth > DEPTH_MAX || sections.len() >= SECTIONS_MAX {
        return;
    }
    let narrative =
        section.get("text").and_then(|narrative| text(narrative, "div")).map(markup::plain);
    let text_or_entries =
        narrative.filter(|text| !text.is_empty()).unwrap_or_else(|| entries(bundle, section));
    let heading =
        text(section, "title").map(str::to_owned).or_else(|| concept(section.get("code")));
    let title = heading.unwrap_or_default();
    if !title.is_empty() || !text_or_entries.is_empty() {
        sections.push(Section { title, text: text_or_entries, depth });
    }
    list(section, "section").iter().for_each(|it| collect(bundle, it, depth + 1, sections));
}

/// A section without a narrative: what its entries are, one a line.
fn entries(bundle: &Value, section: &Value) -> String {
    let lines = list(section, "entry").iter().filter_map(|entry| {
        let target = resolve(bundle, entry);
        target.and_then(name_of).or_else(|| reference_name(entry).map(str::to_owned))
    });
    lines.take(100).collect::<Vec<_>>().join("\n")
}

fn resolve<'a>(bundle: &'a Value, reference: &Value) -> Option<&'a Value> {
    let wanted = text(reference, "reference")?;
    let entry = list(bundle, "entry").iter().find(|entry| {
        let by_type = || {
            let resource = entry.get("resource")?;
            Some(format!("{}/{}", text(resource, "resourceType")?, text(resource, "id")?))
        };
        text(entry, "fullUrl") == Some(wanted) || by_type().as_deref() == Some(wanted)
    })?;
    entry.get("resource")
}

fn name_of(resource: &Value) -> Option<String> {
    match text(resource, "resourceType")? {
        "Practitioner" | "Patient" => list(resource, "name").iter().find_map(human_name),
        "Organization" | "Location" => text(resource, "name").map(str::to_owned),
        "CarePlan" => {
            text(resource, "title").or_else(|| text(resource, "description")).map(str::to_owned)
        }
        _ => {
            let keys = ["code", "medicationCodeableConcept", "vaccineCode", "type"];
            let name = keys.iter().find_map(|key| concept(resource.get(*key)))?;
            Some(with_value(resource, name))
        }
    }
}

fn with_value(resource: &Value, name: String) -> String {
    let mut row = TimelineRow::new(Category::Other, "Observation");
    super::observation::fill(&mut row, resource);
    match row.value {
        Some(value) => format!("{name} {} {}", value.text, value.unit).trim_end().to_owned(),
        None => name,
    }
}

#[cfg(test)]
mod tests {
    use super::super::timeline_rows;
    use super::*;

    const REFERRAL: &str = r#"{"resourceType":"Bundle","type":"document","entry":[
      {"resource":{"resourceType":"Composition","title":"診療情報提供書","status":"final","date":"2020-08-21T12:12:20+09:00",
        "author":[{"reference":"urn:uuid:o"}],
        "section":[{"title":"構造情報","section":[
          {"title":"紹介目的","text":{"div":"<div>腹痛精査<br/>お願いします。<script>x</script></div>"}},
          {"title":"アレルギー","entry":[{"reference":"urn:uuid:a"}]}]}]}},
      {"fullUrl":"urn:uuid:o","resource":{"resourceType":"Organization","name":"港診療所"}},
      {"fullUrl":"urn:uuid:a","resource":{"resourceType":"AllergyIntolerance","code":{"text":"サバ"}}}]}"#;

    #[test]
    fn a_referral_reads_as_text() {
        let view = document_view(REFERRAL.as_bytes()).expect("a document");
        assert!(view.title == "診療情報提供書" && view.authors == ["港診療所"]);
        let sections: Vec<(&str, &str, u8)> = view
            .sections
            .iter()
            .map(|it| (it.title.as_str(), it.text.as_str(), it.depth))
            .collect();
        assert!(sections[0] == ("構造情報", "", 0));
        assert!(sections[1] == ("紹介目的", "腹痛精査\nお願いします。", 1));
        assert!(sections[2] == ("アレルギー", "サバ", 1));
    }

    #[test]
    fn a_referrals_allergy_has_a_row_of_its_own() {
        let rows = timeline_rows(REFERRAL.as_bytes()).expect("rows");
        assert_eq!(rows.len(), 2);
        assert!(rows[0].category == Category::Document && !rows[0].inside_document);
        assert!(
            rows[1].category == Category::Allergy
                && rows[1].title == "サバ"
                && rows[1].inside_document
        );
    }

    #[test]
    fn what_is_no_document_gives_none() {
        assert!(document_view(b"{}").is_none());
        assert!(document_view(br#"{"resourceType":"Bundle","type":"searchset"}"#).is_none());
    }
}
