//! Small questions to a parsed FHIR resource, answered without trusting its shape.

use serde_json::Value;

use super::date::CareTime;
use super::fold::is_japanese;

/// A text field.
pub(super) fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key)?.as_str().map(str::trim).filter(|text| !text.is_empty())
}

/// A list field; a lone object counts as a list of one, nothing as an empty list.
pub(super) fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    match value.get(key) {
        Some(Value::Array(items)) => items,
        Some(one @ Value::Object(_)) => std::slice::from_ref(one),
        _ => &[],
    }
}

/// A number as it is written.
pub(super) fn lexeme(value: &Value, key: &str) -> Option<String> {
    match value.get(key)? {
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(text.trim().to_owned()),
        _ => None,
    }
}

/// The first field that holds a time; `Period` fields give their start.
pub(super) fn time(value: &Value, keys: &[&str]) -> Option<CareTime> {
    keys.iter().find_map(|key| match value.get(key)? {
        Value::String(text) => CareTime::from_fhir(text),
        period => {
            text(period, "start").or_else(|| text(period, "end")).and_then(CareTime::from_fhir)
        }
    })
}

/// Where a `Period` field ends.
pub(super) fn period_end(value: &Value, key: &str) -> Option<CareTime> {
    CareTime::from_fhir(text(value.get(key)?, "end")?)
}

/// What a `CodeableConcept` says, in Japanese where it has it.
pub(super) fn concept(value: Option<&Value>) -> Option<String> {
    let value = value?;
    let stated = text(value, "text");
    let displays = || list(value, "coding").iter().filter_map(|coding| text(coding, "display"));
    let chosen = stated
        .filter(|text| is_japanese(text) && !names_the_field(text))
        .or_else(|| displays().find(|display| is_japanese(display)))
        .or(stated)
        .or_else(|| displays().next())
        .or_else(|| list(value, "coding").iter().find_map(|coding| text(coding, "code")));
    chosen.map(str::to_owned)
}

/// What the first `CodeableConcept` of a list says.
pub(super) fn first_concept(value: &Value, key: &str) -> Option<String> {
    list(value, key).iter().find_map(|item| concept(Some(item)))
}

/// The codes of a `CodeableConcept`, or of a list of them.
pub(super) fn codes<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a str> {
    codings(value, key).filter_map(|coding| text(coding, "code"))
}

/// The codings of a `CodeableConcept`, or of a list of them.
pub(super) fn codings<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    list(value, key).iter().flat_map(|concept| list(concept, "coding"))
}

/// The extension of that address.
pub(super) fn extension<'a>(value: &'a Value, url: &str) -> Option<&'a Value> {
    list(value, "extension").iter().find(|extension| text(extension, "url") == Some(url))
}

/// The name that a reference states for its target.
pub(super) fn reference_name(reference: &Value) -> Option<&str> {
    text(reference, "display")
}

/// The contained resource that a reference such as `#id` points to.
pub(super) fn contained<'a>(resource: &'a Value, reference: &Value) -> Option<&'a Value> {
    let id = text(reference, "reference")?.strip_prefix('#')?;
    list(resource, "contained").iter().find(|inner| text(inner, "id") == Some(id))
}

/// The name of a `HumanName`: its text, or family and given.
pub(super) fn human_name(name: &Value) -> Option<String> {
    if let Some(text) = text(name, "text") {
        return Some(text.to_owned());
    }
    let given = list_of_texts(name, "given");
    let parts: Vec<&str> = text(name, "family").into_iter().chain(given).collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}

fn list_of_texts<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a str> {
    let items = value.get(key).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    items.iter().filter_map(Value::as_str)
}

/// Published examples put the name of the field into `text` (検査項目コード) and the item into `display`.
fn names_the_field(text: &str) -> bool {
    text.ends_with("コード") || text.ends_with("マーク")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, expected: Option<&str>) {
        let value: Value = serde_json::from_str(json).expect("the test's own JSON");
        assert_eq!(concept(Some(&value)).as_deref(), expected);
    }

    #[test]
    fn a_concept_speaks_japanese_where_it_can() {
        check(r#"{"text":"こむぎこ","coding":[{"display":"小麦粉"}]}"#, Some("こむぎこ"));
        check(r#"{"text":"検査項目コード","coding":[{"display":"尿酸"}]}"#, Some("尿酸"));
        check(
            r#"{"text":"Uric acid","coding":[{"display":"Urate"},{"display":"尿酸"}]}"#,
            Some("尿酸"),
        );
        check(r#"{"coding":[{"code":"123"}]}"#, Some("123"));
        check(r#"{"text":7,"coding":"x"}"#, None);
    }
}
