//! Staff accounts: added, stopped and given new passwords by an administrator.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};

use super::super::app::App;
use super::super::clinic::ClinicError;
use super::super::dates;
use super::super::failure::Failure;
use super::super::i18n::Word;
use super::super::icons::{Icon, icon};
use super::super::layout::{Frame, Place};
use super::super::model::{AccessKind, NewStaff, Role, StaffAccount, StaffId};
use super::super::parts;
use super::super::password::{PASSWORD_BYTES_MAX, PasswordError, Verifier};
use super::super::visitor::{Fields, Posted, Visitor};
use crate::typed::{LOGIN, STAFF_NAME};

/// All accounts, and the form for another.
pub(in super::super) async fn page(
    State(app): State<Arc<App>>,
    visitor: Visitor,
) -> Result<Response, Failure> {
    show(&app, &visitor, &Typed::default(), None).await
}

/// Adds an account.
pub(in super::super) async fn add(
    State(app): State<Arc<App>>,
    posted: Posted,
) -> Result<Response, Failure> {
    let visitor = &posted.visitor;
    administrators_only(visitor)?;
    let typed = Typed::read(&posted.fields);
    let new = match typed.check(&app, posted.fields.one("password")).await? {
        Ok(new) => new,
        Err(word) => return show(&app, visitor, &typed, Some(word)).await,
    };
    let by = visitor.staff.id.clone();
    app.log(visitor, AccessKind::ChangedStaff, None, None).await?;
    match app.ask(move |clinic| clinic.add_account(&by, &new)).await? {
        Ok(_) => Ok(done(&app, visitor).into_response()),
        Err(ClinicError::Changed) => show(&app, visitor, &typed, Some(Word::ErrLoginTaken)).await,
        Err(error) => Err(error.into()),
    }
}

/// Stops an account, restores it, or gives it a new password.
pub(in super::super) async fn change(
    State(app): State<Arc<App>>,
    posted: Posted,
) -> Result<Response, Failure> {
    let visitor = &posted.visitor;
    administrators_only(visitor)?;
    let (by, staff) = (visitor.staff.id.clone(), StaffId(posted.fields.one("staff").to_owned()));
    let changed = staff.clone();
    let result = match posted.fields.one("do") {
        "stop" => app.ask(move |clinic| clinic.set_stopped(&by, &staff, true)).await?,
        "restore" => app.ask(move |clinic| clinic.set_stopped(&by, &staff, false)).await?,
        "password" => match verifier(&app, posted.fields.one("password")).await? {
            Ok(verifier) => {
                app.ask(move |clinic| clinic.set_verifier(&by, &staff, &verifier)).await?
            }
            Err(word) => return show(&app, visitor, &Typed::default(), Some(word)).await,
        },
        _ => return Err(Failure::BadForm),
    };
    if result == Err(ClinicError::NotAllowed) {
        return show(&app, visitor, &Typed::default(), Some(Word::LastAdministrator)).await;
    }
    result?;
    // Whoever was stopped, or has another password now, is out at once.
    app.sessions().close_all_of(&changed, Some(visitor.token));
    app.log(visitor, AccessKind::ChangedStaff, None, None).await?;
    Ok(done(&app, visitor).into_response())
}

fn done(app: &Arc<App>, visitor: &Visitor) -> Redirect {
    app.sessions().leave_notice(visitor.token, Word::StaffSaved);
    Redirect::to("/staff")
}

/// A verifier for a password, or what is wrong with the password.
pub(super) async fn verifier(
    app: &Arc<App>,
    password: &str,
) -> Result<Result<String, Word>, ClinicError> {
    let _gate = app.password_gate.acquire().await.map_err(|_| ClinicError::Unavailable)?;
    let password = zeroize::Zeroizing::new(password.to_owned());
    let made = app.ask(move |_| Verifier::create(&password, rand::random())).await?;
    match made {
        Ok(verifier) => Ok(Ok(verifier.to_text())),
        Err(PasswordError::TooShort) => Ok(Err(Word::ErrPasswordShort)),
        Err(PasswordError::TooLong) => Ok(Err(Word::ErrPasswordLong)),
        Err(PasswordError::Damaged) => Err(ClinicError::Unavailable),
    }
}

pub(super) fn administrators_only(visitor: &Visitor) -> Result<(), Failure> {
    if visitor.staff.admin { Ok(()) } else { Err(Failure::AdministratorsOnly) }
}

struct Typed {
    login: String,
    name: String,
    role: Role,
    admin: bool,
}

impl Default for Typed {
    fn default() -> Self {
        Self { login: String::new(), name: String::new(), role: Role::Nurse, admin: false }
    }
}

impl Typed {
    fn read(fields: &Fields) -> Self {
        Self {
            login: fields.one("login").to_owned(),
            name: fields.one("name").to_owned(),
            role: Role::from_slug(fields.one("role")).unwrap_or(Role::Nurse),
            admin: !fields.one("admin").is_empty(),
        }
    }

    async fn check(
        &self,
        app: &Arc<App>,
        password: &str,
    ) -> Result<Result<NewStaff, Word>, ClinicError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if self.login.is_empty() || self.login.len() > LOGIN.max || !self.login.chars().all(plain) {
            return Ok(Err(Word::ErrLogin));
        }
        if self.name.is_empty() || self.name.chars().count() > STAFF_NAME.max {
            return Ok(Err(Word::ErrName));
        }
        Ok(verifier(app, password).await?.map(|verifier| NewStaff {
            login: self.login.clone(),
            name: self.name.clone(),
            role: self.role,
            admin: self.admin,
            verifier,
        }))
    }
}

async fn show(
    app: &Arc<App>,
    visitor: &Visitor,
    typed: &Typed,
    problem: Option<Word>,
) -> Result<Response, Failure> {
    administrators_only(visitor)?;
    let accounts = app.ask(|clinic| clinic.accounts()).await??;
    let frame = app.frame(visitor, Place::Staff).await?;
    let content = html! {
        h1 { (frame.t(Word::StaffTitle)) }
        @if let Some(word) = problem { p.problem role="alert" { (icon(Icon::Alert)) (frame.t(word)) } }
        div.columns.wide-left {
            div { (listed(&frame, &accounts)) }
            div { (add_form(&frame, typed)) }
        }
    };
    let status = if problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Ok((status, frame.page(Word::StaffTitle, content)).into_response())
}

fn listed(frame: &Frame, accounts: &[StaffAccount]) -> Markup {
    let t = |word| frame.t(word);
    html! {
        table.card.plain-table {
            thead { tr {
                th scope="col" { (t(Word::Name)) }
                th scope="col" { (t(Word::Login)) }
                th scope="col" { (t(Word::Role)) }
                td {}
            } }
            tbody {
                @for account in accounts {
                    tr.over[account.stopped] {
                        th scope="row" {
                            (account.name)
                            @if account.admin { span.badge.quiet { (t(Word::Administrator)) } }
                            @if account.stopped { span.badge.void { (t(Word::Stopped)) } }
                            small.quiet { (dates::full(frame.lang, account.added)) }
                        }
                        td.number { (account.login) }
                        td { (t(parts::role_word(account.role))) }
                        td { (actions(frame, account)) }
                    }
                }
            }
        }
    }
}

fn actions(frame: &Frame, account: &StaffAccount) -> Markup {
    let t = |word| frame.t(word);
    let (verb, word) =
        if account.stopped { ("restore", Word::Restore) } else { ("stop", Word::Stop) };
    html! {
        div.row-actions {
            form method="post" action="/staff/change" data-once {
                (frame.token())
                input type="hidden" name="staff" value=(account.id.0);
                button type="submit" name="do" value=(verb) { (t(word)) }
            }
            details {
                summary.button { (t(Word::ResetPassword)) }
                form method="post" action="/staff/change" autocomplete="off" data-once {
                    (frame.token())
                    input type="hidden" name="staff" value=(account.id.0);
                    input type="hidden" name="do" value="password";
                    label.field {
                        span { (t(Word::NewPassword)) }
                        input type="password" name="password" required maxlength=(PASSWORD_BYTES_MAX)
                            autocomplete="new-password";
                        small { (t(Word::PasswordHint)) }
                    }
                    button.primary type="submit" { (t(Word::Save)) }
                }
            }
        }
    }
}

fn add_form(frame: &Frame, typed: &Typed) -> Markup {
    let t = |word| frame.t(word);
    html! {
        form.card method="post" action="/staff" autocomplete="off" data-once {
            (frame.token())
            h2 { (icon(Icon::Staff)) (t(Word::AddStaff)) }
            label.field {
                span { (t(Word::Name)) }
                input type="text" name="name" value=(typed.name) required maxlength=(STAFF_NAME.max);
            }
            label.field {
                span { (t(Word::Login)) }
                input type="text" name="login" value=(typed.login) required maxlength=(LOGIN.max)
                    autocapitalize="none" spellcheck="false" pattern="[A-Za-z0-9._\\-]+";
            }
            label.field {
                span { (t(Word::Role)) }
                select name="role" {
                    @for role in Role::ALL {
                        option value=(role.slug()) selected[role == typed.role] { (t(parts::role_word(role))) }
                    }
                }
            }
            label.field {
                span { (t(Word::Password)) }
                input type="password" name="password" required maxlength=(PASSWORD_BYTES_MAX) autocomplete="new-password";
                small { (t(Word::PasswordHint)) }
            }
            label.check {
                input type="checkbox" name="admin" value="1" checked[typed.admin];
                span { (t(Word::Administrator)) small { (t(Word::AdministratorHint)) } }
            }
            div.actions { button.primary type="submit" { (t(Word::AddStaff)) } }
        }
    }
}
