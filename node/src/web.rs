//! The screens: pages made on this device, which need no network and no script to be read.
//!
//! The room knows nothing of sync or storage: it asks a [`Clinic`] and shows what it says. It never puts
//! patient data into an address, a log or an error, and it shows a page only after the access log has it.

pub mod clinic;
pub mod model;
pub mod password;

pub use clinic::{Clinic, ClinicError};
