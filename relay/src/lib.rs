//! The relay: keeps and forwards sealed envelopes that it cannot read.

pub mod fair;
pub mod mailbox;
pub mod quota;
pub mod store;
