//! 取込保留: what is held apart and why; an administrator has a file read again, or takes it off the list.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{Redirect, Response};
use maud::{Markup, html};

use super::super::app::App;
use super::super::dates;
use super::super::failure::Failure;
use super::super::i18n::Word;
use super::super::icons::{Icon, icon};
use super::super::layout::{Frame, Place};
use super::super::model::{QuarantineItem, QuarantineKind, RetriedFile};
use super::super::visitor::{Posted, Visitor};
use super::staff::administrators_only;
use crate::typed::{self, REASON};

/// What is held.
pub(in super::super) async fn page(
    State(app): State<Arc<App>>,
    visitor: Visitor,
) -> Result<Response, Failure> {
    let items = app.ask(|clinic| clinic.quarantine()).await??;
    let frame = app.frame(&visitor, Place::Quarantine).await?;
    let t = |word| frame.t(word);
    let apart: Vec<&QuarantineItem> = items.iter().filter(|item| item.key.is_none()).collect();
    let content = html! {
        h1 { (t(Word::QuarantineTitle)) }
        p.lead { (t(Word::QuarantineHint)) }
        @if items.is_empty() { p.empty { (icon(Icon::Check)) (t(Word::NothingQuarantined)) } }
        @for file in files(&items) { (held_file(&frame, &file)) }
        @if !apart.is_empty() { (envelopes(&frame, &apart)) }
    };
    Ok(frame.page(Word::QuarantineTitle, content))
}

/// Has one file read again.
pub(in super::super) async fn retry(
    State(app): State<Arc<App>>,
    posted: Posted,
) -> Result<Redirect, Failure> {
    administrators_only(&posted.visitor)?;
    let (staff, key) = asked(&posted);
    let notice = match app.ask(move |clinic| clinic.retry_held(&staff, &key)).await?? {
        RetriedFile::Taken => Word::RetryTaken,
        RetriedFile::StillHeld => Word::RetryStillHeld,
        RetriedFile::Gone => Word::RetryGone,
    };
    Ok(done(&app, &posted.visitor, notice))
}

/// Takes one file off the list.
pub(in super::super) async fn discard(
    State(app): State<Arc<App>>,
    posted: Posted,
) -> Result<Redirect, Failure> {
    administrators_only(&posted.visitor)?;
    let reason = posted.fields.one("reason").trim().to_owned();
    if reason.is_empty() || !typed::fits(REASON, &reason) {
        return Ok(done(&app, &posted.visitor, Word::ErrReason));
    }
    let (staff, key) = asked(&posted);
    app.ask(move |clinic| clinic.discard_held(&staff, &key, &reason)).await??;
    Ok(done(&app, &posted.visitor, Word::DiscardDone))
}

fn asked(posted: &Posted) -> (super::super::model::StaffId, String) {
    (posted.visitor.staff.id.clone(), posted.fields.one("key").to_owned())
}

fn done(app: &Arc<App>, visitor: &Visitor, notice: Word) -> Redirect {
    app.sessions().leave_notice(visitor.token, notice);
    Redirect::to("/quarantine")
}

/// All that is held of one file; its items stand together.
fn files(items: &[QuarantineItem]) -> Vec<Vec<&QuarantineItem>> {
    let mut files: Vec<Vec<&QuarantineItem>> = Vec::new();
    for item in items.iter().filter(|item| item.key.is_some()) {
        match files.iter_mut().find(|file| file[0].key == item.key) {
            Some(file) => file.push(item),
            None => files.push(vec![item]),
        }
    }
    files
}

fn held_file(frame: &Frame, file: &[&QuarantineItem]) -> Markup {
    let t = |word| frame.t(word);
    let first = file[0];
    html! {
        article.card.held {
            h2.section-title { (icon(Icon::Page)) (file_name(&first.source)) }
            p.line-meta {
                span.badge.pending { (t(kind_word(first.kind))) }
                span.date { (dates::full(frame.lang, first.at)) }
                span { (frame.lang.count(Word::Bytes, first.bytes)) }
            }
            @if file.iter().all(|item| item.place.is_empty()) {
                // The whole file is at fault: there is no place in it to name.
                @for item in file { p { (item.cause) } }
            } @else {
                table.plain-table {
                    thead { tr {
                        th scope="col" { (t(Word::PlaceInFile)) }
                        th scope="col" { (t(Word::Cause)) }
                    } }
                    tbody {
                        @for item in file { tr { td.source { (item.place) } td { (item.cause) } } }
                    }
                }
            }
            @if frame.staff.admin { (actions(frame, first.key.as_deref().unwrap_or_default())) }
            @else { p.quiet { (t(Word::AdministratorsOnly)) } }
        }
    }
}

fn actions(frame: &Frame, key: &str) -> Markup {
    let t = |word| frame.t(word);
    html! {
        div.actions {
            form method="post" action="/quarantine/retry" data-once {
                (frame.token())
                input type="hidden" name="key" value=(key);
                button.primary type="submit" { (icon(Icon::Sync)) (t(Word::RetryImport)) }
            }
            details {
                summary.button { (t(Word::DiscardImport)) }
                form method="post" action="/quarantine/discard" autocomplete="off" data-once {
                    (frame.token())
                    input type="hidden" name="key" value=(key);
                    label.field {
                        span { (t(Word::DiscardReason)) }
                        input type="text" name="reason" required maxlength=(REASON.max);
                        small { (t(Word::DiscardHint)) }
                    }
                    button.danger type="submit" { (t(Word::DiscardConfirm)) }
                }
            }
        }
    }
}

fn envelopes(frame: &Frame, items: &[&QuarantineItem]) -> Markup {
    let t = |word| frame.t(word);
    html! {
        table.card.plain-table {
            thead { tr {
                th scope="col" { (t(Word::When)) }
                th scope="col" { (t(Word::RecordType)) }
                th scope="col" { (t(Word::Source)) }
                th scope="col" { (t(Word::Cause)) }
                th scope="col" { (t(Word::Size)) }
            } }
            tbody {
                @for item in items {
                    tr {
                        td.date { (dates::full(frame.lang, item.at)) }
                        td { span.badge.pending { (t(kind_word(item.kind))) } }
                        td.source { (item.source) }
                        td { (item.cause) }
                        td.number { (frame.lang.count(Word::Bytes, item.bytes)) }
                    }
                }
            }
        }
    }
}

/// The name that the hospital gave the file; where it lay is for whoever looks after the machine.
fn file_name(source: &str) -> &str {
    source.rsplit(['/', '\\']).next().unwrap_or(source)
}

fn kind_word(kind: QuarantineKind) -> Word {
    match kind {
        QuarantineKind::Import => Word::QuarantineImport,
        QuarantineKind::LateWrite => Word::QuarantineLateWrite,
        QuarantineKind::Fork => Word::QuarantineFork,
        QuarantineKind::TooNew => Word::QuarantineTooNew,
        QuarantineKind::Unreadable => Word::QuarantineUnreadable,
        QuarantineKind::Refused => Word::RefusedByRelay,
    }
}
