//! One person's chart at one hospital, and the forms in which a hospital hands it over.

use std::collections::BTreeSet;

use super::json::{List, object};

/// A FHIR resource as the hospital wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// The resource type.
    pub kind: &'static str,
    /// The logical id, unique with the type at this hospital.
    pub id: String,
    /// The JSON, byte for byte.
    pub json: String,
}

impl Resource {
    pub(crate) fn new(kind: &'static str, id: &str, json: String) -> Self {
        Self { kind, id: id.to_owned(), json }
    }

    /// The reference that other resources of the same hospital use for it.
    pub fn reference(&self) -> String {
        format!("{}/{}", self.kind, self.id)
    }
}

/// What one hospital knows about one person.
#[derive(Clone, Debug)]
pub struct Chart {
    /// The hospital's place in the region.
    pub hospital: usize,
    /// The person's number in the population; the same for a person known in two hospitals.
    pub person: u64,
    /// The patient number at this hospital.
    pub local_id: String,
    /// The patient first, then everything in the order of its writing.
    pub resources: Vec<Resource>,
    /// Entries of the hospital's directory that the chart refers to.
    pub directory: Vec<Resource>,
    pub(crate) base: String,
}

impl Chart {
    /// The chart as a transaction Bundle that stands for itself: what it refers to is inside.
    pub fn bundle(&self) -> String {
        transaction(&self.base, self.directory.iter().chain(&self.resources))
    }

    /// The chart's resources, one per line.
    pub fn ndjson(&self) -> String {
        lines(&self.resources)
    }
}

pub(crate) fn transaction<'a>(base: &str, resources: impl Iterator<Item = &'a Resource>) -> String {
    object(|o| {
        o.text("resourceType", "Bundle");
        o.text("type", "transaction");
        o.list("entry", |l| {
            for resource in resources {
                entry(l, base, resource);
            }
        });
    })
}

fn entry(l: &mut List<'_>, base: &str, resource: &Resource) {
    l.object(|o| {
        let target = resource.reference();
        o.text("fullUrl", &format!("{base}/{target}"));
        o.raw("resource", &resource.json);
        o.object("request", |o| {
            o.text("method", "PUT");
            o.text("url", &target);
        });
    });
}

pub(crate) fn lines(resources: &[Resource]) -> String {
    let mut out = String::with_capacity(resources.iter().map(|each| each.json.len() + 1).sum());
    for resource in resources {
        out.push_str(&resource.json);
        out.push('\n');
    }
    out
}

/// The local references in a piece of JSON of this generator's writing.
pub(crate) fn references(json: &str) -> impl Iterator<Item = &str> {
    json.split(REFERENCE).skip(1).filter_map(|rest| rest.split('"').next())
}

/// Resources out of `known` that `start` refers to, directly or through each other, in the order of `known`.
pub(crate) fn closure<'a>(start: &[&str], known: &[&'a Resource]) -> Vec<&'a Resource> {
    let mut wanted: BTreeSet<usize> = BTreeSet::new();
    let mut open: Vec<&str> = start.to_vec();
    while let Some(json) = open.pop() {
        for target in references(json) {
            let place = known.iter().position(|each| {
                target.strip_prefix(each.kind).and_then(|rest| rest.strip_prefix('/'))
                    == Some(each.id.as_str())
            });
            if let Some(place) = place.filter(|&place| wanted.insert(place)) {
                open.push(&known[place].json);
            }
        }
    }
    wanted.into_iter().map(|place| known[place]).collect()
}

const REFERENCE: &str = "\"reference\":\"";
