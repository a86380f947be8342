//! The frame of every page: menu, facility, the state of sync, who is signed in.

use axum::response::{IntoResponse, Response};
use azalea_core::id::Timestamp;
use azalea_transport::peer::Via;
use maud::{DOCTYPE, Markup, html};

use super::assets;
use super::dates;
use super::i18n::{Lang, Word};
use super::icons::{Icon, icon};
use super::model::{FacilityCard, Link, SyncState, Trouble};
use super::parts::role_word;
use super::session::StaffCard;
use crate::index::Day;

/// Which entry of the menu a page belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Patients,
    Linking,
    Sync,
    Quarantine,
    Log,
    Staff,
    Settings,
}

/// What a page needs around its own content.
pub(super) struct Frame {
    pub(super) lang: Lang,
    pub(super) csrf: String,
    pub(super) staff: StaffCard,
    pub(super) facility: FacilityCard,
    pub(super) state: SyncState,
    pub(super) now: Timestamp,
    pub(super) place: Place,
    pub(super) notice: Option<Word>,
}

impl Frame {
    /// A word in the visitor's language.
    pub(super) fn t(&self, word: Word) -> &'static str {
        self.lang.t(word)
    }

    /// The day in Japan now.
    pub(super) fn today(&self) -> Day {
        Day::at(self.now)
    }

    /// The hidden field that proves that a form came from this session.
    pub(super) fn token(&self) -> Markup {
        html! { input type="hidden" name="csrf" value=(self.csrf); }
    }

    /// The whole page. The title names the kind of page only: titles stay in a browser's history.
    pub(super) fn page(&self, title: Word, content: Markup) -> Response {
        let t = |word| self.t(word);
        let page = html! {
            (DOCTYPE)
            html lang=(self.lang.tag()) {
                (head(self.lang.t(title)))
                body {
                    a.skip href="#main" { (t(Word::SkipToContent)) }
                    header.bar {
                        a.brand href="/patients" {
                            img src=(assets::mark_path()) alt="" width="30" height="30";
                            span.brand-name { (self.facility.facility.name) }
                            span.brand-network { (self.facility.network) }
                        }
                        div.state id="sync-state" data-unreachable=(t(Word::NodeUnreachable)) aria-live="polite" {
                            (state(self.lang, &self.state, self.now))
                        }
                        (self.person())
                    }
                    (self.menu())
                    main id="main" tabindex="-1" {
                        (self.trouble())
                        @if let Some(notice) = self.notice {
                            @let open = notice == Word::DraftRestored;
                            p.notice.open[open] role="status" {
                                (icon(if open { Icon::Pen } else { Icon::Check })) (t(notice))
                            }
                        }
                        (content)
                    }
                }
            }
        };
        page.into_response()
    }

    fn person(&self) -> Markup {
        html! {
            div.me {
                a.me-name href="/settings" title=(self.t(Word::Settings)) {
                    span { (self.staff.name) }
                    small { (self.t(role_word(self.staff.role))) }
                }
                form method="post" action="/language" {
                    (self.token())
                    @let other = if self.lang == Lang::Ja { Lang::En } else { Lang::Ja };
                    input type="hidden" name="lang" value=(other.tag());
                    button.plain type="submit" lang=(other.tag()) {
                        (icon(Icon::Globe)) span { @if other == Lang::En { "EN" } @else { "日本語" } }
                    }
                }
                form method="post" action="/sign-out" {
                    (self.token())
                    button.plain type="submit" { (icon(Icon::Exit)) span { (self.t(Word::SignOut)) } }
                }
            }
        }
    }

    fn menu(&self) -> Markup {
        let mut entries = vec![
            (Place::Patients, "/patients", Icon::People, Word::Patients, 0),
            (Place::Linking, "/links", Icon::Link, Word::Linking, 0),
            (Place::Sync, "/sync", Icon::Sync, Word::SyncPage, 0),
            (
                Place::Quarantine,
                "/quarantine",
                Icon::Box,
                Word::Quarantined,
                self.state.quarantined,
            ),
            (Place::Log, "/log", Icon::Log, Word::AccessLog, 0),
        ];
        if self.staff.admin {
            entries.push((Place::Staff, "/staff", Icon::Staff, Word::Staff, 0));
        }
        entries.push((Place::Settings, "/settings", Icon::Gear, Word::Settings, 0));
        html! {
            nav.menu aria-label=(self.t(Word::MainMenu)) {
                @for (place, path, drawing, word, count) in entries {
                    a href=(path) aria-current=[(place == self.place).then_some("page")] {
                        (icon(drawing))
                        span { (self.t(word)) }
                        @if count > 0 { b.count { (count) } }
                    }
                }
            }
        }
    }

    fn trouble(&self) -> Markup {
        let word = self.state.trouble.map(trouble_word);
        html! {
            @if let Some(word) = word { p.trouble role="alert" { (icon(Icon::Alert)) (self.t(word)) } }
        }
    }
}

/// What is wrong, and what to do about it.
pub(crate) fn trouble_word(trouble: Trouble) -> Word {
    match trouble {
        Trouble::DiskFull => Word::TroubleDiskFull,
        Trouble::DiskFault => Word::TroubleDiskFault,
        Trouble::ClockWrong => Word::TroubleClockWrong,
        Trouble::Revoked => Word::TroubleRevoked,
        Trouble::Expired => Word::TroubleExpired,
        Trouble::Ending => Word::TroubleEnding,
        Trouble::Unknown => Word::TroubleUnknown,
        Trouble::OtherNetwork => Word::TroubleOtherNetwork,
        Trouble::Contradicted => Word::TroubleContradicted,
        Trouble::Suspended => Word::TroubleSuspended,
        Trouble::Distrusted => Word::TroubleDistrusted,
        Trouble::RelayVersion => Word::TroubleRelayVersion,
        Trouble::Outdated => Word::TroubleOutdated,
    }
}

/// The head of a page.
pub(super) fn head(title: &str) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light";
            title { (title) " — Azalea" }
            link rel="icon" type="image/svg+xml" href=(assets::mark_path());
            link rel="stylesheet" href=(assets::css_path());
            script src=(assets::script_path()) defer {}
        }
    }
}

/// The state of sync: in the bar of every page, asked for again every few seconds.
pub(super) fn state(lang: Lang, state: &SyncState, now: Timestamp) -> Markup {
    let (class, drawing, words) = match state.link {
        Link::Connected { via: Via::Quic, .. } => {
            ("good", Icon::Online, lang.t(Word::Connected).to_owned())
        }
        Link::Connected { .. } => ("good", Icon::Online, lang.t(Word::ConnectedOverTcp).to_owned()),
        Link::Connecting => ("wait", Icon::Sync, lang.t(Word::Connecting).to_owned()),
        Link::Offline { since: None } => ("off", Icon::Offline, lang.t(Word::Offline).to_owned()),
        Link::Offline { since: Some(since) } => {
            let since = dates::moment(lang, since, now);
            ("off", Icon::Offline, lang.fill(Word::OfflineSince, &[&since]))
        }
    };
    let last = match state.last_sync {
        Some(at) => lang.fill(Word::LastSyncAt, &[&dates::moment(lang, at, now)]),
        None => lang.t(Word::NeverSynced).to_owned(),
    };
    let unsent = match state.unsent {
        0 => lang.t(Word::NothingUnsent).to_owned(),
        count => lang.count(Word::Unsent, count),
    };
    html! {
        a.state-link href="/sync" aria-label=(lang.t(Word::SyncState)) {
            span class={ "state-line " (class) } { (icon(drawing)) (words) }
            span.state-unsent.has[state.unsent > 0] { (unsent) }
            span.state-last { (last) }
            @if state.needs_review > 0 {
                span.state-review { (icon(Icon::Alert)) (lang.count(Word::NeedsReviewCount, state.needs_review)) }
            }
        }
    }
}
