//! Which document of a scope an envelope belongs to, and the tag that the relay sees in its place.

use crate::hash::Context;
use crate::id::{DocumentTag, NoteId};
use crate::keys::ScopeKey;
use crate::wire::{Reader, Wire, WireError, Writer};

/// A document inside a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DocumentId {
    /// One care year of a chart, or of a facility's directory.
    Volume {
        /// The calendar year of care; 0 for what bears no date.
        year: u16,
    },
    /// A care note.
    Note(NoteId),
    /// Which local patient IDs belong to the scope's patient.
    Links,
    /// What is known of the scope's patient or facility as such: names, birth date, addresses.
    Profile,
    /// Key bundles of a pair scope.
    Keys,
}

impl DocumentId {
    /// The volume for a care date written as `yyyymmdd`, or the undated one.
    pub fn volume_of(care_date: Option<u32>) -> Self {
        let year = care_date.and_then(|date| u16::try_from(date / 10_000).ok()).unwrap_or(0);
        Self::Volume { year }
    }

    /// The tag under which envelopes of this document travel: it tells the relay that two envelopes of one
    /// epoch belong together, and nothing about what they belong to.
    pub fn tag(&self, key: &ScopeKey) -> DocumentTag {
        let digest = blake3::keyed_hash(&key.derive(&TAG_CONTEXT), &self.to_bytes());
        let mut tag = DocumentTag::ZERO;
        tag.0.copy_from_slice(&digest.as_bytes()[..DocumentTag::LEN]);
        tag
    }
}

impl Wire for DocumentId {
    fn write(&self, writer: &mut Writer) {
        match self {
            Self::Volume { year } => {
                writer.u8(1);
                writer.u16(*year);
            }
            Self::Note(note) => {
                writer.u8(2);
                note.write(writer);
            }
            Self::Links => writer.u8(3),
            Self::Profile => writer.u8(4),
            Self::Keys => writer.u8(5),
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        match reader.u8(FIELD)? {
            1 => Ok(Self::Volume { year: reader.u16("year")? }),
            2 => NoteId::read(reader).map(Self::Note),
            3 => Ok(Self::Links),
            4 => Ok(Self::Profile),
            5 => Ok(Self::Keys),
            0 => Err(WireError::Invalid { field: FIELD }),
            found => Err(WireError::Version { field: FIELD, found, known: 5 }),
        }
    }
}

const FIELD: &str = "document kind";
static TAG_CONTEXT: Context = Context::new("azalea document tag v1");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_survives_its_binary_form_and_a_newer_kind_is_refused_by_name() {
        for document in [
            DocumentId::Volume { year: 2026 },
            DocumentId::Note(NoteId([7; 16])),
            DocumentId::Links,
            DocumentId::Profile,
            DocumentId::Keys,
        ] {
            assert_eq!(DocumentId::from_bytes(&document.to_bytes()), Ok(document));
        }
        let newer = DocumentId::from_bytes(&[6]).expect_err("kind 6 is not known");
        assert!(newer.to_string().ends_with("update this program"), "{newer}");
    }

    #[test]
    fn a_tag_depends_on_the_document_and_on_the_key() {
        let (key, other) = (ScopeKey::from([1; 32]), ScopeKey::from([2; 32]));
        let volume = DocumentId::Volume { year: 2025 };
        assert_eq!(volume.tag(&key), volume.tag(&key));
        assert_ne!(volume.tag(&key), volume.tag(&other));
        assert_ne!(volume.tag(&key), DocumentId::Volume { year: 2024 }.tag(&key));
    }

    #[test]
    fn a_care_date_names_its_volume() {
        assert_eq!(DocumentId::volume_of(Some(20261122)), DocumentId::Volume { year: 2026 });
        assert_eq!(DocumentId::volume_of(None), DocumentId::Volume { year: 0 });
    }
}
