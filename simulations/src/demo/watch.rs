//! What is seen while the demo runs: the state of each facility, and what changed when.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde_json::Value;

use super::words::{Lang, now};
use crate::population::Test;

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// We cut a line.
    Cut {
        /// Whose.
        place: usize,
    },
    /// We restored a line.
    Restored {
        /// Whose.
        place: usize,
    },
    /// We put a result into a hospital's inbox.
    Added {
        /// Where.
        place: usize,
        /// Which test.
        test: &'static Test,
        /// What it measured.
        value: f64,
    },
    /// A node noticed that it has no connection.
    Offline {
        /// Which.
        place: usize,
        /// Seconds since its line was cut.
        after_seconds: Option<u64>,
    },
    /// A node is connected again.
    Online {
        /// Which.
        place: usize,
        /// Seconds since its line was restored.
        after_seconds: Option<u64>,
    },
    /// A node has written what the relay does not have yet.
    Unsent {
        /// Which.
        place: usize,
        /// How much.
        count: u64,
    },
    /// Everything of a node has reached the relay.
    Sent {
        /// Which.
        place: usize,
    },
    /// A node has received from another.
    Received {
        /// Who received.
        place: usize,
        /// From whom.
        from: Publisher,
        /// How many envelopes.
        count: u64,
    },
    /// A process has ended by itself.
    Gone {
        /// Which; the relay if none.
        place: Option<usize>,
    },
}

/// From whom something came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Publisher {
    /// One of the facilities on the page.
    Place(usize),
    /// Somebody else, by the name that the node gives.
    Other(String),
}

impl Publisher {
    fn name<'n>(&'n self, names: &[&'n str]) -> &'n str {
        match self {
            Self::Place(place) => names[*place],
            Self::Other(name) => name,
        }
    }
}

/// A facility as its node last told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The connection to the relay; `None` before the first look.
    pub link: Option<Link>,
    /// 未送信
    pub unsent: u64,
    /// When something last came or went, as the node says it.
    pub last_sync: Option<String>,
    /// Envelopes held, by publisher.
    pub held: BTreeMap<String, u64>,
    /// Whether its process has ended.
    pub gone: bool,
}

/// The connection to the relay as the node sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// 連携中
    Connected,
    /// On the way.
    Connecting,
    /// オフライン
    Offline,
}

/// One line of the list.
#[derive(Clone, Debug)]
pub struct Told {
    /// The number of the line, from 1.
    pub number: u64,
    /// Clock time.
    pub at: String,
    /// What.
    pub event: Event,
}

/// The memory of what was seen.
#[derive(Debug)]
pub struct Watch {
    /// The facilities' names as the nodes know them.
    names: Vec<&'static str>,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    seen: Vec<Seen>,
    switched: Vec<Option<Instant>>,
    told: VecDeque<Told>,
    count: u64,
    relay_gone: bool,
}

impl Watch {
    /// A memory for facilities of these names.
    pub fn new(names: Vec<&'static str>) -> Self {
        let facilities = names.len();
        Self {
            names,
            inner: Mutex::new(Inner {
                seen: vec![Seen::default(); facilities],
                switched: vec![None; facilities],
                told: VecDeque::new(),
                count: 0,
                relay_gone: false,
            }),
        }
    }

    /// Writes an event down.
    pub fn tell(&self, event: Event) {
        let mut inner = self.lock();
        if let Event::Cut { place } | Event::Restored { place } = event {
            inner.switched[place] = Some(Instant::now());
        }
        inner.tell(event);
    }

    /// Compares what a node says with what it said before.
    pub fn see(&self, place: usize, status: &Value) {
        let now = read(status);
        let mut inner = self.lock();
        let before = std::mem::replace(&mut inner.seen[place], now.clone());
        let since = inner.switched[place].map(|at| at.elapsed().as_secs());
        let known = before.link.is_some();
        match (before.link, now.link) {
            (Some(Link::Connected), Some(Link::Connecting | Link::Offline)) => {
                inner.tell(Event::Offline { place, after_seconds: since });
            }
            (Some(Link::Connecting | Link::Offline), Some(Link::Connected)) => {
                inner.tell(Event::Online { place, after_seconds: since });
            }
            _ => {}
        }
        if now.unsent > before.unsent {
            inner.tell(Event::Unsent { place, count: now.unsent });
        } else if before.unsent > 0 && now.unsent == 0 {
            inner.tell(Event::Sent { place });
        }
        for (from, &count) in &now.held {
            let had = before.held.get(from).copied().unwrap_or(0);
            if known && count > had {
                let known = self.names.iter().position(|name| name == from);
                let from = known.map_or_else(|| Publisher::Other(from.clone()), Publisher::Place);
                let event = Event::Received { place, from, count: count - had };
                inner.tell(event);
            }
        }
    }

    /// A node's process has ended.
    pub fn gone(&self, place: usize) {
        let mut inner = self.lock();
        if !std::mem::replace(&mut inner.seen[place].gone, true) {
            inner.tell(Event::Gone { place: Some(place) });
        }
    }

    /// The relay's process has ended.
    pub fn relay_gone(&self) {
        let mut inner = self.lock();
        if !std::mem::replace(&mut inner.relay_gone, true) {
            inner.tell(Event::Gone { place: None });
        }
    }

    /// Everything as it is now, the newest event first.
    pub fn view(&self) -> (Vec<Seen>, Vec<Told>) {
        let inner = self.lock();
        (inner.seen.clone(), inner.told.iter().rev().cloned().collect())
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn tell(&mut self, event: Event) {
        self.count += 1;
        let at = now().strftime("%H:%M:%S").to_string();
        self.told.push_back(Told { number: self.count, at, event });
        if self.told.len() > EVENTS_MAX {
            self.told.pop_front();
        }
    }
}

impl Event {
    /// The event in words; `names` are the facilities' in the same language.
    pub fn words(&self, lang: Lang, names: &[&str]) -> String {
        let seconds = |after: Option<u64>| match (lang, after) {
            (_, None) => String::new(),
            (Lang::Ja, Some(after)) => format!("（{after}秒後）"),
            (Lang::En, Some(after)) => format!(" ({after} s later)"),
        };
        match (lang, self) {
            (Lang::Ja, Self::Cut { place }) => format!("{}の回線を切りました", names[*place]),
            (Lang::En, Self::Cut { place }) => format!("{}: line cut", names[*place]),
            (Lang::Ja, Self::Restored { place }) => {
                format!("{}の回線をつなぎました", names[*place])
            }
            (Lang::En, Self::Restored { place }) => format!("{}: line restored", names[*place]),
            (Lang::Ja, Self::Added { place, test, value }) => {
                format!(
                    "{}に検査結果が届きました：{} {value} {}",
                    names[*place], test.name, test.unit
                )
            }
            (Lang::En, Self::Added { place, test, value }) => {
                format!(
                    "{}: result from the laboratory, {} {value} {}",
                    names[*place], test.english, test.unit
                )
            }
            (Lang::Ja, Self::Offline { place, after_seconds }) => {
                format!("{}がオフラインに気づきました{}", names[*place], seconds(*after_seconds))
            }
            (Lang::En, Self::Offline { place, after_seconds }) => {
                format!("{} noticed that it is offline{}", names[*place], seconds(*after_seconds))
            }
            (Lang::Ja, Self::Online { place, after_seconds }) => {
                format!("{}が再びつながりました{}", names[*place], seconds(*after_seconds))
            }
            (Lang::En, Self::Online { place, after_seconds }) => {
                format!("{} is connected again{}", names[*place], seconds(*after_seconds))
            }
            (Lang::Ja, Self::Unsent { place, count }) => {
                format!("{}：未送信 {count} 件", names[*place])
            }
            (Lang::En, Self::Unsent { place, count }) => {
                format!("{}: {count} unsent", names[*place])
            }
            (Lang::Ja, Self::Sent { place }) => format!("{}：すべて送信しました", names[*place]),
            (Lang::En, Self::Sent { place }) => format!("{}: everything sent", names[*place]),
            (Lang::Ja, Self::Received { place, from, count }) => {
                format!("{}が{}から {count} 件受け取りました", names[*place], from.name(names))
            }
            (Lang::En, Self::Received { place, from, count }) => {
                format!("{} received {count} from {}", names[*place], from.name(names))
            }
            (Lang::Ja, Self::Gone { place: Some(place) }) => {
                format!("{}のプロセスが終了しました", names[*place])
            }
            (Lang::En, Self::Gone { place: Some(place) }) => {
                format!("{}: its process has ended", names[*place])
            }
            (Lang::Ja, Self::Gone { place: None }) => {
                "中継サーバのプロセスが終了しました".to_owned()
            }
            (Lang::En, Self::Gone { place: None }) => "the relay's process has ended".to_owned(),
        }
    }

    /// What kind of event it is, for its colour.
    pub fn tone(&self) -> &'static str {
        match self {
            Self::Cut { .. } | Self::Offline { .. } | Self::Gone { .. } => "off",
            Self::Restored { .. } | Self::Online { .. } => "on",
            Self::Added { .. } => "new",
            Self::Unsent { .. } => "wait",
            Self::Sent { .. } | Self::Received { .. } => "moved",
        }
    }
}

/// Reads the status that `azalea status --json` prints.
fn read(status: &Value) -> Seen {
    let link = match status["link"].as_str().or_else(|| status["link"]["state"].as_str()) {
        Some("connected") => Link::Connected,
        Some("connecting") => Link::Connecting,
        _ => Link::Offline,
    };
    let publishers = status["publishers"].as_array().into_iter().flatten();
    let held = publishers
        .filter_map(|each| {
            let name = each["name"].as_str().or_else(|| each["facility"]["name"].as_str())?;
            Some((name.to_owned(), each["held"].as_u64()?))
        })
        .collect();
    Seen {
        link: Some(link),
        unsent: status["unsent"].as_u64().unwrap_or(0),
        last_sync: status["last_sync"].as_str().map(str::to_owned),
        held,
        gone: false,
    }
}

/// The list forgets what is older.
const EVENTS_MAX: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_become_events() {
        let watch = Watch::new(vec!["B"]);
        let look = |link: &str, unsent: u64, held: u64| {
            let status = serde_json::json!({
                "link": link, "unsent": unsent, "publishers": [{ "name": "A", "held": held }],
            });
            watch.see(0, &status);
        };
        look("connected", 0, 10);
        assert!(watch.view().1.is_empty(), "the first look is no change");
        watch.tell(Event::Cut { place: 0 });
        look("offline", 0, 10);
        look("offline", 3, 10);
        look("connected", 0, 12);
        let tones: Vec<&str> = watch.view().1.iter().rev().map(|told| told.event.tone()).collect();
        assert_eq!(tones, ["off", "off", "wait", "on", "moved", "moved"]);
        let words = watch.view().1[0].event.words(Lang::Ja, &["B"]);
        assert_eq!(words, "BがAから 2 件受け取りました");
    }
}
