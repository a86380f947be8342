//! The screens: pages made on this device, which need no network and no script to be read.
//!
//! The room knows nothing of sync or storage: it asks a [`Clinic`] and shows what it says. It never puts
//! patient data into an address, a log or an error, and it shows a page only after the access log has it.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use tokio::net::TcpListener;

pub mod clinic;
pub mod i18n;
pub mod model;
pub mod password;

mod app;
mod assets;
mod chart;
mod dates;
mod drafts;
mod failure;
mod guard;
mod icons;
pub(crate) mod layout;
mod lockout;
mod pages;
mod parts;
mod session;
mod sparkline;
mod verbatim;
mod visitor;

pub use app::{Clock, WebOptions};
pub use clinic::{Clinic, ClinicError};

use app::App;
use pages::{
    access_log, attachment, consent, links, notes, patient, patients, quarantine, record, settings,
    sign_in, staff, sync,
};

/// The most bytes of a form: a long note several times over.
const FORM_BYTES_MAX: usize = 256 * 1_024;

/// All pages over a clinic.
pub fn router(clinic: Arc<dyn Clinic>, options: WebOptions) -> Router {
    let app = Arc::new(App::new(clinic, options));
    let patient_pages = Router::new()
        .route("/", get(patient::overview))
        .route("/timeline", get(patient::timeline))
        .route("/labs", get(patient::labs))
        .route("/r/{version}", get(record::page))
        .route("/r/{version}/a/{place}", get(attachment::open).post(attachment::fetch))
        .route("/notes", get(notes::list).post(notes::write))
        .route("/notes/new", get(notes::new))
        .route("/notes/draft", post(notes::keep_draft))
        .route("/notes/{note}", post(notes::correct))
        .route("/notes/{note}/edit", get(notes::edit))
        .route("/notes/{note}/cancel", get(notes::cancel_ask).post(notes::cancel))
        .route("/notes/{note}/resolve", post(notes::resolve))
        .route("/consent", get(consent::page).post(consent::give))
        .route("/consent/{consent}/withdraw", get(consent::withdraw_ask).post(consent::withdraw))
        .route("/log", get(access_log::of_patient));
    Router::new()
        .route("/", get(sign_in::start))
        .route("/sign-in", get(sign_in::page).post(sign_in::sign_in))
        .route("/sign-out", post(sign_in::sign_out))
        .route("/language", post(sign_in::language))
        .route("/state", get(sign_in::state))
        .route("/patients", get(patients::page).post(patients::search_form))
        .route("/patients/find", post(patients::find_fragment))
        .nest("/p/{patient}", patient_pages)
        .route("/links", get(links::page))
        .route("/links/propose", post(links::propose))
        .route("/links/confirm", post(links::confirm))
        .route("/links/reject", post(links::reject))
        .route("/sync", get(sync::page))
        .route("/quarantine", get(quarantine::page))
        .route("/quarantine/retry", post(quarantine::retry))
        .route("/quarantine/discard", post(quarantine::discard))
        .route("/log", get(access_log::page))
        .route("/staff", get(staff::page).post(staff::add))
        .route("/staff/change", post(staff::change))
        .route("/settings", get(settings::page).post(settings::password))
        .route("/assets/{name}", get(assets::serve))
        .layer(DefaultBodyLimit::max(FORM_BYTES_MAX))
        .layer(from_fn_with_state(Arc::clone(&app), guard::guard))
        .with_state(app)
}

/// Serves the screens until `stop` ends; requests under way are finished first.
///
/// The listener should be bound to the loopback address unless the operator chose otherwise and put TLS before it.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    axum::serve(listener, router).with_graceful_shutdown(stop).await
}
