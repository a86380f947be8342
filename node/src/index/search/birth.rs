//! Dates of birth as people here type them: western or by era, with signs or bare.

use super::super::date::Day;

/// Eras by name and letter, with the year before their first and the year they end in.
const ERAS: [(&str, char, u32, u32); 5] = [
    ("明治", 'm', 1867, 1912),
    ("大正", 't', 1911, 1926),
    ("昭和", 's', 1925, 1989),
    ("平成", 'h', 1988, 2019),
    ("令和", 'r', 2018, 9999),
];

/// The day, month or year that a text states: `1950-03-04`, `1950/3/4`, `19500304`, `S25.3.4`, `S250304`,
/// `昭和25年3月4日`, `昭和25年`, `1950年3月`. A bare year of four digits is more likely a number, so it is none.
pub fn parse_birth(text: &str) -> Option<Day> {
    let text = plain(text);
    let (first, rest) = match era(&text) {
        Some((era, rest)) => (Some(era), rest),
        None => (None, text.as_str()),
    };
    let numbers = numbers(rest)?;
    match (first, numbers.as_slice()) {
        (None, [Field { value, digits: 8, .. }]) => Day::from_number(*value),
        (None, [Field { sign: None, .. }]) => None,
        (None, [year, rest @ ..]) if year.digits == 4 => day(year.value, rest),
        (Some(era), [Field { value, digits: 5 | 6, .. }]) => {
            Day::from_number(era.year(value / 10_000)? * 10_000 + value % 10_000)
        }
        (Some(era), [year, rest @ ..]) if year.digits <= 2 => day(era.year(year.value)?, rest),
        _ => None,
    }
}

struct Era {
    before_first: u32,
    last: u32,
}

impl Era {
    fn year(&self, year: u32) -> Option<u32> {
        let year = self.before_first + year;
        (year > self.before_first && year <= self.last).then_some(year)
    }
}

struct Field {
    value: u32,
    digits: usize,
    sign: Option<char>,
}

fn day(year: u32, rest: &[Field]) -> Option<Day> {
    let at = |index: usize| rest.get(index).map_or(0, |field| field.value);
    if rest.len() > 2
        || rest.iter().any(|field| field.digits > 2)
        || rest.iter().any(|it| it.value == 0)
    {
        return None;
    }
    Day::from_number(year * 10_000 + at(0) * 100 + at(1))
}

/// ASCII digits and letters, no spaces, 元年 as year 1.
fn plain(text: &str) -> String {
    let narrow = text.chars().filter(|c| !c.is_whitespace()).map(|c| match c {
        '０'..='９' | 'Ａ'..='Ｚ' | 'ａ'..='ｚ' | '／' | '．' | '－' => {
            char::from_u32(c as u32 - 0xfee0).unwrap_or(c)
        }
        '元' => '1',
        '−' | '‐' | 'ー' => '-',
        other => other,
    });
    narrow.map(|c| c.to_ascii_lowercase()).collect()
}

fn era(text: &str) -> Option<(Era, &str)> {
    ERAS.iter().find_map(|(name, letter, before_first, last)| {
        let rest = text.strip_prefix(name).or_else(|| text.strip_prefix(*letter))?;
        Some((Era { before_first: *before_first, last: *last }, rest.trim_start_matches('.')))
    })
}

/// Numbers, each with the sign after it; anything else in the text makes it no date.
fn numbers(text: &str) -> Option<Vec<Field>> {
    let mut fields: Vec<Field> = Vec::new();
    let mut open = false;
    for c in text.chars() {
        match (c.to_digit(10), open) {
            (Some(digit), true) => {
                let field = fields.last_mut()?;
                field.value = field.value.checked_mul(10)?.checked_add(digit)?;
                field.digits += 1;
            }
            (Some(digit), false) => {
                fields.push(Field { value: digit, digits: 1, sign: None });
                open = true;
            }
            (None, true) if matches!(c, '-' | '/' | '.' | '年' | '月' | '日') => {
                fields.last_mut()?.sign = Some(c);
                open = false;
            }
            _ => return None,
        }
    }
    (!fields.is_empty() && fields.len() <= 3).then_some(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<u32>) {
        assert_eq!(parse_birth(text).map(Day::number), expected, "{text}");
    }

    #[test]
    fn every_form_of_a_day_is_the_same_day() {
        for text in [
            "1950-03-04",
            "1950/3/4",
            "1950.03.04",
            "1950年3月4日",
            "19500304",
            "S25.3.4",
            "s25-03-04",
            "S250304",
            "昭和25年3月4日",
            "昭和２５年０３月０４日",
        ] {
            check(text, Some(19500304));
        }
        check("令和元年5月1日", Some(20190501));
        check("H1.1.8", Some(19890108));
        check("昭和25年", Some(19500000));
        check("1950年3月", Some(19500300));
        check("明治45年7月29日", Some(19120729));
    }

    #[test]
    fn numbers_and_names_are_no_dates() {
        for text in [
            "1950",
            "00000010",
            "S99.1.1",
            "1950-13-01",
            "山田",
            "12-34",
            "S",
            "平成",
            "1950-03-04-05",
            "",
        ] {
            check(text, None);
        }
    }
}
