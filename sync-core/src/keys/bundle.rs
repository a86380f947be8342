//! A scope's key with what its holder must know of the scope; only ever written inside a pair scope.
//!
//! Which patient a scope belongs to and of which disclosure class it is stands here and nowhere else outside of
//! sealed bodies, so that a relay cannot tell one scope from another.

use super::ScopeKey;
use crate::access::ScopeKind;
use crate::id::{FacilityId, PatientId, ScopeId};
use crate::wire::{Reader, Wire, WireError, Writer, limits};

/// What a scope is, for those who may open it.
#[derive(Clone, PartialEq, Eq)]
pub struct Descriptor {
    /// What the scope is for.
    pub kind: ScopeKind,
    /// The facility that owns it.
    pub owner: FacilityId,
    /// The patient, where the scope belongs to one.
    pub patient: Option<PatientId>,
    /// The owner's own patient id, where the scope is a chart: part of what it discloses, and what an owner that
    /// lost its store finds its charts by.
    pub local: Option<String>,
    /// The disclosure class (公開範囲); empty for the ordinary one.
    pub class: String,
}

/// One epoch's key of one scope, handed to one device.
///
/// That its sender may hand it out is for the receiver to decide; a key for a scope that the sender does not
/// govern opens nothing and is to be ignored.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyGrant {
    /// The scope.
    pub scope: ScopeId,
    /// The generation of the key, from 1.
    pub epoch: u32,
    /// The key.
    pub key: ScopeKey,
    /// What the scope is.
    pub descriptor: Descriptor,
}

impl Wire for Descriptor {
    fn write(&self, writer: &mut Writer) {
        self.kind.write(writer);
        self.owner.write(writer);
        writer.option(&self.patient);
        writer.bool(self.local.is_some());
        if let Some(local) = &self.local {
            writer.text(local);
        }
        writer.text(&self.class);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let (kind, owner) = (ScopeKind::read(reader)?, FacilityId::read(reader)?);
        let patient = reader.option("patient")?;
        let has_local = reader.bool("local id")?;
        let local = has_local.then(|| reader.text(limits::TEXT).map(str::to_owned)).transpose()?;
        Ok(Self { kind, owner, patient, local, class: reader.text(limits::TEXT)?.to_owned() })
    }
}

impl Wire for KeyGrant {
    fn write(&self, writer: &mut Writer) {
        writer.u8(VERSION);
        self.scope.write(writer);
        writer.u32(self.epoch);
        self.key.write(writer);
        self.descriptor.write(writer);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        match reader.u8(FIELD)? {
            VERSION => {}
            0 => return Err(WireError::Invalid { field: FIELD }),
            found => return Err(WireError::Version { field: FIELD, found, known: VERSION }),
        }
        let scope = ScopeId::read(reader)?;
        let epoch = reader.u32("epoch")?;
        if epoch == 0 {
            return Err(WireError::Invalid { field: "epoch" });
        }
        Ok(Self {
            scope,
            epoch,
            key: ScopeKey::read(reader)?,
            descriptor: Descriptor::read(reader)?,
        })
    }
}

/// Prints no patient and no class.
impl std::fmt::Debug for Descriptor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Descriptor({:?})", self.kind)
    }
}

impl std::fmt::Debug for KeyGrant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeyGrant({:?}, epoch {}, {:?})", self.scope, self.epoch, self.descriptor)
    }
}

const VERSION: u8 = 1;
const FIELD: &str = "key grant";

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> KeyGrant {
        KeyGrant {
            scope: ScopeId([0x11; 16]),
            epoch: 2,
            key: ScopeKey::from([0x22; 32]),
            descriptor: Descriptor {
                kind: ScopeKind::Chart,
                owner: FacilityId([0x33; 16]),
                patient: Some(PatientId([0x44; 16])),
                local: Some("0077".into()),
                class: "精神".into(),
            },
        }
    }

    #[test]
    fn a_key_grant_has_these_bytes() {
        let expected = [
            "01".to_owned(),
            "11".repeat(16),
            "00000002".to_owned(),
            "22".repeat(32),
            "03".to_owned(),
            "33".repeat(16),
            "01".to_owned(),
            "44".repeat(16),
            "010000000430303737".to_owned(),
            "00000006e7b2bee7a59e".to_owned(),
        ]
        .concat();
        let bytes = sample().to_bytes();
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, expected);
        assert_eq!(KeyGrant::from_bytes(&bytes), Ok(sample()));
    }

    #[test]
    fn a_grant_for_the_clear_epoch_or_of_a_newer_format_is_refused() {
        let mut clear = sample();
        clear.epoch = 0;
        assert_eq!(
            KeyGrant::from_bytes(&clear.to_bytes()),
            Err(WireError::Invalid { field: "epoch" })
        );
        let mut newer = sample().to_bytes();
        newer[0] = 2;
        let error = KeyGrant::from_bytes(&newer).expect_err("version 2 is not known");
        assert!(error.to_string().ends_with("update this program"), "{error}");
    }

    #[test]
    fn debug_shows_neither_key_nor_patient_nor_class() {
        let text = format!("{:?}", sample());
        for secret in ["2222", "4444", "0077", "精神"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}
