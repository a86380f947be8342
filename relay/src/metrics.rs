//! Prometheus metrics on a port of their own: counts, sizes and ids, nothing that names a person or a place.

use std::fmt::Error;
use std::future::Future;
use std::io;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use azalea_transport::endpoint::Endpoint;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;

use crate::blobs::{Blobs, Census};
use crate::clock;
use crate::doors::Doors;
use crate::engine::Engine;
use crate::mailbox::{CAUSES, Report};

const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Cause {
    cause: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct DeviceLabels {
    facility: String,
    device: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Kind {
    kind: &'static str,
}

/// How callers came.
#[derive(Clone, Copy, Debug, Default)]
pub struct Callers {
    /// Sessions over TCP that are open.
    pub over_tcp: usize,
    /// Members that were answered before their handshake was complete.
    pub welcomed_early: u64,
    /// Handshakes that began with a ticket and were never completed.
    pub unproven: u64,
    /// Tickets that were shown and are not good, or no longer.
    pub tickets_spent: u64,
}

/// Serves `/metrics` until `stop`.
pub async fn serve(
    listener: TcpListener,
    engine: Engine,
    blobs: Blobs,
    doors: Doors,
    endpoint: Endpoint,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let scrape = move || {
        let (engine, blobs) = (engine.clone(), blobs.clone());
        let callers = Callers {
            over_tcp: doors.sessions_over_tcp(),
            welcomed_early: doors.welcomed_early(),
            unproven: doors.unproven(),
            tickets_spent: endpoint.tickets_spent(),
        };
        async move {
            let Ok(report) = engine.report().await else {
                return StatusCode::SERVICE_UNAVAILABLE.into_response();
            };
            // A shelf that cannot be read shows in the log; the rest is told all the same.
            let census = tokio::task::spawn_blocking(move || blobs.census()).await;
            let census = census.ok().and_then(Result::ok).unwrap_or_default();
            match render(&report, &census, engine.store_bytes(), &callers) {
                Ok(text) => ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response(),
                Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
            }
        }
    };
    let router = Router::new().route("/metrics", get(scrape));
    axum::serve(listener, router).with_graceful_shutdown(stop).await
}

/// The metrics as text.
pub fn render(
    report: &Report,
    blobs: &Census,
    store_bytes: u64,
    callers: &Callers,
) -> Result<String, Error> {
    let mut registry = Registry::with_prefix("azalea_relay");
    let counters = &report.counters;
    for (name, help, value) in [
        ("envelopes_accepted", "Envelopes taken", counters.accepted),
        (
            "passed_over",
            "Envelopes not sent to a reader, since a snapshot stands for them or they for it",
            counters.passed_over,
        ),
        ("refills", "Feeds given once more, without what their readers held", counters.refills),
        ("envelopes_repeated", "Envelopes that were known already", counters.repeated),
        ("envelopes_forwarded", "Envelopes sent to readers", counters.forwarded),
        (
            "envelopes_damaged",
            "Envelopes in the log that are not what was written",
            counters.damaged,
        ),
        ("envelopes_mended", "Damaged envelopes that came again", counters.mended),
        ("forks", "Envelopes that contradict one in the log", counters.forks),
        ("received_bytes", "Bytes of envelopes received", counters.bytes_in),
        ("stored_bytes", "Bytes of envelopes taken", counters.bytes_stored),
        ("sent_bytes", "Bytes of envelopes sent", counters.bytes_out),
        ("store_commits", "Commits", counters.commits),
        ("store_commits_failed", "Commits that the disk refused", counters.commits_failed),
        ("store_loads_failed", "Reads that failed", counters.loads_failed),
        ("sessions", "Sessions begun", counters.sessions),
        ("sessions_not_admitted", "Sessions refused to non-members", counters.not_admitted),
        ("sessions_stalled", "Sessions ended because the other end went quiet", counters.stalled),
        ("sessions_early", "Members answered in their first flight", callers.welcomed_early),
        (
            "handshakes_unproven",
            "Handshakes that began with a ticket and were not completed",
            callers.unproven,
        ),
        ("tickets_spent", "Tickets shown that were used or are not known", callers.tickets_spent),
        ("enrolments", "Facilities that joined", counters.enrolled),
        ("codes_refused", "Codes that opened nothing", counters.codes_refused),
        ("blobs_taken", "Attachments brought to their end", blobs.taken),
        ("blobs_refused", "Attachments, or parts of some, that were refused", blobs.refused),
        ("blobs_received_bytes", "Bytes of attachments taken", blobs.bytes_in),
        ("blobs_sent_bytes", "Bytes of attachments given", blobs.bytes_out),
    ] {
        let counter: Counter = Counter::default();
        counter.inc_by(value);
        registry.register(name, help, counter);
    }
    let refused = Family::<Cause, Counter>::default();
    for cause in CAUSES {
        let count = counters.refused.get(cause).copied().unwrap_or(0);
        refused.get_or_create(&Cause { cause }).inc_by(count);
    }
    registry.register("envelopes_refused", "Envelopes not taken, by cause", refused);
    let devices = report.facilities.iter().flat_map(|facility| &facility.devices);
    let suspended = devices.filter(|device| device.suspended.is_some()).count();
    let now = clock::now();
    let ending = report.facilities.iter().filter(|facility| facility.is_ending(now)).count();
    for (name, help, value) in [
        ("facilities_ending", "Memberships that end within 90 days or have ended", ending as u64),
        ("devices_suspended", "Devices that wait for a decision", suspended as u64),
        ("connections", "Open connections", report.connections as u64),
        ("connections_tcp", "Open connections over TCP", callers.over_tcp as u64),
        ("facilities", "Facilities", report.facilities.len() as u64),
        ("log_envelopes", "Envelopes in the log", report.envelopes),
        ("envelopes_lacking", "Damaged envelopes that are asked for", report.lacking),
        ("evidence_forks", "Contradicting envelopes that are kept", report.forks),
        ("fills", "Feeds that are being filled with what came before", report.fills as u64),
        ("store_failing", "1 while the last commit failed", u64::from(report.is_failing)),
        ("store_bytes", "Size of the store", store_bytes),
        ("blobs", "Attachments that are here whole", blobs.whole),
        ("blobs_unfinished", "Attachments of which a part is here", blobs.part),
        ("blobs_bytes", "Bytes of attachments that are here whole", blobs.bytes),
    ] {
        gauge(&mut registry, name, help, value);
    }
    let scopes = Family::<Kind, Gauge>::default();
    for (kind, count) in &report.scopes {
        scopes.get_or_create(&Kind { kind }).set(signed(*count));
    }
    registry.register("scopes", "Scopes by kind", scopes);
    let backlog = Family::<DeviceLabels, Gauge>::default();
    let connected = Family::<DeviceLabels, Gauge>::default();
    for facility in &report.facilities {
        for device in &facility.devices {
            let labels =
                DeviceLabels { facility: facility.id.to_string(), device: device.id.to_string() };
            backlog.get_or_create(&labels).set(signed(device.backlog));
            connected.get_or_create(&labels).set(i64::from(device.is_connected));
        }
    }
    registry.register("feed_backlog", "Feed items not confirmed by a device", backlog);
    registry.register("device_connected", "1 while a device has a session", connected);
    let mut text = String::new();
    encode(&mut text, &registry)?;
    Ok(text)
}

fn gauge(registry: &mut Registry, name: &str, help: &str, value: u64) {
    let gauge: Gauge = Gauge::default();
    gauge.set(signed(value));
    registry.register(name, help, gauge);
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
