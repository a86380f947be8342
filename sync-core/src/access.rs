//! Who may read and write: scopes, grants, consent and the one decision.
