//! Who asks: the session behind a request, its language, and the fields of a form that this session was given.

use std::sync::Arc;

use axum::Form;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header::{COOKIE, HeaderMap};
use axum::http::request::Parts;

use super::app::App;
use super::failure::Failure;
use super::i18n::Lang;
use super::session::{StaffCard, Token};

pub(super) const LANG_COOKIE: &str = "azalea_lang";
/// Fields that one form may hold: a consent lists every facility of a region.
const FIELDS_MAX: usize = 2_000;

/// A member of staff who is signed in and asks for a page.
#[derive(Clone)]
pub(super) struct Visitor {
    pub(super) token: Token,
    pub(super) csrf: String,
    pub(super) lang: Lang,
    pub(super) staff: StaffCard,
    pub(super) query: String,
}

impl FromRequestParts<Arc<App>> for Visitor {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Failure> {
        visitor(&parts.headers, app, true)
    }
}

/// The visitor behind these headers; `active` where a person asked, not a timer.
pub(super) fn visitor(headers: &HeaderMap, app: &App, active: bool) -> Result<Visitor, Failure> {
    let had_cookie = cookie(headers, &app.cookie);
    let token = had_cookie.and_then(Token::from_text).ok_or(Failure::SignedOut { ended: false })?;
    let seen = app.sessions().get(app.now(), token, active);
    let seen = seen.ok_or(Failure::SignedOut { ended: true })?;
    let staff = seen.staff.ok_or(Failure::SignedOut { ended: false })?;
    Ok(Visitor { token, csrf: seen.csrf, lang: lang(headers), staff, query: seen.query })
}

/// A form from a page of this visitor's session: its token is checked before any field can be read.
pub(super) struct Posted {
    pub(super) visitor: Visitor,
    pub(super) fields: Fields,
}

impl FromRequest<Arc<App>> for Posted {
    type Rejection = Failure;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Failure> {
        let visitor = visitor(request.headers(), app, true)?;
        let fields = Fields::read(request).await?;
        fields.check_token(&visitor.csrf)?;
        Ok(Self { visitor, fields })
    }
}

/// The fields of a form.
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads a form's body.
    pub(super) async fn read(request: Request) -> Result<Self, Failure> {
        let form = Form::<Vec<(String, String)>>::from_request(request, &()).await;
        let Form(fields) = form.map_err(|_| Failure::BadForm)?;
        if fields.len() > FIELDS_MAX {
            return Err(Failure::BadForm);
        }
        Ok(Self(fields))
    }

    /// Refuses a form that another site, or an older session, made.
    pub(super) fn check_token(&self, expected: &str) -> Result<(), Failure> {
        let stated = self.one("csrf").as_bytes();
        let differs = stated.iter().zip(expected.as_bytes()).fold(0, |sum, (a, b)| sum | (a ^ b));
        if stated.len() == expected.len() && std::hint::black_box(differs) == 0 {
            Ok(())
        } else {
            Err(Failure::BadForm)
        }
    }

    /// The field of that name, without the space around it; empty where there is none.
    pub(super) fn one(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.trim())
    }

    /// All fields of that name.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// The language that a person chose on this browser; Japanese until they choose.
pub(super) fn lang(headers: &HeaderMap) -> Lang {
    cookie(headers, LANG_COOKIE).and_then(Lang::from_tag).unwrap_or_default()
}

/// The value of a cookie.
pub(super) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}
