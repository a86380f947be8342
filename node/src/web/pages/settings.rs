//! One's own settings: language, password; and what device this is.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};

use super::super::app::App;
use super::super::clinic::ClinicError;
use super::super::failure::Failure;
use super::super::i18n::{Lang, Word};
use super::super::icons::{Icon, icon};
use super::super::layout::{Frame, Place};
use super::super::model::AccessKind;
use super::super::password::{PASSWORD_BYTES_MAX, Verifier};
use super::super::visitor::{Posted, Visitor};
use super::patient_head::facility;
use super::staff::verifier;

/// The settings page.
pub(in super::super) async fn page(
    State(app): State<Arc<App>>,
    visitor: Visitor,
) -> Result<Response, Failure> {
    show(&app, &visitor, None).await
}

/// Changes one's own password; the current one is asked for, since a desk may be left open.
pub(in super::super) async fn password(
    State(app): State<Arc<App>>,
    posted: Posted,
) -> Result<Response, Failure> {
    let visitor = &posted.visitor;
    let (new, repeated) = (posted.fields.one("new"), posted.fields.one("repeat"));
    if new != repeated {
        return show(&app, visitor, Some(Word::ErrPasswordRepeat)).await;
    }
    if !current_is_right(&app, visitor, posted.fields.one("current")).await? {
        return show(&app, visitor, Some(Word::ErrPasswordWrong)).await;
    }
    let verifier = match verifier(&app, new).await? {
        Ok(verifier) => verifier,
        Err(word) => return show(&app, visitor, Some(word)).await,
    };
    let staff = visitor.staff.id.clone();
    app.log(visitor, AccessKind::ChangedStaff, None, None).await?;
    app.ask(move |clinic| clinic.set_verifier(&staff, &staff, &verifier)).await??;
    app.sessions().close_all_of(&visitor.staff.id, Some(visitor.token));
    app.sessions().leave_notice(visitor.token, Word::PasswordChanged);
    Ok(Redirect::to("/settings").into_response())
}

/// Checked under the same waits as signing in, so that an open desk is no place to guess.
async fn current_is_right(
    app: &Arc<App>,
    visitor: &Visitor,
    password: &str,
) -> Result<bool, Failure> {
    let _gate = app.password_gate.acquire().await.map_err(|_| ClinicError::Unavailable)?;
    let key = format!("settings:{}", visitor.staff.id.0);
    if app.lockout().wait_s(app.now(), &key).is_some() {
        return Ok(false);
    }
    app.lockout().wrong(app.now(), &key);
    let (staff, password) =
        (visitor.staff.id.clone(), zeroize::Zeroizing::new(password.to_owned()));
    let right = app.ask(move |clinic| {
        let account = clinic.accounts()?.into_iter().find(|account| account.id == staff);
        let verifier = account.and_then(|account| Verifier::from_text(&account.verifier).ok());
        Ok(verifier.is_some_and(|verifier| verifier.verify(&password)))
    });
    let right = right.await?.map_err(Failure::Clinic)?;
    if right {
        app.lockout().right(&key);
    }
    Ok(right)
}

async fn show(
    app: &Arc<App>,
    visitor: &Visitor,
    problem: Option<Word>,
) -> Result<Response, Failure> {
    let frame = app.frame(visitor, Place::Settings).await?;
    let t = |word| frame.t(word);
    let content = html! {
        h1 { (t(Word::Settings)) }
        div.columns {
            div {
                section.card {
                    h2 { (icon(Icon::Globe)) (t(Word::Language)) }
                    form.actions method="post" action="/language" {
                        (frame.token())
                        @for (lang, name) in [(Lang::Ja, "日本語"), (Lang::En, "English")] {
                            button.primary[lang == frame.lang] type="submit" name="lang" value=(lang.tag()) lang=(lang.tag()) { (name) }
                        }
                    }
                }
                (device(&frame))
            }
            div { (password_form(&frame, problem)) }
        }
    };
    let status = if problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Ok((status, frame.page(Word::Settings, content)).into_response())
}

fn device(frame: &Frame) -> Markup {
    let t = |word| frame.t(word);
    html! {
        section.card {
            h2 { (icon(Icon::Key)) (t(Word::ThisDevice)) }
            dl.facts {
                div { dt { (t(Word::Facility)) } dd { (facility(&frame.facility.facility)) } }
                div { dt { (t(Word::Network)) } dd { (frame.facility.network) } }
                div { dt { (t(Word::ThisDevice)) } dd { (frame.facility.device_label) } }
                div { dt { (t(Word::DeviceId)) } dd { code { (frame.facility.device) } } }
            }
        }
    }
}

fn password_form(frame: &Frame, problem: Option<Word>) -> Markup {
    let t = |word| frame.t(word);
    let field = |name: &str, word: Word, kind: &str| {
        html! {
            label.field {
                span { (t(word)) }
                input type="password" name=(name) required maxlength=(PASSWORD_BYTES_MAX) autocomplete=(kind);
            }
        }
    };
    html! {
        form.card method="post" action="/settings" autocomplete="off" data-once {
            (frame.token())
            h2 { (icon(Icon::Shield)) (t(Word::ChangePassword)) }
            @if let Some(word) = problem { p.problem role="alert" { (icon(Icon::Alert)) (t(word)) } }
            (field("current", Word::CurrentPassword, "current-password"))
            (field("new", Word::NewPassword, "new-password"))
            (field("repeat", Word::RepeatPassword, "new-password"))
            p.quiet { (t(Word::PasswordHint)) }
            div.actions { button.primary type="submit" { (t(Word::ChangePassword)) } }
        }
    }
}
