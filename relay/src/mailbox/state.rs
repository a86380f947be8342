//! What the relay knows and has on disk: read whole at start, changed only by a commit that succeeded.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use azalea_core::access::{ScopeAccess, ScopeKind};
use azalea_core::envelope::Chain;
use azalea_core::id::{DeviceId, FacilityId, NetworkId, RelayEpoch, ScopeId, Timestamp};
use azalea_core::identity::{Certificate, Roster};
use azalea_core::storage::{Order, Range, Read, StorageError, Table};
use azalea_core::wire::{Wire, WireError};

use super::common::Common;
use super::heads::Heads;
use super::invite::Invite;
use super::rotten::Rotten;
use super::suspend::Forks;
use super::tables::{self, ChainRow, DeviceNumber, DeviceRow, Member, ScopeNumber, ScopeRow};

/// Why a store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The store could not be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A row that this program did not write so. Usual causes: damage, or a newer program.
    #[error("a row of the table {table:?} cannot be read: {source}")]
    Row {
        /// The table.
        table: &'static str,
        /// What is wrong.
        source: WireError,
    },
    /// The store was never set up.
    #[error("this data directory holds no relay: run `azalea-relay init` first")]
    Empty,
    /// The store's format is another than this program's.
    #[error(
        "the store has format {found}, this program reads {} and {}: use the matching version",
        tables::FORMAT_ROWS,
        tables::FORMAT
    )]
    Format {
        /// The format found.
        found: u32,
    },
}

/// Whose access a scope depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Party {
    Facility(FacilityId),
    Device(DeviceId),
}

impl Party {
    pub(crate) fn device(&self) -> Option<DeviceId> {
        match self {
            Self::Facility(_) => None,
            Self::Device(id) => Some(*id),
        }
    }
}

/// A scope: who may do what, how far each author's chain goes, and whose feeds have it.
#[derive(Debug, Clone)]
pub(crate) struct Scope {
    pub(crate) number: ScopeNumber,
    pub(crate) access: Option<Arc<ScopeAccess>>,
    pub(crate) chains: BTreeMap<DeviceNumber, Chain>,
    /// The last log position that belongs to the scope; 0 for none.
    pub(crate) last: u64,
    pub(crate) members: BTreeMap<DeviceNumber, Member>,
}

/// A certified device.
#[derive(Debug, Clone)]
pub(crate) struct Device {
    pub(crate) id: DeviceId,
    pub(crate) row: DeviceRow,
    /// The newest position of its feed that has a row; 0 for none.
    pub(crate) rows_end: u64,
    /// The log position up to which its rows have the registry; `None` where it gets no more of it.
    pub(crate) common: Option<u64>,
    /// The newest position of its feed that goes ahead of its place; 0 for none.
    pub(crate) urgent_end: u64,
    /// Envelopes of its own that are in the log.
    pub(crate) written: u64,
}

pub(crate) struct State {
    /// The store's format, until the first commit.
    pub(crate) format: u32,
    pub(crate) network: NetworkId,
    pub(crate) epoch: RelayEpoch,
    /// The first log position that was free when the epoch began.
    pub(crate) epoch_began: u64,
    pub(crate) roster: Roster,
    /// The digests of all certificates.
    pub(crate) certificates: BTreeSet<[u8; 32]>,
    pub(crate) devices: Vec<Device>,
    pub(crate) numbers: BTreeMap<DeviceId, DeviceNumber>,
    pub(crate) scopes: BTreeMap<ScopeId, Scope>,
    pub(crate) scope_ids: Vec<ScopeId>,
    /// Which scopes to look at again when something about a party changes.
    pub(crate) parties: BTreeMap<Party, BTreeSet<ScopeId>>,
    /// Grants that begin later, and scopes that are to be looked at again.
    pub(crate) due: BTreeSet<(Timestamp, ScopeId)>,
    /// Scopes of which a reader may have been let in by a clock that was ahead, or was passed over by one: when next one of their
    /// grants begins, and at once where one holds again, they are given everything anew.
    pub(crate) again: BTreeSet<ScopeId>,
    pub(crate) heads: Heads,
    pub(crate) invites: BTreeMap<[u8; 32], Invite>,
    pub(crate) next_log: u64,
    pub(crate) forks: Forks,
    pub(crate) rotten: Rotten,
    pub(crate) common: Arc<Common>,
    /// Whoever has been revoked: what they wrote is sent as they wrote it.
    pub(crate) revoked: Arc<BTreeSet<DeviceNumber>>,
}

impl Scope {
    pub(crate) fn new(number: ScopeNumber) -> Self {
        Self { number, access: None, chains: BTreeMap::new(), last: 0, members: BTreeMap::new() }
    }

    /// Whose changes may change who reads this scope.
    pub(crate) fn parties(&self, now: Timestamp) -> Vec<Party> {
        let Some(access) = &self.access else { return Vec::new() };
        match access.parties() {
            Some((from, to)) => vec![Party::Device(from), Party::Device(to)],
            None => {
                let members = access.members(now).map(|(facility, _)| facility);
                let to_come = access.grants_from(now).map(|grant| grant.facility);
                members.chain(to_come).map(Party::Facility).collect()
            }
        }
    }

    /// When the next of its grants begins.
    pub(crate) fn next_grant(&self, now: Timestamp) -> Option<Timestamp> {
        let access = self.access.as_ref()?;
        access.grants_from(now).map(|grant| grant.from).filter(|from| *from > now).min()
    }
}

impl State {
    /// Reads all that is kept in memory.
    pub(crate) fn load(store: &dyn Read, now: Timestamp) -> Result<Self, OpenError> {
        let meta = |key| store.get(tables::META, key);
        let format = meta(tables::FORMAT_KEY)?.ok_or(OpenError::Empty)?;
        let format = match row::<Number>(tables::META, &format)?.0 {
            format @ (tables::FORMAT | tables::FORMAT_ROWS) => format,
            found => return Err(OpenError::Format { found }),
        };
        let network = row(tables::META, &meta(tables::NETWORK_KEY)?.ok_or(OpenError::Empty)?)?;
        let epoch = row(tables::META, &meta(tables::EPOCH_KEY)?.ok_or(OpenError::Empty)?)?;
        let began = meta(tables::EPOCH_BEGAN_KEY)?;
        let began = began.map(|began| row::<Position>(tables::META, &began)).transpose()?;
        let epoch_began = began.map_or(0, |began| began.0);
        let mut state = Self {
            format,
            network,
            epoch,
            epoch_began,
            roster: Roster::new(network),
            certificates: BTreeSet::new(),
            devices: Vec::new(),
            numbers: BTreeMap::new(),
            scopes: BTreeMap::new(),
            scope_ids: Vec::new(),
            parties: BTreeMap::new(),
            due: BTreeSet::new(),
            again: BTreeSet::new(),
            heads: Heads::load(store)?,
            invites: BTreeMap::new(),
            next_log: 1,
            forks: Forks::load(store)?,
            rotten: Rotten::default(),
            common: Arc::default(),
            revoked: Arc::default(),
        };
        state.load_certificates(store)?;
        state.load_devices(store)?;
        state.note_revoked();
        state.load_scopes(store)?;
        state.load_members(store)?;
        state.load_chains(store)?;
        state.load_rotten(store)?;
        state.load_common(store)?;
        each(store, tables::INVITE, |key, invite: Invite| {
            let digest = key.try_into().map_err(|_| WireError::Short { field: "digest" })?;
            state.invites.insert(digest, invite);
            Ok(())
        })?;
        let scopes: Vec<ScopeId> = state.scopes.keys().copied().collect();
        scopes.iter().for_each(|scope| state.index_scope(scope, now));
        let early = scopes.iter().filter(|scope| state.has_early_members(scope, now));
        // Also of these the disk is to know what they lack.
        state.again = early.copied().collect();
        state.due.extend(state.again.iter().map(|scope| (now, *scope)));
        let begun = scopes.into_iter().filter(|scope| state.has_newcomers(scope, now));
        let begun: Vec<_> = begun.map(|scope| (now, scope)).collect();
        state.due.extend(begun);
        Ok(state)
    }

    /// Whether a grant began while nobody was there to see it: its readers are not among the members yet.
    fn has_newcomers(&self, id: &ScopeId, now: Timestamp) -> bool {
        let scope = &self.scopes[id];
        let Some(access) = scope.access.as_deref().filter(|it| it.parties().is_none()) else {
            return false;
        };
        let member = |device: &DeviceId| {
            let number = self.numbers.get(device);
            number.is_none_or(|number| scope.members.contains_key(number))
        };
        access.members(now).any(|(facility, access)| {
            access.read && self.roster.devices_of(&facility).any(|it| !member(&it.id()))
        })
    }

    /// Finds out who has been revoked: a snapshot of theirs may lie beyond what is accepted of them.
    pub(crate) fn note_revoked(&mut self) {
        let registry = self.registry();
        let revoked = self.devices.iter().zip(0..);
        let revoked = revoked.filter(|(it, _)| self.roster.cutoff(&it.id, &registry).is_some());
        self.revoked = Arc::new(revoked.map(|(_, number)| number).collect());
    }

    fn load_certificates(&mut self, store: &dyn Read) -> Result<(), OpenError> {
        let mut certificates = Vec::new();
        each(store, tables::CERTIFICATE, |_, certificate: Certificate| {
            certificates.push(certificate);
            Ok(())
        })?;
        // Rows lie in the order of digests; more would wait for their issuers than may.
        certificates.sort_by_key(Certificate::rank);
        for certificate in certificates {
            self.certificates.insert(certificate.digest());
            self.roster.admit(certificate).map_err(|error| StorageError::Damaged {
                place: format!("table {:?}: {error}", tables::CERTIFICATE.name()),
            })?;
        }
        Ok(())
    }

    fn load_devices(&mut self, store: &dyn Read) -> Result<(), OpenError> {
        each(store, tables::DEVICE, |key, row: DeviceRow| {
            let id = DeviceId::from_bytes(key)?;
            let (rows_end, urgent_end) = (0, 0);
            self.devices.push(Device { id, row, rows_end, common: None, urgent_end, written: 0 });
            Ok(())
        })?;
        self.devices.sort_by_key(|device| device.row.number);
        for (number, device) in self.devices.iter_mut().enumerate() {
            dense(tables::DEVICE, number, device.row.number)?;
            self.numbers.insert(device.id, device.row.number);
            let feed = Range::prefix(&device.row.number.to_be_bytes());
            store.scan(tables::FEED, &feed, Order::Descending, &mut |key, _| {
                device.rows_end = tables::feed_position(key).unwrap_or(0);
                false
            })?;
            store.scan(tables::URGENT, &feed, Order::Descending, &mut |key, _| {
                device.urgent_end = tables::feed_position(key).unwrap_or(0);
                false
            })?;
        }
        Ok(())
    }

    fn load_scopes(&mut self, store: &dyn Read) -> Result<(), OpenError> {
        let mut numbers = Vec::new();
        each(store, tables::SCOPE, |key, row: ScopeRow| {
            let id = ScopeId::from_bytes(key)?;
            numbers.push((row.number, id));
            let scope = Scope { access: row.access.map(Arc::new), ..Scope::new(row.number) };
            self.scopes.insert(id, scope);
            Ok(())
        })?;
        numbers.sort();
        for (number, (found, id)) in numbers.into_iter().enumerate() {
            dense(tables::SCOPE, number, found)?;
            self.scope_ids.push(id);
        }
        Ok(())
    }

    fn load_members(&mut self, store: &dyn Read) -> Result<(), OpenError> {
        each(store, tables::MEMBER, |key, member: Member| {
            let invalid = WireError::Invalid { field: "member" };
            let (scope, recipient) = tables::parse_member_key(key).ok_or(invalid.clone())?;
            let id = self.scope_ids.get(scope as usize).ok_or(invalid)?;
            let scope = self.scopes.get_mut(id).expect("ids come from this map");
            scope.members.insert(recipient, member);
            Ok(())
        })
    }

    /// Finds the end of every chain with one seek each: the last row of an author in a scope, then of the author before.
    fn load_chains(&mut self, store: &dyn Read) -> Result<(), OpenError> {
        let mut to = None;
        loop {
            let range = Range { from: Vec::new(), to: to.take() };
            let mut found = None;
            store.scan(tables::CHAIN, &range, Order::Descending, &mut |key, value| {
                found = Some((key.to_vec(), value.to_vec()));
                false
            })?;
            let Some((key, value)) = found else { break };
            let damaged = || StorageError::Damaged { place: "table \"chain\"".into() };
            let (number, author, seq) = tables::parse_chain_key(&key).ok_or_else(damaged)?;
            let ChainRow { position, id } = row(tables::CHAIN, &value)?;
            let scope = self.scope_ids.get(number as usize).ok_or_else(damaged)?;
            let scope = self.scopes.get_mut(scope).ok_or_else(damaged)?;
            scope.chains.insert(author, Chain::at(seq, id));
            self.devices.get_mut(author as usize).ok_or_else(damaged)?.written += seq;
            scope.last = scope.last.max(position);
            to = Some(tables::chain_key(number, author, 0));
        }
        store.scan(tables::LOG, &Range::all(), Order::Descending, &mut |key, _| {
            let position = key.try_into().map_or(0, u64::from_be_bytes);
            self.next_log = position + 1;
            false
        })?;
        Ok(())
    }

    /// Reads what the log has lost. What is here again may stand behind the ends of its scope's chains.
    fn load_rotten(&mut self, store: &dyn Read) -> Result<(), OpenError> {
        let (scopes, ids) = (&mut self.scopes, &self.scope_ids);
        self.rotten = Rotten::load(store, |number, again| {
            let id = ids.get(number as usize);
            if let Some(scope) = id.and_then(|id| scopes.get_mut(id)) {
                scope.last = scope.last.max(again);
            }
        })?;
        Ok(())
    }

    /// Notes whose changes concern a scope, and when its next grant begins.
    pub(crate) fn index_scope(&mut self, id: &ScopeId, now: Timestamp) {
        let scope = &self.scopes[id];
        for party in scope.parties(now) {
            self.parties.entry(party).or_default().insert(*id);
        }
        if let Some(from) = scope.next_grant(now) {
            self.due.insert((from, *id));
        }
    }

    pub(crate) fn device(&self, number: DeviceNumber) -> Option<&Device> {
        self.devices.get(number as usize)
    }

    pub(crate) fn scope_by_number(&self, number: ScopeNumber) -> Option<(&ScopeId, &Scope)> {
        self.scopes.get_key_value(self.scope_ids.get(number as usize)?)
    }

    pub(crate) fn registry(&self) -> ScopeId {
        self.roster.registry()
    }

    pub(crate) fn scope_kinds(&self) -> BTreeMap<&'static str, u64> {
        let mut kinds = BTreeMap::new();
        for scope in self.scopes.values() {
            let kind = scope.access.as_ref().map_or(ScopeKind::Registry, |access| access.kind());
            *kinds.entry(kind_name(kind)).or_default() += 1;
        }
        kinds
    }
}

fn kind_name(kind: ScopeKind) -> &'static str {
    match kind {
        ScopeKind::Registry => "registry",
        ScopeKind::Pair => "pair",
        ScopeKind::Chart => "chart",
        ScopeKind::Care => "care",
        ScopeKind::Directory => "directory",
        ScopeKind::Office => "office",
        ScopeKind::Letter => "letter",
    }
}

/// A `u32` as a row.
pub(crate) struct Number(pub(crate) u32);

impl Wire for Number {
    fn write(&self, writer: &mut azalea_core::wire::Writer) {
        writer.u32(self.0);
    }

    fn read(reader: &mut azalea_core::wire::Reader<'_>) -> Result<Self, WireError> {
        reader.u32("number").map(Self)
    }
}

/// A `u64` as a row.
struct Position(u64);

impl Wire for Position {
    fn write(&self, writer: &mut azalea_core::wire::Writer) {
        writer.u64(self.0);
    }

    fn read(reader: &mut azalea_core::wire::Reader<'_>) -> Result<Self, WireError> {
        reader.u64("position").map(Self)
    }
}

/// Numbers are given without gaps, so a missing row shows.
fn dense(table: Table, expected: usize, found: u32) -> Result<(), StorageError> {
    if expected == found as usize {
        return Ok(());
    }
    let place = format!("table {:?}: number {expected} is missing", table.name());
    Err(StorageError::Damaged { place })
}

fn row<T: Wire>(table: Table, value: &[u8]) -> Result<T, OpenError> {
    T::from_bytes(value).map_err(|source| OpenError::Row { table: table.name(), source })
}

pub(crate) fn each<T: Wire>(
    store: &dyn Read,
    table: Table,
    mut take: impl FnMut(&[u8], T) -> Result<(), WireError>,
) -> Result<(), OpenError> {
    let mut result = Ok(());
    store.scan(table, &Range::all(), Order::Ascending, &mut |key, value| {
        result = T::from_bytes(value).and_then(|value| take(key, value));
        result.is_ok()
    })?;
    result.map_err(|source| OpenError::Row { table: table.name(), source })
}
