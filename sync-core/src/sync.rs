//! How envelopes travel: messages, sessions, head statements.
