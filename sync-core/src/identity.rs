//! Who a device is: keys, certificates and the roster that holds them.
//!
//! A council's root key vouches for registrars, a registrar for facilities, a facility for its devices. Each
//! link is a signed certificate that travels like any other data; the roster takes them in any order,
//! verifies each once, and answers whether a device stood in good order at a given time. Nothing here reads
//! a clock or asks a server: the same certificates give the same answers everywhere.

mod agreement;
mod certificate;
mod device;
mod history;
mod keypair;
mod revocation;
mod roster;
mod secret;
mod signed;
mod standing;
#[cfg(test)]
pub(crate) mod testing;

pub use agreement::{AgreementKeypair, AgreementPublic};
pub use certificate::{
    Certificate, Facility, FacilityKind, Policy, Registrar, Rights, Root, Validity,
};
pub use device::{Device, Possession};
pub use keypair::{
    Domain, Proven, PublicKey, Signature, SignatureError, Signatures, SigningKeypair,
};
pub use revocation::{Cutoff, Revocation, Subject};
pub(crate) use revocation::{accepted, read_cutoffs};
pub use roster::{Admission, Roster, RosterError};
pub use secret::Identity;
pub use signed::{Certified, Signed};
pub use standing::{Standing, StandingError};
