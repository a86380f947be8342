//! The made-up facilities, and how fresh each one's part is.

use azalea_core::id::{FacilityId, Timestamp};
use azalea_node::web::model::*;

use super::NOW;

/// The clinic whose screens these are.
pub(crate) const CLINIC: u8 = 4;

/// All facilities.
pub(crate) fn facilities() -> Vec<FacilityRef> {
    (1..=7).map(facility).collect()
}

/// A facility by its number.
pub(crate) fn facility(number: u8) -> FacilityRef {
    let (name, kind) = match number {
        1 => ("つつじが丘総合病院", FacilityKind::Hospital),
        2 => ("筑水記念病院", FacilityKind::Hospital),
        3 => ("耳納の森医療センター", FacilityKind::Hospital),
        4 => ("こだま内科クリニック", FacilityKind::Clinic),
        5 => ("さくら通り薬局", FacilityKind::Pharmacy),
        6 => ("ひだまり訪問看護ステーション", FacilityKind::VisitingNurse),
        _ => ("やまもと整形外科", FacilityKind::Clinic),
    };
    FacilityRef { id: FacilityId([number; 16]), name: name.to_owned(), kind }
}

fn ago(minutes: u64) -> Timestamp {
    Timestamp(NOW.0 - minutes * 60_000)
}

/// How fresh a facility's part is.
pub(crate) fn freshness(number: u8) -> Freshness {
    match number {
        1 => Freshness::CompleteAsOf(ago(23)),
        2 => Freshness::Missing { count: 3, announced: ago(41) },
        3 => Freshness::NotHeardSince(Some(ago(4 * 1_440 + 100))),
        CLINIC => Freshness::Own,
        7 => Freshness::NotHeardSince(None),
        _ => Freshness::CompleteAsOf(ago(75)),
    }
}

/// The sync page's lines.
pub(crate) fn statuses() -> Vec<PublisherStatus> {
    [(1, 212, 18_204), (2, 96, 7_731), (3, 41, 2_208), (5, 180, 3_960), (6, 12, 844), (7, 3, 0)]
        .into_iter()
        .map(|(number, patients, held)| PublisherStatus {
            facility: facility(number),
            freshness: freshness(number),
            patients,
            held,
            missing: if number == 2 { 3 } else { 0 },
            waiting_for_key: if number == 5 { 1 } else { 0 },
            newer: if number == 3 { 2 } else { 0 },
            last_heard: match freshness(number) {
                Freshness::NotHeardSince(at) => at,
                _ => Some(ago(u64::from(number) * 9)),
            },
        })
        .collect()
}

/// What a consent can name.
pub(crate) fn choices() -> Vec<FacilityChoice> {
    let hospital = |one: &FacilityRef| one.kind == FacilityKind::Hospital;
    facilities()
        .into_iter()
        .map(|one| FacilityChoice { discloses: hospital(&one), views: true, facility: one })
        .collect()
}

/// What was refused.
pub(crate) fn refusals() -> Vec<Refusal> {
    vec![Refusal {
        at: ago(3_000), cause: "署名が本文と合いません".to_owned(), count: 2
    }]
}

/// What is put aside.
pub(crate) fn quarantine() -> Vec<QuarantineItem> {
    vec![
        QuarantineItem {
            key: None,
            at: ago(50),
            kind: QuarantineKind::LateWrite,
            source: format!("{}(端末 9f31…)", facility(7).name),
            place: String::new(),
            cause: "閲覧の同意が撤回された後に書かれた記録です。内容を確認してください。"
                .to_owned(),
            bytes: 2_114,
        },
        QuarantineItem {
            key: Some("5b1f9d0c3a7e48b2".repeat(4)),
            at: ago(1_700),
            kind: QuarantineKind::Import,
            source: "/var/lib/azalea/inbox/20261122-0930.ndjson".to_owned(),
            place: "118:4021".to_owned(),
            cause: "JSON が途中で終わっています(118 行 4,021 文字目)".to_owned(),
            bytes: 88_310,
        },
    ]
}
