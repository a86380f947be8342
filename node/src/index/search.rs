//! Finding a patient by kanji, kana, number or date of birth, in memory.
//!
//! A network of this size has some ten thousand patients; their folded names are about a megabyte. One pass
//! over it takes about a millisecond, so there is no cleverer index to keep right.

use std::collections::BTreeMap;

use azalea_core::id::PatientId;

use super::PatientRow;
use super::date::Day;
use super::fold::{fold, fold_parts};

mod birth;

pub use birth::parse_birth;

/// The most characters of a query that count.
const QUERY_CHARS_MAX: usize = 100;

/// All patients of a replica, by the keys that people type.
#[derive(Default)]
pub struct PatientSearch {
    patients: BTreeMap<PatientId, Keys>,
}

/// A patient that matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SearchHit {
    /// Who.
    pub id: PatientId,
    /// How well: the best first.
    pub rank: Rank,
}

/// How well a patient matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// The whole name, number or date.
    Whole,
    /// The front of the whole name or number.
    Front,
    /// The front of a part of the name.
    Part,
    /// Somewhere inside.
    Inside,
}

/// What stands before a whole name or number, before a part of a name, and after each of them. Folded text holds
/// none of these, so one search through the joined keys tells where in a key a word stands.
const WHOLE: char = '\u{1}';
const PART: char = '\u{2}';
const END: char = '\u{3}';

struct Keys {
    names: String,
    numbers: String,
    births: Vec<Day>,
    order: String,
}

impl PatientSearch {
    /// No patients.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts a patient in, as all facilities know them; replaces what was there.
    pub fn insert<'a>(&mut self, id: PatientId, rows: impl IntoIterator<Item = &'a PatientRow>) {
        let mut keys = Keys::empty();
        rows.into_iter().for_each(|row| keys.take(row));
        self.patients.insert(id, keys);
    }

    /// Takes a patient out.
    pub fn remove(&mut self, id: &PatientId) {
        self.patients.remove(id);
    }

    /// How many patients there are.
    pub fn len(&self) -> usize {
        self.patients.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.patients.is_empty()
    }

    /// The patients whom every word of the query fits, the best first, then by reading. Words are separated by
    /// spaces; an empty query finds nothing.
    pub fn search(&self, query: &str) -> Vec<SearchHit> {
        let query: String = query.chars().take(QUERY_CHARS_MAX).collect();
        let words: Vec<Word> = Word::all(&query);
        if words.is_empty() {
            return Vec::new();
        }
        let whole = (words.len() > 1).then(|| Word::new(fold(&query), None));
        let mut hits: Vec<(Rank, &str, PatientId)> = self
            .patients
            .iter()
            .filter_map(|(id, keys)| {
                Some((keys.rank(whole.as_ref(), &words)?, keys.order.as_str(), *id))
            })
            .collect();
        hits.sort_unstable();
        hits.into_iter().map(|(rank, _, id)| SearchHit { id, rank }).collect()
    }
}

/// One word of a query, with the marks that it may stand between and the date that it may be.
struct Word {
    inside: String,
    whole: String,
    front: String,
    part: String,
    birth: Option<Day>,
}

impl Word {
    fn all(query: &str) -> Vec<Self> {
        // A date may hold spaces of its own ("昭和25年 3月 4日").
        if let Some(birth) = parse_birth(query) {
            return vec![Self::new(fold(query), Some(birth))];
        }
        let words = query.split_whitespace().map(|word| (fold(word), parse_birth(word)));
        words
            .filter(|(folded, _)| !folded.is_empty())
            .map(|(it, birth)| Self::new(it, birth))
            .collect()
    }

    fn new(folded: String, birth: Option<Day>) -> Self {
        Self {
            whole: format!("{WHOLE}{folded}{END}"),
            front: format!("{WHOLE}{folded}"),
            part: format!("{PART}{folded}"),
            inside: folded,
            birth,
        }
    }
}

impl Keys {
    fn empty() -> Self {
        let (names, numbers, order) = (String::new(), String::new(), String::new());
        Self { names, numbers, births: Vec::new(), order }
    }

    fn take(&mut self, row: &PatientRow) {
        let names =
            [Some(&row.name), row.kana.as_ref()].into_iter().flatten().chain(&row.other_names);
        for name in names {
            add(&mut self.names, WHOLE, &fold(name));
            fold_parts(name).for_each(|part| add(&mut self.names, PART, &part));
        }
        for identifier in &row.identifiers {
            let number = fold(&identifier.value);
            add(&mut self.numbers, WHOLE, &number);
            add(&mut self.numbers, WHOLE, number.trim_start_matches('0'));
        }
        self.births.extend(row.birth.filter(|birth| !self.births.contains(birth)));
        if self.order.is_empty() {
            self.order = fold(row.kana.as_deref().unwrap_or(&row.name));
        }
    }

    /// The rank of the worst word; the whole query as one name may do better than its words.
    fn rank(&self, whole: Option<&Word>, words: &[Word]) -> Option<Rank> {
        let mut worst = Some(Rank::Whole);
        for word in words {
            worst = worst.zip(self.rank_of(word)).map(|(worst, rank)| worst.max(rank));
            if worst.is_none() {
                break;
            }
        }
        let together = whole.and_then(|whole| self.rank_of(whole));
        match (together, worst) {
            (Some(together), Some(worst)) => Some(together.min(worst)),
            (one, other) => one.or(other),
        }
    }

    fn rank_of(&self, word: &Word) -> Option<Rank> {
        let born =
            word.birth.is_some_and(|birth| self.births.iter().any(|day| covers(birth, *day)));
        let named = self.names.contains(&word.inside);
        // Numbers are found by their front only: digits inside them mean nothing to anybody.
        let numbered = word.inside.is_ascii() && self.numbers.contains(&word.front);
        if !(born || named || numbered) {
            None
        } else if born || self.numbers.contains(&word.whole) || self.names.contains(&word.whole) {
            Some(Rank::Whole)
        } else if numbered || self.names.contains(&word.front) {
            Some(Rank::Front)
        } else if self.names.contains(&word.part) {
            Some(Rank::Part)
        } else {
            Some(Rank::Inside)
        }
    }
}

/// Whether a day lies in the year, month or day that was typed.
fn covers(typed: Day, day: Day) -> bool {
    typed.year() == day.year()
        && typed.month().is_none_or(|month| day.month() == Some(month))
        && typed.day().is_none_or(|date| day.day() == Some(date))
}

fn add(keys: &mut String, mark: char, key: &str) {
    let marked = format!("{mark}{key}{END}");
    if !key.is_empty() && !keys.contains(&marked) {
        keys.push_str(&marked);
    }
}

#[cfg(test)]
mod tests {
    use super::super::patient_row;
    use super::*;

    fn people() -> PatientSearch {
        let mut search = PatientSearch::new();
        let people = [
            (1, "山田 太郎", "ヤマダ タロウ", "1950-03-04", "00000010"),
            (2, "山田 花子", "ﾔﾏﾀﾞ ﾊﾅｺ", "1952-11-30", "A-2002"),
            (3, "髙﨑 京子", "タカサキ キョウコ", "1950-03-15", "300"),
            (4, "大山田 次郎", "オオヤマダ ジロウ", "2019-05-01", "4000"),
        ];
        for (id, name, kana, birth, number) in people {
            let json = format!(
                r#"{{"resourceType":"Patient","name":[{{"text":"{name}"}},{{"text":"{kana}"}}],
                   "birthDate":"{birth}","identifier":[{{"value":"{number}"}}]}}"#
            );
            let row = patient_row(json.as_bytes()).expect("a patient");
            search.insert(PatientId([id; 16]), [&row]);
        }
        search
    }

    fn check(query: &str, expected: &[u8]) {
        let found: Vec<u8> = people().search(query).iter().map(|hit| hit.id.0[0]).collect();
        assert_eq!(found, expected, "{query}");
    }

    #[test]
    fn names_are_found_as_people_type_them() {
        check("山田", &[1, 2, 4]);
        check("山田 太郎", &[1]);
        check("山田太郎", &[1]);
        check("やまだ", &[1, 2, 4]);
        check("ヤマダ　ハナコ", &[2]);
        check("はなこ", &[2]);
        check("高崎", &[3]);
        check("きようこ", &[3]);
        check("ﾀﾛｳ", &[1]);
        check("ロウ", &[4, 1]);
        check("鈴木", &[]);
        check("", &[]);
        check("　", &[]);
    }

    #[test]
    fn numbers_are_found_with_and_without_leading_zeros() {
        check("00000010", &[1]);
        check("10", &[1]);
        check("a-2002", &[2]);
        check("Ａ－２００２", &[2]);
        check("40", &[4]);
    }

    #[test]
    fn dates_of_birth_are_found_in_every_form() {
        for query in [
            "1950-03-04",
            "1950/3/4",
            "19500304",
            "S25.3.4",
            "s25/3/4",
            "昭和25年3月4日",
            "昭和２５年３月４日",
        ] {
            check(query, &[1]);
        }
        check("1950年3月", &[3, 1]);
        check("昭和25年", &[3, 1]);
        check("令和元年5月1日", &[4]);
        check("R1.5.1", &[4]);
        check("やまだ 1952-11-30", &[2]);
    }

    #[test]
    fn a_patient_can_be_replaced_and_taken_out() {
        let mut search = people();
        let row =
            patient_row(r#"{"resourceType":"Patient","name":[{"text":"鈴木 一"}]}"#.as_bytes());
        search.insert(PatientId([1; 16]), [&row.expect("a patient")]);
        assert_eq!(search.search("太郎").len(), 0);
        assert_eq!(search.search("鈴木").len(), 1);
        search.remove(&PatientId([1; 16]));
        assert_eq!((search.search("鈴木").len(), search.len()), (0, 3));
    }
}
