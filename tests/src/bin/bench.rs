//! What one hospital, a relay and a clinic achieve on this machine, as a table. Real processes, real disks, the loopback.
//!
//! `cargo bench-azalea` runs it in release; `docs/BENCHMARKS.md` holds what was measured.

#[path = "bench/bad_line.rs"]
mod bad_line;
#[path = "bench/reconnect.rs"]
mod reconnect;
#[path = "bench/relay.rs"]
mod relay;
#[path = "bench/storm.rs"]
mod storm;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use azalea_core::document::{RecordHeader, RecordKey, content_digest};
use azalea_core::id::Timestamp;
use azalea_core::replica::command::{Command, ImportRecord, Subject};
use azalea_core::view::View;
use azalea_node::clock::Clock;
use azalea_node::config::DataDir;
use azalea_node::node::Node as Inner;
use azalea_node::serve::{RunOptions, open};
use azalea_simulations::population::{Options, Population};
use azalea_tests::{CLINIC, HOSPITAL, Node, Region, STAFF, until_within};
use clap::Parser;
use std::sync::Arc;

/// Measures import, first sync, one change, a page and the disk.
#[derive(Debug, Parser)]
struct Arguments {
    /// How many people the invented hospital has.
    #[arg(long, default_value_t = 200)]
    patients: u64,
    /// How many years of their charts.
    #[arg(long, default_value_t = 5)]
    years: u16,
    /// How many single changes are timed from publisher to reader.
    #[arg(long, default_value_t = 300)]
    changes: u32,
    /// Imports one Bundle of about this many megabytes instead, and says how much memory it took.
    #[arg(long)]
    megabytes: Option<u64>,
    /// Pushes so many envelopes through a relay to five readers instead.
    #[arg(long)]
    relay: Option<usize>,
    /// Syncs about 5,000 records to a clinic whose line carries so many bytes a second, badly, instead.
    #[arg(long, value_name = "BYTES_PER_SECOND")]
    bad_line: Option<u64>,
    /// Changes that line's address and kills both ends on the way.
    #[arg(long, requires = "bad_line")]
    killed: bool,
    /// Says what came of it as one line of JSON.
    #[arg(long, requires = "bad_line")]
    json: bool,
    /// Times how a member comes back over a line with round trips of 600 ms instead.
    #[arg(long)]
    reconnect: bool,
    /// Has so many nodes call one relay again at once, instead.
    #[arg(long, value_name = "NODES")]
    storm: Option<usize>,
    /// Seconds within which they call.
    #[arg(long, default_value_t = 60)]
    within: u64,
    /// Members that are connected and silent at once after the storm.
    #[arg(long, default_value_t = 0)]
    idle: usize,
}

impl Arguments {
    fn of(patients: u64, years: u16) -> Self {
        Self { patients, years, changes: 0, ..Self::parse_from(["azalea-bench"]) }
    }
}

fn main() {
    let arguments = Arguments::parse();
    if let Some(megabytes) = arguments.megabytes {
        one_large_file(megabytes);
    } else if let Some(envelopes) = arguments.relay {
        relay::run(envelopes);
    } else if let Some(bytes_per_second) = arguments.bad_line {
        let Arguments { killed: is_killed, json, .. } = arguments;
        bad_line::run(&bad_line::Plan { bytes_per_second, is_killed, json });
    } else if arguments.reconnect {
        reconnect::run();
    } else if let Some(nodes) = arguments.storm {
        storm::run(nodes, Duration::from_secs(arguments.within), arguments.idle);
    } else {
        the_whole_way(&arguments);
    }
}

fn the_whole_way(arguments: &Arguments) {
    let mut region = Region::start();
    let mut hospital = region.join(&HOSPITAL);
    let mut clinic = region.join(&CLINIC);
    let charts = region.path("charts");
    let written = population(arguments, &charts);
    row("generated", &format!("{} records, {} JSON", written.records, size(written.bytes)));

    let before = Instant::now();
    let report = hospital.import(&charts);
    let took = before.elapsed();
    let taken = report["counts"]["taken"].as_u64().expect("a count");
    let rate = taken as f64 / took.as_secs_f64();
    let memory = peak_memory(hospital.daemon().pid());
    row(
        "import, sealed, durable, indexed",
        &format!("{taken} records, {} , {rate:.0} records/s", time(took)),
    );
    row("import, peak memory of the node", &size(memory));
    hospital.in_step();

    clinic.line.cut();
    for patient in &written.patients {
        hospital.consent(patient, &[&CLINIC]);
    }
    hospital.in_step();
    let bytes = clinic.line.traffic().down_bytes;
    let before = Instant::now();
    clinic.line.restore();
    until_within(Duration::from_secs(600), "the clinic holds every patient", || {
        let told = clinic.status();
        let whole = told["caught_up"] == true && told["waiting"] == 0;
        (whole && clinic.patients() == written.patients.len() as u64).then_some(())
    });
    let took = before.elapsed();
    let bytes = clinic.line.traffic().down_bytes - bytes;
    row(
        "first sync, hub to new reader, until in step",
        &format!(
            "{} , {} on the wire ({:.2} of JSON)",
            time(took),
            size(bytes),
            bytes as f64 / written.bytes as f64
        ),
    );
    row("first sync, peak memory of the relay", &size(peak_memory(region.relay.daemon().pid())));

    pages(&mut clinic, &written.patients.len());
    hospital.stop();
    clinic.stop();
    for node in [&hospital, &clinic] {
        let disk = std::fs::metadata(DataDir::new(node.dir()).store()).expect("a store").len();
        let share = written.bytes as f64 / disk as f64;
        row(
            &format!("store of the {}", node.part.slug),
            &format!("{} (1/{share:.1} of JSON)", size(disk)),
        );
    }
    one_change(&hospital, &clinic, arguments.changes);
}

struct Written {
    records: u64,
    bytes: u64,
    patients: Vec<String>,
}

fn population(arguments: &Arguments, out: &Path) -> Written {
    let population = Population::new(Options {
        patients: arguments.patients,
        years: arguments.years,
        hospitals: 1,
        even: true,
        ..Options::default()
    });
    std::fs::create_dir_all(out).expect("a folder");
    let mut written = Written { records: 0, bytes: 0, patients: Vec::new() };
    let mut put = |name: &str, text: &str, records: usize| {
        std::fs::write(out.join(name), text).expect("a file");
        written.records += records as u64;
        written.bytes += text.len() as u64;
    };
    put("directory.json", &population.directory_bundle(0), population.directory(0).len());
    let mut patients = Vec::new();
    for chart in population.charts() {
        put(&format!("{}.json", chart.local_id), &chart.bundle(), chart.resources.len());
        patients.push(chart.local_id.clone());
    }
    written.patients = patients;
    written
}

/// One change at a time, from the publisher's command to the row in the reader's store; both in this process, on their real
/// stores, over QUIC through the relay's process.
fn one_change(hospital: &Node, clinic: &Node, changes: u32) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let hospital = start(hospital).await;
        let clinic = start(clinic).await;
        let (local, scope) = shared_chart(&hospital, &clinic);
        let mut times = Vec::new();
        for change in 0..changes {
            let key = RecordKey { kind: "Observation".into(), id: format!("bench-{change}") };
            let mut notices = clinic.handle().notices();
            let before = Instant::now();
            let command = Command::Import { records: vec![record(&local, &key, change)] };
            hospital.handle().command(command).await.expect("an import");
            loop {
                let snapshot = clinic.handle().snapshot().expect("a snapshot");
                if !View::new(&snapshot).versions(scope, &key).expect("a sound store").is_empty() {
                    break;
                }
                let _ = notices.recv().await;
            }
            times.push(before.elapsed());
        }
        times.sort_unstable();
        let at = |share: usize| time(times[(times.len() * share / 100).min(times.len() - 1)]);
        row(
            "one change, publisher to reader, both durable",
            &format!("p50 {}, p99 {}, {changes} changes", at(50), at(99)),
        );
    });
}

async fn start(node: &Node) -> Arc<Inner> {
    let opened = open(&DataDir::new(node.dir()), None, Clock::default()).await.expect("a node");
    let inner = opened.node.clone();
    let relay = Some(node.line.address().to_string());
    let web = Some("127.0.0.1:0".to_owned());
    let options = RunOptions {
        web,
        relay,
        relay_tcp: None,
        proxy: None,
        hosts: Vec::new(),
        tls: false,
        metrics: None,
        listen: None,
        announce: false,
    };
    let (sender, stop) = tokio::sync::watch::channel(false);
    let mut notices = inner.handle().notices();
    tokio::spawn(async move {
        let _keep = sender;
        opened.run(options, |_| (), stop).await
    });
    // The first word of the driver after it caught up.
    while !matches!(notices.recv().await, Ok(azalea_core::replica::effect::Notice::CaughtUp)) {}
    inner
}

/// A chart that both hold: the publisher's own id of the patient, and the scope's number at the reader.
fn shared_chart(hospital: &Inner, clinic: &Inner) -> (String, u32) {
    let directory = hospital.handle().directory();
    directory
        .locals()
        .find_map(|(id, row)| {
            let scope = clinic.handle().directory().scope_of(&row.chart?)?.number;
            Some((id.to_owned(), scope))
        })
        .expect("a patient who consented")
}

fn record(local: &str, key: &RecordKey, change: u32) -> ImportRecord {
    let raw = format!(
        "{{\"resourceType\":\"Observation\",\"id\":\"{}\",\"status\":\"final\",\"code\":{{\"text\":\"CRP\"}},\"subject\":{{\"reference\":\"Patient/{local}\"}},\"effectiveDateTime\":\"2026-11-01\",\"valueQuantity\":{{\"value\":{change}.10,\"unit\":\"mg/dL\"}}}}",
        key.id
    );
    ImportRecord {
        subject: Subject::Patient(local.to_owned()),
        key: key.clone(),
        header: RecordHeader {
            care_date: Some(20_261_101),
            source: "fhir".into(),
            full_url: None,
            received: Timestamp(1),
            by: STAFF.into(),
        },
        content: content_digest(raw.as_bytes()),
        raw: raw.into_bytes(),
    }
}

/// Opens patients' pages with the line cut, right after a start and again.
fn pages(clinic: &mut Node, patients: &usize) {
    clinic.stop();
    clinic.line.cut();
    clinic.start();
    let mut browser = Browser::sign_in(clinic.web());
    let list = browser.get("/patients");
    let mut links: Vec<String> = list
        .split("href=\"")
        .filter(|part| part.starts_with("/p/"))
        .filter_map(|part| part.split('"').next())
        .map(str::to_owned)
        .collect();
    links.dedup();
    for round in ["cold", "warm"] {
        let mut times: Vec<Duration> = links
            .iter()
            .map(|link| {
                let before = Instant::now();
                let page = browser.get(link);
                assert!(page.contains("</html>"), "a whole page");
                before.elapsed()
            })
            .collect();
        times.sort_unstable();
        let p99 = times[(times.len() * 99 / 100).min(times.len() - 1)];
        row(
            &format!("a patient's page, line cut, {round}"),
            &format!(
                "p50 {}, p99 {}, {} of {patients} patients",
                time(times[times.len() / 2]),
                time(p99),
                times.len()
            ),
        );
    }
    clinic.line.restore();
}

/// As much of a browser as it takes to sign in and fetch pages.
struct Browser {
    address: String,
    cookie: String,
}

impl Browser {
    fn sign_in(address: &str) -> Self {
        let mut browser = Self { address: address.to_owned(), cookie: String::new() };
        let page = browser.get("/sign-in");
        let token =
            page.split("name=\"csrf\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
        let token = token.expect("a token in the form");
        let form = format!("csrf={token}&login={STAFF}&password={}", azalea_tests::PASSWORD);
        browser.ask("POST", "/sign-in", &form);
        browser
    }

    fn get(&mut self, path: &str) -> String {
        self.ask("GET", path, "")
    }

    fn ask(&mut self, method: &str, path: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).expect("the screens");
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nOrigin: http://{}\r\nCookie: {}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.address,
            self.address,
            self.cookie,
            body.len()
        );
        stream.write_all(request.as_bytes()).expect("a request");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an answer");
        let answer = String::from_utf8_lossy(&answer).into_owned();
        for line in answer.lines().take_while(|line| !line.is_empty()) {
            if let Some(cookie) = line.to_ascii_lowercase().strip_prefix("set-cookie: ") {
                let cookie = &line[line.len() - cookie.len()..];
                self.cookie = cookie.split(';').next().unwrap_or_default().to_owned();
            }
        }
        answer
    }
}

/// One Bundle in one file, to see that memory does not follow its size.
fn one_large_file(megabytes: u64) {
    let region = Region::start();
    let mut hospital = region.join(&HOSPITAL);
    let path = large_bundle(&region.path("large.json"), megabytes << 20);
    let before = Instant::now();
    let report = hospital.import(&path);
    let took = before.elapsed();
    let taken = report["counts"]["taken"].as_u64().expect("a count");
    let bytes = std::fs::metadata(&path).expect("the file").len();
    row("one file", &format!("{taken} records, {}", size(bytes)));
    row("import", &format!("{}, {:.0} records/s", time(took), taken as f64 / took.as_secs_f64()));
    row("peak memory of the node", &size(peak_memory(hospital.daemon().pid())));
    hospital.stop();
    let disk = std::fs::metadata(DataDir::new(hospital.dir()).store()).expect("a store").len();
    row("store", &format!("{} (1/{:.1} of JSON)", size(disk), bytes as f64 / disk as f64));
}

fn large_bundle(path: &Path, bytes: u64) -> PathBuf {
    let population = Population::new(Options {
        patients: 1_000_000,
        years: 5,
        hospitals: 1,
        even: true,
        ..Options::default()
    });
    let mut file = std::io::BufWriter::new(std::fs::File::create(path).expect("a file"));
    let mut written = 0;
    let mut put = |text: &str| {
        file.write_all(text.as_bytes()).expect("room on the disk");
        written += text.len() as u64;
        written
    };
    put("{\"resourceType\":\"Bundle\",\"type\":\"collection\",\"entry\":[");
    let mut comma = "";
    'all: for chart in population.charts() {
        for line in chart.ndjson().lines() {
            if put(&format!("{comma}{{\"resource\":{line}}}")) > bytes {
                break 'all;
            }
            comma = ",";
        }
    }
    put("]}");
    drop(file);
    path.to_owned()
}

/// The most memory that a process has had, in bytes.
fn peak_memory(pid: u32) -> u64 {
    memory(pid, "VmHWM:")
}

/// What a process holds in memory now.
fn resident(pid: u32) -> u64 {
    memory(pid, "VmRSS:")
}

fn memory(pid: u32, field: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a running process");
    let line = status.lines().find_map(|line| line.strip_prefix(field)).expect("Linux");
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().expect("a number") << 10
}

/// How long a process has used a processor.
fn processor(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("a running process");
    // After the name, which may hold anything, the 12th and 13th numbers count hundredths of a second.
    let (_, fields) = stat.rsplit_once(')').expect("Linux");
    let ticks = fields.split_whitespace().skip(11).take(2);
    Duration::from_millis(10 * ticks.map(|it| it.parse::<u64>().expect("a number")).sum::<u64>())
}

fn row(what: &str, value: &str) {
    println!("| {what} | {value} |");
}

fn size(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

fn time(took: Duration) -> String {
    match took.as_secs_f64() {
        secs if secs >= 1.0 => format!("{secs:.1} s"),
        secs => format!("{:.2} ms", secs * 1e3),
    }
}
