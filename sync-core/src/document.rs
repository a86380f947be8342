//! What is written: records kept byte for byte, and what people write together.
//!
//! A chart is a grow-only set of record versions cut into volumes by care year; nothing in it is ever
//! overwritten, so any order of arrival gives the same chart. Care notes and patient links are Automerge
//! documents: two edits made apart both survive, and a disagreement stays visible until a person decides.
//! This room never reads a clock and never draws randomness: actor, time and ids are arguments.

mod changes;
mod editor;
#[cfg(test)]
mod fuzz;
mod links;
mod name;
mod note;
mod record;
mod shape;
mod shared;
mod volume;

pub use changes::ChangeError;
pub use editor::{Author, Contribution, Editor, Heads, HeadsError};
pub use links::{Link, LinkError, LinkView, Links, Mark};
pub use name::DocumentId;
pub use note::{CareNote, Choice, Field, FieldConflict, NoteEdit, NoteView, Vital};
pub use record::{Content, RecordHeader, RecordKey, RecordVersion, content_digest};
pub use shared::{Applied, EditError, LoadError, Revision};
pub use volume::{Current, Insertion, Volume, heads};
