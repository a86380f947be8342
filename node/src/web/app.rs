//! What every request shares: the clinic behind the pages, the clock, sessions and lockouts.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use azalea_core::id::{PatientId, Timestamp, VersionId};
use tokio::sync::Semaphore;

use super::clinic::{Clinic, ClinicError};
use super::drafts::Drafts;
use super::layout::{Frame, Place};
use super::lockout::Lockout;
use super::model::{AccessKind, Entry};
use super::session::{Sessions, Token};
use super::visitor::Visitor;

/// Passwords checked at once: each takes 19 MiB and a core.
const PASSWORD_CHECKS_MAX: usize = 2;

/// Where the screens get the time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What the operator decides about the screens.
#[derive(Clone)]
pub struct WebOptions {
    /// The time.
    pub clock: Clock,
    /// Host names under which the screens may be asked for, besides `localhost` and plain addresses. A page that
    /// was asked for under another name is refused: some other site may have pointed its name here.
    pub hosts: Vec<String>,
    /// Whether the screens are behind TLS, so that cookies are marked for TLS only.
    pub tls: bool,
}

pub(super) struct App {
    pub(super) clinic: Arc<dyn Clinic>,
    pub(super) options: WebOptions,
    pub(super) cookie: String,
    pub(super) password_gate: Semaphore,
    sessions: Mutex<Sessions>,
    lockout: Mutex<Lockout>,
    drafts: Mutex<Drafts>,
}

impl App {
    pub(super) fn new(clinic: Arc<dyn Clinic>, options: WebOptions) -> Self {
        // Cookies do not know ports: nodes that share an address (a demonstration) need names of their own.
        let device = clinic.facility().device.to_string();
        let cookie = format!("azalea_{}", device.get(..8).unwrap_or_default());
        Self {
            clinic,
            options,
            cookie,
            password_gate: Semaphore::new(PASSWORD_CHECKS_MAX),
            sessions: Mutex::default(),
            lockout: Mutex::default(),
            drafts: Mutex::default(),
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        (self.options.clock)()
    }

    pub(super) fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn lockout(&self) -> MutexGuard<'_, Lockout> {
        self.lockout.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn drafts(&self) -> MutexGuard<'_, Drafts> {
        self.drafts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn fresh_token(&self) -> Token {
        Token::new(rand::random())
    }

    /// Asks the clinic, off the async threads.
    pub(super) async fn ask<T: Send + 'static>(
        self: &Arc<Self>,
        question: impl FnOnce(&dyn Clinic) -> T + Send + 'static,
    ) -> Result<T, ClinicError> {
        let clinic = Arc::clone(&self.clinic);
        let answer = tokio::task::spawn_blocking(move || question(clinic.as_ref())).await;
        answer.map_err(|_| ClinicError::Unavailable)
    }

    /// The frame around a page.
    pub(super) async fn frame(
        self: &Arc<Self>,
        visitor: &Visitor,
        place: Place,
    ) -> Result<Frame, ClinicError> {
        let (facility, state) = self.ask(|clinic| (clinic.facility(), clinic.sync_state())).await?;
        let notice = self.sessions().take_notice(visitor.token);
        Ok(Frame {
            lang: visitor.lang,
            csrf: visitor.csrf.clone(),
            staff: visitor.staff.clone(),
            facility,
            state,
            now: self.now(),
            place,
            notice,
        })
    }

    /// Writes to the access log; a page is shown only where this succeeds.
    pub(super) async fn log(
        self: &Arc<Self>,
        visitor: &Visitor,
        kind: AccessKind,
        patient: Option<PatientId>,
        record: Option<VersionId>,
    ) -> Result<(), ClinicError> {
        let entry = Entry {
            at: self.now(),
            staff: Some(visitor.staff.id.clone()),
            staff_name: visitor.staff.name.clone(),
            kind,
            patient,
            record,
            online: None,
            reason: String::new(),
        };
        self.ask(move |clinic| clinic.log(entry)).await?
    }
}
