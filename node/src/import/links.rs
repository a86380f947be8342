//! What a file says about who is who: which names stand for which patient.
//!
//! Names are kept as short digests, so that a Bundle with very many patients stays small in memory. Each belongs to
//! the Bundle that uses it: published examples give the same name to different people in different Bundles.

use std::collections::{HashMap, HashSet};

use super::content;
use super::json::Node;
use super::reference::Reference;
use super::sink::Sink;

/// The names of one file, by the Bundle (its number in the file) that uses them.
#[derive(Default)]
pub(crate) struct Links {
    patients: Vec<String>,
    /// `None` where two patients go by one name.
    named: HashMap<Name, Option<u32>>,
    bearers: HashMap<Name, Option<u32>>,
    others: HashSet<Name>,
    wanted: HashSet<Name>,
    attached: HashSet<Name>,
    owners: HashMap<Name, Option<String>>,
}

/// A digest of a name and of the Bundle that uses it.
type Name = [u8; 16];

/// Resources that stand alone or on lines of their own share one scope; Bundles count from 1.
pub(crate) const LOOSE: u64 = 0;

/// Whom a reference means.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    Patient(String),
    /// Something that is certainly no patient, or nothing at all.
    NoPatient,
    /// What it means is not to be found; it may be a patient.
    Unknown,
}

impl Links {
    /// Notes a patient and the names that the file has for them.
    pub(crate) fn note_patient(&mut self, scope: u64, full_url: Option<&str>, patient: &Node<'_>) {
        let Some(id) = local_id(patient) else { return };
        if self.patients.len() >= PATIENTS_MAX {
            return;
        }
        let place = u32::try_from(self.patients.len()).expect("PATIENTS_MAX fits");
        self.patients.push(id);
        if let Some(url) = full_url {
            bear(&mut self.named, name(scope, &[url]), place, &self.patients);
        }
        for (system, value) in identifiers_of(patient) {
            bear(&mut self.bearers, name(scope, &[system, value]), place, &self.patients);
        }
    }

    /// Notes something that can be a subject and is no patient.
    pub(crate) fn note_other(&mut self, scope: u64, full_url: &str) {
        if self.others.len() < OTHERS_MAX {
            self.others.insert(name(scope, &[full_url]));
        }
    }

    /// Notes that the patient of a resource with one of this reference's names has to be found out.
    pub(crate) fn want(&mut self, scope: u64, reference: &Reference<'_>) {
        if self.wanted.len() < WANTED_MAX {
            self.wanted.extend(names_of(scope, reference));
        }
    }

    /// Notes that a resource with these names may be the attachment of another one.
    pub(crate) fn want_holder(&mut self, scope: u64, names: &[&str]) {
        if self.attached.len() < WANTED_MAX {
            self.attached.extend(names.iter().map(|text| name(scope, &[text])));
        }
    }

    /// True where the file has to be read once more to find the patients of resources that others refer to.
    pub(crate) fn unsettled(&self) -> bool {
        !self.wanted.is_empty() || !self.attached.is_empty()
    }

    /// True where somebody wants to know the patient of the resource that bears one of these names.
    pub(crate) fn wants(&self, scope: u64, names: &[&str]) -> bool {
        !self.wanted.is_empty()
            && names.iter().any(|text| self.wanted.contains(&name(scope, &[text])))
    }

    /// True where some resource waits to be found as an attachment.
    pub(crate) fn wants_attachments(&self) -> bool {
        !self.attached.is_empty()
    }

    /// Settles whose the resource with these names is.
    pub(crate) fn own(&mut self, scope: u64, names: &[&str], patient: &str) {
        for text in names {
            let name = name(scope, &[text]);
            if self.wanted.contains(&name) {
                settle(&mut self.owners, name, patient);
            }
        }
    }

    /// Settles whose the attachment at this address is.
    pub(crate) fn own_attachment(&mut self, scope: u64, address: &str, patient: &str) {
        for name in names_of(scope, &Reference::parse(address)) {
            if self.attached.contains(&name) {
                settle(&mut self.owners, name, patient);
            }
        }
    }

    /// Whose the resource is that this reference means, where that was wanted.
    pub(crate) fn owner(&self, scope: u64, reference: &Reference<'_>) -> Option<&str> {
        if self.owners.is_empty() {
            return None;
        }
        names_of(scope, reference).find_map(|name| self.owners.get(&name)?.as_deref())
    }

    fn named(&self, scope: u64, url: &str) -> Option<&String> {
        let place = (*self.named.get(&name(scope, &[url]))?)?;
        Some(&self.patients[place as usize])
    }

    fn bearer(&self, scope: u64, system: &str, value: &str) -> Option<String> {
        let place = (*self.bearers.get(&name(scope, &[system, value]))?)?;
        Some(self.patients[place as usize].clone())
    }
}

/// Two patients under one name: it stands for neither, rather than for the wrong one.
fn bear(names: &mut HashMap<Name, Option<u32>>, name: Name, place: u32, patients: &[String]) {
    let bearer = names.entry(name).or_insert(Some(place));
    if bearer.is_some_and(|known| patients[known as usize] != patients[place as usize]) {
        *bearer = None;
    }
}

/// All that is needed to resolve the references of one resource.
#[derive(Clone, Copy)]
pub(crate) struct Context<'c> {
    pub(crate) links: &'c Links,
    pub(crate) scope: u64,
    pub(crate) sink: &'c dyn Sink,
}

impl Context<'_> {
    /// Whom a reference in `resource` means.
    pub(crate) fn resolve(&self, reference: &Reference<'_>, resource: &Node<'_>) -> Answer {
        match reference {
            Reference::Resource { kind, id, url } => {
                let by_url = url.and_then(|url| self.links.named(self.scope, url));
                match (by_url, *kind) {
                    (Some(id), _) => Answer::Patient(id.clone()),
                    (None, "Patient") => bounded((*id).to_owned()),
                    _ => Answer::NoPatient,
                }
            }
            Reference::Named(url) => match self.links.named(self.scope, url) {
                Some(id) => Answer::Patient(id.clone()),
                None if self.links.others.contains(&name(self.scope, &[url])) => Answer::NoPatient,
                None => Answer::Unknown,
            },
            Reference::Contained(id) => self.contained(id, resource),
            Reference::Conditional { kind: "Patient", identifier } => {
                let known =
                    identifier.as_ref().and_then(|(system, value)| self.bearer(system, value));
                known.map_or(Answer::Unknown, Answer::Patient)
            }
            Reference::Conditional { .. } => Answer::NoPatient,
            Reference::Identifier { kind: None | Some("Patient"), system, value } => {
                let known = self.bearer(system, value);
                // A patient who is known by a number alone, as JP-CLINS has it: the number is their name here.
                known.map_or_else(
                    || bounded(format!("identifier:{system}|{value}")),
                    Answer::Patient,
                )
            }
            Reference::Identifier { .. } => Answer::NoPatient,
        }
    }

    fn bearer(&self, system: &str, value: &str) -> Option<String> {
        let here = self.links.bearer(self.scope, system, value);
        here.or_else(|| self.sink.patient_by_identifier(system, value)).filter(|id| !id.is_empty())
    }

    /// A patient inside the resource: known by an identifier, otherwise a person of whom only this is known.
    fn contained(&self, id: &str, resource: &Node<'_>) -> Answer {
        let contained = resource.get("contained").map_or(&[][..], Node::items);
        let Some(found) = contained.iter().find(|node| node.text_at("id") == Some(id)) else {
            return Answer::Unknown;
        };
        if found.text_at("resourceType") != Some("Patient") {
            return Answer::NoPatient;
        }
        let known = identifiers_of(found).find_map(|(system, value)| self.bearer(system, value));
        Answer::Patient(known.unwrap_or_else(|| content::nameless(found)))
    }
}

/// The facility's own id of a patient; `None` where the resource bears one that cannot be used.
pub(crate) fn local_id(patient: &Node<'_>) -> Option<String> {
    match patient.get("id") {
        None => Some(content::nameless(patient)),
        Some(id) => id.text().filter(|id| content::usable_id(id)).map(str::to_owned),
    }
}

/// The identifiers of a patient that tell one person from another.
pub(crate) fn identifiers_of<'n>(
    patient: &'n Node<'_>,
) -> impl Iterator<Item = (&'n str, &'n str)> {
    let all = patient.get("identifier").map_or(&[][..], Node::items);
    all.iter().take(IDENTIFIERS_MAX).filter_map(|identifier| {
        let value = identifier.text_at("value").filter(|value| !value.is_empty())?;
        Some((identifier.text_at("system").unwrap_or_default(), value))
    })
}

fn bounded(id: String) -> Answer {
    if content::usable_id(&id) { Answer::Patient(id) } else { Answer::Unknown }
}

/// Two patients for one resource: it is nobody's.
fn settle(owners: &mut HashMap<Name, Option<String>>, name: Name, patient: &str) {
    let owner = owners.entry(name).or_insert_with(|| Some(patient.to_owned()));
    if owner.as_deref() != Some(patient) {
        *owner = None;
    }
}

fn names_of(scope: u64, reference: &Reference<'_>) -> impl Iterator<Item = Name> {
    let (first, second) = match reference {
        Reference::Resource { kind, id, url } => {
            (Some(name(scope, &[&format!("{kind}/{id}")])), url.map(|url| name(scope, &[url])))
        }
        Reference::Named(url) => (Some(name(scope, &[url])), None),
        _ => (None, None),
    };
    first.into_iter().chain(second)
}

fn name(scope: u64, parts: &[&str]) -> Name {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&scope.to_be_bytes());
    for part in parts {
        hasher.update(&(part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    let mut name = Name::default();
    hasher.finalize_xof().fill(&mut name);
    name
}

/// Patients whose names are kept for one file: about 100 MB at worst. References to later ones by anything but
/// `Patient/id` are quarantined as unknown.
const PATIENTS_MAX: usize = 250_000;
/// Names of things that are no patients: 64 MB at worst.
const OTHERS_MAX: usize = 1_000_000;
/// Names of resources whose patient others share: 64 MB at worst.
const WANTED_MAX: usize = 500_000;
const IDENTIFIERS_MAX: usize = 32;
