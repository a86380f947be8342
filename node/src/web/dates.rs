//! Days and times as people here read them: weekday, era for a birth, Japan's time.

use azalea_core::id::Timestamp;
use jiff::civil::Weekday;

use super::i18n::{Lang, Word};
use crate::index::{CareTime, Day};

/// Eras by their first day.
const ERAS: [(u32, &str, u32); 5] = [
    (20190501, "令和", 2018),
    (19890108, "平成", 1988),
    (19261225, "昭和", 1925),
    (19120730, "大正", 1911),
    (18680125, "明治", 1867),
];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A day with its weekday: `2026/03/04(水)`, `Wed 4 Mar 2026`; less where less is stated.
pub(super) fn day(lang: Lang, day: Day) -> String {
    let weekday = day.civil().map(|date| weekday(lang, date.weekday()));
    match (lang, day.month(), day.day()) {
        (Lang::Ja, Some(month), Some(date)) => {
            format!("{}/{month:02}/{date:02}({})", day.year(), weekday.unwrap_or_default())
        }
        (Lang::Ja, Some(month), None) => format!("{}/{month:02}", day.year()),
        (Lang::Ja, None, _) => format!("{}年", day.year()),
        (Lang::En, Some(month), Some(date)) => {
            format!("{} {date} {} {}", weekday.unwrap_or_default(), month_name(month), day.year())
        }
        (Lang::En, Some(month), None) => format!("{} {}", month_name(month), day.year()),
        (Lang::En, None, _) => day.year().to_string(),
    }
}

/// A day in the least room: `26/03/04`, `4 Mar 26`.
pub(super) fn short(lang: Lang, day: Day) -> String {
    let year = day.year() % 100;
    match (lang, day.month(), day.day()) {
        (Lang::Ja, Some(month), Some(date)) => format!("{year:02}/{month:02}/{date:02}"),
        (Lang::En, Some(month), Some(date)) => format!("{date} {} {year:02}", month_name(month)),
        _ => self::day(lang, day),
    }
}

/// A time of care: the day, with the time where one is stated.
pub(super) fn care(lang: Lang, at: CareTime) -> String {
    match at.minute {
        Some(minute) => format!("{} {}", day(lang, at.day), clock(minute)),
        None => day(lang, at.day),
    }
}

/// A date of birth: `昭和25年(1950)3月4日`, `4 Mar 1950`.
pub(super) fn birth(lang: Lang, day: Day) -> String {
    if lang == Lang::En {
        return match (day.month(), day.day()) {
            (Some(month), Some(date)) => format!("{date} {} {}", month_name(month), day.year()),
            _ => self::day(lang, day),
        };
    }
    let rest = match (day.month(), day.day()) {
        (Some(month), Some(date)) => format!("{month}月{date}日"),
        (Some(month), None) => format!("{month}月"),
        (None, _) => String::new(),
    };
    match era_year(day) {
        Some(era) => format!("{era}年({}){rest}", day.year()),
        None => format!("{}年{rest}", day.year()),
    }
}

/// `76歳`; in months up to the first birthday.
pub(super) fn age(lang: Lang, birth: Day, today: Day) -> Option<String> {
    let years = birth.years_until(today)?;
    if years > 0 || birth.month().is_none() {
        return Some(lang.count(Word::YearsOld, years));
    }
    let month_of = |day: Day| day.year() * 12 + day.month().unwrap_or(1);
    let begun = u32::from(today.day().unwrap_or(1) < birth.day().unwrap_or(1));
    let months = month_of(today).checked_sub(month_of(birth))?.saturating_sub(begun);
    Some(lang.count(Word::MonthsOld, months))
}

/// A moment as one says it now: `09:42` today, `火曜 09:42` within six days, `10/03 09:42` within the year.
pub(super) fn moment(lang: Lang, at: Timestamp, now: Timestamp) -> String {
    let (then, today) = (CareTime::at(at), CareTime::at(now));
    let time = clock(then.minute.unwrap_or_default());
    if then.day == today.day {
        return time;
    }
    format!("{} {time}", day_since(lang, at, now))
}

/// The day of a moment as one says it now: `今日`… is the time itself, `火曜` within six days, else a date.
pub(super) fn day_since(lang: Lang, at: Timestamp, now: Timestamp) -> String {
    let (then, today) = (CareTime::at(at).day, CareTime::at(now).day);
    if then == today {
        return clock(CareTime::at(at).minute.unwrap_or_default());
    }
    let weekday = then.civil().map(|date| long_weekday(lang, date.weekday()));
    let days = now.since_ms(at) / 86_400_000;
    match (days, weekday) {
        (0..6, Some(weekday)) if at <= now => weekday.to_owned(),
        _ if then.year() == today.year() => match lang {
            Lang::Ja => format!("{}/{}", then.month().unwrap_or(1), then.day().unwrap_or(1)),
            Lang::En => {
                format!("{} {}", then.day().unwrap_or(1), month_name(then.month().unwrap_or(1)))
            }
        },
        _ => day(lang, then),
    }
}

/// A moment in full: `2026/03/04(水) 09:42`.
pub(super) fn full(lang: Lang, at: Timestamp) -> String {
    care(lang, CareTime::at(at))
}

/// A moment to the second, for logs.
pub(super) fn exact(lang: Lang, at: Timestamp) -> String {
    format!("{}:{:02}", full(lang, at), at.0 / 1_000 % 60)
}

fn clock(minute: u16) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

fn era_year(day: Day) -> Option<String> {
    // A year of which the month is not known belongs to the era that it ended in.
    let number =
        if day.month().is_none() { day.year() * 10_000 + 1231 } else { day.number().max(1) };
    let (_, name, before_first) = ERAS.iter().find(|(first, ..)| number >= *first)?;
    let year = day.year() - before_first;
    Some(if year == 1 { format!("{name}元") } else { format!("{name}{year}") })
}

fn month_name(month: u32) -> &'static str {
    let at = usize::try_from(month).unwrap_or(1).saturating_sub(1);
    MONTHS.get(at).copied().unwrap_or_default()
}

fn weekday(lang: Lang, weekday: Weekday) -> &'static str {
    const NAMES: [(&str, &str); 7] = [
        ("月", "Mon"),
        ("火", "Tue"),
        ("水", "Wed"),
        ("木", "Thu"),
        ("金", "Fri"),
        ("土", "Sat"),
        ("日", "Sun"),
    ];
    pick(lang, &NAMES, weekday)
}

fn long_weekday(lang: Lang, weekday: Weekday) -> &'static str {
    const NAMES: [(&str, &str); 7] = [
        ("月曜", "Monday"),
        ("火曜", "Tuesday"),
        ("水曜", "Wednesday"),
        ("木曜", "Thursday"),
        ("金曜", "Friday"),
        ("土曜", "Saturday"),
        ("日曜", "Sunday"),
    ];
    pick(lang, &NAMES, weekday)
}

fn pick(lang: Lang, names: &[(&'static str, &'static str); 7], weekday: Weekday) -> &'static str {
    let at = usize::from(weekday.to_monday_zero_offset().unsigned_abs());
    let (ja, en) = names[at.min(6)];
    if lang == Lang::Ja { ja } else { en }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sunday 22 November 2026, 18:42 in Japan.
    const NOW: Timestamp = Timestamp(1_795_340_520_000);

    fn of(number: u32) -> Day {
        Day::from_number(number).expect("a day")
    }

    #[test]
    fn a_birth_is_told_by_era() {
        let check = |number, expected: &str| assert_eq!(birth(Lang::Ja, of(number)), expected);
        check(19500304, "昭和25年(1950)3月4日");
        check(20190501, "令和元年(2019)5月1日");
        check(20190430, "平成31年(2019)4月30日");
        check(19261224, "大正15年(1926)12月24日");
        check(19500000, "昭和25年(1950)");
        check(18000101, "1800年1月1日");
        assert_eq!(birth(Lang::En, of(19500304)), "4 Mar 1950");
    }

    #[test]
    fn a_day_has_its_weekday() {
        assert_eq!(day(Lang::Ja, of(20260304)), "2026/03/04(水)");
        assert_eq!(day(Lang::En, of(20260304)), "Wed 4 Mar 2026");
        assert_eq!(day(Lang::Ja, of(20260300)), "2026/03");
    }

    #[test]
    fn ages_are_years_or_months() {
        let today = of(20261122);
        assert_eq!(age(Lang::Ja, of(19500304), today).as_deref(), Some("76歳"));
        assert_eq!(age(Lang::Ja, of(20260823), today).as_deref(), Some("2か月"));
        assert_eq!(age(Lang::En, of(19500000), today).as_deref(), Some("76 y"));
        assert_eq!(age(Lang::Ja, of(20300101), today), None);
    }

    #[test]
    fn a_moment_is_told_from_now() {
        let before = |ms: u64| Timestamp(NOW.0 - ms);
        let hour = 3_600_000;
        assert_eq!(moment(Lang::Ja, before(9 * hour), NOW), "09:42");
        assert_eq!(moment(Lang::Ja, before(5 * 24 * hour), NOW), "火曜 18:42");
        assert_eq!(day_since(Lang::En, before(5 * 24 * hour), NOW), "Tuesday");
        assert_eq!(day_since(Lang::Ja, before(30 * 24 * hour), NOW), "10/23");
        assert_eq!(moment(Lang::Ja, before(400 * 24 * hour), NOW), "2025/10/18(土) 18:42");
    }
}
