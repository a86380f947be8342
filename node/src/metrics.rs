//! Prometheus metrics on a port of their own, which is closed unless somebody asks for it: counts, ages and ids,
//! nothing that names a person or a place.

use azalea_transport::peer::Via;
use std::fmt::Error;
use std::io;
use std::sync::Arc;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use tokio::net::TcpListener;

use crate::node::Node;
use crate::web::Clinic;
use crate::web::model::Link;

const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Way {
    via: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Publisher {
    facility: String,
    device: String,
}

/// Serves `/metrics` until `stop`.
pub async fn serve(
    listener: TcpListener,
    node: Arc<Node>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let scrape = move || {
        let node = Arc::clone(&node);
        async move {
            match tokio::task::spawn_blocking(move || render(&node)).await {
                Ok(Ok(text)) => ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response(),
                _ => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
            }
        }
    };
    let router = Router::new().route("/metrics", get(scrape));
    axum::serve(listener, router).with_graceful_shutdown(stop).await
}

/// The metrics as text.
pub fn render(node: &Node) -> Result<String, Error> {
    let mut registry = Registry::with_prefix("azalea_node");
    let state = node.sync_state();
    let shown = node.handle().shown();
    let status = &shown.status;
    let now = node.handle().clock().now();
    let connected = matches!(state.link, Link::Connected { .. });
    let waiting_for_key: usize = status.waiting_for_key.values().sum();
    let newer = status.newer.values().sum::<usize>() + status.newer_unplaced;
    let missing: u64 = status.publishers.iter().map(|publisher| publisher.missing).sum();
    let store = std::fs::metadata(node.dir.store()).map_or(0, |file| file.len());
    for (name, help, value) in [
        ("connected", "1 while the relay is connected", u64::from(connected)),
        ("unsent", "Envelopes that the relay has not acknowledged", state.unsent),
        ("missing", "Envelopes that publishers have announced and that are not here", missing),
        ("waiting", "Envelopes that wait for a key or a statement", status.waiting as u64),
        ("waiting_for_key", "Those of them that only lack a key", waiting_for_key as u64),
        ("newer", "Envelopes that a newer program wrote than this one", newer as u64),
        (
            "snapshots_made",
            "Snapshots of volumes that this device has made",
            status.snapshots_made as u64,
        ),
        ("snapshots_held", "Snapshots of others that are held here", status.snapshots_held as u64),
        ("quarantined", "Things that are set apart for a person", state.quarantined),
        ("needs_review", "Records whose current versions disagree", state.needs_review),
        ("rebuilding", "1 while the store is rebuilt from the relay", u64::from(status.rebuilding)),
        ("store_failing", "1 while the store takes no writes", u64::from(status.store_failing)),
        ("store_bytes", "Size of the store", store),
    ] {
        let gauge: Gauge = Gauge::default();
        gauge.set(signed(value));
        registry.register(name, help, gauge);
    }
    attachments(node, &mut registry);
    let ways = Family::<Way, Gauge>::default();
    for way in [Via::Quic, Via::Tcp, Via::Proxy] {
        let taken = matches!(state.link, Link::Connected { via, .. } if via == way);
        ways.get_or_create(&Way { via: way.word() }).set(i64::from(taken));
    }
    let help = "1 for what the session with the relay goes over";
    registry.register("connected_via", help, ways);
    let skew: Gauge = Gauge::default();
    skew.set(status.clock_skew_ms / 1_000);
    let help = "The relay's clock minus this one at the last welcome";
    registry.register_with_unit("clock_skew", help, Unit::Seconds, skew);

    let age = Family::<Publisher, Gauge>::default();
    let heard = Family::<Publisher, Gauge>::default();
    let lacking = Family::<Publisher, Gauge>::default();
    for publisher in &status.publishers {
        // Of a facility that was never heard there is nothing to count from.
        let Some(device) = publisher.device else { continue };
        let labels =
            Publisher { facility: publisher.facility.to_string(), device: device.to_string() };
        if let Some(complete) = publisher.complete {
            age.get_or_create(&labels).set(signed(now.since_ms(complete) / 1_000));
        }
        if let Some(at) = publisher.heard {
            heard.get_or_create(&labels).set(signed(now.since_ms(at) / 1_000));
        }
        lacking.get_or_create(&labels).set(signed(publisher.missing));
    }
    let help = "Time since the moment as of which all of a publisher's part is here";
    registry.register_with_unit("publisher_complete_age", help, Unit::Seconds, age);
    let help = "Time since a publisher's last word on how much there is";
    registry.register_with_unit("publisher_heard_age", help, Unit::Seconds, heard);
    registry.register("publisher_missing", "Envelopes announced and not here", lacking);
    let mut text = String::new();
    encode(&mut text, &registry)?;
    Ok(text)
}

/// Attachments: what is here, what is on its way, what has moved. A shelf that cannot be read is left out; the log says so.
fn attachments(node: &Node, registry: &mut Registry) {
    let moved = node.transfers.counts();
    for (name, help, value) in [
        (
            "attachments_fetched_bytes",
            "Sealed bytes of attachments that came, since the start",
            moved.fetched,
        ),
        (
            "attachments_brought_bytes",
            "Bytes of attachments that went to the relay, since the start",
            moved.brought,
        ),
        (
            "attachments_refused",
            "Attachments refused by the relay, or that did not prove themselves, since the start",
            moved.refused,
        ),
    ] {
        let counter: Counter = Counter::default();
        counter.inc_by(value);
        registry.register(name, help, counter);
    }
    let status = match node.attachments_status() {
        Ok(status) => status,
        Err(error) => return tracing::warn!(%error, "the attachments cannot be counted"),
    };
    for (name, help, value) in [
        ("attachments_held", "Attachments that are here whole", status.held.whole),
        ("attachments_held_bytes", "Sealed bytes of those", status.held.bytes),
        ("attachments_part", "Attachments of which a part is here", status.held.part),
        ("attachments_to_bring", "Attachments that the relay does not have", status.to_bring.count),
        ("attachments_to_bring_bytes", "Sealed bytes of those", status.to_bring.bytes),
        (
            "attachments_to_fetch",
            "Attachments that are fetched without being asked for",
            status.to_fetch.count,
        ),
        ("attachments_to_fetch_bytes", "Sealed bytes of those", status.to_fetch.bytes),
        (
            "attachments_on_demand",
            "Attachments that are fetched once somebody asks",
            status.on_demand.count,
        ),
        ("attachments_on_demand_bytes", "Sealed bytes of those", status.on_demand.bytes),
    ] {
        let gauge: Gauge = Gauge::default();
        gauge.set(signed(value));
        registry.register(name, help, gauge);
    }
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
