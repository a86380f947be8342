//! Facilities, how fresh their parts are, and the state of sync.

use azalea_core::id::{DeviceId, FacilityId, PatientId, Timestamp};
use azalea_transport::peer::Via;

/// What a facility is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FacilityKind {
    /// 病院
    Hospital,
    /// 診療所
    Clinic,
    /// 調剤薬局
    Pharmacy,
    /// 訪問看護ステーション
    VisitingNurse,
}

/// A facility as pages name it.
#[derive(Clone, PartialEq, Eq)]
pub struct FacilityRef {
    /// Its id.
    pub id: FacilityId,
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: FacilityKind,
}

/// The facility and device that serve these pages.
#[derive(Clone)]
pub struct FacilityCard {
    /// The facility.
    pub facility: FacilityRef,
    /// The device.
    pub device: DeviceId,
    /// What staff call the device.
    pub device_label: String,
    /// The network's name.
    pub network: String,
    /// Whether this facility may disclose charts.
    pub discloses: bool,
}

/// How much of a publisher's part is here, and how surely.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// This facility's own records.
    Own,
    /// Everything that the publisher had at that moment is here.
    CompleteAsOf(Timestamp),
    /// Some of what the publisher announced is not here.
    Missing {
        /// How many entries.
        count: u64,
        /// When the publisher announced them.
        announced: Timestamp,
    },
    /// Nothing heard from the publisher since then; `None` where nothing was ever heard.
    NotHeardSince(Option<Timestamp>),
}

/// The line to the relay.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// 連携中
    Connected {
        /// Since when.
        since: Timestamp,
        /// What it goes over.
        via: Via,
    },
    /// A connection is being made.
    Connecting,
    /// オフライン
    Offline {
        /// Since when; `None` where there was no connection since the start.
        since: Option<Timestamp>,
    },
}

/// Something that a person at this facility should deal with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The disk is full: reading goes on, writing does not.
    DiskFull,
    /// The store could not be written for another reason.
    DiskFault,
    /// The clock differs so much from the relay's that times cannot be trusted.
    ClockWrong,
    /// This device or facility is revoked.
    Revoked,
    /// The certificate of this device or facility has ended.
    Expired,
    /// The certificate of this device or facility ends within two months.
    Ending,
    /// The relay does not know this device.
    Unknown,
    /// The relay is of another network.
    OtherNetwork,
    /// This store came from a backup or has a twin: the relay holds other entries under its numbers.
    Contradicted,
    /// The relay takes nothing of this device until its operator has decided.
    Suspended,
    /// Another device contradicted itself; its entries wait for a decision here.
    Distrusted,
    /// The relay's program and this one speak no version in common.
    RelayVersion,
    /// A newer program wrote what this one cannot read.
    Outdated,
}

/// The state in the bar of every page. Cheap to make: it is asked for every few seconds by every open page.
#[derive(Clone)]
pub struct SyncState {
    /// The line.
    pub link: Link,
    /// 未送信: envelopes that the relay has not acknowledged.
    pub unsent: u64,
    /// 最終同期: when everything was last exchanged.
    pub last_sync: Option<Timestamp>,
    /// 要確認: conflicts that wait for a person.
    pub needs_review: u64,
    /// 取込保留
    pub quarantined: u64,
    /// What is wrong here, if anything.
    pub trouble: Option<Trouble>,
}

/// One publisher in the list of the sync page.
#[derive(Clone)]
pub struct PublisherStatus {
    /// Who.
    pub facility: FacilityRef,
    /// How fresh, over all of its scopes.
    pub freshness: Freshness,
    /// Patients whose part from this publisher is here.
    pub patients: u64,
    /// Envelopes held.
    pub held: u64,
    /// Envelopes announced and not here.
    pub missing: u64,
    /// Envelopes stored whose key has not arrived.
    pub waiting_for_key: u64,
    /// Envelopes stored that a newer program wrote than this one.
    pub newer: u64,
    /// When anything last came from it.
    pub last_heard: Option<Timestamp>,
}

/// A change of this device that the relay has not acknowledged.
#[derive(Clone)]
pub struct OutgoingItem {
    /// When it was saved.
    pub saved: Timestamp,
    /// The patient that it is about, where it is about one.
    pub patient: Option<PatientId>,
    /// What it is, in a few words.
    pub what: String,
}

/// Envelopes refused for one cause.
#[derive(Clone)]
pub struct Refusal {
    /// When the last of them came.
    pub at: Timestamp,
    /// Why they were refused.
    pub cause: String,
    /// How many.
    pub count: u64,
}

/// The sync page.
#[derive(Clone)]
pub struct SyncStatus {
    /// The state in the bar.
    pub state: SyncState,
    /// The relay, as this device knows it.
    pub relay: String,
    /// The last word from the relay.
    pub relay_heard: Option<Timestamp>,
    /// Everyone whose records this device reads.
    pub publishers: Vec<PublisherStatus>,
    /// What has not gone out; the newest first.
    pub outgoing: Vec<OutgoingItem>,
    /// What was refused.
    pub refusals: Vec<Refusal>,
}

/// Why something is in 取込保留.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuarantineKind {
    /// A file or record that the importer could not take.
    Import,
    /// Written by an author after its access had ended.
    LateWrite,
    /// Two envelopes with one number from one device.
    Fork,
    /// Written by a newer program than this one; read by itself once this one is updated.
    TooNew,
    /// Content that does not open or read.
    Unreadable,
    /// Written here, and the relay does not take it.
    Refused,
}

/// What came of reading a held file again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetriedFile {
    /// All of it is held now.
    Taken,
    /// Some of it still cannot be taken.
    StillHeld,
    /// The file is not where it was read any more.
    Gone,
}

/// One entry of 取込保留.
#[derive(Clone)]
pub struct QuarantineItem {
    /// Names the file in a retry or discard, for all that is held of it; `None` for an envelope, which has neither.
    pub key: Option<String>,
    /// When it was put aside.
    pub at: Timestamp,
    /// Why.
    pub kind: QuarantineKind,
    /// Where it came from: a file, or a facility.
    pub source: String,
    /// The place in the file; empty for the file as a whole.
    pub place: String,
    /// The cause, so that a person can act on it.
    pub cause: String,
    /// Its size in bytes.
    pub bytes: u64,
}
