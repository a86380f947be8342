//! Linking (紐付け) a network patient to one of this facility's own: proposed by one person, confirmed by another.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{Redirect, Response};
use azalea_core::id::PatientId;
use azalea_core::wire::limits;
use maud::{Markup, html};

use super::super::app::App;
use super::super::dates;
use super::super::failure::Failure;
use super::super::i18n::Word;
use super::super::icons::{Icon, icon};
use super::super::layout::{Frame, Place};
use super::super::model::{
    AccessKind, LinkProposal, LinkWaiting, Linked, LocalPatient, PatientHead,
};
use super::super::parts;
use super::super::visitor::{Posted, Visitor};
use crate::index::fold::fold;

/// Patients to link, proposals to confirm, and what is linked.
pub(in super::super) async fn page(
    State(app): State<Arc<App>>,
    visitor: Visitor,
) -> Result<Response, Failure> {
    let links = app.ask(|clinic| clinic.links()).await??;
    let frame = app.frame(&visitor, Place::Linking).await?;
    let t = |word| frame.t(word);
    let content = html! {
        h1 { (t(Word::LinkTitle)) }
        p.lead { (t(Word::LinkHint)) }
        @if !links.proposals.is_empty() {
            section {
                h2.section-title { (t(Word::LinkProposals)) b.count { (links.proposals.len()) } }
                @for proposal in &links.proposals { (proposal_card(&frame, proposal)) }
            }
        }
        section {
            h2.section-title { (t(Word::LinkWaitingTitle)) @if !links.waiting.is_empty() { b.count { (links.waiting.len()) } } }
            @if links.waiting.is_empty() { p.empty { (t(Word::AllLinked)) } }
            @for waiting in &links.waiting { (waiting_card(&frame, waiting)) }
        }
        @if !links.linked.is_empty() { (linked_table(&frame, &links.linked)) }
    };
    Ok(frame.page(Word::Linking, content))
}

/// Proposes a link.
pub(in super::super) async fn propose(
    State(app): State<Arc<App>>,
    posted: Posted,
) -> Result<Redirect, Failure> {
    let patient: PatientId = posted.fields.one("patient").parse().map_err(|_| Failure::BadForm)?;
    // Never cut: another id would be another patient. The core refuses one that is too long.
    let local = posted.fields.one("local").to_owned();
    if local.is_empty() {
        return Err(Failure::BadForm);
    }
    let staff = posted.visitor.staff.id.clone();
    app.log(&posted.visitor, AccessKind::Linked, Some(patient), None).await?;
    app.ask(move |clinic| clinic.propose_link(&staff, patient, &local)).await??;
    Ok(done(&app, &posted.visitor, Word::LinkProposed))
}

/// Confirms a colleague's proposal.
pub(in super::super) async fn confirm(
    State(app): State<Arc<App>>,
    posted: Posted,
) -> Result<Redirect, Failure> {
    let (staff, key) = (posted.visitor.staff.id.clone(), posted.fields.one("key").to_owned());
    app.log(&posted.visitor, AccessKind::Linked, None, None).await?;
    app.ask(move |clinic| clinic.confirm_link(&staff, &key)).await??;
    Ok(done(&app, &posted.visitor, Word::LinkConfirmed))
}

/// Turns a proposal down.
pub(in super::super) async fn reject(
    State(app): State<Arc<App>>,
    posted: Posted,
) -> Result<Redirect, Failure> {
    let (staff, key) = (posted.visitor.staff.id.clone(), posted.fields.one("key").to_owned());
    app.log(&posted.visitor, AccessKind::Linked, None, None).await?;
    app.ask(move |clinic| clinic.reject_link(&staff, &key)).await??;
    Ok(done(&app, &posted.visitor, Word::LinkRejected))
}

fn done(app: &Arc<App>, visitor: &Visitor, notice: Word) -> Redirect {
    app.sessions().leave_notice(visitor.token, notice);
    Redirect::to("/links")
}

fn waiting_card(frame: &Frame, waiting: &LinkWaiting) -> Markup {
    let t = |word| frame.t(word);
    html! {
        article.card.link {
            table.compare {
                thead { (compare_head(frame)) }
                tbody {
                    (network_row(frame, &waiting.patient))
                    @for candidate in &waiting.candidates {
                        (local_row(frame, &waiting.patient, candidate, html! {
                            form method="post" action="/links/propose" data-once {
                                (frame.token())
                                input type="hidden" name="patient" value=(waiting.patient.id);
                                input type="hidden" name="local" value=(candidate.local_id);
                                button.primary[agrees(&waiting.patient, candidate)] type="submit" {
                                    (icon(Icon::Link)) (t(Word::Propose))
                                }
                            }
                        }))
                    }
                }
            }
            @if waiting.candidates.is_empty() { p.quiet { (t(Word::NoCandidates)) } }
            form.by-id method="post" action="/links/propose" data-once {
                (frame.token())
                input type="hidden" name="patient" value=(waiting.patient.id);
                label {
                    span { (t(Word::ProposeById)) }
                    input type="text" name="local" required maxlength=(limits::KEY.max) autocomplete="off";
                }
                button type="submit" { (t(Word::Propose)) }
            }
        }
    }
}

fn proposal_card(frame: &Frame, proposal: &LinkProposal) -> Markup {
    let t = |word| frame.t(word);
    let own = proposal.by_id == frame.staff.id;
    html! {
        article.card.link {
            table.compare {
                thead { (compare_head(frame)) }
                tbody {
                    (network_row(frame, &proposal.patient))
                    (local_row(frame, &proposal.patient, &proposal.local, html! {}))
                }
            }
            footer {
                p.line-meta {
                    span { (t(Word::ProposedBy)) " " (proposal.by) }
                    span.date { (dates::full(frame.lang, proposal.at)) }
                }
                div.actions {
                    @if own {
                        p.quiet { (icon(Icon::People)) (t(Word::SecondPersonNeeded)) }
                    } @else {
                        form method="post" action="/links/confirm" data-once {
                            (frame.token())
                            input type="hidden" name="key" value=(proposal.key);
                            button.primary type="submit" { (icon(Icon::Check)) (t(Word::Confirm)) }
                        }
                    }
                    form method="post" action="/links/reject" data-once {
                        (frame.token())
                        input type="hidden" name="key" value=(proposal.key);
                        button type="submit" { (t(Word::Reject)) }
                    }
                }
            }
        }
    }
}

fn compare_head(frame: &Frame) -> Markup {
    html! {
        tr {
            td {}
            th scope="col" { (frame.t(Word::Name)) }
            th scope="col" { (frame.t(Word::Kana)) }
            th scope="col" { (frame.t(Word::BirthDate)) }
            th scope="col" { (frame.t(Word::AgeSex)) }
            th scope="col" { (frame.t(Word::PatientId)) }
            td {}
        }
    }
}

fn network_row(frame: &Frame, patient: &PatientHead) -> Markup {
    html! {
        tr.network {
            th scope="row" { (frame.t(Word::NetworkPatient)) }
            td { a href={ "/p/" (patient.id) } { (parts::name(frame.lang, &patient.name)) } }
            td { (patient.kana.as_deref().unwrap_or_default()) }
            td { @if let Some(birth) = patient.birth { (parts::birth(frame.lang, birth)) } }
            td { (parts::age_and_gender(frame.lang, patient.birth, patient.gender, frame.today())) }
            td.number {
                @for id in &patient.local_ids { (id.value) " " small.quiet { (id.facility.name) } " " }
            }
            td {}
        }
    }
}

fn local_row(frame: &Frame, network: &PatientHead, local: &LocalPatient, action: Markup) -> Markup {
    html! {
        tr {
            th scope="row" { (frame.t(Word::LocalPatient)) }
            td { (local.name) (matched(frame, fold(&local.name) == fold(&network.name))) }
            td {
                (local.kana.as_deref().unwrap_or_default())
                @if local.kana.is_some() && network.kana.is_some() {
                    (matched(frame, folded(&local.kana) == folded(&network.kana)))
                }
            }
            td {
                @if let Some(birth) = local.birth {
                    (parts::birth(frame.lang, birth)) (matched(frame, local.birth == network.birth))
                }
            }
            td {
                (parts::age_and_gender(frame.lang, local.birth, local.gender, frame.today()))
                (matched(frame, local.gender == network.gender))
            }
            td.number { (local.local_id) }
            td { (action) }
        }
    }
}

fn folded(text: &Option<String>) -> Option<String> {
    text.as_deref().map(fold)
}

/// Whether everything that both sides state is the same.
fn agrees(network: &PatientHead, local: &LocalPatient) -> bool {
    let kana = local.kana.is_none()
        || network.kana.is_none()
        || folded(&local.kana) == folded(&network.kana);
    fold(&local.name) == fold(&network.name)
        && kana
        && local.birth == network.birth
        && local.gender == network.gender
}

fn matched(frame: &Frame, same: bool) -> Markup {
    let word = frame.t(if same { Word::Same } else { Word::Differs });
    html! {
        @if same { span.match.same { (icon(Icon::Check)) (word) } }
        @else { span.match.differs { (icon(Icon::Alert)) (word) } }
    }
}

fn linked_table(frame: &Frame, linked: &[Linked]) -> Markup {
    let t = |word| frame.t(word);
    html! {
        section.card {
            h2 { (icon(Icon::Check)) (t(Word::LinkDone)) }
            table.plain-table {
                thead { tr {
                    th scope="col" { (t(Word::Name)) }
                    th scope="col" { (t(Word::PatientId)) }
                    th scope="col" { (t(Word::ProposedBy)) }
                    th scope="col" { (t(Word::ConfirmedBy)) }
                    th scope="col" { (t(Word::When)) }
                } }
                tbody {
                    @for link in linked {
                        tr {
                            th scope="row" { a href={ "/p/" (link.patient) } { (parts::name(frame.lang, &link.name)) } }
                            td.number { (link.local_id) }
                            td { (link.proposed_by) }
                            td { (link.confirmed_by) }
                            td.date { (dates::full(frame.lang, link.at)) }
                        }
                    }
                }
            }
        }
    }
}
