//! The day of care that a resource bears.

use super::compartment::describes_facility;
use super::json::Node;

/// The day as `yyyymmdd`, as it is written there: no conversion between time zones. A month or day left open is 00.
///
/// A patient's own resource and the facility's directory bear none, so that they are at hand whatever years are.
pub(crate) fn care_date(resource: &Node<'_>) -> Option<u32> {
    let kind = resource.text_at("resourceType").unwrap_or_default();
    if UNDATED.contains(&kind) || describes_facility(kind) {
        return None;
    }
    if kind == "Bundle" {
        return bundle_date(resource);
    }
    DATES.iter().find_map(|path| date_at(resource, path))
}

fn bundle_date(bundle: &Node<'_>) -> Option<u32> {
    let entries = bundle.get("entry").map_or(&[][..], Node::items);
    let composition = entries
        .iter()
        .filter_map(|entry| entry.get("resource"))
        .find(|resource| resource.text_at("resourceType") == Some("Composition"));
    composition
        .and_then(|composition| date_at(composition, "date"))
        .or_else(|| date_at(bundle, "timestamp"))
}

fn date_at(resource: &Node<'_>, path: &str) -> Option<u32> {
    let mut found = None;
    resource.each_at(path, &mut |node| found = found.or_else(|| parse_date(node.text()?)));
    found
}

/// Reads a FHIR `date`, `dateTime` or `instant`; `None` where it is none.
fn parse_date(text: &str) -> Option<u32> {
    let day = text.split_once('T').map_or(text, |(day, _)| day);
    let mut parts = day.split('-');
    let year = number(parts.next()?, 4)?;
    let month = parts
        .next()
        .map_or(Some(0), |part| number(part, 2).filter(|month| (1..=12).contains(month)))?;
    let date = parts.next().map_or(Some(0), |part| {
        number(part, 2).filter(|date| (1..=days_of(year, month)).contains(date))
    })?;
    (parts.next().is_none() && year > 0).then_some(year * 10_000 + month * 100 + date)
}

fn number(text: &str, digits: usize) -> Option<u32> {
    (text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| text.parse().ok())?
}

fn days_of(year: u32, month: u32) -> u32 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Who somebody is has no day of care.
const UNDATED: [&str; 4] = ["Patient", "Person", "RelatedPerson", "Group"];

/// Where R4's clinical types keep their date: when it was done, then when it started, then when it was written down.
/// A name means the same in every type that has it, so one list serves them all, those of later versions included.
const DATES: [&str; 48] = [
    "effectiveDateTime",
    "effectiveInstant",
    "effectivePeriod.start",
    "effectiveTiming.event",
    "performedDateTime",
    "performedPeriod.start",
    "occurrenceDateTime",
    "occurrencePeriod.start",
    "occurrenceTiming.event",
    "occurredDateTime",
    "occurredPeriod.start",
    "onsetDateTime",
    "onsetPeriod.start",
    "identifiedDateTime",
    "identifiedPeriod.start",
    "timingDateTime",
    "timingPeriod.start",
    "started",
    "collection.collectedDateTime",
    "collection.collectedPeriod.start",
    "createdDateTime",
    "createdPeriod.start",
    "whenHandedOver",
    "whenPrepared",
    "billablePeriod.start",
    "servicePeriod.start",
    "executionPeriod.start",
    "context.period.start",
    "period.start",
    "start",
    "startDate",
    "authoredOn",
    "authored",
    "recordedDate",
    "recordedOn",
    "recorded",
    "dateAsserted",
    "dateWritten",
    "dateTime",
    "date",
    "sent",
    "issued",
    "created",
    "detected",
    "statusDate",
    "enteredDate",
    "receivedTime",
    "timestamp",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::json::Parser;

    fn check(text: &str, expected: Option<u32>) {
        let node = Parser::new(text).value().expect("test data is JSON");
        assert_eq!(care_date(&node), expected, "{text}");
    }

    #[test]
    fn a_date_is_taken_as_it_is_written() {
        let dated = |date: &str| {
            format!(r#"{{"resourceType":"Observation","effectiveDateTime":"{date}"}}"#)
        };
        check(&dated("2024-02-29T23:59:59+09:00"), Some(20240229));
        check(&dated("2023-02-29"), None);
        check(&dated("2023-02"), Some(20230200));
        check(&dated("2023"), Some(20230000));
        check(&dated("2023-2-1"), None);
        check(&dated("令和5年"), None);
    }

    #[test]
    fn when_it_was_done_goes_before_when_it_was_written_down() {
        check(
            r#"{"resourceType":"Observation","issued":"2021-01-02","effectivePeriod":{"start":"2020-01-02"}}"#,
            Some(20200102),
        );
        check(r#"{"resourceType":"Condition","recordedDate":"2021-01-02"}"#, Some(20210102));
        check(r#"{"resourceType":"Patient","birthDate":"1950-01-02"}"#, None);
        check(
            r#"{"resourceType":"Bundle","timestamp":"2021-05-06T00:00:00Z","entry":[{"resource":{"resourceType":"Composition","date":"2021-05-05"}}]}"#,
            Some(20210505),
        );
    }
}
