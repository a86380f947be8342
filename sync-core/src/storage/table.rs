//! The tables by name; `docs/STORAGE.md` gives key, value and the scan that each serves.

/// A table: ordered byte keys, byte values. Binaries define tables of their own beside these.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Table(&'static str);

impl Table {
    /// Names a table; names are part of the file format.
    pub const fn named(name: &'static str) -> Self {
        Self(name)
    }

    /// The name.
    pub const fn name(self) -> &'static str {
        self.0
    }
}

/// Single values by name: the cursor, counters.
pub const META: Table = Table::named("meta");
/// Certificates by digest, loaded whole at start.
pub const CERTIFICATE: Table = Table::named("certificate");
/// Scope id → the scope's row: number, access, descriptor.
pub const SCOPE: Table = Table::named("scope");
/// (scope number, epoch) → content key.
pub const KEY: Table = Table::named("key");
/// Position → envelope: the log, append-only.
pub const LOG: Table = Table::named("log");
/// (scope number, author, sequence) → position and envelope id.
pub const CHAIN: Table = Table::named("chain");
/// (scope number, author) → the last sequence held without a gap, and its envelope id.
pub const VECTOR: Table = Table::named("vector");
/// (scope number, author, sequence of the statement) → what a snapshot covers, and whether that counts.
pub const SNAPSHOT: Table = Table::named("snapshot");
/// Scope number of a chart of ours → how many of our envelopes in it have to be outside of snapshots before it is looked at again.
pub const LOOKED: Table = Table::named("looked");
/// (scope number, record key, version) → where the version stands.
pub const RECORD: Table = Table::named("record");
/// (scope number, document) → the merged document.
pub const DOCUMENT: Table = Table::named("document");
/// Position → nothing: our envelopes that the relay has not acknowledged.
pub const OUTBOX: Table = Table::named("outbox");
/// Position → why the envelope there is not applied yet.
pub const WAITING: Table = Table::named("waiting");
/// Position → why the envelope there is kept apart for a person to review.
pub const QUARANTINE: Table = Table::named("quarantine");
/// (scope number, author) → whether its records are to be listed anew: what is held of it is to be judged again.
pub const REJUDGE: Table = Table::named("rejudge");
/// Envelope id of a contradiction that is kept apart → who decided that it no longer stands against its author.
pub const JUDGED: Table = Table::named("judged");
/// Publisher device → its newest head statement and the time to which we are complete.
pub const HEAD: Table = Table::named("head");
/// (recipient device, scope number) → the newest epoch that was given to it.
pub const GIVEN: Table = Table::named("given");
/// Scope number → the word of its owner by which the scope's descriptor is held: author and sequence in the pair scope.
pub const DESCRIBED: Table = Table::named("described");
/// Local patient id → the network's patients and our own scopes.
pub const LOCAL: Table = Table::named("local");

/// Number → line of the ledger. The name is from when only the node knew of it.
pub const LEDGER: Table = Table::named("node.access");
/// Count, in log order → an envelope of ours from a store that was lost, which the relay had not acknowledged.
pub const SALVAGED: Table = Table::named("salvaged");

/// All tables of the core.
pub const CORE: [Table; 22] = [
    META,
    CERTIFICATE,
    SCOPE,
    KEY,
    LOG,
    CHAIN,
    VECTOR,
    SNAPSHOT,
    LOOKED,
    RECORD,
    DOCUMENT,
    OUTBOX,
    WAITING,
    QUARANTINE,
    REJUDGE,
    JUDGED,
    HEAD,
    GIVEN,
    DESCRIBED,
    LOCAL,
    LEDGER,
    SALVAGED,
];
