//! How long a patient search takes over a network's worth of patients.
//!
//! `cargo run --release -p azalea-node --example search_speed [PATIENTS]` prints the median, the 99th percentile
//! and the slowest of many searches of every kind, and how long the index takes to build.

use std::time::{Duration, Instant};

use azalea_core::id::PatientId;
use azalea_node::index::{PatientSearch, patient_row};

const FAMILIES: [(&str, &str); 12] = [
    ("佐藤", "サトウ"),
    ("鈴木", "スズキ"),
    ("高橋", "タカハシ"),
    ("田中", "タナカ"),
    ("伊藤", "イトウ"),
    ("渡邊", "ワタナベ"),
    ("山本", "ヤマモト"),
    ("中村", "ナカムラ"),
    ("古賀", "コガ"),
    ("江口", "エグチ"),
    ("平川", "ヒラカワ"),
    ("髙﨑", "タカサキ"),
];
const GIVEN: [(&str, &str); 10] = [
    ("太郎", "タロウ"),
    ("花子", "ハナコ"),
    ("京子", "キョウコ"),
    ("健太", "ケンタ"),
    ("澄江", "スミエ"),
    ("誠", "マコト"),
    ("千代子", "チヨコ"),
    ("翔", "ショウ"),
    ("文子", "フミコ"),
    ("勇", "イサム"),
];
const QUERIES: [&str; 12] = [
    "佐藤",
    "さとう",
    "サ",
    "子",
    "高崎 京子",
    "わたなべ すみえ",
    "00000777",
    "777",
    "1950-03-04",
    "昭和25年",
    "S25.3.4",
    "いない人",
];
const ROUNDS: usize = 40;

fn main() {
    let count: u32 = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(14_400);
    let begun = Instant::now();
    let mut search = PatientSearch::new();
    for number in 0..count {
        let (family, family_kana) = FAMILIES[number as usize % FAMILIES.len()];
        let (given, given_kana) = GIVEN[(number / 12) as usize % GIVEN.len()];
        let (year, month, day) = (1925 + number % 95, 1 + number % 12, 1 + number % 28);
        let json = format!(
            r#"{{"resourceType":"Patient","name":[{{"text":"{family} {given}"}},{{"text":"{family_kana} {given_kana}"}}],
            "birthDate":"{year}-{month:02}-{day:02}","identifier":[{{"value":"{number:08}"}},{{"value":"H{number}"}}]}}"#
        );
        let row = patient_row(json.as_bytes()).expect("made above");
        let mut id = [0; 16];
        id[..4].copy_from_slice(&number.to_be_bytes());
        search.insert(PatientId(id), [&row]);
    }
    println!("{count} patients read and indexed in {:.0?}", begun.elapsed());
    let mut times: Vec<(Duration, &str, usize)> = Vec::new();
    for query in std::iter::repeat_n(QUERIES, ROUNDS).flatten() {
        let begun = Instant::now();
        let found = search.search(query).len();
        times.push((begun.elapsed(), query, found));
    }
    times.sort_unstable();
    let at = |part: usize| times[(times.len() - 1) * part / 100];
    for (name, (time, query, found)) in [("median", at(50)), ("99 %", at(99)), ("slowest", at(100))]
    {
        println!("{name:>8}: {:>6.2} ms  ({query}: {found} found)", time.as_secs_f64() * 1_000.0);
    }
}
