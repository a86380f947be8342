//! What one key says about another: root, registrar, facility, device, policy.
//!
//! Certificates are public within the network and hold no patient data.

use super::device::Device;
use super::keypair::PublicKey;
use super::revocation::Revocation;
use super::signed::{Certified, Signed, VERSION};
use crate::id::{FacilityId, NetworkId, Timestamp};
use crate::wire::{Reader, Wire, WireError, Writer, limits};

/// A signed statement of the registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Certificate {
    /// The network's root key, signed by itself.
    Root(Signed<Root>),
    /// A registrar, signed by the root.
    Registrar(Signed<Registrar>),
    /// A facility, signed by a registrar or the root.
    Facility(Signed<Facility>),
    /// A device, signed by its facility.
    Device(Signed<Device>),
    /// The end of a registrar, facility or device.
    Revocation(Signed<Revocation>),
    /// How this network's relay is to be used, signed by a registrar or the root.
    Policy(Signed<Policy>),
}

impl Wire for Certificate {
    fn write(&self, writer: &mut Writer) {
        match self {
            Self::Root(signed) => signed.write(writer),
            Self::Registrar(signed) => signed.write(writer),
            Self::Facility(signed) => signed.write(writer),
            Self::Device(signed) => signed.write(writer),
            Self::Revocation(signed) => signed.write(writer),
            Self::Policy(signed) => signed.write(writer),
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        match reader.u8("certificate version")? {
            VERSION => {}
            found => {
                let field = "certificate";
                return Err(WireError::Version { field, found, known: VERSION });
            }
        }
        match reader.u8("certificate kind")? {
            Root::KIND => Signed::read_rest(reader).map(Self::Root),
            Registrar::KIND => Signed::read_rest(reader).map(Self::Registrar),
            Facility::KIND => Signed::read_rest(reader).map(Self::Facility),
            Device::KIND => Signed::read_rest(reader).map(Self::Device),
            Revocation::KIND => Signed::read_rest(reader).map(Self::Revocation),
            Policy::KIND => Signed::read_rest(reader).map(Self::Policy),
            0 => Err(WireError::Invalid { field: "certificate kind" }),
            found => {
                let field = "certificate kind";
                Err(WireError::Version { field, found, known: Policy::KIND })
            }
        }
    }
}

impl Certificate {
    /// The digest under which stores keep it and sessions name it: BLAKE3 over its binary form.
    pub fn digest(&self) -> [u8; 32] {
        *blake3::hash(&self.to_bytes()).as_bytes()
    }

    /// In this order each certificate comes after those that it rests on.
    pub fn rank(&self) -> u8 {
        match self {
            Self::Root(_) => 0,
            Self::Registrar(_) => 1,
            Self::Facility(_) => 2,
            Self::Device(_) => 3,
            Self::Policy(_) | Self::Revocation(_) => 4,
        }
    }
}

/// From when until when a certificate holds, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// The first moment.
    pub not_before: Timestamp,
    /// The last moment, at or after the first.
    pub not_after: Timestamp,
}

impl Validity {
    /// From a day before `now`, for clocks that run late, until `ms` milliseconds after it.
    pub fn lasting(now: Timestamp, ms: u64) -> Self {
        let not_before = Timestamp(now.0.saturating_sub(Self::CLOCK_SKEW_MS));
        Self { not_before, not_after: now.plus_ms(ms) }
    }

    /// How late a newcomer's clock may run without its first writes being refused: a day.
    pub const CLOCK_SKEW_MS: u64 = 24 * 60 * 60 * 1_000;
}

impl Wire for Validity {
    fn write(&self, writer: &mut Writer) {
        self.not_before.write(writer);
        self.not_after.write(writer);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let not_before = Timestamp::read(reader)?;
        let not_after = Timestamp::read(reader)?;
        if not_after < not_before {
            return Err(WireError::Invalid { field: "validity" });
        }
        Ok(Self { not_before, not_after })
    }
}

/// What a facility is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FacilityKind {
    /// 病院.
    Hospital,
    /// 診療所.
    Clinic,
    /// 調剤薬局.
    Pharmacy,
    /// 訪問看護ステーション.
    VisitingNurse,
    /// The relay itself with its enrolment service; it reads and writes no records.
    Relay,
}

impl Wire for FacilityKind {
    fn write(&self, writer: &mut Writer) {
        writer.u8(match self {
            Self::Hospital => 1,
            Self::Clinic => 2,
            Self::Pharmacy => 3,
            Self::VisitingNurse => 4,
            Self::Relay => 5,
        });
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(match reader.u8("facility kind")? {
            1 => Self::Hospital,
            2 => Self::Clinic,
            3 => Self::Pharmacy,
            4 => Self::VisitingNurse,
            5 => Self::Relay,
            _ => return Err(WireError::Invalid { field: "facility kind" }),
        })
    }
}

/// What the council lets a facility do with charts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rights {
    /// 開示: may publish charts.
    pub disclose: bool,
    /// 閲覧: may read what others disclose to it.
    pub view: bool,
}

impl Wire for Rights {
    fn write(&self, writer: &mut Writer) {
        writer.u8(u8::from(self.disclose) | u8::from(self.view) << 1);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        match reader.u8("rights")? {
            bits @ 0..=3 => Ok(Self { disclose: bits & 1 != 0, view: bits & 2 != 0 }),
            _ => Err(WireError::Invalid { field: "rights" }),
        }
    }
}

/// A council's root: the key whose digest is the network's id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    /// The root key; its secret half stays offline.
    pub key: PublicKey,
    /// The council's name.
    pub name: String,
    /// When the network was founded, or this name given.
    pub created: Timestamp,
}

impl Certified for Root {
    const KIND: u8 = 1;
}

impl Wire for Root {
    fn write(&self, writer: &mut Writer) {
        self.key.write(writer);
        writer.text(&self.name);
        self.created.write(writer);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self {
            key: PublicKey::read(reader)?,
            name: reader.text(limits::TEXT)?.to_owned(),
            created: Timestamp::read(reader)?,
        })
    }
}

/// A medical association, or the relay's enrolment service, that may admit facilities.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registrar {
    /// The network it admits to.
    pub network: NetworkId,
    /// The key it signs with.
    pub key: PublicKey,
    /// Its name.
    pub name: String,
    /// When it may do so.
    pub validity: Validity,
}

impl Certified for Registrar {
    const KIND: u8 = 2;
}

impl Wire for Registrar {
    fn write(&self, writer: &mut Writer) {
        self.network.write(writer);
        self.key.write(writer);
        writer.text(&self.name);
        self.validity.write(writer);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self {
            network: NetworkId::read(reader)?,
            key: PublicKey::read(reader)?,
            name: reader.text(limits::TEXT)?.to_owned(),
            validity: Validity::read(reader)?,
        })
    }
}

/// A member facility.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facility {
    /// The network it belongs to.
    pub network: NetworkId,
    /// The key that certifies its devices.
    pub key: PublicKey,
    /// Its code (医療機関コード), as the council writes it.
    pub code: String,
    /// Its name as on its sign.
    pub name: String,
    /// Its name in kana, for sorting and search.
    pub kana: String,
    /// Its name in Latin letters.
    pub english: String,
    /// What it is.
    pub kind: FacilityKind,
    /// What it may do.
    pub rights: Rights,
    /// When it is a member.
    pub validity: Validity,
    /// Who signed: a registrar's key, or the root's.
    pub registrar: PublicKey,
}

impl Facility {
    /// The facility's id.
    pub fn id(&self) -> FacilityId {
        self.key.facility_id()
    }
}

impl Certified for Facility {
    const KIND: u8 = 3;
}

impl Wire for Facility {
    fn write(&self, writer: &mut Writer) {
        self.network.write(writer);
        self.key.write(writer);
        for text in [&self.code, &self.name, &self.kana, &self.english] {
            writer.text(text);
        }
        self.kind.write(writer);
        self.rights.write(writer);
        self.validity.write(writer);
        self.registrar.write(writer);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self {
            network: NetworkId::read(reader)?,
            key: PublicKey::read(reader)?,
            code: reader.text(limits::TEXT)?.to_owned(),
            name: reader.text(limits::TEXT)?.to_owned(),
            kana: reader.text(limits::TEXT)?.to_owned(),
            english: reader.text(limits::TEXT)?.to_owned(),
            kind: FacilityKind::read(reader)?,
            rights: Rights::read(reader)?,
            validity: Validity::read(reader)?,
            registrar: PublicKey::read(reader)?,
        })
    }
}

/// How the network's relay is to be used. The newest counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The network it is for.
    pub network: NetworkId,
    /// The key with which the relay proves itself in TLS.
    pub relay: PublicKey,
    /// How often each publisher sends a head statement, in milliseconds.
    pub statement_interval_ms: u64,
    /// When the policy was issued.
    pub issued: Timestamp,
    /// Who signed: a registrar's key, or the root's.
    pub by: PublicKey,
}

impl Certified for Policy {
    const KIND: u8 = 6;
}

impl Wire for Policy {
    fn write(&self, writer: &mut Writer) {
        self.network.write(writer);
        self.relay.write(writer);
        writer.u64(self.statement_interval_ms);
        self.issued.write(writer);
        self.by.write(writer);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self {
            network: NetworkId::read(reader)?,
            relay: PublicKey::read(reader)?,
            statement_interval_ms: reader.u64("statement_interval_ms")?,
            issued: Timestamp::read(reader)?,
            by: PublicKey::read(reader)?,
        })
    }
}
