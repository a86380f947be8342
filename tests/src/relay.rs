//! The relay of a story.

use serde_json::Value;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::command::{self, Told};
use crate::daemon::Daemon;
use crate::programs::programs;
use crate::region::Part;

/// A relay: its folder, and its process while it runs.
#[derive(Debug)]
pub struct Relay {
    dir: PathBuf,
    log: PathBuf,
    /// Where it listens; the same after a restart, as facilities remember it.
    listen: SocketAddr,
    /// Where it listens on TCP; the same after a restart.
    tcp: SocketAddr,
    metrics: Option<SocketAddr>,
    environment: Vec<(String, String)>,
    daemon: Option<Daemon>,
}

impl Relay {
    /// Makes a network with its relay in `dir` and starts it.
    pub(crate) fn begin(dir: &Path, log: &Path, environment: &[(String, String)]) -> Self {
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut relay = Self {
            dir: dir.to_owned(),
            log: log.to_owned(),
            listen,
            tcp: listen,
            metrics: None,
            environment: environment.to_vec(),
            daemon: None,
        };
        relay.ask(&["init", "--name", "湖東地域連携協議会"]).expect("azalea-relay init");
        relay.start();
        relay
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.listen
    }

    /// Where it listens on TCP.
    pub fn tcp(&self) -> SocketAddr {
        self.tcp
    }

    /// Its data directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Its log.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Its process; panics where it does not run.
    pub fn daemon(&mut self) -> &mut Daemon {
        self.daemon.as_mut().expect("the relay runs")
    }

    /// Runs a command on it.
    pub fn ask(&self, words: &[&str]) -> Told {
        command::run(&mut self.command(words))
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&programs().relay);
        command.args(words).arg("--dir").arg(&self.dir).arg("--json");
        for (name, value) in &self.environment {
            command.env(name, value);
        }
        command
    }

    /// Sets an environment variable for whatever is started from now on.
    pub fn set(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// A one-time code for a facility.
    pub fn invite(&self, part: &Part) -> String {
        let mut words = vec!["invite", "--kind", part.kind, "--name", part.name];
        words.extend(["--kana", part.kana, "--english", part.english, "--code", part.code]);
        words.push("--view");
        if part.disclose {
            words.push("--disclose");
        }
        let told = self.ask(&words).expect("azalea-relay invite");
        told["code"].as_str().expect("a code").to_owned()
    }

    /// The relay's state.
    pub fn status(&self) -> Value {
        self.ask(&["status"]).expect("azalea-relay status")
    }

    /// Starts it where it was before.
    pub fn start(&mut self) {
        if let Err(error) = self.try_start() {
            panic!("the relay {error}");
        }
    }

    /// As [`Relay::start`], where that may fail.
    pub fn try_start(&mut self) -> Result<(), String> {
        let listen = self.listen.to_string();
        let tcp = self.tcp.to_string();
        let words = ["run", "--listen", &listen, "--listen-tcp", &tcp, "--metrics", "127.0.0.1:0"];
        let (daemon, ready) = Daemon::start(&mut self.command(&words), &self.log)?;
        let address = |name: &str| ready[name].as_str().and_then(|text| text.parse().ok());
        self.listen = address("listen").ok_or("did not say where it listens")?;
        self.tcp = address("listen_tcp").ok_or("did not say where it listens on TCP")?;
        self.metrics = address("metrics");
        self.daemon = Some(daemon);
        Ok(())
    }

    /// Starts it and ends it as a power cut does, so long after it began to come up.
    pub fn flicker(&mut self, after: Duration) {
        let listen = self.listen.to_string();
        Daemon::flicker(&mut self.command(&["run", "--listen", &listen]), &self.log, after);
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

    /// One number of its metrics, without the prefix: the sum over its labels.
    pub fn metric(&self, name: &str) -> f64 {
        let text = crate::wait::until("the metrics", || self.metrics_text().ok());
        let wanted = format!("azalea_relay_{name}");
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let of_name = lines.filter(|line| {
            line.strip_prefix(&wanted).is_some_and(|rest| rest.starts_with([' ', '{', '_']))
        });
        of_name.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }

    /// Its metrics as they are scraped.
    pub fn metrics_text(&self) -> std::io::Result<String> {
        use std::io::{Read, Write};
        let address = self.metrics.ok_or(std::io::ErrorKind::NotConnected)?;
        let mut stream = std::net::TcpStream::connect(address)?;
        stream.write_all(b"GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        Ok(text)
    }
}
