//! Who may read and write: scopes, grants, consent and the one decision.
//!
//! Access is stated in signed clear envelopes inside the scope that they govern. [`ScopeAccess`] is what a set
//! of such statements amounts to, whatever their order; [`decide`] answers every question about access
//! from it and the roster. Nothing else in the program decides about access.

mod consent;
mod decide;
mod grant;
mod scope;
mod snapshot;
mod statement;
#[cfg(test)]
mod testing;

pub use consent::{ConsentDuties, ConsentGrant, ConsentRevoke, consent_duties};
pub use decide::{Action, Denial, Question, Right, decide};
pub use grant::{AccessError, Change, EndedConsent, Grant, ScopeAccess};
pub use scope::{ScopeKind, created_scope, pair_scope, registry_scope};
pub use snapshot::{Ranges, Snapshot};
pub use statement::{Access, PAIR_ENC_LEN, Statement};
