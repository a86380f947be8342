//! How envelopes travel: the session with a relay, head statements, and between any two replicas on a line or in a file.

pub mod carry;
pub mod heads;
pub mod message;
pub mod pace;
pub mod peer;
pub mod reconcile;
