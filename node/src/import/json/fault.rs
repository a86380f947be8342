//! How a text is not JSON.

/// Arrays and objects within each other; no FHIR resource in use comes near it.
pub(crate) const NESTING_MAX: usize = 128;

/// Where and how a text is not JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault {
    /// Bytes before the fault.
    pub(crate) offset: usize,
    pub(crate) kind: FaultKind,
}

/// How a text is not JSON. Never what it says instead: that may be a patient's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FaultKind {
    /// The text ends inside a value.
    End,
    /// Something else stands here.
    Expected(Expected),
    /// A control character inside a string.
    Control,
    /// An escape that JSON does not know, or half a surrogate pair.
    Escape,
    /// More than [`NESTING_MAX`] values within each other.
    Nesting,
}

/// What should stand at the place of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    Value,
    Key,
    Colon,
    CommaOrBrace,
    CommaOrBracket,
    Digit,
    Object,
    Text,
    Nothing,
}
