//! A small region: one relay, and the facilities that a story needs.

use std::path::PathBuf;
use tempfile::TempDir;

use crate::node::{self, Hand, Node};
use crate::relay::Relay;
use crate::small_disk::SmallDisk;

/// What a facility of a story is.
#[derive(Debug, Clone, Copy)]
pub struct Part {
    /// What its folder is called.
    pub slug: &'static str,
    /// What it is, as the relay's command calls it.
    pub kind: &'static str,
    /// Its name.
    pub name: &'static str,
    /// Its name in kana.
    pub kana: &'static str,
    /// Its name in Latin letters.
    pub english: &'static str,
    /// Its code.
    pub code: &'static str,
    /// Whether it may publish charts.
    pub disclose: bool,
}

/// A hospital that discloses.
pub const HOSPITAL: Part = Part {
    slug: "hospital",
    kind: "hospital",
    name: "湖東中央病院",
    kana: "コトウチュウオウビョウイン",
    english: "Koto Central Hospital",
    code: "2501000011",
    disclose: true,
};

/// Another one.
pub const SECOND_HOSPITAL: Part = Part {
    slug: "second",
    kind: "hospital",
    name: "琵琶町立病院",
    kana: "ビワチョウリツビョウイン",
    english: "Biwa Town Hospital",
    code: "2501000029",
    disclose: true,
};

/// A clinic that reads and writes notes.
pub const CLINIC: Part = Part {
    slug: "clinic",
    kind: "clinic",
    name: "浜辺内科医院",
    kana: "ハマベナイカイイン",
    english: "Hamabe Clinic",
    code: "2501000037",
    disclose: false,
};

/// A pharmacy that reads.
pub const PHARMACY: Part = Part {
    slug: "pharmacy",
    kind: "pharmacy",
    name: "さざなみ薬局",
    kana: "サザナミヤッキョク",
    english: "Sazanami Pharmacy",
    code: "2501000045",
    disclose: false,
};

/// A relay, and a folder for all. Drop the nodes before it.
#[derive(Debug)]
pub struct Region {
    /// The relay.
    pub relay: Relay,
    folder: TempDir,
    environment: Vec<(String, String)>,
}

impl Region {
    /// A region whose relay runs.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// As [`Region::start`], with environment variables for every process.
    pub fn start_with(environment: &[(&str, &str)]) -> Self {
        let folder = tempfile::Builder::new().prefix("azalea-story-").tempdir();
        let folder = folder.expect("a folder for the story");
        let environment: Vec<_> =
            environment.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let (dir, log) = (folder.path().join("relay"), folder.path().join("relay.log"));
        let relay = Relay::begin(&dir, &log, &environment);
        Self { relay, folder, environment }
    }

    /// Lets a facility join by a code, and starts it.
    pub fn join(&self, part: &Part) -> Node {
        let mut node = self.joined(part);
        node.start();
        node
    }

    /// Lets a facility join; its daemon does not run yet.
    pub fn joined(&self, part: &Part) -> Node {
        self.joined_through(part, &[])
    }

    /// As [`Region::joined`], with everything of the facility on a disk of so many megabytes; `None` where that cannot be made.
    pub fn joined_on_small_disk(&self, part: &Part, megabytes: u32) -> Option<(Node, SmallDisk)> {
        let disk = SmallDisk::mount(&self.path(part.slug), megabytes)?;
        Some((self.joined_through(part, &disk.prefix()), disk))
    }

    /// As [`Region::joined`], where UDP is dropped until the node's line is restored; `way` are words for `azalea join` on how the
    /// relay is reached besides.
    pub fn joined_without_udp(
        &self,
        part: &Part,
        way: &[&str],
        environment: &[(&str, &str)],
    ) -> Node {
        self.join_without_udp(part, way, environment).expect("azalea join")
    }

    /// As [`Region::joined_without_udp`], where that must fail; what the person is told.
    pub fn refused_without_udp(
        &self,
        part: &Part,
        way: &[&str],
        environment: &[(&str, &str)],
    ) -> String {
        self.join_without_udp(part, way, environment).expect_err("no way to the relay")
    }

    fn join_without_udp(
        &self,
        part: &Part,
        way: &[&str],
        environment: &[(&str, &str)],
    ) -> Result<Node, String> {
        let mut hand = self.hand(part, &[]);
        let more = environment.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        hand.environment.extend(more);
        let line = node::line(self.relay.address());
        line.cut();
        Node::join(hand, &self.relay.invite(part), line, way)
    }

    fn joined_through(&self, part: &Part, prefix: &[String]) -> Node {
        let line = node::line(self.relay.address());
        let code = self.relay.invite(part);
        Node::join(self.hand(part, prefix), &code, line, &[]).expect("azalea join")
    }

    fn hand(&self, part: &Part, prefix: &[String]) -> Hand {
        Hand {
            part: *part,
            dir: self.path(part.slug),
            log: self.path(&format!("{}.log", part.slug)),
            environment: self.environment.clone(),
            prefix: prefix.to_vec(),
        }
    }

    /// A file or folder of this story, which goes away with it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file of this story.
    pub fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).expect("a file of the story");
        path
    }
}
