//! Who takes part: the facilities with their staff, and the patients of the hospitals.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::arguments::Arguments;
use crate::population::{Options, Population};

/// What a facility is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 病院
    Hospital,
    /// 診療所
    Clinic,
    /// 調剤薬局
    Pharmacy,
}

impl Kind {
    /// The name that the commands use.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Hospital => "hospital",
            Self::Clinic => "clinic",
            Self::Pharmacy => "pharmacy",
        }
    }

    /// Whether it discloses charts.
    pub fn discloses(self) -> bool {
        self == Self::Hospital
    }
}

/// A member of staff, with what they type to sign in.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    /// The sign-in name.
    pub login: &'static str,
    /// The person's name.
    pub name: &'static str,
    /// What they do.
    pub role: &'static str,
    /// The same in Japanese.
    pub role_name: &'static str,
}

/// A facility that takes part.
#[derive(Clone, Debug)]
pub struct Part {
    /// The name in addresses and logs.
    pub key: &'static str,
    /// What it is.
    pub kind: Kind,
    /// Its name.
    pub name: &'static str,
    /// As read.
    pub kana: &'static str,
    /// Its name in English.
    pub english: &'static str,
    /// Its medical institution number.
    pub code: String,
    /// Its staff; links need two of them.
    pub staff: [Member; 2],
}

/// A patient of a hospital, as the demo needs to know them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patient {
    /// The hospital's number for the patient.
    pub local_id: String,
    /// The reference in the hospital's files.
    pub reference: String,
    /// The name.
    pub name: String,
    /// Whether a woman.
    pub female: bool,
    /// The number of the same person at the other hospital.
    pub elsewhere: Option<String>,
}

/// The facilities, the hospitals first.
pub fn parts(population: &Population) -> Vec<Part> {
    let hospital_staff = [
        Member { login: "doctor", name: "田代 圭", role: "doctor", role_name: "医師" },
        Member { login: "clerk", name: "本村 由香", role: "clerk", role_name: "事務" },
    ];
    let mut parts: Vec<Part> = population
        .hospitals()
        .iter()
        .zip(["hospital-a", "hospital-b"])
        .map(|(hospital, key)| Part {
            key,
            kind: Kind::Hospital,
            name: hospital.name,
            kana: hospital.kana,
            english: hospital.english,
            code: hospital.code.clone(),
            staff: hospital_staff,
        })
        .collect();
    parts.push(Part {
        key: "clinic",
        kind: Kind::Clinic,
        name: "あかね川内科クリニック",
        kana: "アカネガワナイカクリニック",
        english: "Akanegawa Clinic",
        code: "1401990051".to_owned(),
        staff: [
            Member { login: "doctor", name: "白石 智子", role: "doctor", role_name: "医師" },
            Member { login: "nurse", name: "重松 愛", role: "nurse", role_name: "看護師" },
        ],
    });
    parts.push(Part {
        key: "pharmacy",
        kind: Kind::Pharmacy,
        name: "ひよどり坂薬局",
        kana: "ヒヨドリザカヤッキョク",
        english: "Hiyodorizaka Pharmacy",
        code: "1404990052".to_owned(),
        staff: [
            Member {
                login: "pharmacist",
                name: "藤吉 亮",
                role: "pharmacist",
                role_name: "薬剤師",
            },
            Member { login: "clerk", name: "古川 綾子", role: "clerk", role_name: "事務" },
        ],
    });
    parts
}

/// The population that the visitor asked for, up to yesterday.
pub fn population(arguments: &Arguments) -> Population {
    Population::new(Options {
        seed: arguments.seed,
        patients: arguments.patients,
        years: arguments.years,
        hospitals: 2,
        until: super::words::now().date(),
        ..Options::default()
    })
}

/// Writes the invented charts, a folder per hospital, and says whose they are.
pub fn write_charts(population: &Population, out: &Path) -> Result<Vec<(PathBuf, Vec<Patient>)>> {
    let mut hospitals = Vec::new();
    for (index, hospital) in population.hospitals().iter().enumerate() {
        let folder = out.join(&hospital.code);
        fs::create_dir_all(&folder).context("cannot make a folder")?;
        fs::write(folder.join("directory.json"), population.directory_bundle(index))
            .context("cannot write a file")?;
        hospitals.push((folder, Vec::new()));
    }
    for person in population.people() {
        for (place, chart) in population.charts_of(&person).into_iter().enumerate() {
            let (folder, patients) = &mut hospitals[chart.hospital];
            fs::write(folder.join(format!("{}.json", chart.local_id)), chart.bundle())
                .context("cannot write a file")?;
            let elsewhere = (person.registrations.len() == 2)
                .then(|| person.registrations[1 - place].local_id.clone());
            patients.push(Patient {
                reference: format!("Patient/{}", chart.local_id),
                local_id: chart.local_id,
                name: format!("{} {}", person.family.kanji, person.given.kanji),
                female: person.female,
                elsewhere,
            });
        }
    }
    Ok(hospitals)
}

/// The patients in the visitor's own files, the first `OWN_PATIENTS_MAX` of them.
pub fn patients_in(path: &Path) -> Result<Vec<Patient>> {
    let mut files = Vec::new();
    collect(path, &mut files)?;
    files.sort();
    let mut patients: Vec<Patient> = Vec::new();
    for file in files {
        let size = fs::metadata(&file).map_or(0, |about| about.len());
        if patients.len() >= OWN_PATIENTS_MAX || size > OWN_FILE_BYTES_MAX {
            continue;
        }
        let Ok(text) = fs::read_to_string(&file) else { continue };
        if let Ok(whole) = serde_json::from_str::<Value>(&text) {
            find_patients(&whole, &mut patients);
        } else {
            for line in text.lines().filter(|line| line.contains("\"Patient\"")) {
                if let Ok(value) = serde_json::from_str::<Value>(line) {
                    find_patients(&value, &mut patients);
                }
            }
        }
    }
    patients.truncate(OWN_PATIENTS_MAX);
    if patients.is_empty() {
        bail!("no patient in {}: it should hold FHIR R4 JSON or NDJSON", path.display());
    }
    Ok(patients)
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let about = fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
    if !about.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))? {
        let path = entry?.path();
        let json = path.extension().is_some_and(|end| end == "json" || end == "ndjson");
        if path.is_dir() || json {
            collect(&path, files)?;
        }
    }
    Ok(())
}

/// Patients of a resource or of the entries of a Bundle; not those closed into a document.
fn find_patients(value: &Value, patients: &mut Vec<Patient>) {
    match value["resourceType"].as_str() {
        Some("Patient") => patients.extend(own_patient(value)),
        Some("Bundle") if value["type"] != "document" => {
            for entry in value["entry"].as_array().into_iter().flatten() {
                find_patients(&entry["resource"], patients);
            }
        }
        _ => {}
    }
}

fn own_patient(value: &Value) -> Option<Patient> {
    let id = value["id"].as_str()?;
    // The importer goes by the resource's id, so we do too.
    let local_id = id;
    let name = &value["name"][0];
    let name = name["text"].as_str().map(str::to_owned).unwrap_or_else(|| {
        let given = name["given"][0].as_str().unwrap_or_default();
        format!("{} {given}", name["family"].as_str().unwrap_or(local_id))
    });
    Some(Patient {
        local_id: local_id.to_owned(),
        reference: format!("Patient/{id}"),
        name,
        female: value["gender"] == "female",
        elsewhere: None,
    })
}

/// Consents are given for so many of the visitor's own patients.
const OWN_PATIENTS_MAX: usize = 60;

/// Larger files are imported all the same, but not searched for patients here.
const OWN_FILE_BYTES_MAX: u64 = 64 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patients_are_found_in_bundles_and_lines_but_not_in_documents() {
        let folder = tempfile::tempdir().unwrap();
        let bundle = r#"{"resourceType":"Bundle","type":"transaction","entry":[
            {"resource":{"resourceType":"Patient","id":"a","name":[{"family":"堤","given":["蓮"]}]}},
            {"resource":{"resourceType":"Bundle","type":"document","entry":[
                {"resource":{"resourceType":"Patient","id":"inside"}}]}}]}"#;
        fs::write(folder.path().join("a.json"), bundle).unwrap();
        let line =
            r#"{"resourceType":"Patient","id":"b","identifier":[{"value":"7"}],"gender":"female"}"#;
        fs::write(folder.path().join("b.ndjson"), format!("{line}\n{{}}\n")).unwrap();
        let found = patients_in(folder.path()).unwrap();
        let ids: Vec<&str> = found.iter().map(|patient| patient.local_id.as_str()).collect();
        assert_eq!(ids, ["a", "b"]);
        assert_eq!(found[0].name, "堤 蓮");
        assert!(found[1].female);
    }

    #[test]
    fn the_written_charts_name_the_same_person_in_both_hospitals() {
        let population = Population::new(Options { patients: 80, years: 1, ..Options::default() });
        let folder = tempfile::tempdir().unwrap();
        let hospitals = write_charts(&population, folder.path()).unwrap();
        let both: Vec<_> =
            hospitals[0].1.iter().filter(|patient| patient.elsewhere.is_some()).collect();
        assert!(!both.is_empty());
        for patient in both {
            let other = hospitals[1]
                .1
                .iter()
                .find(|each| Some(&each.local_id) == patient.elsewhere.as_ref())
                .unwrap();
            assert_eq!(other.name, patient.name);
            assert_eq!(other.elsewhere.as_ref(), Some(&patient.local_id));
        }
    }
}
