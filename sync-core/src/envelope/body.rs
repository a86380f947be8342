//! What an envelope carries.

use crate::access::Statement;
use crate::document::{DocumentId, RecordVersion};
use crate::id::NoteId;
use crate::keys::KeyGrant;
use crate::wire::{Reader, Wire, WireError, Writer, limits};

/// An envelope's content: one batch for one document, or one statement.
#[derive(Clone, PartialEq, Eq)]
pub enum Body {
    /// A control statement; always in the clear, and nothing else ever is.
    Statement(Statement),
    /// Versions of records for one volume.
    Records {
        /// The volume.
        document: DocumentId,
        /// The versions; at most `limits::RECORDS`.
        versions: Vec<RecordVersion>,
    },
    /// Edits of a care note.
    Note {
        /// Which note.
        note: NoteId,
        /// Automerge changes, one after the other; the note checks them.
        changes: Vec<u8>,
    },
    /// Edits of another document that people write together.
    Document {
        /// Which; never a volume, a note or key bundles.
        document: DocumentId,
        /// Automerge changes, one after the other; the document checks them.
        changes: Vec<u8>,
    },
    /// Keys of scopes, in a pair scope.
    Keys(Vec<KeyGrant>),
}

impl Body {
    /// The document that this belongs to; `None` for a statement.
    pub fn document(&self) -> Option<DocumentId> {
        match self {
            Self::Statement(_) => None,
            Self::Records { document, .. } | Self::Document { document, .. } => Some(*document),
            Self::Note { note, .. } => Some(DocumentId::Note(*note)),
            Self::Keys(_) => Some(DocumentId::Keys),
        }
    }

    /// The kind's name, for logs.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Statement(_) => "Statement",
            Self::Records { .. } => "Records",
            Self::Note { .. } => "Note",
            Self::Document { .. } => "Document",
            Self::Keys(_) => "Keys",
        }
    }
}

impl Wire for Body {
    fn write(&self, writer: &mut Writer) {
        writer.u8(VERSION);
        match self {
            Self::Statement(statement) => {
                writer.u8(1);
                statement.write(writer);
            }
            Self::Records { document, versions } => {
                writer.u8(2);
                document.write(writer);
                writer.list(versions);
            }
            Self::Note { note, changes } => {
                writer.u8(3);
                note.write(writer);
                writer.bytes(changes);
            }
            Self::Document { document, changes } => {
                writer.u8(4);
                document.write(writer);
                writer.bytes(changes);
            }
            Self::Keys(grants) => {
                writer.u8(5);
                writer.list(grants);
            }
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        match reader.u8(FIELD)? {
            VERSION => {}
            0 => return Err(WireError::Invalid { field: FIELD }),
            found => return Err(WireError::Version { field: FIELD, found, known: VERSION }),
        }
        match reader.u8(KIND)? {
            1 => Statement::read(reader).map(Self::Statement),
            2 => match DocumentId::read(reader)? {
                document @ DocumentId::Volume { .. } => {
                    Ok(Self::Records { document, versions: reader.list(limits::RECORDS)? })
                }
                _ => Err(WireError::Invalid { field: "document of records" }),
            },
            3 => {
                let note = NoteId::read(reader)?;
                Ok(Self::Note { note, changes: reader.bytes(limits::CHANGES)?.to_vec() })
            }
            4 => match DocumentId::read(reader)? {
                document @ (DocumentId::Links | DocumentId::Profile) => Ok(Self::Document {
                    document,
                    changes: reader.bytes(limits::CHANGES)?.to_vec(),
                }),
                _ => Err(WireError::Invalid { field: "document of changes" }),
            },
            5 => Ok(Self::Keys(reader.list(limits::KEYS)?)),
            0 => Err(WireError::Invalid { field: KIND }),
            found => Err(WireError::Version { field: KIND, found, known: 5 }),
        }
    }
}

/// Prints the kind only.
impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.kind())
    }
}

const VERSION: u8 = 1;
const FIELD: &str = "body";
const KIND: &str = "body kind";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::ScopeKind;
    use crate::document::{Content, RecordHeader, RecordKey};
    use crate::id::{FacilityId, ScopeId, Timestamp};
    use crate::keys::{Descriptor, ScopeKey};

    fn check(body: &Body, expected: &str) {
        let bytes = body.to_bytes();
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, expected, "{body:?}");
        assert_eq!(Body::from_bytes(&bytes).as_ref(), Ok(body));
    }

    #[test]
    fn bodies_have_these_bytes() {
        check(&Body::Statement(Statement::Rotate { epoch: 2 }), "0101010600000002");
        check(
            &Body::Note { note: NoteId([0x11; 16]), changes: vec![0xaa, 0xbb] },
            "01031111111111111111111111111111111100000002aabb",
        );
        check(
            &Body::Document { document: DocumentId::Links, changes: vec![0xcc] },
            "01040300000001cc",
        );
        let grant = KeyGrant {
            scope: ScopeId([0x22; 16]),
            epoch: 1,
            key: ScopeKey::from([0x33; 32]),
            descriptor: Descriptor {
                kind: ScopeKind::Care,
                owner: FacilityId([0x44; 16]),
                patient: None,
                local: None,
                class: String::new(),
            },
        };
        let written: String = grant.to_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        check(&Body::Keys(vec![grant]), &format!("010500000001{written}"));
        let version = RecordVersion {
            key: RecordKey { kind: "Patient".into(), id: "1".into() },
            parents: Vec::new(),
            content: [0; 32],
            header: RecordHeader {
                care_date: None,
                source: "fhir".into(),
                full_url: None,
                received: Timestamp(1),
                by: String::new(),
            },
            body: Content::Raw(b"{}".to_vec()),
        };
        let written: String = version.to_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        check(
            &Body::Records { document: DocumentId::Volume { year: 2026 }, versions: vec![version] },
            &format!("01020107ea00000001{written}"),
        );
    }

    #[test]
    fn a_body_for_a_document_of_another_sort_is_refused() {
        let records = Body::Records { document: DocumentId::Links, versions: Vec::new() };
        let changes = Body::Document { document: DocumentId::Keys, changes: Vec::new() };
        for body in [records, changes] {
            assert!(matches!(Body::from_bytes(&body.to_bytes()), Err(WireError::Invalid { .. })));
        }
    }

    #[test]
    fn a_newer_body_asks_for_an_update() {
        for bytes in [[2, 1], [1, 6]] {
            let error = Body::from_bytes(&bytes).expect_err("not known");
            assert!(error.to_string().ends_with("update this program"), "{error}");
        }
    }
}
