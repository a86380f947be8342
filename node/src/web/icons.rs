//! Small line drawings beside words, never instead of them.

use maud::{Markup, html};

/// A drawing on a 24 × 24 grid.
#[derive(Clone, Copy)]
pub(super) enum Icon {
    People,
    Link,
    Sync,
    Box,
    Log,
    Staff,
    Gear,
    Alert,
    Online,
    Offline,
    Clock,
    Check,
    Pen,
    Search,
    Exit,
    Pill,
    Flask,
    Bed,
    Page,
    Heart,
    Shield,
    Key,
    Globe,
    Dot,
}

impl Icon {
    fn path(self) -> &'static str {
        match self {
            Self::People => {
                "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 20c.4-3.6 3-6 6.5-6s6.1 2.4 6.5 6M16 4.5a3.2 3.2 0 0 1 0 6.1M17.5 14.3c2.3.7 3.8 2.8 4 5.7"
            }
            Self::Link => {
                "M10 14a4 4 0 0 0 6 .4l3-3a4.2 4.2 0 0 0-6-6l-1.5 1.5M14 10a4 4 0 0 0-6-.4l-3 3a4.2 4.2 0 0 0 6 6l1.5-1.5"
            }
            Self::Sync => {
                "M4 12a8 8 0 0 1 14-5.3L20 9M20 4v5h-5M20 12a8 8 0 0 1-14 5.3L4 15M4 20v-5h5"
            }
            Self::Box => "M3.5 7.5 12 3l8.5 4.5v9L12 21l-8.5-4.5zM3.5 7.5 12 12l8.5-4.5M12 12v9",
            Self::Log => "M6 3h12v18H6zM9 8h6M9 12h6M9 16h4",
            Self::Staff => {
                "M12 11a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.5 21c.5-4.2 3.5-7 7.5-7s7 2.8 7.5 7"
            }
            Self::Gear => {
                "M12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM12 3v3M12 18v3M3 12h3M18 12h3M5.6 5.6l2.2 2.2M16.2 16.2l2.2 2.2M5.6 18.4l2.2-2.2M16.2 7.8l2.2-2.2"
            }
            Self::Alert => "M12 3.5 2.5 20h19zM12 10v4.5M12 17.3v.2",
            Self::Online => {
                "M3 9.5a13 13 0 0 1 18 0M6 13a8.5 8.5 0 0 1 12 0M9 16.4a4.3 4.3 0 0 1 6 0M12 20v.1"
            }
            Self::Offline => {
                "M3 3l18 18M3 9.5a13 13 0 0 1 5-3M12.5 5.7A13 13 0 0 1 21 9.5M6 13a8.5 8.5 0 0 1 4-2.3M9 16.4a4.3 4.3 0 0 1 6 0M12 20v.1"
            }
            Self::Clock => "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 7v5.2l3.4 2",
            Self::Check => "M4.5 12.5l5 5 10-11",
            Self::Pen => "M4 20l1-4.5L16.5 4a2 2 0 0 1 3 3L8.5 19zM14.5 6l3.5 3.5",
            Self::Search => "M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM15.5 15.5 21 21",
            Self::Exit => "M14 4H5v16h9M10 12h11M17 8l4 4-4 4",
            Self::Pill => {
                "M10.5 4.5a4.6 4.6 0 0 1 6.5 6.5l-6 6a4.6 4.6 0 0 1-6.5-6.5zM7.5 7.5l6.5 6.5"
            }
            Self::Flask => {
                "M9.5 3h5M10.5 3v6L5 18.5A1.7 1.7 0 0 0 6.5 21h11a1.7 1.7 0 0 0 1.5-2.5L13.5 9V3M7.5 15h9"
            }
            Self::Bed => {
                "M3 6v13M3 15h18v4M21 15v-2.5a3 3 0 0 0-3-3h-7V15M7 12.5a1.8 1.8 0 1 0 0-3.6 1.8 1.8 0 0 0 0 3.6z"
            }
            Self::Page => "M6 3h8l4 4v14H6zM14 3v4h4M9 12h6M9 16h6",
            Self::Heart => "M3 12h4l2.5-6 4 12 2.5-6h5",
            Self::Shield => {
                "M12 3l7.5 2.5V11c0 5-3.2 8.3-7.5 10-4.3-1.7-7.5-5-7.5-10V5.5zM8.5 12l2.5 2.5 4.5-5"
            }
            Self::Key => "M8 15.5a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM12 11.5h9M18 11.5v3.5M15 11.5v2.5",
            Self::Globe => {
                "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM3 12h18M12 3c3 3 3.5 6 3.5 9s-.5 6-3.5 9c-3-3-3.5-6-3.5-9s.5-6 3.5-9z"
            }
            Self::Dot => "M12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6z",
        }
    }
}

/// The drawing, hidden from readers that speak: the word beside it says the same.
pub(super) fn icon(icon: Icon) -> Markup {
    html! {
        svg.icon viewBox="0 0 24 24" aria-hidden="true" focusable="false" { path d=(icon.path()) {} }
    }
}
