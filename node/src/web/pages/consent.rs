//! Consent of a patient: which facilities may see the chart, until when; given and withdrawn in two steps.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use azalea_core::id::{ConsentId, FacilityId, PatientId};
use maud::{Markup, html};

use super::super::app::App;
use super::super::clinic::ClinicError;
use super::super::dates;
use super::super::failure::Failure;
use super::super::i18n::Word;
use super::super::icons::{Icon, icon};
use super::super::layout::Frame;
use super::super::model::{
    AccessKind, Chart, ConsentCard, ConsentForm, ConsentKind, ConsentPage, ConsentState,
    FacilityChoice,
};
use super::super::visitor::{Fields, Posted, Visitor};
use super::patient::open;
use super::patient_head::{Tab, facility, top};
use crate::index::Day;
use crate::typed::PROXY;

/// The consents of a patient, and the form for another.
pub(in super::super) async fn page(
    State(app): State<Arc<App>>,
    Path(patient): Path<String>,
    visitor: Visitor,
) -> Result<Response, Failure> {
    let (frame, chart, consents) = load(&app, &visitor, &patient).await?;
    Ok(frame.page(Word::Consent, listed(&frame, &chart, &consents, &Typed::default(), None)))
}

/// Checks what was entered and shows it once more; or saves it, where it was shown already.
pub(in super::super) async fn give(
    State(app): State<Arc<App>>,
    Path(patient): Path<String>,
    posted: Posted,
) -> Result<Response, Failure> {
    let visitor = &posted.visitor;
    let (frame, chart, consents) = load(&app, visitor, &patient).await?;
    let typed = Typed::read(&posted.fields);
    let form = match typed.check(&consents.facilities, frame.today()) {
        Ok(form) => form,
        Err(problem) => {
            let page = listed(&frame, &chart, &consents, &typed, Some(problem));
            return Ok(
                (StatusCode::UNPROCESSABLE_ENTITY, frame.page(Word::Consent, page)).into_response()
            );
        }
    };
    if posted.fields.one("confirmed").is_empty() {
        return Ok(frame.page(Word::Consent, review(&frame, &chart, &consents, &typed, &form)));
    }
    let (staff, id) = (visitor.staff.id.clone(), chart.patient.id);
    app.log(visitor, AccessKind::GaveConsent, Some(id), None).await?;
    app.ask(move |clinic| clinic.give_consent(&staff, id, &form)).await??;
    app.sessions().leave_notice(visitor.token, Word::ConsentSaved);
    Ok(Redirect::to(&format!("/p/{id}/consent")).into_response())
}

/// Asks once more before a withdrawal.
pub(in super::super) async fn withdraw_ask(
    State(app): State<Arc<App>>,
    Path((patient, consent)): Path<(String, String)>,
    visitor: Visitor,
) -> Result<Response, Failure> {
    let (frame, chart, consents) = load(&app, &visitor, &patient).await?;
    let wanted: ConsentId = consent.parse().map_err(|_| ClinicError::NotFound)?;
    let card =
        consents.consents.iter().find(|card| card.id == wanted).ok_or(ClinicError::NotFound)?;
    let base = format!("/p/{}/consent", chart.patient.id);
    let content = html! {
        (top(&frame, &chart, Tab::Consent))
        div.card.ask {
            h2 { (frame.t(Word::WithdrawAsk)) }
            (consent_card(&frame, card, None))
            p { (frame.t(Word::WithdrawHint)) }
            form method="post" action={ (base) "/" (wanted) "/withdraw" } data-once {
                (frame.token())
                div.actions {
                    button.danger type="submit" { (frame.t(Word::WithdrawConfirm)) }
                    a.button href=(base) { (frame.t(Word::Cancel)) }
                }
            }
        }
    };
    Ok(frame.page(Word::Consent, content))
}

/// Records a withdrawal.
pub(in super::super) async fn withdraw(
    State(app): State<Arc<App>>,
    Path((patient, consent)): Path<(String, String)>,
    posted: Posted,
) -> Result<Redirect, Failure> {
    let patient: PatientId = patient.parse().map_err(|_| ClinicError::NotFound)?;
    let consent: ConsentId = consent.parse().map_err(|_| ClinicError::NotFound)?;
    let staff = posted.visitor.staff.id.clone();
    app.log(&posted.visitor, AccessKind::WithdrewConsent, Some(patient), None).await?;
    app.ask(move |clinic| clinic.withdraw_consent(&staff, patient, consent)).await??;
    app.sessions().leave_notice(posted.visitor.token, Word::ConsentWithdrawnSaved);
    Ok(Redirect::to(&format!("/p/{patient}/consent")))
}

async fn load(
    app: &Arc<App>,
    visitor: &Visitor,
    patient: &str,
) -> Result<(Frame, Chart, ConsentPage), Failure> {
    let (frame, chart) = open(app, visitor, patient).await?;
    let id = chart.patient.id;
    let consents = app.ask(move |clinic| clinic.consents(id)).await??;
    Ok((frame, chart, consents))
}

/// The form as it was typed.
#[derive(Default)]
struct Typed {
    blanket: bool,
    facilities: Vec<FacilityId>,
    until: String,
    proxy: String,
}

impl Typed {
    fn read(fields: &Fields) -> Self {
        Self {
            blanket: fields.one("kind") == "blanket",
            facilities: fields.all("facility").filter_map(|id| id.parse().ok()).collect(),
            until: fields.one("until").chars().take(10).collect(),
            proxy: fields.one("proxy").to_owned(),
        }
    }

    fn check(&self, choices: &[FacilityChoice], today: Day) -> Result<ConsentForm, Word> {
        let chosen = |choice: &&FacilityChoice| {
            self.blanket || self.facilities.contains(&choice.facility.id)
        };
        let facilities: Vec<FacilityId> =
            choices.iter().filter(chosen).map(|choice| choice.facility.id).collect();
        if facilities.is_empty() {
            return Err(Word::ErrNoFacility);
        }
        let until = match self.until.as_str() {
            "" => None,
            text => {
                let day = Day::from_fhir(text).filter(|day| day.civil().is_some() && *day >= today);
                Some(day.ok_or(Word::ErrDate)?)
            }
        };
        if self.proxy.chars().count() > PROXY.max {
            return Err(Word::ErrTooLong);
        }
        let kind = if self.blanket { ConsentKind::Blanket } else { ConsentKind::Specific };
        let proxy = Some(self.proxy.clone()).filter(|proxy| !proxy.is_empty());
        Ok(ConsentForm { kind, facilities, until, proxy })
    }
}

fn listed(
    frame: &Frame,
    chart: &Chart,
    page: &ConsentPage,
    typed: &Typed,
    problem: Option<Word>,
) -> Markup {
    let base = format!("/p/{}/consent", chart.patient.id);
    html! {
        (top(frame, chart, Tab::Consent))
        div.columns {
            div {
                section.card {
                    h2 { (icon(Icon::Shield)) (frame.t(Word::Consent)) }
                    @if page.consents.is_empty() { p.quiet { (frame.t(Word::NoConsent)) } }
                    @for card in &page.consents { (consent_card(frame, card, Some(&base))) }
                }
                section.card {
                    h2 { (icon(Icon::Link)) (frame.t(Word::LinkedIds)) }
                    @if page.linked.is_empty() { p.quiet { (frame.t(Word::NoneYet)) } }
                    dl.facts.wide {
                        @for id in &page.linked {
                            div { dt { (facility(&id.facility)) } dd.number { (id.value) } }
                        }
                    }
                }
            }
            div { (form(frame, &base, page, typed, problem)) }
        }
    }
}

fn consent_card(frame: &Frame, card: &ConsentCard, base: Option<&str>) -> Markup {
    let lang = frame.lang;
    let (class, state) = match &card.state {
        ConsentState::Active => ("good", frame.t(Word::ConsentActive)),
        ConsentState::Expired => ("past", frame.t(Word::ConsentExpired)),
        ConsentState::Withdrawn { .. } => ("void", frame.t(Word::ConsentWithdrawn)),
        ConsentState::Unknown => ("pending", frame.t(Word::ConsentUnknown)),
    };
    html! {
        article.consent.over[card.state != ConsentState::Active] {
            header {
                span class={ "badge " (class) } { (state) }
                strong { (frame.t(kind_word(card.kind))) }
                span.quiet {
                    @match card.until {
                        Some(day) => { (frame.t(Word::Until)) " " (dates::day(lang, day)) }
                        None => { (frame.t(Word::NoEnd)) }
                    }
                }
            }
            ul.facilities { @for one in &card.facilities { li { (facility(one)) } } }
            p.line-meta {
                span { (frame.t(Word::GivenAt)) " " (dates::full(lang, card.given)) }
                span { (card.by) }
                @if let Some(proxy) = &card.proxy { span { (frame.t(Word::Proxy)) " " (proxy) } }
            }
            @if let ConsentState::Withdrawn { at, by } = &card.state {
                p.line-meta { (lang.fill(Word::WithdrawnAt, &[&dates::full(lang, *at), by])) }
            }
            @if let (Some(base), ConsentState::Active) = (base, &card.state) {
                a.button href={ (base) "/" (card.id) "/withdraw" } { (frame.t(Word::Withdraw)) }
            }
        }
    }
}

fn form(
    frame: &Frame,
    base: &str,
    page: &ConsentPage,
    typed: &Typed,
    problem: Option<Word>,
) -> Markup {
    let t = |word| frame.t(word);
    html! {
        form.card.consent-form method="post" action=(base) {
            (frame.token())
            h2 { (icon(Icon::Pen)) (t(Word::GiveConsent)) }
            @if let Some(word) = problem { p.problem role="alert" { (icon(Icon::Alert)) (t(word)) } }
            fieldset.big-choices {
                legend { (t(Word::NoteKindLabel)) }
                label {
                    input type="radio" name="kind" value="specific" checked[!typed.blanket];
                    span { strong { (t(Word::Specific)) } small { (t(Word::SpecificHint)) } }
                }
                label {
                    input type="radio" name="kind" value="blanket" checked[typed.blanket];
                    span { strong { (t(Word::Blanket)) } small { (t(Word::BlanketHint)) } }
                }
            }
            fieldset.facility-choices {
                legend { (t(Word::ConsentFacilities)) }
                @for choice in &page.facilities {
                    @let id = choice.facility.id;
                    label {
                        input type="checkbox" name="facility" value=(id) checked[typed.facilities.contains(&id)];
                        span {
                            (facility(&choice.facility))
                            small {
                                @if choice.discloses { (t(Word::Discloses)) }
                                @if choice.discloses && choice.views { "・" }
                                @if choice.views { (t(Word::Views)) }
                            }
                        }
                    }
                }
            }
            div.field-pair {
                label.field {
                    span { (t(Word::Until)) }
                    input type="date" name="until" value=(typed.until);
                    small { (t(Word::UntilHint)) }
                }
                label.field {
                    span { (t(Word::Proxy)) }
                    input type="text" name="proxy" value=(typed.proxy) maxlength=(PROXY.max) autocomplete="off";
                    small { (t(Word::ProxyHint)) }
                }
            }
            div.actions { button.primary type="submit" { (t(Word::Next)) } }
        }
    }
}

/// What is about to be recorded, read back before it counts.
fn review(
    frame: &Frame,
    chart: &Chart,
    page: &ConsentPage,
    typed: &Typed,
    form: &ConsentForm,
) -> Markup {
    let base = format!("/p/{}/consent", chart.patient.id);
    let named =
        page.facilities.iter().filter(|choice| form.facilities.contains(&choice.facility.id));
    html! {
        (top(frame, chart, Tab::Consent))
        div.card.ask {
            h2 { (frame.t(Word::ConsentReview)) }
            dl.facts {
                div { dt { (frame.t(Word::Name)) } dd { strong { (chart.patient.name) } } }
                div { dt { (frame.t(Word::NoteKindLabel)) } dd { (frame.t(kind_word(form.kind))) } }
                div { dt { (frame.t(Word::ConsentFacilities)) } dd {
                    ul.facilities { @for choice in named { li { (facility(&choice.facility)) } } }
                } }
                div { dt { (frame.t(Word::Until)) } dd {
                    @match form.until {
                        Some(day) => { (dates::day(frame.lang, day)) }
                        None => { (frame.t(Word::NoEnd)) }
                    }
                } }
                @if let Some(proxy) = &form.proxy { div { dt { (frame.t(Word::Proxy)) } dd { (proxy) } } }
            }
            form method="post" action=(base) data-once {
                (frame.token())
                input type="hidden" name="confirmed" value="1";
                input type="hidden" name="kind" value=(if typed.blanket { "blanket" } else { "specific" });
                @for id in &form.facilities { input type="hidden" name="facility" value=(id); }
                input type="hidden" name="until" value=(typed.until);
                input type="hidden" name="proxy" value=(typed.proxy);
                div.actions {
                    button.primary type="submit" { (icon(Icon::Check)) (frame.t(Word::ConsentConfirm)) }
                    a.button href=(base) { (frame.t(Word::Cancel)) }
                }
            }
        }
    }
}

fn kind_word(kind: ConsentKind) -> Word {
    match kind {
        ConsentKind::Blanket => Word::Blanket,
        ConsentKind::Specific => Word::Specific,
    }
}
