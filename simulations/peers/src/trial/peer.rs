//! A peer: a server and a client, each a process, and a line between.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};
use serde_json::Value;

use super::{Subject, Trial, repeat};
use crate::line::Line;
use crate::measure::{Measured, Watch};
use crate::party::{Order, Wanted};
use crate::seat::{Seat, named};
use crate::systems::Seeding;
use crate::work::Work;

/// A peer that is prepared.
pub(super) struct Peer {
    subject: Subject,
    dir: PathBuf,
    /// Of works whose reader comes back, the server that stayed, and the line to it.
    server: Option<Seat>,
    line: Option<(SocketAddr, Line)>,
    payload_bytes: u64,
}

impl Peer {
    pub(super) fn prepare(subject: Subject, dir: &Path) -> Result<Self> {
        let Subject { work, system, size, .. } = subject;
        let mut peer =
            Self { subject, dir: dir.to_owned(), server: None, line: None, payload_bytes: 0 };
        let data = work.data(size);
        match work {
            Work::Change => {}
            Work::FirstSync | Work::Entries | Work::CouchEntries | Work::BadLine => {
                let mut server = peer.seat("server")?;
                server.ask::<Value>(&Order::Fill(data))?;
                server.close()?;
                data.each(|document| {
                    let records = document.changes.iter().flatten();
                    peer.payload_bytes += records.map(|it| it.bytes().len() as u64).sum::<u64>();
                });
            }
            Work::CatchUp | Work::Strangers => {
                let mut server = peer.seat("server")?;
                server.ask::<Value>(&Order::Fill(data))?;
                match system.seeding() {
                    Seeding::Fill => {}
                    Seeding::Sync => {
                        let mut ticket = server.serve()?;
                        ticket.address = peer.line_to(ticket.address)?.address();
                        let mut client = peer.seat("client")?;
                        client.ask::<Value>(&Order::Fetch(ticket, Wanted::All(data)))?;
                        client.check(data)?;
                        client.close()?;
                    }
                    Seeding::Copy => {
                        server.close()?;
                        copy(&dir.join("server"), &dir.join("client"))?;
                        server = peer.seat("server")?;
                    }
                }
                peer.server = Some(server);
            }
        }
        Ok(peer)
    }

    fn seat(&self, name: &str) -> Result<Seat> {
        // Whoever serves is called the hub everywhere.
        let options = if name == "server" { named("hub") } else { named(name) };
        Seat::start(self.subject.system, &self.dir.join(name), &options)
    }

    /// The line to a server that stays: the same in all runs while it is at the same place, since PouchDB knows others by where
    /// they are, and begins anew with whoever has moved.
    fn line_to(&mut self, to: SocketAddr) -> Result<&Line> {
        let line = match self.line.take().filter(|(address, _)| *address == to) {
            Some((_, line)) => line,
            None => Line::open(self.subject.system.transport(), to, Default::default())?,
        };
        Ok(&self.line.insert((to, line)).1)
    }

    /// Everything, to a client that has nothing, from a server that has just started.
    fn first_sync(&mut self, number: u32) -> Result<Measured> {
        let Subject { work, system, size, .. } = self.subject;
        let data = work.data(size);
        let mut server = self.seat("server")?;
        let mut ticket = server.serve()?;
        let line = Line::open(system.transport(), ticket.address, work.quality(size))?;
        ticket.address = line.address();
        let name = format!("client-{number}");
        let mut client = self.seat(&name)?;
        let watch = Watch::start(server.pid(), client.pid(), line.passed())?;
        let (took, cut) = if work == Work::BadLine && size > 0 {
            let set_cut = |cut| line.set_cut(cut);
            repeat::over_a_bad_line(&mut client, &ticket, Wanted::All(data), set_cut)?
        } else {
            (client.fetch(ticket, Wanted::All(data))?, 0.0)
        };
        let mut measured = watch.end(took.seconds, self.payload_bytes, line.passed())?;
        measured.cut_seconds = cut;
        measured.first_seconds = took.first;
        client.check(data)?;
        client.close()?;
        server.close()?;
        std::fs::remove_dir_all(self.dir.join(name))?;
        Ok(measured)
    }

    /// What ten documents got while the client was away.
    fn catch_up(&mut self, number: u32) -> Result<Measured> {
        let Subject { work, system, size, .. } = self.subject;
        let data = work.data(size);
        let mut server = self.server.take().expect("prepared");
        server.ask::<Value>(&Order::Change(data, number))?;
        let mut ticket = server.serve()?;
        ticket.address = self.line_to(ticket.address)?.address();
        let mut client = self.seat("client")?;
        if system.seeding() == Seeding::Fill {
            client.ask::<Value>(&Order::Fill(data))?;
            // What earlier rounds wrote is here as well.
            for earlier in 1..number {
                client.ask::<Value>(&Order::Change(data, earlier))?;
            }
        }
        let (_, line) = self.line.as_ref().expect("opened just above");
        let watch = Watch::start(server.pid(), client.pid(), line.passed())?;
        let wanted = match work {
            Work::Strangers => Wanted::Strangers(data, number),
            _ => Wanted::Round(data, number),
        };
        let took = client.fetch(ticket, wanted)?;
        let measured = watch.end(took.seconds, data.later_bytes(number), line.passed())?;
        client.close()?;
        self.server = Some(server);
        Ok(measured)
    }

    /// Single changes, from a publisher to a reader, who know the same hub; without one, from one to the other.
    fn changes(&mut self, number: u32) -> Result<Measured> {
        let count = u32::try_from(self.subject.size)?;
        let (hub_name, from) = (format!("server-{number}"), number * count);
        let options = named("hub");
        let mut hub = Seat::start(self.subject.system, &self.dir.join(&hub_name), &options)?;
        let ticket = hub.serve()?;
        let mut reader = self.seat_of_run("reader", number)?;
        let mut publisher = match self.subject.system.has_hub() {
            true => {
                let mut publisher = self.seat_of_run("publisher", number)?;
                publisher.ask::<Value>(&Order::Follow(ticket.clone()))?;
                Some(publisher)
            }
            false => None,
        };
        reader.ask::<Value>(&Order::Follow(ticket))?;
        let hub_pid = hub.pid();
        let writes = publisher.as_mut().unwrap_or(&mut hub);
        // The first change also finds out who wants it.
        repeat::changes(writes, &mut reader, from, 1)?;
        let watch = Watch::start(hub_pid, reader.pid(), Default::default())?;
        let times = repeat::changes(writes, &mut reader, from + 1, count)?;
        let mut measured = watch.end(repeat::share(&times, 50), 0, Default::default())?;
        measured.p99_seconds = Some(repeat::share(&times, 99));
        if let Some(publisher) = publisher {
            publisher.close()?;
        }
        reader.close()?;
        hub.close()?;
        Ok(measured)
    }

    fn seat_of_run(&self, name: &str, number: u32) -> Result<Seat> {
        let dir = self.dir.join(format!("{name}-{number}"));
        Seat::start(self.subject.system, &dir, &named(name))
    }
}

impl Trial for Peer {
    fn run(&mut self, number: u32) -> Result<Measured> {
        match self.subject.work {
            Work::FirstSync | Work::Entries | Work::CouchEntries | Work::BadLine => {
                self.first_sync(number)
            }
            Work::CatchUp | Work::Strangers => self.catch_up(number),
            Work::Change => self.changes(number),
        }
    }
}

/// Copies a store whose process has ended.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let status = Command::new("cp").arg("-r").arg(from).arg(to).status()?;
    ensure!(status.success(), "the store could not be copied");
    // A repository that were called as the other one would not be spoken to.
    let _ = std::fs::remove_dir_all(to.join("store").join("st").join("orage-adapter-id"));
    let _ = std::fs::remove_file(to.join("store").join("st").join("orage-adapter-id"));
    Ok(())
}
