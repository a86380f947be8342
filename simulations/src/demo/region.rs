//! The start, step by step, and what is running afterwards.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::arguments::Arguments;
use super::build::Programs;
use super::cast::{self, Kind, Part, Patient};
use super::child::Daemon;
use super::tools::{NodeTool, RelayTool};
use super::watch::{Event, Watch};
use super::words::now;
use crate::line::{Line, Quality};
use crate::population::{Order, Test};

/// Everything that runs. Dropping it ends the processes.
#[derive(Debug)]
pub struct Region {
    /// The facilities, the hospitals first.
    pub facilities: Vec<Facility>,
    /// What is seen.
    pub watch: Arc<Watch>,
    /// The password of all staff of this demo.
    pub password: String,
    relay: Mutex<Daemon>,
    results: Mutex<u32>,
}

/// A facility with its line and its process.
#[derive(Debug)]
pub struct Facility {
    /// Who it is.
    pub part: Part,
    /// Its line to the relay.
    pub line: Line,
    /// The address of its screens.
    pub web: String,
    /// Its own patients.
    pub patients: Vec<Patient>,
    /// Its commands.
    pub tool: NodeTool,
    daemon: Mutex<Daemon>,
}

impl Region {
    /// Starts everything in `home`; whatever fails, what was started before ends with the error.
    pub async fn start(arguments: &Arguments, programs: Programs, home: &Path) -> Result<Self> {
        let logs = home.join("logs");
        fs::create_dir_all(&logs).context("cannot make a folder")?;
        let password = password();
        let password_file = home.join("password");
        write_private(&password_file, &password)?;

        step("中継サーバを起動しています", "starting the relay");
        let relay_tool = RelayTool::new(&programs, &home.join("relay"));
        relay_tool.init("つつじ野医療ネットワーク").await?;
        let (relay, relay_address) = relay_tool.run(&logs).await?;

        let population = cast::population(arguments);
        let mut charts = match &arguments.data {
            Some(path) => vec![(path.clone(), cast::patients_in(path)?)],
            None => {
                step("架空の患者を作成しています", "making the invented patients");
                cast::write_charts(&population, &home.join("charts"))?
            }
        };
        charts.resize(2, (PathBuf::new(), Vec::new()));

        let mut facilities = Vec::new();
        for (number, part) in cast::parts(&population).into_iter().enumerate() {
            println!("  {} {}", part.name, part.english);
            let line = Line::open(relay_address, Quality::default(), number as u64)
                .await
                .context("cannot open a line")?;
            let folder = home.join(part.key);
            let tool = NodeTool::new(&programs, &folder);
            let code = relay_tool.invite(&part).await?;
            tool.join(&code, line.address(), &part.staff[0], &password_file).await?;
            let (daemon, web) = tool.run(line.address(), part.key, &logs).await?;
            tool.add_staff(&part.staff[1], &password_file).await?;
            let patients = charts.get(number).map(|(_, patients)| patients.clone());
            facilities.push(Facility {
                part,
                line,
                web,
                patients: patients.unwrap_or_default(),
                tool,
                daemon: Mutex::new(daemon),
            });
        }

        step("カルテを取り込んでいます", "importing the charts");
        for (facility, (path, patients)) in facilities.iter().zip(&charts) {
            if !patients.is_empty() {
                let report = facility.tool.import(path).await?;
                println!("  {}: {}", facility.part.name, counts(&report));
            }
        }
        step("同意を登録し、患者を紐付けています", "recording consents and linking patients");
        give_consents(&facilities).await?;

        let names = facilities.iter().map(|each| each.part.name).collect();
        let watch = Arc::new(Watch::new(names));
        Ok(Self { facilities, watch, password, relay: Mutex::new(relay), results: Mutex::new(0) })
    }

    /// The facility of a key.
    pub fn facility(&self, key: &str) -> Option<(usize, &Facility)> {
        self.facilities.iter().enumerate().find(|(_, each)| each.part.key == key)
    }

    /// Cuts or restores a facility's line.
    pub fn set_line(&self, place: usize, open: bool) {
        let line = &self.facilities[place].line;
        if line.is_cut() != open {
            return;
        }
        if open {
            line.restore();
            self.watch.tell(Event::Restored { place });
        } else {
            line.cut();
            self.watch.tell(Event::Cut { place });
        }
    }

    /// Lets a hospital's laboratory send a result: a file into the inbox that its node watches.
    pub async fn add_result(
        &self,
        place: usize,
        patient: &Patient,
        test: &'static Test,
        value: f64,
    ) -> Result<()> {
        let number = {
            let mut results = self.results.lock().await;
            *results += 1;
            *results
        };
        let now = now();
        let id = format!("demo-{}-{number}", now.timestamp().as_second());
        let order = Order {
            id: &id,
            subject: &patient.reference,
            performer: "Organization/org",
            female: patient.female,
            at: now.datetime(),
        };
        let text = test.result(order, value);
        self.facilities[place].tool.drop_into_inbox(&format!("{id}.json"), &text).await?;
        self.watch.tell(Event::Added { place, test, value });
        Ok(())
    }

    /// Looks at every facility once and writes down what changed.
    pub async fn look(&self) {
        for (place, facility) in self.facilities.iter().enumerate() {
            if !facility.daemon.lock().await.is_running() {
                self.watch.gone(place);
                continue;
            }
            // A status that fails now comes again in a second.
            if let Ok(status) = facility.tool.status().await {
                self.watch.see(place, &status);
            }
        }
        if !self.relay.lock().await.is_running() {
            self.watch.relay_gone();
        }
    }
}

/// Each patient of a hospital agrees that the others see the chart; those known in two hospitals are linked by
/// two members of staff of the second one.
async fn give_consents(facilities: &[Facility]) -> Result<()> {
    let codes: Vec<&str> = facilities.iter().map(|each| each.part.code.as_str()).collect();
    let hospitals =
        || facilities.iter().filter(|each| each.part.kind == Kind::Hospital).enumerate();
    for (number, hospital) in hospitals() {
        let others: Vec<&str> =
            codes.iter().copied().filter(|code| *code != hospital.part.code).collect();
        for patient in &hospital.patients {
            // The first hospital took the consent of those who are known in both.
            if number > 0 && patient.elsewhere.is_some() {
                continue;
            }
            let staff = &hospital.part.staff[1];
            let network_id =
                patiently(|| hospital.tool.give_consent(&patient.local_id, staff, &others)).await?;
            let Some(elsewhere) = &patient.elsewhere else { continue };
            for (_, second) in hospitals().skip(1) {
                let [doctor, clerk] = &second.part.staff;
                patiently(|| second.tool.propose_link(&network_id, elsewhere, clerk)).await?;
                second.tool.confirm_link(&network_id, elsewhere, doctor).await?;
            }
        }
    }
    Ok(())
}

/// Tries again while the others' certificates and consents are still on their way.
async fn patiently<T, F, Attempt>(attempt: F) -> Result<T>
where
    F: Fn() -> Attempt,
    Attempt: Future<Output = Result<T>>,
{
    let until = Instant::now() + PATIENCE;
    loop {
        match attempt().await {
            Ok(done) => return Ok(done),
            Err(error) if Instant::now() > until => return Err(error),
            Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    }
}

/// The figures of an import report, whatever else it says.
fn counts(report: &Value) -> String {
    let figure = |key: &str| report["counts"][key].as_u64();
    let words = [("taken", "取込"), ("unchanged", "変更なし"), ("quarantined", "保留")];
    let told: Vec<String> = words
        .iter()
        .filter_map(|(key, word)| figure(key).map(|count| format!("{word} {key} {count}")))
        .collect();
    told.join(", ")
}

fn step(japanese: &str, english: &str) {
    println!("{japanese} / {english}");
}

/// A password that a person can type and that is another one every time.
fn password() -> String {
    let mut letters = String::from("tsutsuji");
    for _ in 0..2 {
        let number: u32 = rand::random_range(0..10_000);
        letters.push_str(&format!("-{number:04}"));
    }
    letters
}

fn write_private(path: &Path, text: &str) -> Result<()> {
    use std::io::Write as _;
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let mut file = options.open(path).context("cannot write a file")?;
    writeln!(file, "{text}").context("cannot write a file")
}

/// How long certificates and consents may be on their way at the start.
const PATIENCE: Duration = Duration::from_secs(60);
