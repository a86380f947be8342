//! Syncing with other nodes directly.

use azalea_core::replica::PeerError;
use azalea_core::sync::peer::Summary;
use azalea_transport::endpoint::Endpoint;
use serde_json::json;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};
use tokio::runtime::Handle as Runtime;

use super::{Answer, OpError, Output};
use crate::net::nearby;
use crate::net::peer::{self, ExchangeError};
use crate::node::Node;

/// How often whoever waits is told how far it is.
const TELL: Duration = Duration::from_millis(500);

/// How long other nodes are looked for.
const LOOK: Duration = Duration::from_secs(3);

/// Has a session with every node of this network that announces itself nearby; a success where all of them ended well.
pub(super) fn nearby(node: &Node, output: &mut dyn Output) -> Result<Answer, OpError> {
    output.progress("looking around");
    let found = nearby::look(&node.identity.network, IpAddr::V4(Ipv4Addr::UNSPECIFIED), LOOK)?;
    let (mut json, mut lines, mut success) = (Vec::new(), Vec::new(), true);
    for address in found {
        let address = address.to_string();
        match with(node, &address, output) {
            Ok(answer) => {
                json.push(json!({ "address": address, "result": answer.json }));
                lines.push(format!("{address}: {}", answer.text));
            }
            // Our own announcement is heard as well.
            Err(OpError::Exchange(ExchangeError::Peer(PeerError::Itself))) => {}
            Err(error) => {
                success = false;
                json.push(json!({ "address": address, "error": error.to_string() }));
                lines.push(format!("{address}: {error}"));
            }
        }
    }
    if json.is_empty() {
        let text = "no other node of this network was found nearby: it must run with --listen on this local network; \
                    where that does not pass multicast, use --with HOST:PORT";
        return Err(OpError::Value(text.to_owned()));
    }
    Ok(Answer { json: json!({ "nearby": json }), text: lines.join("\n"), success })
}

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
