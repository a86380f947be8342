//! The generated population is what its documentation says: the same again from the same seed, whole in
//! its references, Japanese, old, and as large as asked.

use std::collections::{BTreeMap, BTreeSet};

use azalea_simulations::population::{Options, Population};
use serde_json::Value;

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let options = Options { patients: 25, years: 2, ..Options::default() };
    let first = all_bytes(&options);
    assert_eq!(first, all_bytes(&options));
    assert_ne!(first, all_bytes(&Options { seed: 2, ..options }));
}

#[test]
fn more_patients_leave_the_first_ones_as_they_are() {
    let few = Options { patients: 10, years: 1, ..Options::default() };
    let many = Options { patients: 20, ..few.clone() };
    let few = all_bytes(&few);
    assert_eq!(few, all_bytes(&many)[..few.len()]);
}

#[test]
fn every_resource_parses_and_its_references_resolve_inside_the_bundle() {
    let population = Population::new(Options { patients: 60, years: 2, ..Options::default() });
    for chart in population.charts() {
        let bundle: Value = serde_json::from_str(&chart.bundle()).unwrap();
        let entries = bundle["entry"].as_array().unwrap();
        assert_eq!(entries.len(), chart.resources.len() + chart.directory.len());
        let known: BTreeSet<String> = entries
            .iter()
            .map(|entry| {
                let resource = &entry["resource"];
                let target = format!(
                    "{}/{}",
                    resource["resourceType"].as_str().unwrap(),
                    resource["id"].as_str().unwrap()
                );
                assert_eq!(entry["request"]["url"], target.as_str());
                assert!(entry["fullUrl"].as_str().unwrap().ends_with(&target));
                target
            })
            .collect();
        assert_eq!(known.len(), entries.len(), "ids are unique");
        for entry in entries {
            if entry["resource"]["resourceType"] == "Bundle" {
                check_document(&entry["resource"], &chart.local_id);
                continue;
            }
            for target in references(entry) {
                assert!(known.contains(&target), "{target} is not in the bundle");
            }
        }
    }
}

#[test]
fn ids_are_unique_in_a_hospital_and_fit_fhir() {
    let population = Population::new(Options { patients: 200, years: 1, ..Options::default() });
    let mut seen = BTreeSet::new();
    for chart in population.charts() {
        for resource in &chart.resources {
            assert!(resource.id.len() <= 64);
            assert!(resource.id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'));
            assert!(seen.insert((chart.hospital, resource.kind, resource.id.clone())));
        }
    }
}

#[test]
fn a_heavily_ill_person_gathers_about_230_resources_a_year() {
    let options = Options { patients: 150, years: 3, even: true, ..Options::default() };
    let population = Population::new(options);
    let total: usize = population.charts().map(|chart| chart.resources.len()).sum();
    let a_year = total as f64 / 150.0 / 3.0;
    assert!((185.0..275.0).contains(&a_year), "{a_year}");
}

#[test]
fn the_work_is_spread_as_a_power_law() {
    let population = Population::new(Options { patients: 600, years: 2, ..Options::default() });
    let mut sizes: BTreeMap<u64, usize> = BTreeMap::new();
    for chart in population.charts() {
        *sizes.entry(chart.person).or_default() += chart.resources.len();
    }
    let mut sizes: Vec<usize> = sizes.into_values().collect();
    sizes.sort_unstable();
    let total: usize = sizes.iter().sum();
    let top_tenth: usize = sizes[540..].iter().sum();
    assert!(sizes[300] * 4 < sizes[594], "{} {}", sizes[300], sizes[594]);
    assert!(top_tenth * 100 > total * 30, "the top tenth has {top_tenth} of {total}");
}

#[test]
fn people_are_japanese_old_and_live_in_families() {
    let options = Options { patients: 800, ..Options::default() };
    let population = Population::new(options);
    let people: Vec<_> = population.people().collect();
    let old = people.iter().filter(|person| person.birth.year() <= 1961).count();
    assert!(old * 100 > people.len() * 55, "{old} of {}", people.len());
    assert!(people.iter().any(|person| person.birth.year() > 2008), "children too");
    let mut households: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    for (place, person) in people.iter().enumerate() {
        households.entry(person.household).or_default().push(place);
        assert!(person.family.kanji.chars().all(|c| c >= '\u{3005}'), "{}", person.family.kanji);
        assert!(
            person.given.kana.chars().all(|c| ('ァ'..='ー').contains(&c)),
            "{}",
            person.given.kana
        );
        assert!(person.address().starts_with("福岡県"));
    }
    let families = households.values().filter(|members| members.len() > 1);
    let mut count = 0;
    for members in families {
        count += 1;
        for &member in members {
            assert_eq!(people[member].family, people[members[0]].family);
            assert_eq!(people[member].address(), people[members[0]].address());
        }
    }
    assert!(count > 150, "{count}");
    let two = people.iter().filter(|person| person.registrations.len() == 2).count();
    assert!((40..400).contains(&two), "{two} of 800 are known in two hospitals");
    for person in people.iter().filter(|person| person.registrations.len() == 2) {
        let [first, second] = &person.registrations[..] else { unreachable!("there are two") };
        assert_ne!(first.hospital, second.hospital);
        assert_ne!(first.local_id, second.local_id);
    }
}

#[test]
fn a_patient_has_a_name_in_kanji_and_as_it_is_read() {
    let population = Population::new(Options { patients: 5, years: 1, ..Options::default() });
    for chart in population.charts() {
        let patient: Value = serde_json::from_str(&chart.resources[0].json).unwrap();
        assert_eq!(patient["resourceType"], "Patient");
        let hospital = &population.hospitals()[chart.hospital];
        assert_eq!(patient["identifier"][0]["system"], hospital.patient_system().as_str());
        assert_eq!(patient["identifier"][0]["value"], chart.local_id.as_str());
        let codes: Vec<&str> = (0..2)
            .map(|n| patient["name"][n]["extension"][0]["valueCode"].as_str().unwrap())
            .collect();
        assert_eq!(codes, ["IDE", "SYL"]);
    }
}

#[test]
fn the_charts_hold_what_a_hospital_writes() {
    let population = Population::new(Options { patients: 300, years: 3, ..Options::default() });
    let mut kinds: BTreeMap<&str, u32> = BTreeMap::new();
    let mut marks: BTreeMap<String, u32> = BTreeMap::new();
    for chart in population.charts() {
        for resource in &chart.resources {
            *kinds.entry(resource.kind).or_default() += 1;
            if resource.kind == "Observation" {
                let value: Value = serde_json::from_str(&resource.json).unwrap();
                let mark = &value["interpretation"][0]["coding"][0]["code"];
                *marks.entry(mark.to_string()).or_default() += 1;
            }
        }
    }
    for kind in [
        "Patient",
        "Coverage",
        "Encounter",
        "Condition",
        "AllergyIntolerance",
        "Observation",
        "DiagnosticReport",
        "MedicationRequest",
        "Procedure",
        "Immunization",
        "DocumentReference",
        "Bundle",
    ] {
        assert!(kinds.get(kind).is_some_and(|count| *count > 5), "{kind}: {kinds:?}");
    }
    assert!(marks["\"H\""] > 500 && marks["\"L\""] > 300 && marks["\"N\""] > 2000, "{marks:?}");
}

#[test]
fn an_illness_shows_in_the_values() {
    let population = Population::new(Options { patients: 400, years: 3, ..Options::default() });
    let (mut ill, mut well) = (Vec::new(), Vec::new());
    for chart in population.charts() {
        let diabetic =
            chart.resources.iter().any(|r| r.kind == "Condition" && r.json.contains("\"E119\""));
        for resource in chart
            .resources
            .iter()
            .filter(|r| r.kind == "Observation" && r.json.contains("3D046000001920402"))
        {
            let value: Value = serde_json::from_str(&resource.json).unwrap();
            let number: f64 = value["valueQuantity"]["value"].to_string().parse().unwrap();
            if diabetic { ill.push(number) } else { well.push(number) }
        }
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
    assert!(ill.len() > 100, "{}", ill.len());
    assert!(mean(&ill) > 6.3 && mean(&ill) < 9.0, "{}", mean(&ill));
    assert!(well.is_empty() || mean(&well) < 6.0, "{}", mean(&well));
}

fn all_bytes(options: &Options) -> Vec<String> {
    Population::new(options.clone()).charts().map(|chart| chart.bundle()).collect()
}

/// Every `reference` in a value.
fn references(value: &Value) -> Vec<String> {
    match value {
        Value::Object(map) => map
            .iter()
            .flat_map(|(key, inner)| match inner {
                Value::String(target) if key == "reference" => vec![target.clone()],
                other => references(other),
            })
            .collect(),
        Value::Array(list) => list.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

fn check_document(bundle: &Value, local_id: &str) {
    assert_eq!(bundle["type"], "document");
    let entries = bundle["entry"].as_array().unwrap();
    assert_eq!(entries[0]["resource"]["resourceType"], "Composition");
    let inside: BTreeSet<&str> =
        entries.iter().map(|entry| entry["fullUrl"].as_str().unwrap()).collect();
    assert_eq!(inside.len(), entries.len());
    for target in references(bundle) {
        assert!(inside.contains(target.as_str()), "{target} is not in the document");
    }
    let patient = entries.iter().find(|entry| entry["resource"]["resourceType"] == "Patient");
    assert_eq!(patient.unwrap()["resource"]["identifier"][0]["value"], local_id);
}
