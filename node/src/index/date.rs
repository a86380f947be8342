//! Days and times of care, as precise as the record states them.
//!
//! The network is in Japan, which has one time zone and no summer time: moments with an offset are shown in
//! Japan's time, so that one timeline has one order.

use azalea_core::id::Timestamp;
use azalea_core::wire::{Reader, Wire, WireError, Writer};
use jiff::civil;

/// Japan's offset from UTC in milliseconds.
pub const JAPAN_OFFSET_MS: i64 = 9 * 3_600_000;

/// A year, a month of a year, or a day: `yyyymmdd` with 00 for what is not stated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(u32);

impl Day {
    /// From `yyyymmdd`; a month or day of 00 is "not stated". Dates that no calendar has are refused.
    pub fn from_number(number: u32) -> Option<Self> {
        let (year, month, day) = (number / 10_000, number / 100 % 100, number % 100);
        let known = match (month, day) {
            (0, 0) => (1..=9999).contains(&year),
            (1..=12, 0) => (1..=9999).contains(&year),
            _ => civil_date(year, month, day).is_some(),
        };
        known.then_some(Self(number))
    }

    /// From a whole calendar date.
    pub fn new(year: u16, month: u8, day: u8) -> Option<Self> {
        let (month, day) = (u32::from(month), u32::from(day));
        civil_date(u32::from(year), month, day)?;
        Some(Self(u32::from(year) * 10_000 + month * 100 + day))
    }

    /// From a FHIR `date`: `1950`, `1950-03` or `1950-03-04`.
    pub fn from_fhir(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '-').map(digits);
        let year = parts.next()??;
        let month = parts.next().map_or(Some(0), |part| part)?;
        let day = parts.next().map_or(Some(0), |part| part)?;
        Self::from_number(year * 10_000 + month * 100 + day)
    }

    /// The day in Japan at a moment.
    pub fn at(moment: Timestamp) -> Self {
        CareTime::at(moment).day
    }

    /// `yyyymmdd`, as indexes sort it.
    pub fn number(self) -> u32 {
        self.0
    }

    /// The year.
    pub fn year(self) -> u32 {
        self.0 / 10_000
    }

    /// The month, where stated.
    pub fn month(self) -> Option<u32> {
        Some(self.0 / 100 % 100).filter(|month| *month > 0)
    }

    /// The day of the month, where stated.
    pub fn day(self) -> Option<u32> {
        Some(self.0 % 100).filter(|day| *day > 0)
    }

    /// The calendar date, where the whole of it is stated.
    pub fn civil(self) -> Option<civil::Date> {
        civil_date(self.year(), self.month()?, self.day()?)
    }

    /// Whole years from this day to `today`; a birth of which only the year is known counts from its first day.
    pub fn years_until(self, today: Day) -> Option<u32> {
        let years = today.year().checked_sub(self.year())?;
        let reached = today.0 % 10_000 >= self.0 % 10_000;
        if reached { Some(years) } else { years.checked_sub(1) }
    }
}

/// A day, with a time where the record states one (minutes since midnight in Japan).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CareTime {
    /// The day.
    pub day: Day,
    /// Minutes since midnight.
    pub minute: Option<u16>,
}

impl CareTime {
    /// From a FHIR `date`, `dateTime` or `instant`.
    pub fn from_fhir(text: &str) -> Option<Self> {
        let Some((date, time)) = text.split_once('T') else {
            return Day::from_fhir(text).map(|day| Self { day, minute: None });
        };
        let day = Day::from_fhir(date)?;
        let (hour, minute) = (digits(time.get(..2)?)?, digits(time.get(3..5)?)?);
        if hour > 23 || minute > 59 {
            return Some(Self { day, minute: None });
        }
        let stated = Self { day, minute: u16::try_from(hour * 60 + minute).ok() };
        Some(match offset_minutes(time.get(5..).unwrap_or_default()) {
            Some(offset) => stated.shifted(9 * 60 - offset).unwrap_or(stated),
            None => stated,
        })
    }

    /// The time in Japan at a moment.
    pub fn at(moment: Timestamp) -> Self {
        let ms = i64::try_from(moment.0).unwrap_or(i64::MAX).saturating_add(JAPAN_OFFSET_MS);
        let days = i32::try_from(ms.div_euclid(86_400_000)).unwrap_or(0);
        let date = civil::date(1970, 1, 1)
            .checked_add(jiff::Span::new().days(days.min(2_900_000)))
            .unwrap_or(civil::Date::MAX);
        let minute = u16::try_from(ms.rem_euclid(86_400_000) / 60_000).ok();
        Self { day: from_civil(date), minute }
    }

    fn shifted(self, minutes: i32) -> Option<Self> {
        let at = i32::from(self.minute?) + minutes;
        let date = self.day.civil()?;
        let date = date.checked_add(jiff::Span::new().days(at.div_euclid(1_440))).ok()?;
        Some(Self { day: from_civil(date), minute: u16::try_from(at.rem_euclid(1_440)).ok() })
    }
}

impl Wire for Day {
    fn write(&self, writer: &mut Writer) {
        writer.u32(self.0);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Self::from_number(reader.u32("day")?).ok_or(WireError::Invalid { field: "day" })
    }
}

impl Wire for CareTime {
    fn write(&self, writer: &mut Writer) {
        self.day.write(writer);
        writer.u16(self.minute.unwrap_or(u16::MAX));
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let day = Day::read(reader)?;
        match reader.u16("minute")? {
            u16::MAX => Ok(Self { day, minute: None }),
            minute if minute < 1_440 => Ok(Self { day, minute: Some(minute) }),
            _ => Err(WireError::Invalid { field: "minute" }),
        }
    }
}

fn civil_date(year: u32, month: u32, day: u32) -> Option<civil::Date> {
    let (year, month, day) = (year.try_into().ok()?, month.try_into().ok()?, day.try_into().ok()?);
    civil::Date::new(year, month, day).ok().filter(|date| date.year() > 0)
}

fn from_civil(date: civil::Date) -> Day {
    let year = u32::from(date.year().unsigned_abs());
    Day(year * 10_000
        + u32::from(date.month().unsigned_abs()) * 100
        + u32::from(date.day().unsigned_abs()))
}

/// The offset that ends a time, in minutes; `None` where the time states none.
fn offset_minutes(rest: &str) -> Option<i32> {
    if rest.ends_with('Z') {
        return Some(0);
    }
    let at = rest.rfind(['+', '-'])?;
    let (hours, minutes) = rest[at + 1..].split_once(':')?;
    let minutes = i32::try_from(digits(hours)? * 60 + digits(minutes)?).ok()?;
    Some(if rest[at..].starts_with('-') { -minutes } else { minutes })
}

fn digits(text: &str) -> Option<u32> {
    if text.is_empty() || text.len() > 4 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, day: u32, minute: Option<u16>) {
        let time = CareTime::from_fhir(text).expect("the text is a FHIR time");
        assert_eq!((time.day.number(), time.minute), (day, minute), "{text}");
    }

    #[test]
    fn a_time_is_as_precise_as_it_is_written_and_in_japan() {
        check("1950", 19500000, None);
        check("1950-03", 19500300, None);
        check("1950-03-04", 19500304, None);
        check("2021-10-19T17:39:00+09:00", 20211019, Some(17 * 60 + 39));
        check("2021-12-31T20:00:00Z", 20220101, Some(5 * 60));
        check("1972-02-03T16:48:38-05:00", 19720204, Some(6 * 60 + 48));
        check("2021-10-19T17:39:00.123+09:00", 20211019, Some(17 * 60 + 39));
    }

    #[test]
    fn what_no_calendar_has_is_no_date() {
        for text in
            ["", "1950-13", "1950-02-30", "19500304", "あ", "-1-2-3", "1950-3-4T", "2020-01-01T1"]
        {
            assert_eq!(CareTime::from_fhir(text), None, "{text}");
        }
    }

    #[test]
    fn a_birthday_counts_on_its_day() {
        let birth = Day::from_number(19500304).expect("a date");
        let years = |today| birth.years_until(Day::from_number(today).expect("a date"));
        assert_eq!(years(20260303), Some(75));
        assert_eq!(years(20260304), Some(76));
        assert_eq!(years(19490101), None);
    }

    #[test]
    fn a_moment_is_shown_in_japan() {
        let time = CareTime::at(Timestamp(1_763_769_600_000));
        assert_eq!((time.day.number(), time.minute), (20251122, Some(9 * 60)));
    }

    #[test]
    fn a_time_survives_its_binary_form() {
        for text in ["1950", "2021-10-19T17:39:00+09:00"] {
            let time = CareTime::from_fhir(text).expect("a time");
            assert_eq!(CareTime::from_bytes(&time.to_bytes()), Ok(time));
        }
        assert!(CareTime::from_bytes(&[0, 0, 0, 0, 0, 0]).is_err());
    }
}
