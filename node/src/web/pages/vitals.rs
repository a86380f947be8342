//! Vitals: their fields, their units, and the checks that catch a slip of the thumb.

use super::super::i18n::{Lang, Word};
use super::super::model::Vitals;
use super::super::visitor::Fields;
use crate::typed::VITAL;

/// One measurement: field, word, unit, and the values that a living person can have.
pub(super) struct Measure {
    pub(super) name: &'static str,
    pub(super) word: Word,
    pub(super) unit: &'static str,
    least: f64,
    most: f64,
}

/// In the order of the form.
pub(super) const MEASURES: [Measure; 6] = [
    Measure { name: "temperature", word: Word::Temperature, unit: "°C", least: 20.0, most: 45.0 },
    Measure { name: "systolic", word: Word::Systolic, unit: "mmHg", least: 20.0, most: 320.0 },
    Measure { name: "diastolic", word: Word::Diastolic, unit: "mmHg", least: 10.0, most: 250.0 },
    Measure { name: "pulse", word: Word::Pulse, unit: "/分", least: 10.0, most: 350.0 },
    Measure { name: "spo2", word: Word::Spo2, unit: "%", least: 20.0, most: 100.0 },
    Measure { name: "respiration", word: Word::Respiration, unit: "/分", least: 1.0, most: 120.0 },
];

/// The value of a measurement.
pub(super) fn of<'a>(vitals: &'a Vitals, name: &str) -> &'a str {
    match name {
        "temperature" => &vitals.temperature,
        "systolic" => &vitals.systolic,
        "diastolic" => &vitals.diastolic,
        "pulse" => &vitals.pulse,
        "spo2" => &vitals.spo2,
        _ => &vitals.respiration,
    }
}

/// The unit as a language writes it.
pub(super) fn unit(lang: Lang, measure: &Measure) -> &'static str {
    if measure.unit == "/分" { lang.t(Word::PerMinute) } else { measure.unit }
}

/// Reads the form as typed, full-width digits made narrow.
pub(super) fn read(fields: &Fields) -> Vitals {
    let number = |name| narrow(fields.one(name));
    Vitals {
        temperature: number("temperature"),
        systolic: number("systolic"),
        diastolic: number("diastolic"),
        pulse: number("pulse"),
        spo2: number("spo2"),
        respiration: number("respiration"),
    }
}

/// What is wrong with the measurements, in words; the first of it.
pub(super) fn problem(lang: Lang, vitals: &Vitals) -> Option<String> {
    MEASURES.iter().find_map(|measure| {
        let text = of(vitals, measure.name);
        if text.is_empty() {
            return None;
        }
        let word = match plain_number(text) {
            None => Word::ErrNumber,
            Some(number) if !(measure.least..=measure.most).contains(&number) => Word::ErrRange,
            Some(_) => return None,
        };
        Some(lang.fill(word, &[lang.t(measure.word)]))
    })
}

/// Digits with at most one point, as a thermometer shows them; no signs, no exponents.
fn plain_number(text: &str) -> Option<f64> {
    let plain =
        text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') && text.len() <= VITAL.max;
    text.parse().ok().filter(|_| plain && text.starts_with(|c: char| c.is_ascii_digit()))
}

fn narrow(text: &str) -> String {
    let narrow = text.chars().take(32).map(|c| match c {
        '０'..='９' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
        '．' | '。' => '.',
        other => other,
    });
    narrow.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_taken_as_typed_and_slips_are_caught() {
        assert_eq!(narrow("３６．８"), "36.8");
        let check = |temperature: &str, wrong: bool| {
            let vitals = Vitals { temperature: temperature.to_owned(), ..Vitals::default() };
            assert_eq!(problem(Lang::Ja, &vitals).is_some(), wrong, "{temperature}");
        };
        for right in ["", "36.8", "36", "36.80"] {
            check(right, false);
        }
        for wrong in ["368", "36,8", "-36", "3e1", "NaN", ".5", "三十六", "36.8.1"] {
            check(wrong, true);
        }
    }
}
