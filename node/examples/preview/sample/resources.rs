//! Made-up FHIR resources, as a hospital's export would write them.

/// A record with its origin.
#[derive(Clone)]
pub(crate) struct Made {
    pub(crate) facility: u8,
    pub(crate) json: String,
    pub(crate) versions: u32,
    pub(crate) conflict: bool,
}

fn made(facility: u8, json: String) -> Made {
    Made { facility, json, versions: 1, conflict: false }
}

pub(crate) fn allergy(facility: u8, name: &str, severe: bool, reaction: &str, date: &str) -> Made {
    let criticality = if severe { "high" } else { "low" };
    made(
        facility,
        format!(
            r#"{{"resourceType":"AllergyIntolerance","id":"a-{date}","clinicalStatus":{{"coding":[{{"code":"active"}}]}},
"criticality":"{criticality}","code":{{"text":"{name}"}},"recordedDate":"{date}",
"reaction":[{{"manifestation":[{{"text":"{reaction}"}}]}}]}}"#
        ),
    )
}

pub(crate) fn diagnosis(facility: u8, name: &str, icd: &str, status: &str, onset: &str) -> Made {
    made(
        facility,
        format!(
            r#"{{"resourceType":"Condition","id":"c-{icd}","clinicalStatus":{{"coding":[{{"code":"{status}"}}]}},
"code":{{"coding":[{{"system":"http://hl7.org/fhir/sid/icd-10","code":"{icd}","display":"{name}"}}],"text":"{name}"}},
"onsetDateTime":"{onset}"}}"#
        ),
    )
}

pub(crate) fn drug(
    facility: u8,
    name: &str,
    yj: &str,
    directions: &str,
    days: u16,
    date: &str,
) -> Made {
    made(
        facility,
        format!(
            r#"{{"resourceType":"MedicationRequest","id":"m-{yj}-{date}","status":"active","intent":"order",
"medicationCodeableConcept":{{"coding":[{{"system":"urn:oid:1.2.392.100495.20.1.73","code":"{yj}","display":"{name}"}}]}},
"authoredOn":"{date}T10:20:00+09:00","dosageInstruction":[{{"text":"{directions}","doseAndRate":[{{"doseQuantity":{{"value":1,"unit":"錠"}}}}]}}],
"dispenseRequest":{{"expectedSupplyDuration":{{"value":{days},"unit":"日"}}}}}}"#
        ),
    )
}

pub(crate) struct Test {
    pub(crate) name: &'static str,
    pub(crate) code: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) low: &'static str,
    pub(crate) high: &'static str,
}

pub(crate) fn result(facility: u8, test: &Test, value: &str, date: &str) -> Made {
    let end = |name: &str, value: &str| match value {
        "" => None,
        value => Some(format!(r#""{name}":{{"value":{value}}}"#)),
    };
    let ends: Vec<String> =
        [end("low", test.low), end("high", test.high)].into_iter().flatten().collect();
    made(
        facility,
        format!(
            r#"{{"resourceType":"Observation","id":"o-{}-{date}","status":"final",
"category":[{{"coding":[{{"system":"http://jpfhir.jp/fhir/core/CodeSystem/JP_SimpleObservationCategory_CS","code":"laboratory"}}]}}],
"code":{{"coding":[{{"system":"urn:oid:1.2.392.200119.4.504","code":"{}"}}],"text":"{}"}},
"effectiveDateTime":"{date}T08:40:00+09:00","valueQuantity":{{"value":{value},"unit":"{}"}},
"referenceRange":[{{{}}}]}}"#,
            test.code,
            test.code,
            test.name,
            test.unit,
            ends.join(",")
        ),
    )
}

pub(crate) fn stay(
    facility: u8,
    class: &str,
    reason: &str,
    ward: &str,
    start: &str,
    end: Option<&str>,
) -> Made {
    let end = end.map(|end| format!(r#","end":"{end}""#)).unwrap_or_default();
    let place = match ward {
        "" => String::new(),
        ward => format!(r#","location":[{{"location":{{"display":"{ward}"}}}}]"#),
    };
    made(
        facility,
        format!(
            r#"{{"resourceType":"Encounter","id":"e-{start}","status":"finished","class":{{"code":"{class}"}},
"reasonCode":[{{"text":"{reason}"}}],"period":{{"start":"{start}"{end}}}{place}}}"#
        ),
    )
}

pub(crate) fn image(facility: u8, name: &str, modality: &str, count: u32, date: &str) -> Made {
    made(
        facility,
        format!(
            r#"{{"resourceType":"ImagingStudy","id":"i-{date}","status":"available","started":"{date}T14:05:00+09:00",
"description":"{name}","modality":[{{"code":"{modality}"}}],"numberOfInstances":{count}}}"#
        ),
    )
}

pub(crate) fn document(
    facility: u8,
    title: &str,
    author: &str,
    date: &str,
    sections: &[(&str, &str)],
) -> Made {
    let sections: Vec<String> = sections
        .iter()
        .map(|(title, text)| {
            let text = text.replace('\n', "<br/>");
            format!(r#"{{"title":"{title}","text":{{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">{text}</div>"}}}}"#)
        })
        .collect();
    made(
        facility,
        format!(
            r#"{{"resourceType":"Bundle","type":"document","entry":[{{"resource":{{"resourceType":"Composition","status":"final",
"title":"{title}","date":"{date}T17:10:00+09:00","author":[{{"reference":"urn:uuid:1"}}],"section":[{}]}}}},
{{"fullUrl":"urn:uuid:1","resource":{{"resourceType":"Practitioner","name":[{{"text":"{author}"}}]}}}}]}}"#,
            sections.join(",")
        ),
    )
}
