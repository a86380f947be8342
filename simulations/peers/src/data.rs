//! What every system is given: the same documents, from the same seed, however each of them keeps them.
//!
//! A document has changes, written one after the other, and a change has records. Charts are those of the invented
//! population; what must not shrink comes from a hash's endless output, which no compressor knows.

use azalea_simulations::population::{Options, Population};
use serde::{Deserialize, Serialize};

/// Decides everything that is generated here.
const SEED: u64 = 2_026;
/// Changes of a chart.
pub const CHART_CHANGES: usize = 40;
/// Records of a chart.
pub const CHART_RECORDS: usize = 200;
/// Bytes of an entry that does not shrink.
pub const ENTRY_BYTES: usize = 1_024;
/// Entries of one document of such.
pub const ENTRIES_PER_DOCUMENT: usize = 100;
/// Documents that change while a reader is away.
pub const CHANGED: usize = 10;

/// A set of documents; the same on every side, since it is made and not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Dataset {
    /// So many charts of the population, each of 200 records in 40 changes.
    Charts(usize),
    /// So many entries of 1 KiB that does not shrink, a change each, a hundred to a document.
    Entries(usize),
    /// So many documents of one short record.
    Small(usize),
}

/// One document.
#[derive(Clone, Debug)]
pub struct Document {
    /// Its name, the same in every system.
    pub name: String,
    /// Its changes, in their order.
    pub changes: Vec<Change>,
}

/// What is written at once.
pub type Change = Vec<Record>;

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The FHIR resource's type.
    pub kind: &'static str,
    /// Its id.
    pub id: String,
    /// What is stored.
    pub content: Content,
}

/// The bytes of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A FHIR resource.
    Json(String),
    /// Bytes that are no text; see [`Record::json`].
    Raw(Vec<u8>),
}

impl Record {
    /// The bytes for systems that take any.
    pub fn bytes(&self) -> &[u8] {
        match &self.content {
            Content::Json(text) => text.as_bytes(),
            Content::Raw(bytes) => bytes,
        }
    }

    /// The record for systems that take only JSON: raw bytes become a FHIR `Binary` in base64.
    pub fn json(&self) -> String {
        match &self.content {
            Content::Json(text) => text.clone(),
            Content::Raw(bytes) => format!(
                r#"{{"resourceType":"Binary","id":"{}","contentType":"application/octet-stream","data":"{}"}}"#,
                self.id,
                data_encoding::BASE64.encode(bytes)
            ),
        }
    }
}

impl Dataset {
    /// How many documents there are.
    pub fn documents(&self) -> usize {
        match *self {
            Self::Charts(count) | Self::Small(count) => count,
            Self::Entries(count) => count.div_ceil(ENTRIES_PER_DOCUMENT),
        }
    }

    /// How many changes all of them have.
    pub fn changes(&self) -> usize {
        match *self {
            Self::Charts(count) => count * CHART_CHANGES,
            Self::Entries(count) | Self::Small(count) => count,
        }
    }

    /// How many records all of them have.
    pub fn records(&self) -> usize {
        match *self {
            Self::Charts(count) => count * CHART_RECORDS,
            Self::Entries(count) | Self::Small(count) => count,
        }
    }

    /// The documents, one after the other, so that none need all of the memory.
    pub fn each(self, mut each: impl FnMut(Document)) {
        match self {
            Self::Charts(count) => charts(count, &mut each),
            Self::Entries(_) | Self::Small(_) => {
                (0..self.documents()).for_each(|number| each(self.document(number)));
            }
        }
    }

    /// The name of a document.
    pub fn name(&self, number: usize) -> String {
        match self {
            Self::Charts(_) => format!("chart-{number:06}"),
            Self::Entries(_) => format!("entries-{number:06}"),
            Self::Small(_) => format!("document-{number:06}"),
        }
    }

    /// The documents that change in a round: spread over all, others in each round.
    pub fn changed(&self, round: u32) -> Vec<usize> {
        let count = self.documents();
        let step = count / CHANGED;
        (0..CHANGED.min(count)).map(|at| (at * step.max(1) + round as usize * 7) % count).collect()
    }

    /// What a round writes into a document.
    pub fn later(&self, number: usize, round: u32) -> Record {
        observation(&format!("later-{number:06}-{round}"), u64::from(round) << 32 | number as u64)
    }

    /// The bytes of what a round writes.
    pub fn later_bytes(&self, round: u32) -> u64 {
        let of = |number| self.later(number, round).bytes().len() as u64;
        self.changed(round).into_iter().map(of).sum()
    }

    fn document(self, number: usize) -> Document {
        let name = self.name(number);
        let Self::Entries(count) = self else {
            let record = observation(&format!("first-{number:06}"), number as u64);
            return Document { name, changes: vec![vec![record]] };
        };
        let from = number * ENTRIES_PER_DOCUMENT;
        let to = (from + ENTRIES_PER_DOCUMENT).min(count);
        let changes = (from..to).map(|at| {
            let mut bytes = vec![0; ENTRY_BYTES];
            chance("entry", at as u64).fill(&mut bytes);
            vec![Record {
                kind: "Binary",
                id: format!("entry-{at:06}"),
                content: Content::Raw(bytes),
            }]
        });
        Document { name, changes: changes.collect() }
    }
}

/// Charts with exactly as many records as asked for: of longer ones the last records are left out, and those of infants, who
/// have no more than a few, are passed over.
fn charts(count: usize, each: &mut dyn FnMut(Document)) {
    let options = Options {
        seed: SEED,
        years: 2,
        hospitals: 1,
        per_year: 230,
        even: true,
        ..Options::default()
    };
    let population = Population::new(Options { patients: count as u64 * 2, ..options });
    let long = population.charts().filter(|chart| chart.resources.len() >= CHART_RECORDS);
    let mut written = 0;
    for (number, chart) in long.take(count).enumerate() {
        let mut records = chart.resources.into_iter().map(|resource| Record {
            kind: resource.kind,
            id: resource.id,
            content: Content::Json(resource.json),
        });
        let per_change = CHART_RECORDS / CHART_CHANGES;
        let changes: Vec<Change> =
            (0..CHART_CHANGES).map(|_| records.by_ref().take(per_change).collect()).collect();
        each(Document { name: Dataset::Charts(count).name(number), changes });
        written += 1;
    }
    assert_eq!(written, count, "most charts of two years are long enough");
}

/// One laboratory result, of about 250 bytes.
fn observation(id: &str, number: u64) -> Record {
    let mut drawn = [0; 4];
    chance("observation", number).fill(&mut drawn);
    let value = u32::from_be_bytes(drawn) % 10_000;
    let json = format!(
        r#"{{"resourceType":"Observation","id":"{id}","status":"final","code":{{"coding":[{{"system":"urn:oid:1.2.392.200119.4.504","code":"5C070","display":"CRP"}}]}},"effectiveDateTime":"2026-11-01T09:30:00+09:00","valueQuantity":{{"value":{}.{:02},"unit":"mg/dL"}}}}"#,
        value / 100,
        value % 100
    );
    Record { kind: "Observation", id: id.to_owned(), content: Content::Json(json) }
}

/// Bytes that are the same on every machine, forever.
fn chance(label: &str, number: u64) -> blake3::OutputReader {
    let mut hasher = blake3::Hasher::new_derive_key("azalea peers benchmark data v1");
    hasher.update(&SEED.to_be_bytes()).update(label.as_bytes()).update(&number.to_be_bytes());
    hasher.finalize_xof()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_as_much_as_it_says_and_is_the_same_again() {
        for set in [Dataset::Charts(3), Dataset::Entries(250), Dataset::Small(7)] {
            let mut documents = Vec::new();
            set.each(|document| documents.push(document));
            assert_eq!(documents.len(), set.documents());
            let changes: Vec<&Change> = documents.iter().flat_map(|it| &it.changes).collect();
            assert_eq!(changes.len(), set.changes());
            assert_eq!(changes.iter().map(|it| it.len()).sum::<usize>(), set.records());
            let mut again = Vec::new();
            set.each(|document| again.push(document.changes));
            assert!(documents.iter().map(|it| &it.changes).eq(&again));
        }
    }

    #[test]
    fn each_round_changes_others() {
        let set = Dataset::Small(1_000);
        let (first, second) = (set.changed(1), set.changed(2));
        assert_eq!(first.len(), CHANGED);
        assert!(first.iter().all(|it| !second.contains(it)));
        assert_ne!(set.later(5, 1), set.later(5, 2));
    }
}
