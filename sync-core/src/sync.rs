//! How envelopes travel: the session with a relay, head statements, and reconciliation between any two replicas.

pub mod heads;
pub mod message;
pub mod peer;
pub mod reconcile;
