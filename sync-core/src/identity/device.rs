//! A device's certificate, and its own part in it.

use super::agreement::AgreementPublic;
use super::certificate::Validity;
use super::keypair::{Domain, PublicKey, Signature, SignatureError, SigningKeypair};
use super::signed::Certified;
use crate::id::{DeviceId, FacilityId};
use crate::wire::{Reader, Wire, WireError, Writer, limits};

/// One node or tablet of a facility.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// The facility it belongs to and that signed this.
    pub facility: FacilityId,
    /// The key it signs with.
    pub key: PublicKey,
    /// The key with which others reach it in secret.
    pub agreement: AgreementPublic,
    /// The device's own word that it holds the key and joins this facility.
    pub possession: Possession,
    /// What its facility calls it.
    pub label: String,
    /// When it may be used.
    pub validity: Validity,
}

impl Device {
    /// The device's id.
    pub fn id(&self) -> DeviceId {
        self.key.device_id()
    }
}

impl Certified for Device {
    const KIND: u8 = 4;
}

impl Wire for Device {
    fn write(&self, writer: &mut Writer) {
        self.facility.write(writer);
        self.key.write(writer);
        self.agreement.write(writer);
        self.possession.0.write(writer);
        writer.text(&self.label);
        self.validity.write(writer);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self {
            facility: FacilityId::read(reader)?,
            key: PublicKey::read(reader)?,
            agreement: AgreementPublic::read(reader)?,
            possession: Possession(Signature::read(reader)?),
            label: reader.text(limits::TEXT)?.to_owned(),
            validity: Validity::read(reader)?,
        })
    }
}

/// A device's signature over the facility that it joins and the key with which it can be reached.
///
/// Without it, a facility could certify another's device key as its own and take over what that device wrote.
/// A renewal reuses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Possession(Signature);

impl Possession {
    /// Made by the device.
    pub fn prove(
        device: &SigningKeypair,
        facility: &FacilityId,
        agreement: &AgreementPublic,
    ) -> Self {
        Self(device.sign(Domain::Enrolment, &possessed(facility, agreement)))
    }

    /// Checked wherever a device's certificate is admitted, and by the facility before it signs one.
    pub fn verify(
        &self,
        device: &PublicKey,
        facility: &FacilityId,
        agreement: &AgreementPublic,
    ) -> Result<(), SignatureError> {
        device.verify(Domain::Enrolment, &possessed(facility, agreement), &self.0)
    }
}

impl Wire for Possession {
    fn write(&self, writer: &mut Writer) {
        self.0.write(writer);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Signature::read(reader).map(Self)
    }
}

fn possessed(facility: &FacilityId, agreement: &AgreementPublic) -> Vec<u8> {
    [b"device joins facility\0", facility.as_bytes(), agreement.as_bytes().as_slice()].concat()
}
