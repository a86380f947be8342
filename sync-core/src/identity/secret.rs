//! What a device must keep secret to be itself.

use zeroize::Zeroizing;

use super::agreement::AgreementKeypair;
use super::device::Possession;
use super::keypair::SigningKeypair;
use crate::id::{DeviceId, FacilityId, NetworkId};
use crate::wire::{Reader, Wire, WireError};

/// A device's place in the network and its secret keys. Wiped on drop; prints only public halves.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The network it belongs to.
    pub network: NetworkId,
    /// The facility it belongs to.
    pub facility: FacilityId,
    /// The key that certifies the facility's devices; a tablet has none.
    pub facility_key: Option<SigningKeypair>,
    /// The device's signing key.
    pub device: SigningKeypair,
    /// The device's agreement key.
    pub agreement: AgreementKeypair,
}

impl Identity {
    /// The device's id.
    pub fn device_id(&self) -> DeviceId {
        self.device.public().device_id()
    }

    /// The device's proof to its facility that it holds its key.
    pub fn possession(&self) -> Possession {
        Possession::prove(&self.device, &self.facility, self.agreement.public())
    }

    /// The secret bytes, to be sealed under the store key.
    ///
    /// ```text
    /// version u8 │ network 32 │ facility 16 │ 0, or 1 and facility seed 32 │ device seed 32 │ agreement seed 32
    /// ```
    pub fn to_secret_bytes(&self) -> Zeroizing<Vec<u8>> {
        // Never grows, so no copy of a secret is left behind in memory.
        let mut bytes = Zeroizing::new(Vec::with_capacity(LEN_MAX));
        bytes.push(VERSION);
        bytes.extend_from_slice(self.network.as_bytes());
        bytes.extend_from_slice(self.facility.as_bytes());
        bytes.push(u8::from(self.facility_key.is_some()));
        if let Some(key) = &self.facility_key {
            bytes.extend_from_slice(key.seed().as_ref());
        }
        bytes.extend_from_slice(self.device.seed().as_ref());
        bytes.extend_from_slice(self.agreement.seed().as_ref());
        bytes
    }

    /// Reads what `to_secret_bytes` wrote.
    pub fn from_secret_bytes(bytes: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(bytes);
        match reader.u8("identity version")? {
            VERSION => {}
            found => return Err(WireError::Version { field: "identity", found, known: VERSION }),
        }
        let network = NetworkId::read(&mut reader)?;
        let facility = FacilityId::read(&mut reader)?;
        let has_facility_key = reader.bool("facility key")?;
        let facility_key = has_facility_key
            .then(|| reader.array("facility seed").map(SigningKeypair::from_seed))
            .transpose()?;
        if facility_key.as_ref().is_some_and(|key| key.public().facility_id() != facility) {
            return Err(WireError::Invalid { field: "facility seed" });
        }
        let device = SigningKeypair::from_seed(reader.array("device seed")?);
        let agreement = AgreementKeypair::from_seed(reader.array("agreement seed")?);
        reader.finish()?;
        Ok(Self { network, facility, facility_key, device, agreement })
    }
}

const VERSION: u8 = 1;
const LEN_MAX: usize = 1 + NetworkId::LEN + FacilityId::LEN + 1 + 3 * 32;

#[cfg(test)]
mod tests {
    use super::super::testing::{member, network};
    use super::*;

    fn identity(has_facility_key: bool) -> Identity {
        let member = member(10);
        Identity {
            network: network(),
            facility: member.facility(),
            facility_key: has_facility_key.then(|| member.key.clone()),
            device: member.device,
            agreement: member.agreement,
        }
    }

    #[test]
    fn stations_and_tablets_survive_as_secret_bytes() {
        for has_facility_key in [true, false] {
            let written = identity(has_facility_key).to_secret_bytes();
            let read = Identity::from_secret_bytes(&written).expect("what was just written");
            assert_eq!(read.to_secret_bytes(), written);
            assert_eq!(read.facility_key.is_some(), has_facility_key);
            assert_eq!(read.device_id(), identity(false).device_id());
        }
    }

    #[test]
    fn damaged_secret_bytes_are_refused_by_name() {
        let good = identity(true).to_secret_bytes();
        let check = |change: fn(&mut Vec<u8>), expected| {
            let mut bytes = good.to_vec();
            change(&mut bytes);
            assert_eq!(Identity::from_secret_bytes(&bytes).map(|_| ()), Err(expected));
        };
        let newer = WireError::Version { field: "identity", found: 2, known: 1 };
        check(|bytes| bytes[0] = 2, newer);
        check(|bytes| bytes.truncate(60), WireError::Short { field: "facility seed" });
        check(|bytes| bytes.push(0), WireError::LeftOver { count: 1 });
        // A facility key that is not this facility's.
        check(|bytes| bytes[50] ^= 1, WireError::Invalid { field: "facility seed" });
    }

    #[test]
    fn an_identity_prints_no_secret() {
        let printed = format!("{:?}", identity(true));
        for seed in ["0a0a0a", "6e6e6e", "10, 10"] {
            assert!(!printed.contains(seed), "{printed}");
        }
    }
}
