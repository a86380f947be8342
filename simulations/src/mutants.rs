//! Mutations of the sources: the engine is made wrong on purpose, built, and run until a checker says so.
//!
//! What stands in [`crate::world`] as a mutation is made around the engine. Here the engine's own text is changed, one
//! place at a time, in a copy of the workspace, so that the shipped program holds no hook. The list is
//! `simulations/mutations.json`; a test holds it against the sources, so that it cannot rot.

mod workshop;

use std::path::Path;

use serde::{Deserialize, Serialize};

pub use workshop::{Caught, Workshop};

use crate::world::Options;
use crate::world::check::Checker;

/// One deliberate fault in the sources.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mutant {
    /// What is made wrong, in a few words; also how it is picked from the list.
    pub name: String,
    /// The file, from the workspace's root.
    pub file: String,
    /// The text that is replaced. It occurs once in the file.
    pub text: String,
    /// What stands in its place.
    pub replacement: String,
    /// The checker that has to notice.
    pub checker: Checker,
    /// Within so many seeds, counted from 1.
    pub seeds: u64,
    /// The options of the runs, where those that seeds draw meet the fault too seldom.
    #[serde(default)]
    pub options: Option<Options>,
}

impl Mutant {
    /// The file with the fault in it.
    pub fn apply(&self, source: &str) -> Result<String, ListError> {
        let of = |why| ListError::Entry { name: self.name.clone(), why };
        match source.matches(&self.text).count() {
            1 if self.text != self.replacement => {
                Ok(source.replacen(&self.text, &self.replacement, 1))
            }
            1 => Err(of(Why::Same)),
            found => Err(of(Why::Occurs { file: self.file.clone(), found })),
        }
    }
}

/// Reads the list and holds every entry against the sources below `root`.
pub fn list(root: &Path) -> Result<Vec<Mutant>, ListError> {
    let path = root.join("simulations/mutations.json");
    let text = read(&path)?;
    let mutants: Vec<Mutant> = serde_json::from_str(&text).map_err(ListError::List)?;
    for (at, mutant) in mutants.iter().enumerate() {
        mutant.apply(&read(&root.join(&mutant.file))?)?;
        if mutants[..at].iter().any(|other| other.name == mutant.name) {
            return Err(ListError::Entry { name: mutant.name.clone(), why: Why::Twice });
        }
    }
    Ok(mutants)
}

fn read(path: &Path) -> Result<String, ListError> {
    std::fs::read_to_string(path)
        .map_err(|cause| ListError::Unreadable { path: path.display().to_string(), cause })
}

/// Why the list cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// A file cannot be read.
    #[error("{path} cannot be read: {cause}")]
    Unreadable {
        /// Which.
        path: String,
        /// Why.
        cause: std::io::Error,
    },
    /// The list is not what a list is.
    #[error("simulations/mutations.json: {0}")]
    List(serde_json::Error),
    /// An entry of it does not fit the sources.
    #[error("the mutation `{name}` {why}")]
    Entry {
        /// Which.
        name: String,
        /// What is wrong with it.
        why: Why,
    },
}

/// What is wrong with an entry.
#[derive(Debug, thiserror::Error)]
pub enum Why {
    /// Usual cause: the source has changed since, and the entry must follow it.
    #[error("names a text that occurs {found} times in {file}, and not once")]
    Occurs {
        /// Where.
        file: String,
        /// How often.
        found: usize,
    },
    /// It changes nothing.
    #[error("replaces a text by itself")]
    Same,
    /// The name is taken.
    #[error("stands in the list twice")]
    Twice,
}
