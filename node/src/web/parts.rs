//! Small pieces that several pages share.

use azalea_core::id::Timestamp;
use maud::{Markup, html};

use super::dates;
use super::i18n::{Lang, Word};
use super::icons::{Icon, icon};
use super::layout::Frame;
use super::model::{FacilityKind, Freshness, NoteKind, Role};
use crate::index::{Category, Day, Flag, Gender, Standing, Value};

/// How fresh a publisher's part is, in words and colour.
pub(super) fn freshness(lang: Lang, freshness: Freshness, now: Timestamp) -> Markup {
    let (class, drawing, words) = match freshness {
        Freshness::Own => ("own", Icon::Dot, lang.t(Word::FreshOwn).to_owned()),
        Freshness::CompleteAsOf(at) => {
            ("good", Icon::Check, lang.fill(Word::FreshComplete, &[&dates::moment(lang, at, now)]))
        }
        Freshness::Missing { count, .. } => {
            ("warn", Icon::Alert, lang.count(Word::FreshMissing, count))
        }
        Freshness::NotHeardSince(Some(at)) => (
            "stale",
            Icon::Clock,
            lang.fill(Word::FreshNotHeard, &[&dates::day_since(lang, at, now)]),
        ),
        Freshness::NotHeardSince(None) => {
            ("stale", Icon::Clock, lang.t(Word::FreshNever).to_owned())
        }
    };
    html! { span class={ "fresh " (class) } { (icon(drawing)) (words) } }
}

/// How little a freshness promises: the greatest is what a list shows for a patient.
pub(super) fn doubt(freshness: Freshness) -> (u8, u64) {
    match freshness {
        Freshness::Own => (0, 0),
        Freshness::CompleteAsOf(at) => (1, u64::MAX - at.0),
        Freshness::NotHeardSince(Some(at)) => (2, u64::MAX - at.0),
        Freshness::NotHeardSince(None) => (3, 0),
        Freshness::Missing { count, .. } => (4, count),
    }
}

/// 要確認
pub(super) fn needs_review(lang: Lang) -> Markup {
    html! { span.badge.review { (icon(Icon::Alert)) (lang.t(Word::NeedsReview)) } }
}

/// A value with its unit and its mark.
pub(super) fn value(lang: Lang, value: &Value) -> Markup {
    let flag = value.flag.map(|flag| flag_words(lang, flag));
    html! {
        span.value.marked[flag.is_some()] {
            (value.text)
            @if !value.unit.is_empty() { " " span.unit { (value.unit) } }
            @if let Some((mark, words)) = flag {
                " " abbr.flag title=(words) aria-label=(words) { (mark) }
            }
        }
    }
}

fn flag_words(lang: Lang, flag: Flag) -> (&'static str, &'static str) {
    match flag {
        Flag::High => ("H", lang.t(Word::FlagHigh)),
        Flag::Low => ("L", lang.t(Word::FlagLow)),
        Flag::VeryHigh => ("HH", lang.t(Word::FlagHigh)),
        Flag::VeryLow => ("LL", lang.t(Word::FlagLow)),
        Flag::Abnormal => ("!", lang.t(Word::FlagAbnormal)),
    }
}

/// The reference range in words.
pub(super) fn range(value: &Value) -> String {
    match (value.low.as_str(), value.high.as_str()) {
        ("", "") => value.range.clone(),
        (low, "") => format!("≥ {low}"),
        ("", high) => format!("≤ {high}"),
        (low, high) => format!("{low}–{high}"),
    }
}

/// What a row's standing means, where it is not simply current.
pub(super) fn standing(lang: Lang, standing: Standing) -> Markup {
    let (class, word) = match standing {
        Standing::Current => return html! {},
        Standing::Past => ("past", Word::StandingPast),
        Standing::Pending => ("pending", Word::StandingPending),
        Standing::Corrected => ("corrected", Word::StandingCorrected),
        Standing::Void => ("void", Word::StandingVoid),
    };
    html! { span class={ "badge " (class) } { (lang.t(word)) } }
}

/// Name and drawing of a category.
pub(super) fn category(category: Category) -> (Word, Icon) {
    match category {
        Category::Allergy => (Word::Allergy, Icon::Alert),
        Category::Problem => (Word::Problem, Icon::Staff),
        Category::Medication => (Word::Medication, Icon::Pill),
        Category::Lab => (Word::Lab, Icon::Flask),
        Category::Encounter => (Word::Encounter, Icon::Bed),
        Category::Document => (Word::Document, Icon::Page),
        Category::Procedure => (Word::Procedure, Icon::Pen),
        Category::Immunization => (Word::Immunization, Icon::Shield),
        Category::Vital => (Word::Vital, Icon::Heart),
        Category::Imaging => (Word::Imaging, Icon::Search),
        Category::Other => (Word::OtherKind, Icon::Dot),
    }
}

/// The word of an encounter's class.
pub(super) fn encounter_class(code: &str) -> Option<Word> {
    match code {
        "IMP" | "ACUTE" | "NONAC" | "SS" | "inpatient" => Some(Word::ClassInpatient),
        "AMB" | "VR" | "outpatient" | "ambulatory" | "wellness" => Some(Word::ClassOutpatient),
        "EMER" | "emergency" | "urgentcare" => Some(Word::ClassEmergency),
        "HH" | "home" => Some(Word::ClassHome),
        _ => None,
    }
}

/// A patient's name; a patient can be known before the record that names them has arrived.
pub(super) fn name(lang: Lang, name: &str) -> &str {
    if name.trim().is_empty() { lang.t(Word::NameUnknown) } else { name }
}

/// A date of birth that breaks after its year where there is little room.
pub(super) fn birth(lang: Lang, day: Day) -> Markup {
    let words = dates::birth(lang, day);
    html! {
        span.birth {
            @match words.split_once(')') {
                Some((year, rest)) => { span { (year) ")" } span { (rest) } }
                None => { (words) }
            }
        }
    }
}

/// The word of a gender.
pub(super) fn gender(gender: Gender) -> Word {
    match gender {
        Gender::Male => Word::Male,
        Gender::Female => Word::Female,
        Gender::Other => Word::OtherSex,
        Gender::Unknown => Word::Unknown,
    }
}

/// `76歳・男`, as far as it is known.
pub(super) fn age_and_gender(lang: Lang, birth: Option<Day>, of: Gender, today: Day) -> String {
    let age = birth.and_then(|birth| dates::age(lang, birth, today));
    let gender = lang.t(gender(of));
    match (lang, age) {
        (Lang::Ja, Some(age)) => format!("{age}・{gender}"),
        (Lang::En, Some(age)) => format!("{age}, {gender}"),
        (_, None) => gender.to_owned(),
    }
}

/// The word of a role.
pub(super) fn role_word(role: Role) -> Word {
    match role {
        Role::Doctor => Word::Doctor,
        Role::Nurse => Word::Nurse,
        Role::Pharmacist => Word::Pharmacist,
        Role::Clerk => Word::Clerk,
    }
}

/// The word of a note's kind.
pub(super) fn note_kind(kind: NoteKind) -> Word {
    match kind {
        NoteKind::Record => Word::NoteRecord,
        NoteKind::Vitals => Word::NoteVitals,
        NoteKind::Nursing => Word::NoteNursing,
        NoteKind::Handover => Word::NoteHandover,
    }
}

/// What a facility is, as one letter that keeps its colour company.
pub(super) fn facility_letter(kind: FacilityKind) -> &'static str {
    match kind {
        FacilityKind::Hospital => "病",
        FacilityKind::Clinic => "診",
        FacilityKind::Pharmacy => "薬",
        FacilityKind::VisitingNurse => "訪",
    }
}

/// Where one is in a long list.
pub(super) fn pager(frame: &Frame, path: &str, query: &str, at: Span) -> Markup {
    let link = |page: usize| match query {
        "" => format!("{path}?page={page}"),
        query => format!("{path}?{query}&page={page}"),
    };
    let shown = |number: usize| super::i18n::grouped(number as u64);
    let words = frame
        .lang
        .fill(Word::ShowingOf, &[&shown(at.first()), &shown(at.last()), &shown(at.total)]);
    html! {
        @if at.total > at.size {
            nav.pager aria-label=(frame.t(Word::Page)) {
                @if at.page > 1 { a.button rel="prev" href=(link(at.page - 1)) { (frame.t(Word::Previous)) } }
                span { (words) }
                @if at.last() < at.total {
                    a.button rel="next" href=(link(at.page + 1)) { (frame.t(Word::Next)) }
                }
            }
        }
    }
}

/// A page of a long list; the first page is 1.
#[derive(Clone, Copy)]
pub(super) struct Span {
    pub(super) page: usize,
    pub(super) size: usize,
    pub(super) total: usize,
}

impl Span {
    pub(super) fn offset(self) -> usize {
        (self.page.max(1) - 1).saturating_mul(self.size)
    }

    fn first(self) -> usize {
        (self.offset() + 1).min(self.total)
    }

    fn last(self) -> usize {
        self.offset().saturating_add(self.size).min(self.total)
    }
}
