//! A facility of a story: its folder, its line to the relay, and its process while it runs.

use azalea_simulations::line::{Line, Quality};
use serde_json::Value;
use std::fs::OpenOptions;
use std::io::Write;
use std::net::SocketAddr;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;
use tokio::runtime::Runtime;

use crate::command::{self, Told};
use crate::daemon::Daemon;
use crate::fhir;
use crate::programs::programs;
use crate::region::Part;
use crate::wait::until;

/// The login of the first member of staff, whom every facility has.
pub const STAFF: &str = "tanaka";
/// Their name, which stands in the notes that they write.
pub const STAFF_NAME: &str = "蓮見 いろは";
/// Their password.
pub const PASSWORD: &str = "kumo-no-ue-no-hato-83";

/// What a person at a facility's node can do from the command line; more than one may do so at once.
#[derive(Debug, Clone)]
pub struct Hand {
    /// What the facility is.
    pub part: Part,
    pub(crate) dir: PathBuf,
    pub(crate) log: PathBuf,
    pub(crate) environment: Vec<(String, String)>,
    /// Words that make a command run where the data is.
    pub(crate) prefix: Vec<String>,
}

/// A facility's node.
#[derive(Debug)]
pub struct Node {
    /// Its line to the relay.
    pub line: Line,
    hand: Hand,
    web: Option<String>,
    /// Whether other nodes may call, and where.
    is_called: bool,
    is_announced: bool,
    listens: Option<String>,
    daemon: Option<Daemon>,
}

impl Deref for Node {
    type Target = Hand;

    fn deref(&self) -> &Hand {
        &self.hand
    }
}

impl Node {
    /// Joins over `line`; `way` are words on how the relay is reached besides.
    pub(crate) fn join(hand: Hand, code: &str, line: Line, way: &[&str]) -> Result<Self, String> {
        let password = hand.log.with_extension("password");
        std::fs::write(&password, PASSWORD).expect("a file for the password");
        let address = line.address().to_string();
        let password = password.to_str().expect("a path in UTF-8");
        let words = ["join", code, "--relay", &address, "--staff", STAFF, "--role", "doctor"];
        let words = [&words[..], &["--staff-name", STAFF_NAME, "--password-file", password], way];
        let told = hand.ask(&words.concat());
        if !told.ok {
            return Err(told.err);
        }
        Ok(Self {
            hand,
            line,
            web: None,
            is_called: false,
            is_announced: false,
            listens: None,
            daemon: None,
        })
    }

    /// Another hand at the same node.
    pub fn hand(&self) -> Hand {
        self.hand.clone()
    }

    /// Its log.
    pub fn log(&self) -> &Path {
        &self.hand.log
    }

    /// Where its screens are, as HOST:PORT.
    pub fn web(&self) -> &str {
        self.web.as_deref().expect("the node runs")
    }

    /// Starts it so that other nodes can call it.
    pub fn start_called(&mut self) {
        self.is_called = true;
        self.start();
    }

    /// As [`Node::start_called`], and it says so on the local network.
    pub fn start_announced(&mut self) {
        self.is_announced = true;
        self.start_called();
    }

    /// Where other nodes call it, as HOST:PORT.
    pub fn listens(&self) -> &str {
        self.listens.as_deref().expect("the node was started with start_called")
    }

    /// Its process; panics where it does not run.
    pub fn daemon(&mut self) -> &mut Daemon {
        self.daemon.as_mut().expect("the node runs")
    }

    /// Sets an environment variable for whatever is started from now on; the last of a name counts.
    pub fn set(&mut self, name: &str, value: &str) {
        self.hand.environment.push((name.to_owned(), value.to_owned()));
    }

    /// Starts it.
    pub fn start(&mut self) {
        if let Err(error) = self.try_start() {
            panic!("the {} {error}", self.part.slug);
        }
    }

    /// As [`Node::start`], while others ask it things: a command that found no daemon may hold the store for a moment. Nothing else
    /// may keep it from starting.
    pub fn start_among_others(&mut self) {
        let slug = self.part.slug;
        until(&format!("the {slug} starts"), || match self.try_start() {
            Ok(()) => Some(()),
            Err(error) if error.contains("in use") || error.contains("lock") => None,
            Err(error) => panic!("the {slug} {error}"),
        });
    }

    /// As [`Node::start`], where that may fail.
    pub fn try_start(&mut self) -> Result<(), String> {
        self.try_start_at(self.line.address())
    }

    /// Starts it with another relay than the one at the end of its line.
    pub fn start_at(&mut self, relay: SocketAddr) {
        if let Err(error) = self.try_start_at(relay) {
            panic!("the {} {error}", self.part.slug);
        }
    }

    fn try_start_at(&mut self, relay: SocketAddr) -> Result<(), String> {
        let relay = relay.to_string();
        let mut words = vec!["run", "--web", "127.0.0.1:0", "--relay", &relay];
        if self.is_called {
            words.extend(["--listen", "127.0.0.1:0"]);
            if !self.is_announced {
                words.push("--no-announce");
            }
        }
        let (daemon, ready) = Daemon::start(&mut self.command(&words), &self.log)?;
        self.listens = ready["listen"].as_str().map(str::to_owned);
        self.web = Some(ready["web"].as_str().ok_or("did not say where it listens")?.to_owned());
        self.daemon = Some(daemon);
        Ok(())
    }

    /// Ends it as a power cut does.
    pub fn kill(&mut self) {
        if let Some(daemon) = self.daemon.take() {
            daemon.kill();
        }
    }

    /// Stops it in good order.
    pub fn stop(&mut self) {
        if let Some(daemon) = self.daemon.take() {
            daemon.stop();
        }
    }

    /// Whether it runs.
    pub fn is_running(&mut self) -> bool {
        self.daemon.as_mut().is_some_and(Daemon::is_running)
    }

    /// Starts it and ends it as a power cut does, so long after it began to come up.
    pub fn flicker(&mut self, after: Duration) {
        let relay = self.line.address().to_string();
        let mut command = self.command(&["run", "--web", "127.0.0.1:0", "--relay", &relay]);
        Daemon::flicker(&mut command, &self.log, after);
    }
}

impl Hand {
    /// Its data directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// A command on it, not yet run.
    pub fn command(&self, words: &[&str]) -> Command {
        let program = &programs().node;
        let mut command = match self.prefix.split_first() {
            None => Command::new(program),
            Some((first, rest)) => {
                let mut command = Command::new(first);
                command.args(rest).arg(program);
                command
            }
        };
        command.args(words).arg("--dir").arg(&self.dir).arg("--json");
        for (name, value) in &self.environment {
            command.env(name, value);
        }
        command
    }

    /// Runs a command on it.
    #[track_caller]
    pub fn ask(&self, words: &[&str]) -> Told {
        let told = command::run(&mut self.command(words));
        let log = OpenOptions::new().create(true).append(true).open(&self.log);
        let written = log.and_then(|mut log| log.write_all(told.err.as_bytes()));
        written.expect("a log can be written");
        told
    }

    /// Imports a path; panics unless everything was taken.
    #[track_caller]
    pub fn import(&self, path: &Path) -> Value {
        self.ask(&["import", path.to_str().expect("a path in UTF-8")]).expect("azalea import")
    }

    /// Its state.
    #[track_caller]
    pub fn status(&self) -> Value {
        self.ask(&["status"]).expect("azalea status")
    }

    /// What it says of another facility's part; nothing where it has not heard of that.
    #[track_caller]
    pub fn publisher(&self, of: &Part) -> Value {
        let publishers = self.status()["publishers"].take();
        let mut all = publishers.as_array().into_iter().flatten();
        all.find(|it| it["name"] == of.name).cloned().unwrap_or_default()
    }

    /// Waits until it says that it has all of another facility's part.
    pub fn completes(&self, of: &Part) {
        until(&format!("the {} has all of the {}'s", self.part.slug, of.slug), || {
            (self.publisher(of)["freshness"] == "complete").then_some(())
        });
    }

    /// Gives a consent and returns the network's id of the patient.
    #[track_caller]
    pub fn consent(&self, patient: &str, to: &[&Part]) -> String {
        let mut words = vec!["consent", "give", patient, "--staff", STAFF];
        to.iter().for_each(|part| words.extend(["--to", part.code]));
        let told = self.ask(&words).expect("azalea consent give");
        told["patient"].as_str().expect("a patient").to_owned()
    }

    /// Withdraws all consents of a patient.
    #[track_caller]
    pub fn withdraw(&self, patient: &str) -> Value {
        self.ask(&["consent", "withdraw", patient, "--staff", STAFF])
            .expect("azalea consent withdraw")
    }

    /// Writes a note.
    #[track_caller]
    pub fn note(&self, patient: &str, text: &str) -> Value {
        let words = ["note", "write", patient, "--title", "経過", "--text", text, "--staff", STAFF];
        self.ask(&words).expect("azalea note write")
    }

    /// The notes about a patient; none where the patient is not known (yet).
    pub fn notes(&self, patient: &str) -> Vec<Value> {
        let told = self.ask(&["note", "list", patient]).json();
        told["notes"].as_array().cloned().unwrap_or_default()
    }

    /// The texts of the notes about a patient.
    pub fn note_texts(&self, patient: &str) -> Vec<String> {
        let text = |note: &Value| note["text"].as_str().unwrap_or_default().to_owned();
        self.notes(patient).iter().map(text).collect()
    }

    /// The resources that it gives out, byte for byte; none where the patient is not known (yet). `what` is a patient, `--all` or
    /// `--directory`, and options.
    pub fn export(&self, what: &[&str]) -> Vec<String> {
        let told = self.ask(&[&["export"], what].concat());
        if told.ok { fhir::resources(&told.out) } else { Vec::new() }
    }

    /// How many patients it knows.
    #[track_caller]
    pub fn patients(&self) -> u64 {
        self.ask(&["patient", "list"]).expect("azalea patient list")["total"].as_u64().unwrap_or(0)
    }

    /// Checks everything it holds; panics unless it is whole.
    #[track_caller]
    pub fn verify(&self) -> Value {
        let told = self.ask(&["verify"]);
        assert!(told.ok, "{} is not whole: {}{}", self.part.slug, told.err, told.out);
        told.json()
    }

    /// Waits until it has a connection and nothing to send or to fetch.
    pub fn in_step(&self) {
        until(&format!("the {} is in step", self.part.slug), || {
            let told = self.ask(&["status"]);
            let status = told.json();
            let settled = status["link"] == "connected"
                && status["caught_up"] == true
                && status["unsent"] == 0
                && status["waiting"] == 0;
            settled.then_some(())
        });
    }
}

/// A line to `relay` that is as good as they get.
pub(crate) fn line(relay: SocketAddr) -> Line {
    runtime().block_on(Line::open(relay, Quality::default(), 1)).expect("a line")
}

/// The lines forward on threads of their own, beside the story.
pub(crate) fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(1).enable_all().build().expect("a runtime")
    })
}
