//! What the demo says, Japanese first.

/// A language of the control page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lang {
    /// 日本語
    Ja,
    /// English
    En,
}

impl Lang {
    /// The tag for `lang=` and the address.
    pub fn tag(self) -> &'static str {
        match self {
            Self::Ja => "ja",
            Self::En => "en",
        }
    }

    /// The language of a tag; Japanese unless told otherwise.
    pub fn of(tag: Option<&str>) -> Self {
        if tag == Some("en") { Self::En } else { Self::Ja }
    }

    /// One of two wordings.
    pub fn t(self, japanese: &'static str, english: &'static str) -> &'static str {
        match self {
            Self::Ja => japanese,
            Self::En => english,
        }
    }
}

/// The region's clocks, which the screens show too, wherever the demo runs.
pub(crate) fn japan() -> jiff::tz::TimeZone {
    jiff::tz::offset(9).to_time_zone()
}

/// Now, by the region's clocks.
pub(crate) fn now() -> jiff::Zoned {
    jiff::Timestamp::now().to_zoned(japan())
}

pub(crate) const BUILDING: &str =
    "azalea と azalea-relay を用意しています / building azalea and azalea-relay";
pub(crate) const CLOSING: &str =
    "終了し、作成したものを削除しました / ended, and what was made is removed";
