//! Medians with their spread, and figures in their units.

/// The middle, the least and the most of some values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) least: f64,
    pub(super) most: f64,
}

impl Spread {
    /// Of some values; `None` of none.
    pub(super) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (least, most) = (*values.first()?, *values.last()?);
        let middle = values.len() / 2;
        let median = match values.len() % 2 {
            0 => (values[middle - 1] + values[middle]) / 2.0,
            _ => values[middle],
        };
        Some(Self { median, least, most })
    }

    /// The median, and the spread where there is one.
    pub(super) fn words(self, unit: fn(f64) -> String) -> String {
        let (median, least, most) = (unit(self.median), unit(self.least), unit(self.most));
        if least == most { median } else { format!("{median} ({least}–{most})") }
    }
}

/// A length of time.
pub(super) fn time(seconds: f64) -> String {
    match seconds {
        s if s >= 99.5 => format!("{s:.0} s"),
        s if s >= 9.95 => format!("{s:.1} s"),
        s if s >= 0.9995 => format!("{s:.2} s"),
        s if s >= 0.01 => format!("{:.0} ms", s * 1e3),
        s => format!("{:.1} ms", s * 1e3),
    }
}

/// A number of bytes.
pub(super) fn bytes(count: f64) -> String {
    match count {
        c if c >= 1e9 => format!("{:.2} GB", c / 1e9),
        c if c >= 1e8 => format!("{:.0} MB", c / 1e6),
        c if c >= 1e6 => format!("{:.1} MB", c / 1e6),
        c if c >= 1e4 => format!("{:.0} kB", c / 1e3),
        c if c >= 1e3 => format!("{:.1} kB", c / 1e3),
        c => format!("{c:.0} B"),
    }
}

/// A count with its thousands apart.
pub(super) fn amount(value: usize) -> String {
    let digits = value.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_said_in_their_units() {
        assert_eq!(
            [time(0.0042), time(0.42), time(4.2), time(420.0)],
            ["4.2 ms", "420 ms", "4.20 s", "420 s"]
        );
        assert_eq!([bytes(42.0), bytes(4_200.0), bytes(42e6)], ["42 B", "4.2 kB", "42.0 MB"]);
        assert_eq!(amount(1_234_567), "1,234,567");
    }

    #[test]
    fn a_spread_is_said_where_there_is_one() {
        let spread = Spread::of([3.0, 1.0, 2.0]).unwrap();
        assert_eq!(spread.words(time), "2.00 s (1.00 s–3.00 s)");
        assert_eq!(Spread::of([2.0]).unwrap().words(time), "2.00 s");
        assert_eq!(Spread::of([1.0, 2.0]).unwrap().median, 1.5);
        assert!(Spread::of([]).is_none());
    }
}
