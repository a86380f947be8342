//! Named limits on lengths that come from outside; each is checked before anything is allocated.

/// A limit with the name that an error shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// What is limited, as WIRE.md calls it.
    pub name: &'static str,
    /// Bytes or items, whichever the field counts.
    pub max: usize,
}

/// An envelope's sealed body, in bytes.
pub const BODY: Limit = Limit { name: "body_bytes_max", max: 7 << 20 };
/// An envelope with its header and signature, in bytes.
pub const ENVELOPE: Limit = Limit { name: "envelope_bytes_max", max: (7 << 20) + 512 };
/// An envelope's body once it is decompressed, in bytes.
pub const PLAINTEXT: Limit = Limit { name: "plaintext_bytes_max", max: 16 << 20 };
/// One record's verbatim bytes.
pub const RECORD: Limit = Limit { name: "record_bytes_max", max: 6 << 20 };
/// Records in one change.
pub const RECORDS: Limit = Limit { name: "records_max", max: 8_192 };
/// A name, label or code, in bytes of UTF-8.
pub const TEXT: Limit = Limit { name: "text_bytes_max", max: 1_024 };
/// A record's kind or id, in bytes.
pub const KEY: Limit = Limit { name: "key_bytes_max", max: 512 };
/// A `fullUrl`, in bytes.
pub const URL: Limit = Limit { name: "url_bytes_max", max: 2_048 };
/// Parents of one record version.
pub const PARENTS: Limit = Limit { name: "parents_max", max: 64 };
/// One certificate or statement of the registry, in bytes.
pub const CERTIFICATE: Limit = Limit { name: "certificate_bytes_max", max: 8 << 20 };
/// Accepted ends of authors in one revocation.
pub const CUTOFFS: Limit = Limit { name: "cutoffs_max", max: 131_072 };
/// Ranges of numbers that one snapshot covers.
pub const COVERED: Limit = Limit { name: "covered_ranges_max", max: 4_096 };
/// Automerge changes of one batch, in bytes.
pub const CHANGES: Limit = Limit { name: "changes_bytes_max", max: 4 << 20 };
/// Changes of one document that wait for others, in bytes.
pub const WAITING_CHANGES: Limit = Limit { name: "waiting_changes_bytes_max", max: 16 << 20 };
/// Keys in one bundle.
pub const KEYS: Limit = Limit { name: "keys_max", max: 8_192 };
/// One frame of a session, in bytes.
pub const FRAME: Limit = Limit { name: "frame_bytes_max", max: 8 << 20 };
/// Envelopes in one frame.
pub const ENVELOPES: Limit = Limit { name: "envelopes_max", max: 4_096 };
/// Envelopes of one author and scope that are held beyond a gap.
pub const AHEAD: Limit = Limit { name: "ahead_max", max: 4_096 };
/// A blob's content, in bytes.
pub const BLOB: Limit = Limit { name: "blob_bytes_max", max: 2 << 30 };
/// Chunks of a blob that are asked for and sent together.
pub const BLOB_RUN: Limit = Limit { name: "blob_run_chunks_max", max: 64 };
/// Such a run of chunks with the hashes that prove it, in bytes.
pub const BLOB_SLICE: Limit = Limit { name: "blob_slice_bytes_max", max: (1 << 20) + (16 << 10) };
