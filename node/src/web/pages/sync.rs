//! The state of sync in full.

use azalea_transport::peer::Via;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};

use super::super::app::App;
use super::super::dates;
use super::super::failure::Failure;
use super::super::i18n::{Word, grouped};
use super::super::icons::{Icon, icon};
use super::super::layout::{Frame, Place};
use super::super::model::{Link, PublisherStatus, SyncStatus};
use super::super::parts;
use super::super::visitor::Visitor;
use super::patient_head::facility;

/// The sync page.
pub(in super::super) async fn page(
    State(app): State<Arc<App>>,
    visitor: Visitor,
) -> Result<Response, Failure> {
    let status = app.ask(|clinic| clinic.sync_status()).await??;
    let frame = app.frame(&visitor, Place::Sync).await?;
    let content = html! {
        h1 { (frame.t(Word::SyncPage)) }
        (line(&frame, &status))
        (publishers(&frame, &status.publishers))
        div.columns {
            div { (outgoing(&frame, &status)) }
            div { (refusals(&frame, &status)) }
        }
    };
    Ok(frame.page(Word::SyncPage, content))
}

fn line(frame: &Frame, status: &SyncStatus) -> Markup {
    let t = |word| frame.t(word);
    let (class, drawing, word) = match status.state.link {
        Link::Connected { .. } => ("good", Icon::Online, Word::Connected),
        Link::Connecting => ("wait", Icon::Sync, Word::Connecting),
        Link::Offline { .. } => ("off", Icon::Offline, Word::Offline),
    };
    let since = match status.state.link {
        Link::Connected { since, .. } => Some(since),
        Link::Offline { since } => since,
        Link::Connecting => None,
    };
    let over = match status.state.link {
        Link::Connected { via: Via::Quic, .. } => Some(Word::OverQuic),
        Link::Connected { via: Via::Tcp, .. } => Some(Word::OverTcp),
        Link::Connected { via: Via::Proxy, .. } => Some(Word::OverProxy),
        Link::Offline { .. } | Link::Connecting => None,
    };
    html! {
        section class={ "card line-state " (class) } {
            div.line-now {
                (icon(drawing))
                div {
                    strong { (t(word)) }
                    @if let Some(since) = since {
                        small { (dates::moment(frame.lang, since, frame.now)) "〜" }
                    }
                    @if let Some(over) = over { small { (t(over)) } }
                }
            }
            dl.tiles {
                div.alert[status.state.unsent > 0] {
                    dt { (t(Word::Queued)) }
                    dd { (grouped(status.state.unsent)) }
                }
                div {
                    dt { (t(Word::LastSync)) }
                    dd { @match status.state.last_sync {
                        Some(at) => { (dates::moment(frame.lang, at, frame.now)) }
                        None => { "–" }
                    } }
                }
                div.alert[status.state.needs_review > 0] {
                    dt { (t(Word::NeedsReview)) }
                    dd { (grouped(status.state.needs_review)) }
                }
                div.alert[status.state.quarantined > 0] {
                    dt { (t(Word::Quarantined)) }
                    dd { a href="/quarantine" { (grouped(status.state.quarantined)) } }
                }
                div {
                    dt { (t(Word::Relay)) }
                    dd.small { (status.relay) @if let Some(at) = status.relay_heard {
                        small { (t(Word::RelayHeard)) " " (dates::moment(frame.lang, at, frame.now)) }
                    } }
                }
            }
            @if class == "off" { p { (t(Word::OfflineHint)) } }
        }
    }
}

fn publishers(frame: &Frame, publishers: &[PublisherStatus]) -> Markup {
    let t = |word| frame.t(word);
    html! {
        section.card {
            h2 { (icon(Icon::Sync)) (t(Word::Publishers)) }
            @if publishers.is_empty() { p.quiet { (t(Word::NoneYet)) } } @else {
                table.plain-table.numbers {
                    thead { tr {
                        th scope="col" { (t(Word::Facility)) }
                        th scope="col" { (t(Word::Freshness)) }
                        th scope="col" { (t(Word::LastHeard)) }
                        th.number scope="col" { (t(Word::PatientCount)) }
                        th.number scope="col" { (t(Word::Held)) }
                        th.number scope="col" { (t(Word::Missing)) }
                        th.number scope="col" { (t(Word::WaitingForKey)) }
                        th.number scope="col" { (t(Word::NeedsUpdate)) }
                    } }
                    tbody { @for one in publishers { (publisher(frame, one)) } }
                }
            }
        }
    }
}

fn publisher(frame: &Frame, one: &PublisherStatus) -> Markup {
    let number = |count: u64, alarming: bool| {
        html! { td.number.alert[alarming && count > 0] { (grouped(count)) } }
    };
    html! {
        tr {
            th scope="row" { (facility(&one.facility)) }
            td { (parts::freshness(frame.lang, one.freshness, frame.now)) }
            td.date { @if let Some(at) = one.last_heard { (dates::moment(frame.lang, at, frame.now)) } @else { "–" } }
            (number(one.patients, false))
            (number(one.held, false))
            (number(one.missing, true))
            (number(one.waiting_for_key, true))
            (number(one.newer, true))
        }
    }
}

fn outgoing(frame: &Frame, status: &SyncStatus) -> Markup {
    html! {
        section.card {
            h2 { (icon(Icon::Exit)) (frame.t(Word::Queued)) }
            @if status.outgoing.is_empty() { p.quiet { (frame.t(Word::NothingOutgoing)) } }
            ul.lines {
                @for item in &status.outgoing {
                    li {
                        @match item.patient {
                            Some(patient) => { a.line-title href={ "/p/" (patient) } { (item.what) } }
                            None => { span.line-title { (item.what) } }
                        }
                        span.line-meta { span.date { (dates::full(frame.lang, item.saved)) } }
                    }
                }
            }
        }
    }
}

fn refusals(frame: &Frame, status: &SyncStatus) -> Markup {
    html! {
        section.card {
            h2 { (icon(Icon::Shield)) (frame.t(Word::RefusedTitle)) }
            p.quiet { (frame.t(Word::RefusedHint)) }
            @if status.refusals.is_empty() { p { (frame.t(Word::NothingRefused)) } }
            ul.lines {
                @for refusal in &status.refusals {
                    li {
                        span.line-title { (refusal.cause) " × " (grouped(refusal.count)) }
                        span.line-meta {
                            span.date { (dates::full(frame.lang, refusal.at)) }
                        }
                    }
                }
            }
        }
    }
}
