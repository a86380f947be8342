//! Results: the number as written, its unit, its range, and how it stands to that range.

use serde_json::Value as Json;

use super::fhir::{codes, codings, concept, first_concept, lexeme, list, text, time};
use super::row::{Category, CodeKind, Flag, TimelineRow, Value};

/// Fills a row from an Observation.
pub(super) fn fill(row: &mut TimelineRow, observation: &Json) {
    row.category = category(observation);
    row.title = concept(observation.get("code")).unwrap_or_default();
    row.at =
        time(observation, &["effectiveDateTime", "effectiveInstant", "effectivePeriod", "issued"]);
    row.value = value(observation);
    let words = ["note", "bodySite", "method"].iter().filter_map(|key| match *key {
        "note" => {
            list(observation, "note").iter().find_map(|note| text(note, "text")).map(str::to_owned)
        }
        key => concept(observation.get(key)),
    });
    row.detail = words.collect::<Vec<_>>().join("・");
}

fn category(observation: &Json) -> Category {
    for code in codes(observation, "category") {
        match code {
            "laboratory" => return Category::Lab,
            "vital-signs" => return Category::Vital,
            "imaging" => return Category::Imaging,
            "procedure" => return Category::Procedure,
            _ => {}
        }
    }
    let jlac10 = codings(observation, "code")
        .filter_map(|coding| text(coding, "system"))
        .any(|system| CodeKind::of_system(system) == Some(CodeKind::Jlac10));
    if jlac10 { Category::Lab } else { Category::Other }
}

/// The value of an Observation: its own, or those of its components in one line.
fn value(observation: &Json) -> Option<Value> {
    if let Some(value) = own_value(observation) {
        return Some(value);
    }
    let parts: Vec<(String, Value)> = list(observation, "component")
        .iter()
        .take(16)
        .filter_map(|part| Some((concept(part.get("code")).unwrap_or_default(), own_value(part)?)))
        .collect();
    match parts.as_slice() {
        [] => None,
        // Blood pressure and the like: two numbers of one unit read as one.
        [(_, first), (_, second)]
            if first.numeric && second.numeric && first.unit == second.unit =>
        {
            let (high, low) = if number(&first.text) >= number(&second.text) {
                (first, second)
            } else {
                (second, first)
            };
            let text = format!("{}/{}", high.text, low.text);
            let flag = high.flag.or(low.flag);
            Some(Value { text, unit: first.unit.clone(), flag, ..Value::default() })
        }
        parts => {
            let words =
                parts.iter().map(|(name, value)| format!("{name} {} {}", value.text, value.unit));
            let text = words.map(|word| word.trim().to_owned()).collect::<Vec<_>>().join("、");
            Some(Value { text, flag: parts.iter().find_map(|(_, it)| it.flag), ..Value::default() })
        }
    }
}

fn own_value(holder: &Json) -> Option<Value> {
    let mut value = stated(holder)?;
    range(holder, &mut value);
    value.flag = interpretation(holder).unwrap_or_else(|| by_numbers(&value));
    Some(value)
}

fn stated(holder: &Json) -> Option<Value> {
    if let Some(quantity) = holder.get("valueQuantity") {
        return quantity_value(quantity);
    }
    let words = |text: String| Some(Value { text, ..Value::default() });
    if let Some(it) = concept(holder.get("valueCodeableConcept")) {
        return words(it);
    }
    for key in ["valueString", "valueDateTime", "valueTime"] {
        if let Some(it) = text(holder, key) {
            return words(it.to_owned());
        }
    }
    if let Some(it) = lexeme(holder, "valueInteger") {
        return Some(Value { text: it, numeric: true, ..Value::default() });
    }
    if let Some(it) = holder.get("valueBoolean").and_then(Json::as_bool) {
        return words(if it { "+" } else { "-" }.to_owned());
    }
    if let Some(it) = holder.get("valueRange") {
        let end = |key| it.get(key).and_then(|end| lexeme(end, "value")).unwrap_or_default();
        let unit = it.get("low").or(it.get("high")).map(unit).unwrap_or_default();
        return Some(Value {
            text: format!("{}–{}", end("low"), end("high")),
            unit,
            ..Value::default()
        });
    }
    if let Some(it) = holder.get("valueRatio") {
        let end = |key| it.get(key).and_then(|end| lexeme(end, "value")).unwrap_or_default();
        return words(format!("{}:{}", end("numerator"), end("denominator")));
    }
    concept(holder.get("dataAbsentReason"))
        .map(|reason| Value { text: format!("({reason})"), ..Value::default() })
}

fn quantity_value(quantity: &Json) -> Option<Value> {
    let written = lexeme(quantity, "value")?;
    let unit = unit(quantity);
    Some(match text(quantity, "comparator") {
        Some(comparator) => {
            Value { text: format!("{comparator}{written}"), unit, ..Value::default() }
        }
        None => {
            Value { numeric: number(&written).is_some(), text: written, unit, ..Value::default() }
        }
    })
}

fn unit(quantity: &Json) -> String {
    text(quantity, "unit").or_else(|| text(quantity, "code")).unwrap_or_default().to_owned()
}

fn range(holder: &Json, value: &mut Value) {
    let Some(range) = list(holder, "referenceRange").first() else { return };
    let end = |key| range.get(key).and_then(|end| lexeme(end, "value")).unwrap_or_default();
    (value.low, value.high) = (end("low"), end("high"));
    if value.low.is_empty() && value.high.is_empty() {
        value.range = text(range, "text").unwrap_or_default().to_owned();
    }
}

/// What the laboratory says: `Some(None)` where it says "normal", `None` where it says nothing.
fn interpretation(holder: &Json) -> Option<Option<Flag>> {
    let stated = codes(holder, "interpretation").find_map(|code| match code {
        "H" | "HU" | "U" => Some(Some(Flag::High)),
        "L" | "LU" | "D" => Some(Some(Flag::Low)),
        "HH" | "H>" => Some(Some(Flag::VeryHigh)),
        "LL" | "L<" => Some(Some(Flag::VeryLow)),
        "A" | "AA" | "POS" | "DET" | "R" => Some(Some(Flag::Abnormal)),
        "N" | "NEG" | "ND" | "S" => Some(None),
        _ => None,
    });
    stated.or_else(|| match first_concept(holder, "interpretation").as_deref() {
        Some("H") => Some(Some(Flag::High)),
        Some("L") => Some(Some(Flag::Low)),
        _ => None,
    })
}

fn by_numbers(value: &Value) -> Option<Flag> {
    let measured = number(&value.text).filter(|_| value.numeric)?;
    if number(&value.low).is_some_and(|low| measured < low) {
        return Some(Flag::Low);
    }
    number(&value.high).filter(|high| measured > *high).map(|_| Flag::High)
}

/// A number for comparing and drawing only; what is shown stays as written.
fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, text: &str, unit: &str, flag: Option<Flag>) {
        let observation: Json = serde_json::from_str(json).expect("the test's own JSON");
        let value = value(&observation).expect("a value");
        assert!(value.text == text && value.unit == unit && value.flag == flag, "{json}");
    }

    #[test]
    fn numbers_are_shown_as_written_and_flagged_by_word_or_range() {
        check(r#"{"valueQuantity":{"value":3.50,"unit":"mg/dL"}}"#, "3.50", "mg/dL", None);
        check(
            r#"{"valueQuantity":{"value":3.5},"referenceRange":[{"low":{"value":3.7},"high":{"value":7.8}}]}"#,
            "3.5",
            "",
            Some(Flag::Low),
        );
        check(
            r#"{"valueQuantity":{"value":3.5},"interpretation":[{"coding":[{"code":"N"}]}],
               "referenceRange":[{"low":{"value":3.7}}]}"#,
            "3.5",
            "",
            None,
        );
        check(r#"{"valueQuantity":{"value":0.5,"comparator":"<"}}"#, "<0.5", "", None);
        check(r#"{"valueCodeableConcept":{"coding":[{"display":"陰性"}]}}"#, "陰性", "", None);
    }

    #[test]
    fn blood_pressure_reads_as_one_value_highest_first() {
        check(
            r#"{"component":[{"valueQuantity":{"value":80,"unit":"mmHg"}},{"valueQuantity":{"value":128,"unit":"mmHg"}}]}"#,
            "128/80",
            "mmHg",
            None,
        );
    }
}
