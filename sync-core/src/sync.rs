//! How envelopes travel: the messages of a session, and head statements.

pub mod heads;
pub mod message;
