//! Joining a network by a one-time code: show the new keys, prove to hold them, receive the certificates.
//!
//! The code names the relay's key, so what comes back is from the relay that the operator meant, and its root
//! is the network's. What the relay sends is verified all the same before it is believed.

use super::ways::Ways;
use super::{NetError, Stream, read_message, write_message};
use azalea_core::id::Timestamp;
use azalea_core::identity::{
    Certificate, Device, Identity, PublicKey, Roster, RosterError, Signed, StandingError, Validity,
};
use azalea_core::keys;
use azalea_core::sync::message::{Enrol, Goodbye, Message, NotAdmitted};
use azalea_core::wire::WireError;
use azalea_transport::code::Code;
use azalea_transport::peer::{Receiver, Sender};
use std::time::Duration;
use tokio::time::timeout;

/// A device is certified for three years; its facility renews it before.
const DEVICE_MS: u64 = 3 * 365 * 24 * 3_600_000;
const ENROL_SECONDS: u64 = 30;

/// Why a facility could not join.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// No way to the relay.
    #[error(
        "the relay cannot be reached: {0}; check the line and that UDP to its port or TCP 443 is let through (with --proxy where the network has one), then run the same command again"
    )]
    Net(#[from] NetError),
    /// The relay did not answer in time.
    #[error("the relay did not answer within {ENROL_SECONDS} s; run the same command again")]
    Slow,
    /// The code is unknown, used or too old.
    #[error(
        "the relay does not know this code, or it was used or has expired: ask its operator for a new one"
    )]
    Code,
    /// The relay could not be convinced that this device holds its keys.
    #[error("the relay could not check this device's keys: update this program and try again")]
    Proof,
    /// The relay has no room or too much to do.
    #[error("the relay is busy: try again in a few minutes")]
    Busy,
    /// The relay speaks another version.
    #[error(
        "the relay speaks another version of the protocol ({version}): update the older of the two programs"
    )]
    Version {
        /// Its version.
        version: u8,
    },
    /// The relay does not admit this facility, and says why.
    #[error("{0}")]
    NotAdmitted(NotAdmitted),
    /// The relay refuses for a reason that no code explains.
    #[error("the relay ended the enrolment: {0:?}")]
    Refused(Goodbye),
    /// An answer that does not belong there.
    #[error("the relay's answer was not understood: update this program")]
    Protocol,
    /// A certificate that does not prove what it must.
    #[error("what the relay sent does not prove membership: {0}; tell its operator")]
    Proofless(String),
    /// This device's own certificate cannot be made.
    #[error("this device's certificate cannot be made: {0}")]
    Own(#[from] WireError),
    /// A tablet cannot enrol a facility.
    #[error("this device does not hold its facility's key")]
    NoFacilityKey,
}

/// What joining gives.
pub struct Joined {
    /// Root first; a roster takes them in this order.
    pub certificates: Vec<Certificate>,
    /// The relay's key.
    pub relay: PublicKey,
}

/// Joins with `code`; `identity` gets the network's id once the certificates have been verified.
pub async fn join(
    ways: &mut Ways,
    code: &Code,
    identity: &mut Identity,
    label: &str,
    now: Timestamp,
) -> Result<Joined, EnrolError> {
    let talk = timeout(Duration::from_secs(ENROL_SECONDS), talk(ways, code, identity, label, now));
    let (certificates, relay) = talk.await.map_err(|_| EnrolError::Slow)??;
    identity.network = check(&certificates, identity, &relay, now)?;
    Ok(Joined { certificates, relay })
}

async fn talk(
    ways: &mut Ways,
    code: &Code,
    identity: &Identity,
    label: &str,
    now: Timestamp,
) -> Result<(Vec<Certificate>, PublicKey), EnrolError> {
    let facility = identity.facility_key.as_ref().ok_or(EnrolError::NoFacilityKey)?;
    let device = Device {
        facility: identity.facility,
        key: identity.device.public(),
        agreement: identity.agreement.public().clone(),
        possession: identity.possession(),
        label: label.to_owned(),
        validity: Validity::lasting(now, DEVICE_MS),
    };
    let device = Certificate::Device(Signed::sign(device, facility)?);
    let peer = ways.connect().await?;
    let Stream { mut send, mut receive } = Stream::open(&peer).await?;
    let ask = Enrol { secret: code.secret.0, facility: facility.public(), device };
    write_message(&mut send, &Message::Enrol(ask)).await?;
    let certificates = answer(&mut send, &mut receive, identity).await?;
    peer.close();
    Ok((certificates, PublicKey::from_bytes(peer.key)))
}

async fn answer(
    send: &mut Sender,
    receive: &mut Receiver,
    identity: &Identity,
) -> Result<Vec<Certificate>, EnrolError> {
    let Message::Challenge { enc, sealed } = next(receive).await? else {
        return Err(EnrolError::Protocol);
    };
    let device = identity.device.public();
    let nonce =
        keys::answer(&device, &identity.agreement, &enc, &sealed).ok_or(EnrolError::Proof)?;
    write_message(send, &Message::Prove { nonce }).await?;
    match next(receive).await? {
        Message::Enrolled { certificates } => Ok(certificates),
        _ => Err(EnrolError::Protocol),
    }
}

async fn next(receive: &mut Receiver) -> Result<Message, EnrolError> {
    match read_message(receive).await?.ok_or(EnrolError::Protocol)? {
        Message::Goodbye(Goodbye::Code) => Err(EnrolError::Code),
        Message::Goodbye(Goodbye::Proof) => Err(EnrolError::Proof),
        Message::Goodbye(Goodbye::Busy { .. }) => Err(EnrolError::Busy),
        Message::Goodbye(Goodbye::Version { ours }) => Err(EnrolError::Version { version: ours }),
        Message::Goodbye(Goodbye::NotAdmitted(why)) => Err(EnrolError::NotAdmitted(why)),
        Message::Goodbye(other) => Err(EnrolError::Refused(other)),
        message => Ok(message),
    }
}

/// Verifies that the certificates make this device a member, and that the relay is the network's.
fn check(
    certificates: &[Certificate],
    identity: &Identity,
    relay: &PublicKey,
    now: Timestamp,
) -> Result<azalea_core::id::NetworkId, EnrolError> {
    let proofless = |why: String| EnrolError::Proofless(why);
    let root = certificates.iter().find_map(|certificate| match certificate {
        Certificate::Root(root) => Some(root.claims().key),
        _ => None,
    });
    let network =
        root.ok_or_else(|| proofless("there is no root certificate".into()))?.network_id();
    let mut roster = Roster::new(network);
    for certificate in certificates {
        roster
            .admit(certificate.clone())
            .map_err(|error: RosterError| proofless(error.to_string()))?;
    }
    let standing = roster
        .standing(&identity.device_id(), now)
        .map_err(|error: StandingError| proofless(error.to_string()))?;
    if standing.facility.id() != identity.facility {
        return Err(proofless("the device is certified for another facility".into()));
    }
    match roster.policy() {
        Some(policy) if policy.relay != *relay => {
            Err(proofless("the network's policy names another relay".into()))
        }
        _ => Ok(network),
    }
}
