//! Who takes part: a line for each kind of facility, and how much of each kind of work its days brought.

use std::collections::BTreeMap;

use azalea_core::identity::FacilityKind;
use maud::{Markup, html};

use super::super::{Place, Quality, Sample, Work, World};
use super::plot::{amount, duration};
use super::{english, head, japanese_quality, mean};

/// A kind of facility, or its tablets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Discloses,
    Hospital,
    Clinic,
    Pharmacy,
    Nurses,
    Tablet,
}

impl Kind {
    fn of(place: &Place) -> Self {
        match (place.tablet_of, place.kind) {
            (Some(_), _) => Self::Tablet,
            (None, FacilityKind::Hospital) if place.discloses => Self::Discloses,
            (None, FacilityKind::Hospital) => Self::Hospital,
            (None, FacilityKind::Pharmacy) => Self::Pharmacy,
            (None, FacilityKind::VisitingNurse) => Self::Nurses,
            (None, FacilityKind::Clinic | FacilityKind::Relay) => Self::Clinic,
        }
    }

    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Discloses => ("病院（開示）", "hospitals that disclose"),
            Self::Hospital => ("病院（閲覧）", "hospitals that read"),
            Self::Clinic => ("診療所", "clinics"),
            Self::Pharmacy => ("薬局", "pharmacies"),
            Self::Nurses => ("訪問看護", "visiting nurses"),
            Self::Tablet => ("タブレット", "tablets"),
        }
    }
}

/// What was seen of the devices of one kind.
#[derive(Default)]
struct Row {
    devices: usize,
    lines: BTreeMap<usize, usize>,
    /// Of the charts that a device may read, the shares that can be read, and by a system of links, at each look.
    shares: Vec<[f64; 2]>,
    ages: Vec<u64>,
    bytes: u64,
}

pub(super) fn kinds(world: &World) -> Markup {
    let mut rows: BTreeMap<Kind, Row> = BTreeMap::new();
    for place in world.atlas() {
        let row = rows.entry(Kind::of(place)).or_default();
        row.devices += 1;
        *row.lines.entry(place.line as usize).or_default() += 1;
    }
    let mut last: BTreeMap<usize, &Sample> = BTreeMap::new();
    for sample in &world.watch().samples {
        let row = rows.entry(Kind::of(&world.atlas()[sample.place])).or_default();
        row.shares.extend(sample.charts.and_then(|charts| charts.shares()));
        row.ages.extend(sample.staleness);
        last.insert(sample.place, sample);
    }
    for (place, sample) in last {
        let row = rows.entry(Kind::of(&world.atlas()[place])).or_default();
        row.bytes += sample.bytes.iter().flatten().sum::<u64>() * 86_400 / sample.at.max(1);
    }
    html! {
        div.wide.kinds {
            table {
                thead {
                    tr {
                        (head("種類", "kind")) (head("端末", "devices")) (head("回線", "lines"))
                        (head("読めるカルテ", "charts that can be read")) (head("リンク型", "a system of links"))
                        (head("鮮度（中央値）", "median age")) (head("通信量", "MB a day"))
                    }
                }
                tbody { @for (kind, row) in &mut rows { (line(*kind, row)) } }
            }
        }
    }
}

fn line(kind: Kind, row: &mut Row) -> Markup {
    let (japanese, words) = kind.names();
    let share = |which: usize| {
        let mean = mean(row.shares.iter().map(|it| it[which]));
        mean.map_or_else(|| "—".to_owned(), |it| format!("{it:.2} %"))
    };
    let (here, linked) = (share(0), share(1));
    row.ages.sort_unstable();
    let age = row.ages.get(row.ages.len() / 2).map(|age| duration(*age as f64));
    let per_device = row.bytes as f64 / row.devices.max(1) as f64 / 1e6;
    html! {
        tr {
            th scope="row" { span.name { (japanese) } " " (english(words)) }
            td { (row.devices) }
            td.words {
                @for (line, many) in &row.lines {
                    span { (japanese_quality(Quality::ALL[*line])) " " (many) } " "
                }
            }
            td { (here) }
            td { (linked) }
            td { (age.unwrap_or_else(|| "—".to_owned())) }
            td { (format!("{per_device:.2}")) }
        }
    }
}

/// How much of each kind of work there was; nothing where it was not counted by patients and time.
pub(super) fn days(world: &World) -> Markup {
    let Some(region) = &world.options().region else { return Markup::default() };
    let done = world.watch().days.iter().filter(|(_, many)| **many > 0);
    html! {
        p {
            "患者 " b { (amount(region.patients as f64)) } "、職員 " b { (amount(world.staff_now() as f64)) }
            "。件数は期間全体。 " (english("Patients and staff; counts over the whole time."))
        }
        dl.days {
            @for (work, many) in done {
                @let (japanese, words) = names(*work);
                div { dt { (japanese) " " (english(words)) } dd { (amount(*many as f64)) } }
            }
        }
    }
}

fn names(work: Work) -> (&'static str, &'static str) {
    match work {
        Work::Chart => ("初期カルテ", "charts at the beginning"),
        Work::Consent => ("既存の同意", "consents at the beginning"),
        Work::Newcomer => ("新しい同意", "new consents"),
        Work::Message => ("電文", "messages"),
        Work::Opening => ("閲覧", "pages opened"),
        Work::Note => ("ケア記録", "care notes"),
        Work::Edit => ("追記・修正", "edits"),
        Work::Clash => ("オフライン同時編集", "two edits of one note, both offline"),
        Work::Referral => ("紹介", "referrals"),
        Work::Change => ("同意の変更・撤回", "consents changed"),
        Work::Turnover => ("職員の入退職", "staff who came or left"),
    }
}
