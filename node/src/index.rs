//! From raw FHIR bytes to rows that a screen can search and list, without any IO.
//!
//! A row is an excerpt for finding and scanning; the record itself stays verbatim in the log and is what a
//! detail page shows. Nothing here decides what is true: a resource that cannot be understood still gives a
//! row that names its type.

pub mod date;
pub mod document;
pub mod fold;
pub mod patient;
pub mod search;
pub mod timeline;

mod fhir;
#[cfg(test)]
mod fuzz;
mod markup;
mod observation;
mod row;

pub use date::{CareTime, Day};
pub use patient::{Gender, PatientRow, patient_row};
pub use row::{Category, Code, CodeKind, Flag, Standing, TimelineRow, Value};
pub use search::{PatientSearch, SearchHit};
pub use timeline::timeline_rows;

/// Bytes that give no row. Usual cause: not JSON, or JSON that is not a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IndexError {
    /// The bytes are not one JSON object.
    #[error("the record is not a JSON object")]
    NotJson,
    /// The object has no resource type.
    #[error("the record names no resource type")]
    NoType,
    /// A patient was looked for, and the record holds none.
    #[error("the record holds no patient")]
    NoPatient,
}
