//! What a person sees when a page cannot be shown: why, and what to do; in both languages, without patient data.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{DOCTYPE, html};

use super::assets;
use super::clinic::ClinicError;
use super::i18n::{Lang, Word};

/// Why there is no page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// Nobody is signed in.
    SignedOut {
        /// A session was there and ran out.
        ended: bool,
    },
    /// The form is not one that this session was given, or cannot be read.
    BadForm,
    /// Only administrators may.
    AdministratorsOnly,
    /// The clinic said no.
    Clinic(ClinicError),
}

impl From<ClinicError> for Failure {
    fn from(error: ClinicError) -> Self {
        Self::Clinic(error)
    }
}

impl Failure {
    fn word(self) -> Word {
        match self {
            Self::SignedOut { .. } => Word::SignInAgain,
            Self::BadForm => Word::ErrForm,
            Self::AdministratorsOnly => Word::AdministratorsOnly,
            Self::Clinic(error) => clinic_word(error),
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::SignedOut { .. } => StatusCode::UNAUTHORIZED,
            Self::BadForm | Self::AdministratorsOnly => StatusCode::FORBIDDEN,
            Self::Clinic(ClinicError::NotFound) => StatusCode::NOT_FOUND,
            Self::Clinic(ClinicError::NotAllowed) => StatusCode::FORBIDDEN,
            Self::Clinic(ClinicError::SamePerson | ClinicError::Changed) => StatusCode::CONFLICT,
            Self::Clinic(ClinicError::Invalid) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Clinic(ClinicError::Disk) => StatusCode::INSUFFICIENT_STORAGE,
            Self::Clinic(ClinicError::Unavailable | ClinicError::Newer) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
        }
    }
}

/// What a refusal of the clinic means to a person.
pub(super) fn clinic_word(error: ClinicError) -> Word {
    match error {
        ClinicError::NotFound => Word::ErrNotFound,
        ClinicError::NotAllowed => Word::ErrNotAllowed,
        ClinicError::SamePerson => Word::SecondPersonNeeded,
        ClinicError::Changed => Word::ErrChanged,
        ClinicError::Invalid => Word::ErrInvalid,
        ClinicError::Disk => Word::ErrDisk,
        ClinicError::Newer => Word::ErrNewer,
        ClinicError::Unavailable => Word::ErrUnavailable,
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        if let Self::SignedOut { ended } = self {
            let place = if ended { "/sign-in?ended=1" } else { "/sign-in" };
            return Redirect::to(place).into_response();
        }
        let page = html! {
            (DOCTYPE)
            html lang="ja" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    title { "Azalea" }
                    link rel="stylesheet" href=(assets::css_path());
                }
                body.bare {
                    main.card.failure {
                        h1 { (Lang::Ja.t(Word::ErrorTitle)) }
                        p { (Lang::Ja.t(self.word())) }
                        p.quiet lang="en" { (Lang::En.t(self.word())) }
                        a.button href="/patients" { (Lang::Ja.t(Word::PatientList)) " / " (Lang::En.t(Word::PatientList)) }
                    }
                }
            }
        };
        (self.status(), page).into_response()
    }
}
