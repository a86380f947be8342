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

struct Keys {
    names: Vec<String>,
    parts: Vec<String>,
    numbers: Vec<String>,
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
        let whole = fold(&query);
        let mut hits: Vec<(Rank, &str, PatientId)> = self
            .patients
            .iter()
            .filter_map(|(id, keys)| Some((keys.rank(&whole, &words)?, keys.order.as_str(), *id)))
            .collect();
        hits.sort_unstable();
        hits.into_iter().map(|(rank, _, id)| SearchHit { id, rank }).collect()
    }
}

/// One word of a query, with the date that it may be.
struct Word {
    folded: String,
    birth: Option<Day>,
}

impl Word {
    fn all(query: &str) -> Vec<Self> {
        // A date may hold spaces of its own ("昭和25年 3月 4日").
        if let Some(birth) = parse_birth(query) {
            return vec![Self { folded: fold(query), birth: Some(birth) }];
        }
        query
            .split_whitespace()
            .map(|word| Self { folded: fold(word), birth: parse_birth(word) })
            .filter(|word| !word.folded.is_empty())
            .collect()
    }
}

impl Keys {
    fn empty() -> Self {
        Self {
            names: Vec::new(),
            parts: Vec::new(),
            numbers: Vec::new(),
            births: Vec::new(),
            order: String::new(),
        }
    }

    fn take(&mut self, row: &PatientRow) {
        let names =
            [Some(&row.name), row.kana.as_ref()].into_iter().flatten().chain(&row.other_names);
        for name in names {
            add(&mut self.names, fold(name));
            fold_parts(name).for_each(|part| add(&mut self.parts, part));
        }
        for identifier in &row.identifiers {
            let number = fold(&identifier.value);
            add(&mut self.numbers, number.trim_start_matches('0').to_owned());
            add(&mut self.numbers, number);
        }
        self.births.extend(row.birth.filter(|birth| !self.births.contains(birth)));
        if self.order.is_empty() {
            self.order = fold(row.kana.as_deref().unwrap_or(&row.name));
        }
    }

    /// The rank of the worst word; the whole query as one name may do better than its words.
    fn rank(&self, whole: &str, words: &[Word]) -> Option<Rank> {
        let together = if words.len() > 1 { self.rank_of(whole, None) } else { None };
        let apart = words.iter().map(|word| self.rank_of(&word.folded, word.birth));
        let apart = apart.reduce(|worst, rank| Some(worst?.max(rank?))).flatten();
        match (together, apart) {
            (Some(together), Some(apart)) => Some(together.min(apart)),
            (one, other) => one.or(other),
        }
    }

    fn rank_of(&self, word: &str, birth: Option<Day>) -> Option<Rank> {
        let whole = self.names.iter().chain(&self.numbers).any(|key| key == word);
        let born = birth.is_some_and(|birth| self.births.iter().any(|day| covers(birth, *day)));
        if whole || born {
            Some(Rank::Whole)
        } else if self.names.iter().chain(&self.numbers).any(|key| key.starts_with(word)) {
            Some(Rank::Front)
        } else if self.parts.iter().any(|part| part.starts_with(word)) {
            Some(Rank::Part)
        } else if self.names.iter().any(|name| name.contains(word)) {
            Some(Rank::Inside)
        } else {
            None
        }
    }
}

/// Whether a day lies in the year, month or day that was typed.
fn covers(typed: Day, day: Day) -> bool {
    typed.year() == day.year()
        && typed.month().is_none_or(|month| day.month() == Some(month))
        && typed.day().is_none_or(|date| day.day() == Some(date))
}

fn add(keys: &mut Vec<String>, key: String) {
    if !key.is_empty() && !keys.contains(&key) {
        keys.push(key);
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
