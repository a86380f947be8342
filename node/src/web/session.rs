//! Who is signed in: sessions kept on this side, known to a browser by a random token only.
//!
//! Time and chance are arguments. A session ends after a quarter of an hour without a person's activity; the
//! page's own polling does not count as activity.

use std::collections::HashMap;

use azalea_core::id::Timestamp;
use data_encoding::BASE64URL_NOPAD;

use super::i18n::Word;
use super::model::{Role, StaffId};

/// How long a session lasts without activity.
pub(super) const IDLE_MS_MAX: u64 = 15 * 60_000;
/// Sessions at once, those of the sign-in page included.
const SESSIONS_MAX: usize = 1_024;
/// Searches are logged at most this often in one session: live search asks at every key.
const SEARCH_LOG_MS: u64 = 60_000;

/// A random token that a browser keeps in a cookie.
#[derive(Clone, Copy)]
pub(super) struct Token([u8; 32]);

impl Token {
    pub(super) fn new(random: [u8; 32]) -> Self {
        Self(random)
    }

    pub(super) fn from_text(text: &str) -> Option<Self> {
        BASE64URL_NOPAD.decode(text.as_bytes()).ok()?.try_into().ok().map(Self)
    }

    pub(super) fn to_text(self) -> String {
        BASE64URL_NOPAD.encode(&self.0)
    }

    /// What the table is keyed by, so that looking up tells nothing about a token by its timing.
    fn key(self) -> [u8; 32] {
        *blake3::hash(&self.0).as_bytes()
    }

    /// The token that forms of this session carry.
    fn csrf(self) -> String {
        let key = blake3::derive_key("azalea node 2026 form token", &self.0);
        BASE64URL_NOPAD.encode(&key[..16])
    }
}

/// A member of staff who is signed in.
#[derive(Clone)]
pub(super) struct StaffCard {
    pub(super) id: StaffId,
    pub(super) name: String,
    pub(super) role: Role,
    pub(super) admin: bool,
}

/// What a request knows of its session.
#[derive(Clone)]
pub(super) struct Seen {
    pub(super) token: Token,
    pub(super) csrf: String,
    pub(super) staff: Option<StaffCard>,
    pub(super) query: String,
}

struct Session {
    staff: Option<StaffCard>,
    active: Timestamp,
    query: String,
    notice: Option<Word>,
    search_logged: Option<Timestamp>,
}

/// All sessions.
#[derive(Default)]
pub(super) struct Sessions {
    open: HashMap<[u8; 32], Session>,
}

impl Sessions {
    /// Opens a session, with a member of staff or for the sign-in page.
    pub(super) fn open(&mut self, now: Timestamp, token: Token, staff: Option<StaffCard>) -> Seen {
        self.open.retain(|_, session| session.lives(now));
        if self.open.len() >= SESSIONS_MAX {
            self.forget_one();
        }
        let session =
            Session { staff, active: now, query: String::new(), notice: None, search_logged: None };
        let seen = session.seen(token);
        self.open.insert(token.key(), session);
        seen
    }

    /// The session of a token; `active` where a person did something, which keeps it alive.
    pub(super) fn get(&mut self, now: Timestamp, token: Token, active: bool) -> Option<Seen> {
        let session = self.open.get_mut(&token.key())?;
        if !session.lives(now) {
            self.open.remove(&token.key());
            return None;
        }
        if active {
            session.active = now;
        }
        Some(session.seen(token))
    }

    /// Ends a session.
    pub(super) fn close(&mut self, token: Token) {
        self.open.remove(&token.key());
    }

    /// Ends all sessions of someone whose account was stopped or whose password changed, except `kept`.
    pub(super) fn close_all_of(&mut self, staff: &StaffId, kept: Option<Token>) {
        let kept = kept.map(Token::key);
        self.open.retain(|key, session| {
            Some(*key) == kept || session.staff.as_ref().is_none_or(|card| card.id != *staff)
        });
    }

    /// Remembers what was searched, so that no address has to hold it.
    pub(super) fn set_query(&mut self, token: Token, query: &str) {
        if let Some(session) = self.open.get_mut(&token.key()) {
            session.query = query.chars().take(100).collect();
        }
    }

    /// Whether a search of this session is to be logged now.
    pub(super) fn logs_search(&mut self, now: Timestamp, token: Token) -> bool {
        let Some(session) = self.open.get_mut(&token.key()) else { return true };
        let due = session.search_logged.is_none_or(|last| now.since_ms(last) >= SEARCH_LOG_MS);
        if due {
            session.search_logged = Some(now);
        }
        due
    }

    /// Leaves a word for the next page.
    pub(super) fn leave_notice(&mut self, token: Token, notice: Word) {
        if let Some(session) = self.open.get_mut(&token.key()) {
            session.notice = Some(notice);
        }
    }

    /// Takes the word that was left.
    pub(super) fn take_notice(&mut self, token: Token) -> Option<Word> {
        self.open.get_mut(&token.key())?.notice.take()
    }

    /// Makes room: a session of the sign-in page first, then the one that rested longest.
    fn forget_one(&mut self) {
        let oldest = self.open.iter().min_by_key(|(_, it)| (it.staff.is_some(), it.active));
        if let Some(key) = oldest.map(|(key, _)| *key) {
            self.open.remove(&key);
        }
    }
}

impl Session {
    fn lives(&self, now: Timestamp) -> bool {
        now.since_ms(self.active) < IDLE_MS_MAX
    }

    fn seen(&self, token: Token) -> Seen {
        Seen { token, csrf: token.csrf(), staff: self.staff.clone(), query: self.query.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(id: &str) -> StaffCard {
        StaffCard {
            id: StaffId(id.to_owned()),
            name: String::new(),
            role: Role::Nurse,
            admin: false,
        }
    }

    #[test]
    fn a_session_rests_and_ends_and_polling_does_not_keep_it() {
        let (mut sessions, token) = (Sessions::default(), Token::new([1; 32]));
        sessions.open(Timestamp(0), token, Some(card("a")));
        assert!(sessions.get(Timestamp(IDLE_MS_MAX - 1), token, true).is_some());
        assert!(sessions.get(Timestamp(2 * IDLE_MS_MAX - 2), token, false).is_some());
        assert!(sessions.get(Timestamp(2 * IDLE_MS_MAX - 1), token, false).is_none());
        assert!(sessions.get(Timestamp(0), token, false).is_none());
    }

    #[test]
    fn a_stopped_account_is_out_at_once() {
        let mut sessions = Sessions::default();
        for (number, id) in [(1, "a"), (2, "a"), (3, "b")] {
            sessions.open(Timestamp(0), Token::new([number; 32]), Some(card(id)));
        }
        sessions.close_all_of(&StaffId("a".to_owned()), Some(Token::new([2; 32])));
        let mut open =
            |number| sessions.get(Timestamp(1), Token::new([number; 32]), false).is_some();
        assert_eq!((open(1), open(2), open(3)), (false, true, true));
    }

    #[test]
    fn the_table_is_bounded_and_signed_in_sessions_stay() {
        let mut sessions = Sessions::default();
        sessions.open(Timestamp(0), Token::new([255; 32]), Some(card("a")));
        for number in 0..2 * SESSIONS_MAX as u64 {
            let mut random = [0; 32];
            random[..8].copy_from_slice(&number.to_be_bytes());
            sessions.open(Timestamp(1), Token::new(random), None);
        }
        assert!(sessions.open.len() <= SESSIONS_MAX);
        assert!(sessions.get(Timestamp(2), Token::new([255; 32]), false).is_some());
    }

    #[test]
    fn the_form_token_differs_from_the_cookie_and_between_sessions() {
        let (one, other) = (Token::new([1; 32]), Token::new([2; 32]));
        assert_ne!(one.csrf(), other.csrf());
        assert_ne!(one.csrf(), one.to_text());
        assert!(Token::from_text(&one.to_text()).is_some_and(|token| token.0 == one.0));
    }
}
