//! How envelopes travel: the messages of a session, and head statements.

// heads and message are declared once identity lands.
