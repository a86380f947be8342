//! One side of one system, as a process of its own, so that what it costs can be told from what the other side costs.
//!
//! It takes orders as lines of JSON on its standard input, answers each with one line, and ends when the input does:
//! whoever started it can be killed and nothing is left behind.

use std::io::{BufRead, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::data::Dataset;

/// What a party is told to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Make the documents and keep them.
    Fill(Dataset),
    /// Write a round's changes.
    Change(Dataset, u32),
    /// Be there for others; answered with a [`Ticket`].
    Serve,
    /// Get into step; answered with [`Took`].
    Fetch(Ticket, Wanted),
    /// Connect and stay, for single changes.
    Follow(Ticket),
    /// Write one change; answered with [`At`]: the moment before it was written.
    Write(u32),
    /// Wait until that change can be read here; answered with [`At`].
    Await(u32),
    /// Say how much is held, for the check after the clock has stopped; answered with [`Held`].
    Count(Dataset),
    /// Finish what was begun and end.
    Close,
}

/// Where a party is, and what else one must know to talk to it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ticket {
    /// Where; a line may stand in between.
    pub address: SocketAddr,
    /// The system's own.
    pub more: Value,
}

/// What a client shall have in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Wanted {
    /// All documents, of which it has none.
    All(Dataset),
    /// What the round wrote; it has the rest.
    Round(Dataset, u32),
    /// The same, without any memory of the other side.
    Strangers(Dataset, u32),
}

impl Wanted {
    /// The documents concerned.
    pub fn data(&self) -> Dataset {
        match *self {
            Self::All(data) | Self::Round(data, _) | Self::Strangers(data, _) => data,
        }
    }
}

/// How long getting into step took.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Took {
    /// From the start of connecting until everything was there.
    pub seconds: f64,
    /// Until the first document was there, where that can be told.
    #[serde(default)]
    pub first: Option<f64>,
}

impl Took {
    /// So many seconds, and nothing else to tell.
    pub fn seconds(seconds: f64) -> Self {
        Self { seconds, first: None }
    }
}

/// A moment on the machine's clock, which all parties share.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct At {
    /// Nanoseconds since 1970.
    pub nanos: u64,
}

impl At {
    /// Now.
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { nanos: u64::try_from(since.as_nanos()).unwrap_or(u64::MAX) }
    }
}

/// How much a party holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Documents of which something is there.
    pub documents: usize,
    /// Changes, or records where the system does not keep changes apart.
    pub parts: usize,
}

/// One side of a system.
#[expect(
    async_fn_in_trait,
    reason = "never used as an object, and no bound on the futures is missed"
)]
pub trait Party: Sized {
    /// Opens what lies in `dir`, or begins there.
    async fn open(dir: &Path, options: Value) -> Result<Self>;
    /// Makes the documents.
    async fn fill(&mut self, data: Dataset) -> Result<()>;
    /// Writes a round's changes.
    async fn change(&mut self, data: Dataset, round: u32) -> Result<()>;
    /// Lets others connect.
    async fn serve(&mut self) -> Result<Ticket>;
    /// Connects and returns once everything that is wanted is here.
    async fn fetch(&mut self, from: &Ticket, wanted: Wanted) -> Result<Took>;
    /// Connects for single changes.
    async fn follow(&mut self, from: &Ticket) -> Result<()>;
    /// Writes a single change.
    async fn write(&mut self, number: u32) -> Result<()>;
    /// Returns once a single change can be read.
    async fn seen(&mut self, number: u32) -> Result<()>;
    /// Counts what is held.
    async fn count(&mut self, data: Dataset) -> Result<Held>;
    /// Finishes what was begun.
    async fn close(self) -> Result<()>;
}

/// Runs a party until its input ends.
pub async fn run<P: Party>(dir: PathBuf, options: Value) -> Result<()> {
    let (sender, mut orders) = tokio::sync::mpsc::channel(16);
    // Never cancelled in the middle of a line, which asynchronous standard input cannot promise.
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
        // Whoever gave the orders is gone, perhaps in the middle of one: there is nothing left to finish.
        std::thread::sleep(CLOSING);
        std::process::exit(0);
    });
    let mut party = match P::open(&dir, options).await {
        Ok(party) => party,
        Err(error) => {
            answer(&json!({ "error": format!("{error:#}") }));
            return Err(error);
        }
    };
    answer(&json!({ "ok": "open" }));
    while let Some(line) = orders.recv().await {
        let order: Order = serde_json::from_str(&line)?;
        if matches!(order, Order::Close) {
            let closed = party.close().await;
            answer(&said(closed.map(|()| Value::Null)));
            return Ok(());
        }
        answer(&said(follow(&mut party, order).await));
    }
    Ok(())
}

async fn follow<P: Party>(party: &mut P, order: Order) -> Result<Value> {
    Ok(match order {
        Order::Fill(data) => serde_json::to_value(party.fill(data).await?)?,
        Order::Change(data, round) => serde_json::to_value(party.change(data, round).await?)?,
        Order::Serve => serde_json::to_value(party.serve().await?)?,
        Order::Fetch(from, wanted) => serde_json::to_value(party.fetch(&from, wanted).await?)?,
        Order::Follow(from) => serde_json::to_value(party.follow(&from).await?)?,
        Order::Write(number) => {
            let at = At::now();
            party.write(number).await?;
            serde_json::to_value(at)?
        }
        Order::Await(number) => {
            party.seen(number).await?;
            serde_json::to_value(At::now())?
        }
        Order::Count(data) => serde_json::to_value(party.count(data).await?)?,
        Order::Close => Value::Null,
    })
}

fn said(outcome: Result<Value>) -> Value {
    match outcome {
        Ok(value) => json!({ "ok": value }),
        Err(error) => json!({ "error": format!("{error:#}") }),
    }
}

fn answer(value: &Value) {
    let mut out = std::io::stdout().lock();
    // Fails only where nobody listens any more, which the end of the input says as well.
    let _ = writeln!(out, "{value}").and_then(|()| out.flush());
}

/// How long a party may still work once its input has ended.
const CLOSING: Duration = Duration::from_secs(2);
