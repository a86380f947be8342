//! Ours: a relay's process, a hospital and readers, each with its line to the relay.
//!
//! All runs' readers have joined and are in every consent before the first run, so that a run is a reader's first sync and
//! nothing else. Relay and reader are measured; the hospital has delivered everything before the clock starts.

use std::path::Path;

use anyhow::{Context, Result};
use azalea_tests::session::identity;
use azalea_tests::{CLINIC, HOSPITAL, Node, Part, Region};
use serde_json::Value;

use super::{Subject, Trial, repeat};
use crate::line::{self, Line, Passed, Transport};
use crate::measure::{Measured, Watch};
use crate::party::{Order, Ticket, Wanted};
use crate::seat::Seat;
use crate::systems::System;
use crate::systems::azalea::Setting;
use crate::work::Work;

/// Readers for as many runs.
const READERS: [Part; 9] = [
    Part { slug: "reader-1", code: "2501000101", ..CLINIC },
    Part { slug: "reader-2", code: "2501000102", ..CLINIC },
    Part { slug: "reader-3", code: "2501000103", ..CLINIC },
    Part { slug: "reader-4", code: "2501000104", ..CLINIC },
    Part { slug: "reader-5", code: "2501000105", ..CLINIC },
    Part { slug: "reader-6", code: "2501000106", ..CLINIC },
    Part { slug: "reader-7", code: "2501000107", ..CLINIC },
    Part { slug: "reader-8", code: "2501000108", ..CLINIC },
    Part { slug: "reader-9", code: "2501000109", ..CLINIC },
];

/// A region that is prepared.
pub(super) struct Azalea {
    subject: Subject,
    /// Dropped before the region, whose folder theirs are in.
    hospital: Seat,
    readers: Vec<Node>,
    region: Region,
    payload_bytes: u64,
}

impl Azalea {
    pub(super) fn prepare(subject: Subject, _: &Path) -> Result<Self> {
        let Subject { work, size, runs, .. } = subject;
        let region = Region::start();
        let home = region.joined(&HOSPITAL);
        // A reader that comes back is the same in all runs.
        let comes_back = matches!(work, Work::CatchUp | Work::Strangers | Work::Change);
        let count = if comes_back { 1 } else { runs as usize };
        let parts = READERS.get(..count).context("too many runs: nine at most")?;
        let readers: Vec<Node> = parts.iter().map(|part| region.joined(part)).collect();
        let setting = Setting {
            relay: region.relay.address().to_string(),
            readers: readers.iter().map(|it| identity(it).facility.to_string()).collect(),
            called: work == Work::Strangers,
        };
        let mut hospital =
            Seat::start(System::Azalea, home.dir(), &serde_json::to_value(setting)?)?;
        let data = work.data(size);
        hospital.ask::<Value>(&Order::Fill(data))?;
        let mut payload_bytes = 0;
        data.each(|document| {
            let records = document.changes.iter().flatten();
            payload_bytes += records.map(|it| it.bytes().len() as u64).sum::<u64>();
        });
        let mut azalea = Self { subject, hospital, readers, region, payload_bytes };
        if comes_back {
            let mut reader = azalea.seat(0)?;
            let ticket = azalea.at_the_relay(0)?;
            reader.fetch(ticket, Wanted::All(data))?;
            reader.check(data)?;
            reader.close()?;
        }
        if work == Work::Strangers {
            azalea.region.relay.kill();
        }
        Ok(azalea)
    }

    fn seat(&self, reader: usize) -> Result<Seat> {
        let setting = Setting {
            relay: self.region.relay.address().to_string(),
            readers: Vec::new(),
            called: false,
        };
        Seat::start(System::Azalea, self.readers[reader].dir(), &serde_json::to_value(setting)?)
    }

    /// What the hospital says is new, and the relay at the end of a reader's line.
    fn at_the_relay(&mut self, reader: usize) -> Result<Ticket> {
        let mut ticket = self.hospital.serve()?;
        ticket.address = self.readers[reader].line.address();
        Ok(ticket)
    }

    fn passed(&self, reader: usize) -> Passed {
        line::of_udp(&self.readers[reader].line)
    }

    fn first_sync(&mut self, number: u32) -> Result<Measured> {
        let Subject { work, size, .. } = self.subject;
        let data = work.data(size);
        let at = number as usize - 1;
        // As every server here, it begins with what its disk has.
        self.region.relay.stop();
        self.region.relay.start();
        self.readers[at].line.set_quality(work.quality(size));
        let ticket = self.at_the_relay(at)?;
        let relay = self.region.relay.daemon().pid();
        let mut reader = self.seat(at)?;
        let watch = Watch::start(relay, reader.pid(), self.passed(at))?;
        let (took, cut) = if work == Work::BadLine && size > 0 {
            let line = &self.readers[at].line;
            let set_cut = |cut| if cut { line.cut() } else { line.restore() };
            repeat::over_a_bad_line(&mut reader, &ticket, Wanted::All(data), set_cut)?
        } else {
            (reader.fetch(ticket, Wanted::All(data))?, 0.0)
        };
        let mut measured = watch.end(took.seconds, self.payload_bytes, self.passed(at))?;
        measured.first_seconds = took.first;
        measured.cut_seconds = cut;
        reader.check(data)?;
        reader.close()?;
        Ok(measured)
    }

    fn catch_up(&mut self, number: u32) -> Result<Measured> {
        let data = self.subject.work.data(self.subject.size);
        self.hospital.ask::<Value>(&Order::Change(data, number))?;
        let ticket = self.at_the_relay(0)?;
        let relay = self.region.relay.daemon().pid();
        let mut reader = self.seat(0)?;
        let watch = Watch::start(relay, reader.pid(), self.passed(0))?;
        let took = reader.fetch(ticket, Wanted::Round(data, number))?;
        let measured = watch.end(took.seconds, data.later_bytes(number), self.passed(0));
        reader.close()?;
        measured
    }

    fn strangers(&mut self, number: u32) -> Result<Measured> {
        let Subject { work, size, .. } = self.subject;
        let data = work.data(size);
        self.hospital.ask::<Value>(&Order::Change(data, number))?;
        let mut ticket = self.hospital.serve()?;
        let line = Line::open(Transport::Udp, ticket.address, work.quality(size))?;
        ticket.address = line.address();
        let mut reader = self.seat(0)?;
        let watch = Watch::start(self.hospital.pid(), reader.pid(), line.passed())?;
        let took = reader.fetch(ticket, Wanted::Strangers(data, number))?;
        let measured = watch.end(took.seconds, data.later_bytes(number), line.passed());
        reader.close()?;
        measured
    }

    fn changes(&mut self, number: u32) -> Result<Measured> {
        let count = u32::try_from(self.subject.size)?;
        let from = number * (count + 1);
        let mut ticket = self.hospital.serve()?;
        ticket.address = self.region.relay.address();
        let relay = self.region.relay.daemon().pid();
        let mut reader = self.seat(0)?;
        reader.ask::<Value>(&Order::Follow(ticket))?;
        repeat::changes(&mut self.hospital, &mut reader, from, 1)?;
        let watch = Watch::start(relay, reader.pid(), Passed::default())?;
        let times = repeat::changes(&mut self.hospital, &mut reader, from + 1, count)?;
        let mut measured = watch.end(repeat::share(&times, 50), 0, Passed::default())?;
        measured.p99_seconds = Some(repeat::share(&times, 99));
        reader.close()?;
        Ok(measured)
    }
}

impl Trial for Azalea {
    fn run(&mut self, number: u32) -> Result<Measured> {
        match self.subject.work {
            Work::FirstSync | Work::Entries | Work::CouchEntries | Work::BadLine => {
                self.first_sync(number)
            }
            Work::CatchUp => self.catch_up(number),
            Work::Strangers => self.strangers(number),
            Work::Change => self.changes(number),
        }
    }
}
