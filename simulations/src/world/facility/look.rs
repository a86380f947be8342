//! What a device holds and can show, read from its rows as pages and exports read them.

mod seen;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};

use azalea_core::access::{ScopeKind, Statement};
use azalea_core::document::{Author, Contribution, Heads};
use azalea_core::envelope::{Body, SignedEnvelope};
use azalea_core::id::{
    ConsentId, DeviceId, EnvelopeId, FacilityId, NoteId, PatientId, ScopeId, Timestamp,
};
use azalea_core::keys::ScopeKey;
use azalea_core::replica::{Cause, QuarantineRow};
use azalea_core::storage::row::{ChainRow, VectorRow, chain_key, key};
use azalea_core::storage::{Memory, Order, Range, Read, table};
use azalea_core::view::{ScopeEntry, View};
use azalea_core::wire::{Reader, Wire, WireError, limits};

use super::Facility;
use crate::world::hostile::member::Target;
use crate::world::hostile::thief::Loot;
pub(super) use seen::Looked;
pub(in crate::world) use seen::Scopes;
use seen::{Notes, Source};

/// The contents of each record by its owner and key: current ones, and all that are held.
pub type Held = BTreeMap<(FacilityId, String), Contents>;

/// The contents of one record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Those that count.
    pub current: Vec<Arc<[u8]>>,
    /// Those, and all that were replaced, in the order of their bytes.
    pub all: Vec<Arc<[u8]>>,
}

impl Contents {
    /// Whether this is among them, or was.
    pub fn has(&self, content: &[u8]) -> bool {
        self.all.iter().any(|it| **it == *content)
    }
}

/// An envelope that is kept and not applied yet.
pub(in crate::world) struct HeldBack {
    pub(in crate::world) author: DeviceId,
    pub(in crate::world) scope: ScopeId,
    /// Whether it is in a scope that this device reads.
    pub(in crate::world) is_ours: bool,
    /// Its number in its author's chain.
    pub(in crate::world) seq: u64,
    /// Where it stands in the log; 0 where it is not there yet.
    pub(in crate::world) position: u64,
}

/// An envelope that a device keeps.
pub(in crate::world) struct Kept {
    /// Where it stands in the log.
    pub(in crate::world) position: u64,
    /// Its number in its author's chain.
    pub(in crate::world) number: u64,
    /// Under which key it is sealed.
    pub(in crate::world) epoch: u32,
}

/// An envelope that a program is too old to read.
pub(in crate::world) struct TooNew {
    pub(in crate::world) id: EnvelopeId,
    /// Where it stands in the log.
    pub(in crate::world) position: u64,
    pub(in crate::world) author: DeviceId,
    pub(in crate::world) seq: u64,
    pub(in crate::world) kind: Option<ScopeKind>,
    /// When it was written, by its author's clock.
    pub(in crate::world) at: Timestamp,
    /// Since when its author's words count it for this device, by the clock that gave the grant; `None` where they do
    /// not, or by another clock than the author's.
    pub(in crate::world) counted: Option<Timestamp>,
}

/// The kinds of scope that publishers' words count.
const COUNTED: [ScopeKind; 4] =
    [ScopeKind::Chart, ScopeKind::Care, ScopeKind::Directory, ScopeKind::Letter];

/// A note as everybody who holds it must show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldNote {
    /// The patient, where the device was told.
    pub patient: Option<PatientId>,
    /// The text, merged.
    pub text: String,
    /// The title that is shown.
    pub title: String,
    /// Every title that people set apart (要確認).
    pub titles: BTreeSet<String>,
    /// The state, as Automerge names it.
    pub heads: Heads,
}

impl Facility {
    pub(in crate::world) fn scopes(&self) -> Arc<Scopes> {
        self.look(|looked| looked.scopes(self.source()))
    }

    /// The records that it can open.
    pub fn held(&self) -> Arc<Held> {
        self.look(|looked| looked.held(self.source()))
    }

    /// Reads what is old of them, until somebody waits for it; the next look reads what is left.
    pub(in crate::world) fn read_on(&self, wanted: &AtomicBool) {
        self.look(|looked| looked.read_on(self.source(), || wanted.load(Ordering::Acquire)));
    }

    /// The notes that it can show.
    pub fn notes(&self) -> Arc<Notes> {
        self.look(|looked| looked.notes(self.source()))
    }

    /// A note about a patient, if it can show that: of hundreds of devices nobody reads all notes for one.
    pub(in crate::world) fn note(&self, patient: PatientId, note: NoteId) -> Option<HeldNote> {
        let scopes = self.scopes();
        let mut care = care(&scopes).filter(|(_, about)| *about == patient);
        care.find_map(|(scope, _)| seen::note(self.source(), scope, note))
    }

    /// The rows as its program reads them.
    pub(in crate::world) fn view(&self) -> View<'_, Memory> {
        self.source().view()
    }

    fn source(&self) -> Source<'_> {
        Source { rows: &self.disk.rows, formats: self.formats() }
    }

    fn look<T>(&self, read: impl FnOnce(&mut Looked) -> T) -> T {
        read(&mut self.looked.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The next look reads the whole disk.
    pub(in crate::world) fn look_anew(&mut self) {
        self.looked = Default::default();
    }

    /// The notes with all that is kept of them: also what is set apart by now, since its author's right had ended before
    /// that was written, and what was written on top of such a note.
    pub(in crate::world) fn kept_notes(&self) -> Arc<Notes> {
        let mut notes = self.notes();
        let apart = self.quarantined();
        let late = apart.iter().filter(|row| row.cause == Cause::Late).map(|row| row.scope);
        let late: BTreeSet<_> = late.collect();
        let (scopes, view) = (self.scopes(), self.view());
        let author = |device: DeviceId| {
            let facility = self.replica.as_ref()?.roster().device(&device)?.facility;
            Some(Author { device, facility })
        };
        for scope in scopes.values().filter(|scope| late.contains(&scope.number)) {
            let made = |(device, note, changes)| {
                author(device).map(|author| (note, Contribution { author, changes }))
            };
            let more = view.late_notes(scope.number).expect("a sound store");
            let more = more.into_iter().filter_map(made).collect();
            Arc::make_mut(&mut notes).extend(seen::merged(self.source(), scope, more));
        }
        notes
    }

    /// What is set apart here for a person.
    pub fn quarantined(&self) -> Vec<QuarantineRow> {
        self.view().quarantined().expect("a sound store")
    }

    /// The envelopes that are for this device and that its program cannot read for no other reason than that they are
    /// newer.
    pub(in crate::world) fn too_new(&self) -> Vec<TooNew> {
        let mut view = self.view();
        let scopes = self.scopes();
        let mut found = Vec::new();
        let each = &mut |at: &[u8], value: &[u8]| {
            let position = at.try_into().map(u64::from_be_bytes).expect("positions are keys");
            if view.body(position).is_err_and(|error| error.is_newer()) {
                let envelope = SignedEnvelope::from_bytes(value).expect("it was opened just above");
                let header = envelope.claimed_header();
                let scope = scopes.get(&header.scope);
                let kind = scope.and_then(|it| it.access.as_ref()).map(|access| access.kind());
                // What is for somebody else's eyes need not be opened here, though we may have the key.
                if !scope.is_some_and(|it| self.reads(it)) {
                    return true;
                }
                let counted = scope.and_then(|scope| self.counted_since(scope, &header.author));
                let (id, author, seq, at) = (header.id(), header.author, header.seq, header.at);
                found.push(TooNew { id, position, author, seq, kind, at, counted });
            }
            true
        };
        self.disk.rows.scan(table::LOG, &Range::all(), Order::Ascending, each).expect("memory");
        found
    }

    fn counted_since(&self, scope: &ScopeEntry, author: &DeviceId) -> Option<Timestamp> {
        let access = scope.access.as_ref().filter(|access| COUNTED.contains(&access.kind()))?;
        let facility = self.replica.as_ref()?.roster().device(author)?.facility;
        let ours = access.grants_from(Timestamp(0)).filter(|grant| grant.facility == self.id());
        let since = ours.map(|grant| grant.from).max()?;
        (facility == access.owner()).then_some(since)
    }

    /// Whether it has an envelope, by its place in its author's chain, or what stands for it.
    pub(in crate::world) fn holds(&self, scope: &ScopeId, author: &DeviceId, seq: u64) -> bool {
        let Some(scope) = self.scopes().get(scope).map(|scope| scope.number) else { return false };
        let at = key(&[&scope.to_be_bytes(), author.as_bytes()]);
        let row = self.disk.rows.get(table::VECTOR, &at).expect("memory");
        let row = row.and_then(|row| VectorRow::from_bytes(&row).ok());
        row.is_some_and(|row| row.seq >= seq || row.ahead.iter().any(|ahead| ahead.seq == seq))
    }

    /// Whether publishers' words count a scope for this device, as far as it knows.
    pub(in crate::world) fn is_counted(&self, scope: &ScopeId) -> bool {
        let scopes = self.scopes();
        let scope = scopes.get(scope).filter(|scope| self.reads(scope));
        scope.and_then(|it| it.access.as_ref()).is_some_and(|it| COUNTED.contains(&it.kind()))
    }

    /// Whether a scope is a chart of `owner` that this device may read at a moment, as far as it knows.
    pub(in crate::world) fn reads_chart_of(
        &self,
        scope: &ScopeId,
        owner: &FacilityId,
        at: Timestamp,
    ) -> bool {
        let scopes = self.scopes();
        let access = scopes.get(scope).and_then(|scope| scope.access.as_ref());
        access.is_some_and(|access| {
            let may = access.access_of(&self.id(), at).is_some_and(|it| it.read);
            access.kind() == ScopeKind::Chart && access.owner() == *owner && may
        })
    }

    /// The envelopes that are kept and not merged, since they are late or wait for a decision.
    pub(in crate::world) fn unmerged(&self) -> BTreeSet<EnvelopeId> {
        self.view().unmerged().expect("a sound store")
    }

    /// How much of its own its disk counts as not sent.
    pub(in crate::world) fn outbox(&self) -> usize {
        let mut rows = 0;
        let each = &mut |_: &[u8], _: &[u8]| {
            rows += 1;
            true
        };
        self.disk.rows.scan(table::OUTBOX, &Range::all(), Order::Ascending, each).expect("memory");
        rows
    }

    /// Whether its disk has the key of an epoch of a scope.
    pub(in crate::world) fn has_key(&self, scope: &ScopeId, epoch: u32) -> bool {
        let scopes = self.scopes();
        let Some(scope) = scopes.get(scope) else { return false };
        let at = key(&[&scope.number.to_be_bytes(), &epoch.to_be_bytes()]);
        self.disk.rows.get(table::KEY, &at).expect("memory").is_some()
    }

    /// The newest epoch of which its disk has the key.
    pub(in crate::world) fn newest_key(&self, scope: &ScopeEntry) -> Option<u32> {
        let (mut newest, keys) = (None, Range::prefix(&scope.number.to_be_bytes()));
        let each = &mut |key: &[u8], _: &[u8]| {
            newest = key.last_chunk().map(|epoch| u32::from_be_bytes(*epoch));
            false
        };
        self.disk.rows.scan(table::KEY, &keys, Order::Descending, each).expect("memory");
        newest
    }

    /// The envelope of an author under a number, if it is kept here.
    pub(in crate::world) fn kept(
        &self,
        scope: &ScopeId,
        author: &DeviceId,
        number: u64,
    ) -> Option<Kept> {
        let scopes = self.scopes();
        let scope = scopes.get(scope)?.number.to_be_bytes();
        let at = key(&[&scope, author.as_bytes(), &number.to_be_bytes()]);
        let row = self.disk.rows.get(table::CHAIN, &at).expect("memory")?;
        self.at(&row).map(|(kept, _)| kept)
    }

    /// What it sealed in a scope itself and keeps beyond a position of its log.
    pub(in crate::world) fn own(&self, scope: &ScopeEntry, beyond: u64) -> Vec<Kept> {
        let prefix = key(&[&scope.number.to_be_bytes(), self.device().as_bytes()]);
        let mut own = Vec::new();
        let each = &mut |_: &[u8], row: &[u8]| {
            let is_later = ChainRow::from_bytes(row).is_ok_and(|row| row.position > beyond);
            own.extend(self.at(row).filter(|(it, _)| is_later && it.epoch > 0).map(|(it, _)| it));
            // What a chain's end does not have, none of its earlier places has.
            is_later
        };
        let range = Range::prefix(&prefix);
        self.disk.rows.scan(table::CHAIN, &range, Order::Descending, each).expect("memory");
        own
    }

    /// The last position of its log.
    pub(in crate::world) fn log_end(&self) -> u64 {
        let mut end = 0;
        let each = &mut |key: &[u8], _: &[u8]| {
            end = key.try_into().map(u64::from_be_bytes).expect("positions are keys");
            false
        };
        self.disk.rows.scan(table::LOG, &Range::all(), Order::Descending, each).expect("memory");
        end
    }

    /// What a row of a chain names, with its bytes.
    pub(in crate::world) fn at(&self, row: &[u8]) -> Option<(Kept, Vec<u8>)> {
        let position = ChainRow::from_bytes(row).expect("a sound store").position;
        let bytes = self.disk.rows.get(table::LOG, &position.to_be_bytes()).expect("memory")?;
        let envelope = SignedEnvelope::from_bytes(bytes.as_slice()).ok()?;
        let header = envelope.claimed_header();
        Some((Kept { position, number: header.seq, epoch: header.epoch }, bytes))
    }

    fn reads(&self, scope: &ScopeEntry) -> bool {
        let Some(access) = &scope.access else { return false };
        match access.parties() {
            Some((_, to)) => to == self.device(),
            None => access.access_of(&self.id(), Timestamp(u64::MAX)).is_some_and(|it| it.read),
        }
    }

    /// When a consent that was recorded here begins, by the clock that stood in its grants. Asked just after it was
    /// recorded, so that its grants are among the last rows of the log.
    pub(in crate::world) fn begins(&self, consent: &ConsentId) -> Option<Timestamp> {
        let mut begins = None;
        let rows = &self.disk.rows;
        rows.scan(table::LOG, &Range::all(), Order::Descending, &mut |_, value| {
            begins = granted(value).filter(|(on, _)| on == consent).map(|(_, from)| from);
            begins.is_none()
        })
        .expect("memory");
        begins
    }

    /// When the first grant that stands on a chart of this hospital lets a reader in, by the clock that stood in it.
    pub(in crate::world) fn lets_in(&self, local: &str, reader: &FacilityId) -> Option<Timestamp> {
        let scopes = self.scopes();
        let is_chart = |scope: &&ScopeEntry| {
            let descriptor = scope.descriptor.as_ref();
            descriptor
                .is_some_and(|it| it.kind == ScopeKind::Chart && it.local.as_deref() == Some(local))
        };
        let accesses = scopes.values().filter(is_chart).filter_map(|scope| scope.access.as_ref());
        let own = accesses.filter(|access| access.owner() == self.id());
        let grants = own.flat_map(|access| access.grants_from(Timestamp(0)));
        grants.filter(|grant| grant.facility == *reader).map(|grant| grant.from).min()
    }

    /// What is held back here.
    pub(in crate::world) fn waiting(&self) -> Vec<HeldBack> {
        let mut found = Vec::new();
        let scopes = self.scopes();
        let rows = &self.disk.rows;
        rows.scan(table::WAITING, &Range::all(), Order::Ascending, &mut |_, value| {
            let mut row = Reader::new(value);
            let read = |row: &mut Reader<'_>| {
                row.u8("wait")?;
                let position = row.u64("position")?;
                Ok::<_, WireError>((position, row.bytes(limits::ENVELOPE)?.to_vec()))
            };
            let envelope = read(&mut row)
                .and_then(|(position, bytes)| Ok((position, SignedEnvelope::from_bytes(bytes)?)));
            if let Ok((position, envelope)) = envelope {
                let header = envelope.claimed_header();
                let scope = scopes.get(&header.scope);
                found.push(HeldBack {
                    author: header.author,
                    scope: header.scope,
                    is_ours: scope.is_some_and(|it| self.reads(it)),
                    seq: header.seq,
                    position,
                });
            }
            true
        })
        .expect("memory");
        found
    }

    /// The scopes of which its disk has a key.
    pub(in crate::world) fn keyed(&self) -> BTreeSet<u32> {
        let mut keyed = BTreeSet::new();
        let each = &mut |key: &[u8], _: &[u8]| {
            keyed.extend(key.first_chunk().map(|number| u32::from_be_bytes(*number)));
            true
        };
        self.disk.rows.scan(table::KEY, &Range::all(), Order::Ascending, each).expect("memory");
        keyed
    }

    /// The patients in whose care this facility takes part.
    pub(in crate::world) fn patients(&self) -> BTreeSet<PatientId> {
        care(&self.scopes()).map(|(_, patient)| patient).collect()
    }

    /// Whether it takes part in a patient's care.
    pub(in crate::world) fn cares_for(&self, patient: PatientId) -> bool {
        care(&self.scopes()).any(|(_, about)| about == patient)
    }
}

/// The care scopes, and whom each is about.
fn care(scopes: &Scopes) -> impl Iterator<Item = (&ScopeEntry, PatientId)> {
    scopes.values().filter_map(|scope| {
        let descriptor = scope.descriptor.as_ref().filter(|it| it.kind == ScopeKind::Care)?;
        Some((scope, descriptor.patient?))
    })
}

/// The consent on which a grant rests, and when it begins; `None` where an envelope is no such grant.
fn granted(envelope: &[u8]) -> Option<(ConsentId, Timestamp)> {
    let signed = SignedEnvelope::from_bytes(envelope).ok()?;
    if !signed.claimed_header().is_clear() {
        return None;
    }
    match Body::from_bytes(&envelope[SignedEnvelope::OVERHEAD..]).ok()? {
        Body::Statement(Statement::Grant { from, consent, .. }) => Some((consent?, from)),
        _ => None,
    }
}

impl Facility {
    /// A scope of this device's own, for an attacker to aim at.
    pub(in crate::world) fn target(&self, choice: u64) -> Option<Target> {
        let kinds = [ScopeKind::Chart, ScopeKind::Care, ScopeKind::Directory, ScopeKind::Office];
        let all = self.scopes();
        let is_open = |it: &&ScopeEntry| {
            it.access.as_ref().is_some_and(|access| kinds.contains(&access.kind()))
        };
        let scopes: Vec<&ScopeEntry> = all.values().filter(is_open).collect();
        let scope = scopes.get(choice as usize % scopes.len().max(1))?;
        let me = self.device();
        let at = key(&[&scope.number.to_be_bytes(), me.as_bytes()]);
        let row = self.disk.rows.get(table::VECTOR, &at).expect("memory");
        let end = row.and_then(|row| VectorRow::from_bytes(&row).ok());
        let end = end.map_or((0, EnvelopeId::ZERO), |end| (end.seq, end.id));
        let kind = scope.access.as_ref()?.kind();
        Some(Target { scope: scope.id, kind, victim: me, end })
    }

    /// What a thief would have of one patient's care, by this device's disk.
    pub(in crate::world) fn loot(&self, choice: u64) -> Option<Loot> {
        let (all, me, rows) = (self.scopes(), self.device(), &self.disk.rows);
        let is_care = |it: &&ScopeEntry| {
            it.access.as_ref().is_some_and(|access| access.kind() == ScopeKind::Care)
        };
        let keyed = all.values().filter(is_care).filter_map(|scope| {
            let number = scope.number.to_be_bytes();
            let mut newest = None;
            let of_scope = Range::prefix(&number);
            rows.scan(table::KEY, &of_scope, Order::Descending, &mut |key, value| {
                let epoch = key[number.len()..].try_into().map(u32::from_be_bytes);
                newest = epoch.ok().zip(ScopeKey::from_bytes(value).ok());
                false
            })
            .expect("memory");
            Some((scope, newest?))
        });
        let mut keyed: Vec<(&ScopeEntry, (u32, ScopeKey))> = keyed.collect();
        let chosen = choice as usize % keyed.len().max(1);
        let (scope, newest) = (chosen < keyed.len()).then(|| keyed.swap_remove(chosen))?;
        let at = key(&[&scope.number.to_be_bytes(), me.as_bytes()]);
        let end = rows.get(table::VECTOR, &at).expect("memory");
        let end = end.and_then(|row| VectorRow::from_bytes(&row).ok());
        let end = end.map_or((0, EnvelopeId::ZERO), |end| (end.seq, end.id));
        let before = end.0.checked_sub(1).map(|seq| chain_key(scope.number, &me, seq));
        let before = before.and_then(|at| rows.get(table::CHAIN, &at).expect("memory"));
        let before = before.and_then(|row| ChainRow::from_bytes(&row).ok());
        let before = before.map_or(EnvelopeId::ZERO, |row| row.id);
        Some(Loot { scope: scope.id, key: newest, end, before })
    }
}
