//! One module for each group of pages: what it asks the clinic for, what it logs, and its markup.

pub(super) mod access_log;
pub(super) mod attachment;
pub(super) mod consent;
pub(super) mod links;
pub(super) mod notes;
pub(super) mod patient;
pub(super) mod patients;
pub(super) mod quarantine;
pub(super) mod record;
pub(super) mod settings;
pub(super) mod sign_in;
pub(super) mod staff;
pub(super) mod sync;

mod note_form;
mod patient_head;
mod timeline;
mod vitals;

use axum::extract::Query;
use serde::Deserialize;

/// Which page of a long list.
#[derive(Deserialize)]
pub(super) struct PageQuery {
    page: Option<usize>,
}

impl PageQuery {
    fn number(&self) -> usize {
        self.page.unwrap_or(1).clamp(1, 1_000_000)
    }
}

/// The page number of an address.
type OfPage = Query<PageQuery>;
