//! The made-up patients.

use std::collections::BTreeMap;

use azalea_core::id::{ConsentId, NoteId, PatientId, Timestamp, VersionId};
use azalea_node::index::{CareTime, PatientRow, patient_row, timeline_rows};
use azalea_node::web::model::*;

use super::NOW;
use super::facilities::{CLINIC, facility, freshness};
use super::resources::{self, Made, Test, allergy, diagnosis, document, drug, image, stay};

const DAY: u64 = 86_400_000;

/// A record as the sample keeps it.
pub(crate) struct Record {
    pub(crate) version: VersionId,
    pub(crate) facility: u8,
    pub(crate) raw: String,
    pub(crate) versions: u32,
    pub(crate) conflict: bool,
}

impl Record {
    pub(crate) fn kind(&self) -> String {
        let from = self.raw.split("\"resourceType\":\"").nth(1).unwrap_or_default();
        from.split('"').next().unwrap_or_default().to_owned()
    }
}

/// A patient as the sample keeps them.
pub(crate) struct Person {
    pub(crate) head: PatientHead,
    pub(crate) row: PatientRow,
    pub(crate) publishers: Vec<Publisher>,
    pub(crate) records: Vec<Record>,
    pub(crate) needs_review: u32,
    pub(crate) link_waiting: bool,
    pub(crate) last_care: Option<CareTime>,
}

impl Person {
    pub(crate) fn entries(&self) -> Vec<ChartEntry> {
        self.records
            .iter()
            .flat_map(|record| {
                let rows = timeline_rows(record.raw.as_bytes()).expect("the sample's own JSON");
                rows.into_iter().map(|row| ChartEntry {
                    record: record.version,
                    facility: facility(record.facility).id,
                    versions: record.versions,
                    conflict: record.conflict,
                    received: NOW,
                    row,
                })
            })
            .collect()
    }

    pub(crate) fn candidates(&self) -> Vec<LocalPatient> {
        let local = |number: &str, name: &str| LocalPatient {
            local_id: number.to_owned(),
            name: name.to_owned(),
            kana: self.head.kana.clone(),
            birth: self.head.birth,
            gender: self.head.gender,
        };
        vec![local("00412", &self.head.name), local("01877", &format!("{}子", self.head.name))]
    }

    pub(crate) fn make_hostile(&mut self, text: &str) {
        self.head.name = text.to_owned();
        self.head.kana = Some(text.to_owned());
        self.head.other_names = vec![text.to_owned()];
        (self.head.phone, self.head.address) = (Some(text.to_owned()), Some(text.to_owned()));
        self.head.local_ids.iter_mut().for_each(|id| id.value = text.to_owned());
        let json = text.replace('\\', "\\\\").replace('"', "\\\"");
        for record in &mut self.records {
            for word in [
                "高血圧症",
                "クレアチニン",
                "ペニシリン系抗菌薬",
                "肺炎",
                "アムロジピン錠5mg「TS」",
                "退院時サマリー",
            ] {
                record.raw = record.raw.replace(word, &json);
            }
        }
    }
}

/// A patient's id.
pub(crate) fn id(number: u8) -> PatientId {
    PatientId([number.wrapping_mul(37) ^ 0x5a; 16])
}

const PEOPLE: [(&str, &str, &str, &str, &str); 22] = [
    ("山田 太郎", "ヤマダ タロウ", "1950-03-04", "male", "00010"),
    ("古賀 フミ", "コガ フミ", "1938-11-21", "female", "00027"),
    ("中島 誠", "ナカシマ マコト", "1961-07-02", "male", "00114"),
    ("江口 千代子", "エグチ チヨコ", "1944-01-15", "female", "00131"),
    ("髙﨑 京子", "タカサキ キョウコ", "1972-09-30", "female", "00208"),
    ("田中 一郎", "タナカ イチロウ", "1955-05-04", "male", "00219"),
    ("坂本 蓮", "サカモト レン", "2024-12-11", "male", "00640"),
    ("平川 澄江", "ヒラカワ スミエ", "1931-04-08", "female", "00033"),
    ("野口 健太", "ノグチ ケンタ", "1988-02-27", "male", "00587"),
    ("佐藤 ハル", "サトウ ハル", "1947-08-19", "female", "00099"),
    ("松尾 光", "マツオ ヒカル", "2011-06-06", "other", "00612"),
    ("大石 幸子", "オオイシ サチコ", "1959-12-01", "female", "00266"),
    ("石橋 隆", "イシバシ タカシ", "1949-10-10", "male", "00071"),
    ("永田 美穂", "ナガタ ミホ", "1980-03-23", "female", "00455"),
    ("柴田 勇", "シバタ イサム", "1936-06-29", "male", "00041"),
    ("宮崎 文子", "ミヤザキ フミコ", "1952-02-14", "female", "00180"),
    ("井上 大輔", "イノウエ ダイスケ", "1975-05-17", "male", "00391"),
    ("秋吉 トミ", "アキヨシ トミ", "1929-09-03", "female", "00008"),
    ("原田 翔", "ハラダ ショウ", "2019-05-01", "male", "00630"),
    ("渡邊 節子", "ワタナベ セツコ", "1941-07-07", "female", "00052"),
    ("黒木 正", "クロキ タダシ", "1958-01-30", "male", "00244"),
    ("鶴田 由美", "ツルタ ユミ", "1967-11-11", "female", "00317"),
];

/// All patients.
pub(crate) fn people() -> Vec<Person> {
    (0_u8..).zip(PEOPLE).map(|(at, person)| one(at + 1, person)).collect()
}

fn one(number: u8, (name, kana, birth, gender, local): (&str, &str, &str, &str, &str)) -> Person {
    let json = format!(
        r#"{{"resourceType":"Patient","name":[{{"text":"{name}"}},{{"text":"{kana}"}}],"birthDate":"{birth}",
"gender":"{gender}","identifier":[{{"value":"{local}"}},{{"value":"H-{number:03}482"}}],
"telecom":[{{"system":"phone","value":"0942-00-{:04}"}}],"address":[{{"text":"福岡県筑後つつじ市みどり町{number}-4"}}]}}"#,
        u32::from(number) * 137
    );
    let row = patient_row(json.as_bytes()).expect("the sample's own JSON");
    let link_waiting = number == 9 || number == 13;
    let publishers: &[u8] = match number {
        1 => &[1, 2, 3, CLINIC, 5],
        n if n % 7 == 0 => &[3, CLINIC],
        n if n % 5 == 0 => &[1, 2, CLINIC],
        n if n % 3 == 0 => &[1, CLINIC, 5],
        _ => &[1, CLINIC],
    };
    let publishers = publishers.iter().map(|one| Publisher {
        facility: facility(*one),
        freshness: freshness(*one),
        waiting_for_key: u64::from(*one == 5),
        newer: 2 * u64::from(*one == 3),
    });
    let mut local_ids = vec![LocalId { facility: facility(CLINIC), value: local.to_owned() }];
    if number == 1 || number.is_multiple_of(4) {
        local_ids.push(LocalId { facility: facility(1), value: format!("H-{number:03}482") });
        local_ids.push(LocalId { facility: facility(2), value: format!("20{number:04}") });
    }
    let made = if number == 1 { full_chart() } else { short_chart(number) };
    let records = (0_u16..).zip(made).map(|(at, made)| record(number, at, made)).collect();
    Person {
        head: PatientHead {
            id: id(number),
            name: row.name.clone(),
            kana: row.kana.clone(),
            other_names: Vec::new(),
            birth: row.birth,
            gender: row.gender,
            deceased: false,
            local_ids,
            phone: row.phone.clone(),
            address: row.address.clone(),
        },
        row,
        publishers: publishers.collect(),
        records,
        needs_review: u32::from(number == 1 || number == 8),
        link_waiting,
        last_care: Some(CareTime::at(Timestamp(NOW.0 - u64::from(number - 1) * DAY * 3 / 2))),
    }
}

fn record(person: u8, at: u16, made: Made) -> Record {
    let mut version = [person; 16];
    version[14..].copy_from_slice(&at.to_be_bytes());
    version[0] = 0xe0;
    Record {
        version: VersionId(version),
        facility: made.facility,
        raw: made.json,
        versions: made.versions,
        conflict: made.conflict,
    }
}

fn short_chart(number: u8) -> Vec<Made> {
    vec![
        diagnosis(1, "高血圧症", "I10", "active", "2019-04-01"),
        drug(1, "アムロジピン錠5mg「TS」", "2171022F2010", "1日1回 朝食後", 28, "2026-11-10"),
        stay(
            1,
            "AMB",
            "定期受診",
            "",
            &format!("2026-11-{:02}T10:00:00+09:00", number % 20 + 1),
            None,
        ),
    ]
}

const TESTS: [(Test, &[&str]); 11] = [
    (
        Test {
            name: "クレアチニン",
            code: "3C015000002326101",
            unit: "mg/dL",
            low: "0.65",
            high: "1.07",
        },
        &["0.92", "0.98", "1.05", "1.11", "1.18", "1.24"],
    ),
    (
        Test {
            name: "eGFR",
            code: "8A065000002391901",
            unit: "mL/min/1.73m2",
            low: "60",
            high: "",
        },
        &["62", "58", "54", "51", "47.5", "45"],
    ),
    (
        Test {
            name: "カリウム",
            code: "3H015000002326101",
            unit: "mmol/L",
            low: "3.6",
            high: "4.8",
        },
        &["4.3", "4.4", "4.6", "4.9", "5.2", "4.7"],
    ),
    (
        Test {
            name: "ナトリウム",
            code: "3H010000002326101",
            unit: "mmol/L",
            low: "138",
            high: "145",
        },
        &["141", "140", "142", "139", "140", "141"],
    ),
    (
        Test { name: "HbA1c(NGSP)", code: "3D046000001906202", unit: "%", low: "4.9", high: "6.0" },
        &["7.8", "7.5", "7.1", "6.9", "6.8", "6.7"],
    ),
    (
        Test { name: "血糖", code: "3D010000002227101", unit: "mg/dL", low: "73", high: "109" },
        &["168", "151", "142", "131", "138", "127"],
    ),
    (
        Test {
            name: "ヘモグロビン",
            code: "2A030000001930101",
            unit: "g/dL",
            low: "13.7",
            high: "16.8",
        },
        &["14.1", "13.9", "13.5", "13.1", "12.8", "12.9"],
    ),
    (
        Test {
            name: "白血球数",
            code: "2A010000001930101",
            unit: "10*3/uL",
            low: "3.3",
            high: "8.6",
        },
        &["6.2", "5.8", "11.4", "7.2", "6.0", "5.7"],
    ),
    (
        Test { name: "CRP", code: "5C070000002306101", unit: "mg/dL", low: "", high: "0.14" },
        &["0.05", "0.08", "6.42", "0.31", "0.10", "0.07"],
    ),
    (
        Test { name: "AST", code: "3B035000002327201", unit: "U/L", low: "13", high: "30" },
        &["24", "26", "28", "25", "22", "23"],
    ),
    (
        Test {
            name: "LDLコレステロール",
            code: "3F077000002327101",
            unit: "mg/dL",
            low: "65",
            high: "163",
        },
        &["148", "121", "104", "98", "92", "95"],
    ),
];
const DAYS: [&str; 6] =
    ["2025-08-12", "2025-11-18", "2026-02-17", "2026-05-19", "2026-08-18", "2026-11-17"];

fn full_chart() -> Vec<Made> {
    let mut made = vec![
        allergy(1, "ペニシリン系抗菌薬", true, "アナフィラキシー", "2011-06-20"),
        allergy(2, "ヨード造影剤", false, "じん麻疹", "2018-10-02"),
        allergy(CLINIC, "そば", false, "口唇の腫れ", "2015-03-11"),
        diagnosis(1, "慢性腎臓病ステージG3b", "N183", "active", "2024-02-10"),
        diagnosis(1, "2型糖尿病", "E11", "active", "2009-04-01"),
        diagnosis(CLINIC, "高血圧症", "I10", "active", "2006-09-15"),
        diagnosis(1, "高血圧症", "I10", "active", "2009-04-01"),
        diagnosis(2, "脂質異常症", "E785", "active", "2012-01-20"),
        diagnosis(3, "変形性膝関節症", "M17", "active", "2020-07-07"),
        diagnosis(1, "肺炎", "J189", "resolved", "2026-02-14"),
        diagnosis(2, "大腸ポリープ", "K635", "resolved", "2018-10-02"),
        drug(CLINIC, "アムロジピン錠5mg「TS」", "2171022F2010", "1日1回 朝食後", 28, "2026-11-10"),
        drug(CLINIC, "ロサルタンK錠50mg「MR」", "2149039F2010", "1日1回 朝食後", 28, "2026-11-10"),
        drug(1, "リナグリプチン錠5mg", "3969014F1024", "1日1回 朝食後", 63, "2026-10-06"),
        drug(1, "ロスバスタチン錠2.5mg「AZ」", "2189017F1010", "1日1回 夕食後", 63, "2026-10-06"),
        drug(
            3,
            "ロキソプロフェン錠60mg「YK」",
            "1149019F1560",
            "疼痛時 1日2回まで",
            7,
            "2026-06-02",
        ),
        drug(1, "レボフロキサシン錠500mg", "6241013F3012", "1日1回 朝食後", 5, "2026-02-24"),
        stay(
            1,
            "IMP",
            "肺炎",
            "東5病棟",
            "2026-02-14T22:10:00+09:00",
            Some("2026-02-24T11:00:00+09:00"),
        ),
        stay(
            1,
            "EMER",
            "発熱・呼吸困難",
            "救急外来",
            "2026-02-14T20:31:00+09:00",
            Some("2026-02-14T22:05:00+09:00"),
        ),
        stay(1, "AMB", "腎臓内科 定期受診", "", "2026-11-17T10:00:00+09:00", None),
        stay(1, "AMB", "腎臓内科 定期受診", "", "2026-08-18T10:00:00+09:00", None),
        stay(CLINIC, "AMB", "定期受診", "", "2026-11-10T09:30:00+09:00", None),
        stay(3, "AMB", "膝の痛み", "", "2026-06-02T11:20:00+09:00", None),
        stay(
            2,
            "IMP",
            "大腸ポリープ切除",
            "4西病棟",
            "2018-10-01T10:00:00+09:00",
            Some("2018-10-03T10:00:00+09:00"),
        ),
        image(1, "胸部単純CT", "CT", 212, "2026-02-14"),
        image(3, "右膝単純X線", "CR", 4, "2026-06-02"),
        discharge_summary(),
        document(
            1,
            "診療情報提供書",
            "木下 剛(腎臓内科)",
            "2026-11-17",
            &[
                ("紹介先", "こだま内科クリニック 児玉 さつき先生"),
                ("紹介目的", "腎機能の経過観察と降圧治療の継続をお願いいたします。"),
                (
                    "経過",
                    "eGFR 45 と緩やかに低下しています。カリウムは 4.7 に下がりました。\nNSAIDs は避けていただくようお伝えしました。",
                ),
            ],
        ),
        document(
            2,
            "内視鏡レポート",
            "大隈 真理",
            "2018-10-02",
            &[("所見", "S状結腸に 6mm のポリープ。EMR を施行。")],
        ),
    ];
    for (test, values) in TESTS {
        for (value, day) in values.iter().zip(DAYS) {
            let hospital = if day == "2026-05-19" { 2 } else { 1 };
            made.push(resources::result(hospital, &test, value, day));
        }
    }
    made[3].versions = 3;
    made[13].conflict = true;
    made
}

fn discharge_summary() -> Made {
    document(
        1,
        "退院時サマリー",
        "木下 剛(腎臓内科)",
        "2026-02-24",
        &[
            ("入院期間", "2026年2月14日 〜 2026年2月24日(東5病棟)"),
            ("入院の理由", "発熱と呼吸困難で救急搬送。右下葉に浸潤影を認め、市中肺炎として入院。"),
            ("アレルギー", "ペニシリン系抗菌薬でアナフィラキシーの既往あり。"),
            (
                "入院中の経過",
                "レボフロキサシンを腎機能に合わせて投与し、4日目に解熱。酸素は6日目に中止。\n入院時 CRP 6.42 mg/dL、退院時 0.31 mg/dL。食事は常食に戻り、歩行も自立。",
            ),
            ("退院時処方", "レボフロキサシン錠500mg 1錠 1日1回 朝食後 5日分"),
            (
                "退院後のお願い",
                "1週間後に胸部X線を確認してください。NSAIDs は腎機能のため避けてください。",
            ),
        ],
    )
}

/// A note written here.
pub(crate) fn note(
    id: NoteId,
    patient: PatientId,
    draft: &NoteDraft,
    author: &str,
    at: Timestamp,
) -> NoteView {
    NoteView {
        id,
        patient,
        kind: draft.kind,
        title: draft.title.clone(),
        text: draft.text.clone(),
        vitals: draft.vitals.clone(),
        author: author.to_owned(),
        facility: facility(CLINIC),
        created: at,
        changed: at,
        state: NoteState::Valid,
        delivery: Delivery::Saved,
        conflicts: Vec::new(),
        history: vec![NoteVersionCard { at, by: author.to_owned(), state: NoteState::Valid }],
        base: "1".to_owned(),
    }
}

/// The notes of the main patient.
pub(crate) fn notes() -> Vec<NoteView> {
    let draft = |kind, title: &str, text: &str| NoteDraft {
        kind,
        title: title.to_owned(),
        text: text.to_owned(),
        vitals: Vitals::default(),
        base: String::new(),
    };
    let make = |number: u8, draft: &NoteDraft, author: &str, hours: u64| {
        note(NoteId([number; 16]), id(1), draft, author, Timestamp(NOW.0 - hours * 3_600_000))
    };
    let handover = draft(
        NoteKind::Handover,
        "訪問看護への申し送り",
        "むくみが両足に少し。塩分の話をしました。\n次回の訪問で体重を確認してください。増えていれば連絡を。",
    );
    let mut visit = draft(
        NoteKind::Nursing,
        "訪問 11/23",
        "自宅で面談。食欲あり。膝の痛みで外出が減っている。市販の痛み止めは使わないよう再度お願いした。",
    );
    visit.vitals = Vitals {
        temperature: "36.4".to_owned(),
        systolic: "148".to_owned(),
        diastolic: "82".to_owned(),
        pulse: "72".to_owned(),
        spo2: "97".to_owned(),
        respiration: String::new(),
    };
    let checkup =
        draft(NoteKind::Record, "定期受診", "家庭血圧 130 台後半。降圧薬は継続。次回 12 月。");
    let mistaken = draft(NoteKind::Record, "電話連絡", "別の患者さんの記録のため取り消します。");
    let mut first = make(1, &handover, "児玉 さつき", 1);
    first.delivery = Delivery::Saved;
    let mut second = make(2, &visit, "森 あかね", 20);
    second.facility = facility(6);
    second.author = "岸 直美".to_owned();
    second.delivery = Delivery::Received;
    second.state = NoteState::Corrected;
    second.conflicts = vec![NoteConflict {
        field: NoteField::Systolic,
        values: [
            ("148", "岸 直美(ひだまり訪問看護ステーション)", 20_u64),
            ("138", "児玉 さつき(こだま内科クリニック)", 18),
        ]
        .into_iter()
        .map(|(value, by, hours)| NoteConflictValue {
            choice: format!("v{value}"),
            value: value.to_owned(),
            by: by.to_owned(),
            at: Timestamp(NOW.0 - hours * 3_600_000),
        })
        .collect(),
    }];
    second.history.push(second.history[0].clone());
    let mut third = make(3, &checkup, "児玉 さつき", 14 * 24);
    third.delivery = Delivery::Stored;
    let mut fourth = make(4, &mistaken, "児玉 さつき", 20 * 24);
    fourth.state = NoteState::Cancelled;
    fourth.delivery = Delivery::Stored;
    vec![first, second, third, fourth]
}

/// The consents of the main patient.
pub(crate) fn consents() -> Vec<(PatientId, ConsentCard)> {
    let card = |number: u8, kind, facilities: &[u8], days: u64, state| ConsentCard {
        id: ConsentId([number; 16]),
        kind,
        facilities: facilities.iter().map(|one| facility(*one)).collect(),
        given: Timestamp(NOW.0 - days * DAY),
        until: None,
        by: "原 健(こだま内科クリニック)".to_owned(),
        proxy: None,
        state,
    };
    let withdrawn =
        ConsentState::Withdrawn { at: Timestamp(NOW.0 - 30 * DAY), by: "原 健".to_owned() };
    vec![
        (
            id(1),
            card(1, ConsentKind::Specific, &[1, 2, 3, CLINIC, 5, 6], 400, ConsentState::Active),
        ),
        (id(1), card(2, ConsentKind::Specific, &[1, 7], 800, withdrawn)),
    ]
}

/// A proposal that waits for the second person.
pub(crate) fn proposals(people: &BTreeMap<PatientId, Person>) -> Vec<LinkProposal> {
    let person = &people[&id(5)];
    vec![LinkProposal {
        key: "p5".to_owned(),
        patient: person.head.clone(),
        local: LocalPatient {
            local_id: "00208".to_owned(),
            name: "高崎 京子".to_owned(),
            kana: person.head.kana.clone(),
            birth: person.head.birth,
            gender: person.head.gender,
        },
        by: "原 健".to_owned(),
        by_id: StaffId("s3".to_owned()),
        at: Timestamp(NOW.0 - 2 * 3_600_000),
    }]
}

/// A link that was made.
pub(crate) fn linked() -> Vec<Linked> {
    vec![Linked {
        patient: id(1),
        name: "山田 太郎".to_owned(),
        local_id: "00010".to_owned(),
        proposed_by: "原 健".to_owned(),
        confirmed_by: "児玉 さつき".to_owned(),
        at: Timestamp(NOW.0 - 90 * DAY),
    }]
}
