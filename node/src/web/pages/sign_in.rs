//! Signing in and out, and switching the language.

use std::sync::Arc;

use axum::extract::{Query, Request, State};
use axum::http::header::{HeaderMap, SET_COOKIE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{DOCTYPE, Markup, html};
use serde::Deserialize;

use super::super::app::App;
use super::super::assets;
use super::super::clinic::ClinicError;
use super::super::failure::Failure;
use super::super::i18n::{Lang, Word};
use super::super::icons::{Icon, icon};
use super::super::layout;
use super::super::model::{AccessKind, Entry, StaffAccount};
use super::super::password::{PASSWORD_BYTES_MAX, Verifier};
use super::super::session::{Seen, StaffCard, Token};
use super::super::visitor::{Fields, LANG_COOKIE, Posted, Visitor, cookie, lang};

const LOGIN_CHARS_MAX: usize = 64;

#[derive(Deserialize)]
pub(in super::super) struct Ended {
    ended: Option<u8>,
}

/// The sign-in page.
pub(in super::super) async fn page(
    State(app): State<Arc<App>>,
    Query(query): Query<Ended>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let ended = query.ended.is_some().then_some(Word::SignInEnded);
    form(&app, &headers, ended.map(|word| lang(&headers).t(word).to_owned()), "", StatusCode::OK)
        .await
}

/// Checks a password and opens a session.
pub(in super::super) async fn sign_in(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Response, Failure> {
    let headers = request.headers().clone();
    let seen = session(&headers, &app).ok_or(Failure::SignedOut { ended: true })?;
    let fields = Fields::read(request).await?;
    fields.check_token(&seen.csrf)?;
    let login: String = fields.one("login").chars().take(LOGIN_CHARS_MAX).collect();
    let now = app.now();
    let wait = app.lockout().wait_s(now, &login);
    if let Some(seconds) = wait {
        let words = lang(&headers).fill(Word::SignInWait, &[&seconds.to_string()]);
        return form(&app, &headers, Some(words), &login, StatusCode::TOO_MANY_REQUESTS).await;
    }
    // Counted before the check: many tries at once must not share one count.
    app.lockout().wrong(now, &login);
    let account = check(&app, &login, fields.one("password")).await?;
    let Some(account) = account else {
        log(&app, AccessKind::SignInRefused, None).await?;
        let words = match app.lockout().wait_s(now, &login) {
            Some(seconds) => lang(&headers).fill(Word::SignInWait, &[&seconds.to_string()]),
            None => lang(&headers).t(Word::SignInRefused).to_owned(),
        };
        return form(&app, &headers, Some(words), &login, StatusCode::UNAUTHORIZED).await;
    };
    app.lockout().right(&login);
    log(&app, AccessKind::SignedIn, Some(&account)).await?;
    let card =
        StaffCard { id: account.id, name: account.name, role: account.role, admin: account.admin };
    let token = app.fresh_token();
    app.sessions().close(seen.token);
    app.sessions().open(now, token, Some(card));
    Ok(with_cookie(&app, token, Redirect::to("/patients").into_response()))
}

/// Ends the session.
pub(in super::super) async fn sign_out(
    State(app): State<Arc<App>>,
    posted: Posted,
) -> Result<Redirect, Failure> {
    app.log(&posted.visitor, AccessKind::SignedOut, None, None).await?;
    app.sessions().close(posted.visitor.token);
    Ok(Redirect::to("/sign-in"))
}

/// Switches the language and goes to the start; works on the sign-in page too.
pub(in super::super) async fn language(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Response, Failure> {
    let headers = request.headers().clone();
    let seen = session(&headers, &app).ok_or(Failure::SignedOut { ended: true })?;
    let fields = Fields::read(request).await?;
    fields.check_token(&seen.csrf)?;
    let chosen = Lang::from_tag(fields.one("lang")).ok_or(Failure::BadForm)?;
    let secure = if app.options.tls { "; Secure" } else { "" };
    let cookie = format!(
        "{LANG_COOKIE}={}; Path=/; Max-Age=31536000; SameSite=Strict{secure}",
        chosen.tag()
    );
    let place = if seen.staff.is_some() { "/patients" } else { "/sign-in" };
    let value = HeaderValue::from_str(&cookie).expect("a language tag is plain ASCII");
    Ok(([(SET_COOKIE, value)], Redirect::to(place)).into_response())
}

/// The state of sync, for the bar of an open page. Asking does not keep a session alive unless a person did
/// something since the last time.
pub(in super::super) async fn state(
    State(app): State<Arc<App>>,
    Query(query): Query<Active>,
    headers: HeaderMap,
) -> Response {
    let active = query.active.is_some();
    match super::super::visitor::visitor(&headers, &app, active) {
        Ok(visitor) => match app.ask(|clinic| clinic.sync_state()).await {
            Ok(state) => layout::state(visitor.lang, &state, app.now()).into_response(),
            Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        },
        Err(_) => StatusCode::UNAUTHORIZED.into_response(),
    }
}

#[derive(Deserialize)]
pub(in super::super) struct Active {
    active: Option<u8>,
}

/// The start: the patient list.
pub(in super::super) async fn start(_visitor: Visitor) -> Redirect {
    Redirect::to("/patients")
}

/// The account, where the password is right and the account may sign in. Takes as long for nobody as for somebody.
async fn check(
    app: &Arc<App>,
    login: &str,
    password: &str,
) -> Result<Option<StaffAccount>, Failure> {
    let _gate = app.password_gate.acquire().await.map_err(|_| ClinicError::Unavailable)?;
    let (login, password) = (login.to_owned(), zeroize::Zeroizing::new(password.to_owned()));
    let checked = app.ask(move |clinic| {
        let account = clinic.account(&login)?.filter(|account| !account.stopped);
        let verifier = account.as_ref().and_then(|it| Verifier::from_text(&it.verifier).ok());
        let right = match verifier {
            Some(verifier) => verifier.verify(&password),
            None => {
                let _ = Verifier::create(&"-".repeat(12), [0; 16]);
                false
            }
        };
        Ok(account.filter(|_| right))
    });
    checked.await?.map_err(Failure::Clinic)
}

async fn log(app: &Arc<App>, kind: AccessKind, who: Option<&StaffAccount>) -> Result<(), Failure> {
    let entry = Entry {
        at: app.now(),
        staff: who.map(|account| account.id.clone()),
        staff_name: who.map(|account| account.name.clone()).unwrap_or_default(),
        kind,
        patient: None,
        record: None,
        online: None,
        reason: String::new(),
    };
    Ok(app.ask(move |clinic| clinic.log(entry)).await??)
}

fn session(headers: &HeaderMap, app: &App) -> Option<Seen> {
    let token = cookie(headers, &app.cookie).and_then(Token::from_text)?;
    app.sessions().get(app.now(), token, true)
}

fn with_cookie(app: &App, token: Token, mut response: Response) -> Response {
    let secure = if app.options.tls { "; Secure" } else { "" };
    let cookie =
        format!("{}={}; Path=/; HttpOnly; SameSite=Strict{secure}", app.cookie, token.to_text());
    let value = HeaderValue::from_str(&cookie).expect("a token is plain ASCII");
    response.headers_mut().append(SET_COOKIE, value);
    response
}

/// The form, in a session of its own: its token keeps other sites from signing someone in.
async fn form(
    app: &Arc<App>,
    headers: &HeaderMap,
    words: Option<String>,
    login: &str,
    status: StatusCode,
) -> Result<Response, Failure> {
    let known = session(headers, app).filter(|seen| seen.staff.is_none());
    let seen = known.unwrap_or_else(|| app.sessions().open(app.now(), app.fresh_token(), None));
    let (facility, state) = app.ask(|clinic| (clinic.facility(), clinic.sync_state())).await?;
    let lang = lang(headers);
    let page = html! {
        (DOCTYPE)
        html lang=(lang.tag()) {
            (layout::head(lang.t(Word::SignInTitle)))
            body.bare {
                main.sign-in {
                    div.card {
                        div.sign-in-brand {
                            img src=(assets::mark_path()) alt="" width="56" height="56";
                            div {
                                h1 { (facility.facility.name) }
                                p.quiet { (facility.network) }
                            }
                        }
                        @if let Some(words) = words {
                            p.problem role="alert" { (icon(Icon::Alert)) (words) }
                        }
                        (fields(lang, &seen.csrf, login))
                    }
                    p.quiet.sign-in-hint { (lang.t(Word::SignInOffline)) }
                    div.sign-in-state { (layout::state(lang, &state, app.now())) }
                    form.sign-in-language method="post" action="/language" {
                        input type="hidden" name="csrf" value=(seen.csrf);
                        @let other = if lang == Lang::Ja { Lang::En } else { Lang::Ja };
                        input type="hidden" name="lang" value=(other.tag());
                        button.plain type="submit" lang=(other.tag()) {
                            (icon(Icon::Globe)) span { (lang.t(Word::OtherLanguage)) }
                        }
                    }
                }
            }
        }
    };
    Ok(with_cookie(app, seen.token, (status, page).into_response()))
}

fn fields(lang: Lang, csrf: &str, login: &str) -> Markup {
    html! {
        form method="post" action="/sign-in" autocomplete="off" {
            input type="hidden" name="csrf" value=(csrf);
            label.field {
                span { (lang.t(Word::Login)) }
                input type="text" name="login" value=(login) maxlength=(LOGIN_CHARS_MAX) required
                    autocomplete="username" autocapitalize="none" spellcheck="false"
                    autofocus[login.is_empty()];
            }
            label.field {
                span { (lang.t(Word::Password)) }
                input type="password" name="password" maxlength=(PASSWORD_BYTES_MAX) required
                    autocomplete="current-password" autofocus[!login.is_empty()];
            }
            button.primary.wide type="submit" { (lang.t(Word::SignIn)) }
        }
    }
}
