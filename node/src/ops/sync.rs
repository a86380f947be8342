//! Syncing with another node directly.

use azalea_core::sync::peer::Summary;
use azalea_transport::endpoint::Endpoint;
use serde_json::json;
use std::time::{Duration, Instant};
use tokio::runtime::Handle as Runtime;

use super::{Answer, OpError, Output};
use crate::net::peer::{self, ExchangeError};
use crate::node::Node;

/// How often whoever waits is told how far it is.
const TELL: Duration = Duration::from_millis(500);

/// Has a session with the node at `address`.
pub(super) fn with(node: &Node, address: &str, output: &mut dyn Output) -> Result<Answer, OpError> {
    let mut last = Instant::now();
    let told = |summary: &Summary| {
        if last.elapsed() >= TELL {
            last = Instant::now();
            let Summary { sent, received, shared, differed, .. } = summary;
            output.progress(&format!(
                "{differed} of {shared} scopes differ; sent {sent}, received {received}"
            ));
        }
    };
    let exchanged: Result<_, ExchangeError> = Runtime::current().block_on(async {
        let endpoint = Endpoint::client(&node.identity.device.seed())?;
        let exchanged = peer::call(&node.local(), &endpoint, address, told).await;
        endpoint.wait_idle().await;
        exchanged
    });
    let exchanged = exchanged?;
    let shown = node.handle().shown();
    let facility = shown.roster.device(&exchanged.with).map(|device| device.facility);
    let name = facility.map(|facility| shown.facility(&facility).name).unwrap_or_default();
    let Summary { sent, received, shared, differed, .. } = exchanged.summary;
    let (stored, waiting) = (exchanged.stored, exchanged.waiting);
    let json = json!({
        "with": {
            "device": exchanged.with.to_string(),
            "facility": { "id": facility.map(|id| id.to_string()), "name": name },
        },
        "sent": sent, "received": received, "stored": stored, "waiting": waiting,
        "shared": shared, "differed": differed,
    });
    let mut text = format!("in step with {name}: sent {sent}, received {received}");
    if waiting > 0 {
        text.push_str(&format!("; {waiting} of them wait for a statement that may still come"));
    }
    Ok(Answer::new(json, text))
}
