//! Small FHIR files for stories, written so that keeping them byte for byte is not the same as keeping their meaning.

use serde::Deserialize;
use serde_json::value::RawValue;

/// A patient's resource: spaces, order of keys and escapes as no printer writes them.
pub fn patient(id: &str, family: &str, given: &str, kana: &str, birth: &str) -> String {
    format!(
        r#"{{ "resourceType":"Patient",  "id" : "{id}", "name":[{{"use":"official","family":"{family}","given":["{given}"],"text":"{family} {given}",
      "extension":[{{"url":"http:\/\/hl7.org\/fhir\/StructureDefinition\/iso21090-EN-representation","valueCode":"IDE"}}]}},
      {{"text":"{kana}","extension":[{{"url":"http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation","valueCode":"SYL"}}]}}],
      "identifier":[{{"system":"urn:oid:1.2.392.100495.20.3.51.12501000011","value":"{id}"}}], "birthDate":"{birth}" , "gender":"female"}}"#
    )
}

/// A result; `value` is a number as it shall be written, such as `5.10`.
pub fn observation(id: &str, patient: &str, day: &str, text: &str, value: &str) -> String {
    format!(
        r#"{{"resourceType":"Observation","id":"{id}","status":"final","subject":{{"reference":"Patient/{patient}"}},"effectiveDateTime":"{day}T09:30:00+09:00",
   "code":{{"text":"{text}"}},"valueQuantity":{{ "value":{value},"unit":"mg/dL" }}}}"#
    )
}

/// An allergy.
pub fn allergy(id: &str, patient: &str, text: &str) -> String {
    format!(
        r#"{{"resourceType":"AllergyIntolerance","id":"{id}","patient":{{"reference":"Patient/{patient}"}},"code":{{"text":"{text}"}},"recordedDate":"2021-06-01","criticality":"high"}}"#
    )
}

/// A Bundle of resources.
pub fn bundle(resources: &[String]) -> String {
    let entries: Vec<String> =
        resources.iter().map(|resource| format!("{{\"resource\":{resource}}}")).collect();
    let entries = entries.join(",\n");
    format!("{{\"resourceType\":\"Bundle\",\"type\":\"collection\",\"entry\":[{entries}]}}\n")
}

/// The resources of a Bundle as their bytes stand in it.
pub fn resources(bundle: &str) -> Vec<String> {
    #[derive(Deserialize)]
    struct Bundle {
        #[serde(default)]
        entry: Vec<Entry>,
    }
    #[derive(Deserialize)]
    struct Entry {
        resource: Box<RawValue>,
    }
    let bundle: Bundle = serde_json::from_str(bundle).expect("an export is a Bundle");
    bundle.entry.into_iter().map(|entry| entry.resource.get().to_owned()).collect()
}
