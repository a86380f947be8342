//! How long what people type may be, on the screens and in commands alike.

use azalea_core::wire::Limit;

/// A login.
pub const LOGIN: Limit = Limit { name: "login_chars_max", max: 32 };
/// The name of a member of staff.
pub const STAFF_NAME: Limit = Limit { name: "staff_name_chars_max", max: 60 };
/// Who consents for a patient.
pub const PROXY: Limit = Limit { name: "proxy_chars_max", max: 80 };
/// A note's title: one line.
pub const NOTE_TITLE: Limit = Limit { name: "note_title_chars_max", max: 120 };
/// A note's text: about twenty pages of paper.
pub const NOTE_TEXT: Limit = Limit { name: "note_text_chars_max", max: 20_000 };
/// A vital sign as it was written down.
pub const VITAL: Limit = Limit { name: "vital_chars_max", max: 8 };
/// Why a person did something that has to be explained later.
pub const REASON: Limit = Limit { name: "reason_chars_max", max: 200 };

/// Something typed is longer than it may be. Names the limit and never repeats what was typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what} has {found} characters: {limit} is {max}", limit = limit.name, max = limit.max)]
pub struct TooLong {
    /// What was typed.
    pub what: &'static str,
    /// How long it is.
    pub found: usize,
    /// The limit.
    pub limit: Limit,
}

/// Whether a text is within its limit.
pub fn fits(limit: Limit, text: &str) -> bool {
    text.chars().count() <= limit.max
}

/// Refuses a text above its limit.
pub fn check(what: &'static str, limit: Limit, text: &str) -> Result<(), TooLong> {
    let found = text.chars().count();
    if found > limit.max { Err(TooLong { what, found, limit }) } else { Ok(()) }
}
