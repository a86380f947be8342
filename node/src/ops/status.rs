//! How the node stands.

use azalea_core::replica::RelayStatus;
use azalea_transport::peer::Via;
use serde_json::{Value, json};

use super::patient::{freshness_text, publisher};
use super::{Answer, OpError, moment, moment_text};
use crate::net::relay_link::LinkState;
use crate::node::Node;
use crate::web::Clinic;
use crate::web::i18n::Lang;
use crate::web::layout::trouble_word;
use crate::web::model::{Link, Trouble};

pub(super) fn show(node: &Node) -> Result<Answer, OpError> {
    let card = node.facility();
    let sync = node.sync_status()?;
    let state = &sync.state;
    let shown = node.handle().shown();
    let status = &shown.status;
    let (link, since, via) = match state.link {
        Link::Connected { since, via } => ("connected", Some(since), Some(via)),
        Link::Connecting => ("connecting", None, None),
        Link::Offline { since } => ("offline", since, None),
    };
    let cause = match node.handle().link() {
        LinkState::Offline { cause, .. } => Some(cause),
        _ => None,
    };
    let publishers: Vec<Value> = sync
        .publishers
        .iter()
        .map(|it| {
            let mut json = publisher(&it.facility, &it.freshness);
            json["patients"] = it.patients.into();
            json["held"] = it.held.into();
            json["missing"] = it.missing.into();
            json["newer"] = it.newer.into();
            json["last_heard"] = it.last_heard.map(moment).into();
            json
        })
        .collect();
    let suspended: Vec<Value> = status
        .suspended
        .iter()
        .map(|it| {
            json!({
                "device": it.device.to_string(),
                "facility": it.facility.map(|facility| facility.to_string()),
                "facility_name": it.facility.map(|facility| shown.facility(&facility).name),
                "relay": it.is_relay,
                "since": moment(it.since),
                "number": it.seq,
                "evidence": it.evidence,
                "set_aside": it.set_aside,
            })
        })
        .collect();
    let certified = node.certified_until();
    let bytes = std::fs::metadata(node.dir.store())?.len();
    let refused: serde_json::Map<String, Value> =
        sync.refusals.iter().map(|it| (it.cause.clone(), it.count.into())).collect();
    let attachments = node.attachments_status()?;
    let newer = status.newer.values().sum::<usize>() + status.newer_unplaced;
    let json = json!({
        "facility": { "id": card.facility.id.to_string(), "name": card.facility.name },
        "device": card.device.to_string(),
        "network": card.network,
        "relay": sync.relay,
        "link": link,
        "link_since": since.map(moment),
        "link_via": via.map(Via::word),
        "link_cause": cause,
        "caught_up": status.relay == RelayStatus::CaughtUp,
        "last_sync": state.last_sync.map(moment),
        "relay_heard": sync.relay_heard.map(moment),
        "unsent": state.unsent,
        "waiting": status.waiting,
        "quarantined": state.quarantined,
        "newer": newer,
        "needs_review": state.needs_review,
        "suspended": suspended,
        "suspended_by_relay": status.suspended_by_relay,
        "store_from_backup": status.contradicted,
        "snapshots_made": status.snapshots_made,
        "snapshots_held": status.snapshots_held,
        "patients": node.handle().directory().patient_count(),
        "rebuilding": status.rebuilding,
        "trouble": state.trouble.map(trouble),
        "trouble_text": state.trouble.map(|it| Lang::En.t(trouble_word(it))),
        "clock_skew_ms": status.clock_skew_ms,
        "certified_until": certified.map(|(facility, device)| moment(facility.min(device))),
        "facility_certified_until": certified.map(|(facility, _)| moment(facility)),
        "device_certified_until": certified.map(|(_, device)| moment(device)),
        "refused": refused,
        "publishers": publishers,
        "store_bytes": bytes,
        "attachments": {
            "held": attachments.held.whole, "held_bytes": attachments.held.bytes,
            "to_bring": attachments.to_bring.count, "to_bring_bytes": attachments.to_bring.bytes,
            "to_fetch": attachments.to_fetch.count, "to_fetch_bytes": attachments.to_fetch.bytes,
            "on_demand": attachments.on_demand.count, "on_demand_bytes": attachments.on_demand.bytes,
        },
    });
    let mut lines = vec![
        format!("{} ({})", card.facility.name, card.facility.id),
        format!(
            "link: {link}{}",
            match (cause, via.and_then(detour)) {
                (Some(cause), _) => format!(" ({cause})"),
                (None, Some(detour)) => format!(" ({detour})"),
                (None, None) => String::new(),
            }
        ),
        format!("last sync: {}", state.last_sync.map_or_else(|| "never".to_owned(), moment_text)),
        format!(
            "unsent: {}  waiting: {}  quarantined: {}  needs review: {}",
            state.unsent, status.waiting, state.quarantined, state.needs_review
        ),
    ];
    lines.push(format!(
        "attachments: {} held  to bring: {}  to fetch: {}  fetched when asked for: {}",
        attachments.held.whole,
        attachments.to_bring.count,
        attachments.to_fetch.count,
        attachments.on_demand.count
    ));
    if newer > 0 {
        lines.push(format!(
            "newer than this program: {newer} entries; they are kept, and read by themselves once it is updated"
        ));
    }
    lines.extend(certified.map(|(facility, device)| {
        format!("certified until: {} (device: {})", moment_text(facility), moment_text(device))
    }));
    lines.extend(
        state
            .trouble
            .map(|it| format!("trouble: {}: {}", trouble(it), Lang::En.t(trouble_word(it)))),
    );
    if status.contradicted {
        lines.push(
            "this store came from a backup, or a copy of it runs elsewhere: the relay holds other entries under its numbers; \
             run `azalea repair`, then have the relay's operator run `azalea-relay trust`"
                .to_owned(),
        );
    }
    if status.suspended_by_relay {
        lines.push(
            "the relay takes nothing of this device until its operator decides (`azalea-relay trust` or `revoke`); entries are kept"
                .to_owned(),
        );
    }
    lines.extend(status.suspended.iter().map(|it| {
        let whose = it.facility.map_or_else(|| "?".to_owned(), |id| shown.facility(&id).name);
        if it.is_relay {
            return format!(
                "the relay ({}) gave number {} to two entries, found {}: it came back from a backup, or its key is in other hands; \
                 ask its operator. Nothing waits for it: certificates prove themselves",
                it.device,
                it.seq,
                moment_text(it.since)
            );
        }
        format!(
            "device {} ({whose}) gave number {} to two entries, found {}; {} entries since are set aside: \
             ask the facility, then `azalea device trust {} --staff LOGIN`, or have it revoked",
            it.device,
            it.seq,
            moment_text(it.since),
            it.set_aside,
            it.device
        )
    }));
    if status.rebuilding {
        lines.push("the store is being rebuilt from the relay".to_owned());
    }
    lines.extend(
        sync.publishers
            .iter()
            .map(|it| format!("  {}: {}", it.facility.name, freshness_text(&it.freshness))),
    );
    Ok(Answer::new(json, lines.join("\n")))
}

/// What a session goes over, where that is not what it should be.
fn detour(via: Via) -> Option<&'static str> {
    match via {
        Via::Quic => None,
        Via::Tcp => Some("over TCP, since UDP does not pass"),
        Via::Proxy => Some("over TCP through the proxy, since UDP does not pass"),
    }
}

fn trouble(trouble: Trouble) -> &'static str {
    match trouble {
        Trouble::DiskFull => "disk-full",
        Trouble::DiskFault => "disk-fault",
        Trouble::ClockWrong => "clock-wrong",
        Trouble::Revoked => "revoked",
        Trouble::Expired => "expired",
        Trouble::Ending => "certificate-ending",
        Trouble::Unknown => "unknown-to-relay",
        Trouble::OtherNetwork => "other-network",
        Trouble::Contradicted => "store-from-backup",
        Trouble::Suspended => "suspended-by-relay",
        Trouble::Distrusted => "device-suspended",
        Trouble::RelayVersion => "relay-version",
        Trouble::Outdated => "program-outdated",
    }
}
