//! This device's ledger (操作ログ), as pages and commands use it.

use std::sync::MutexGuard;

use azalea_core::id::PatientId;
use azalea_core::ledger::{self, Entry, Ledger, LedgerCheck};
use azalea_core::storage::StorageError;

use super::Node;
use crate::web::ClinicError;
use crate::web::model::{AccessLine, AccessPage, Link};

impl Node {
    /// Appends a line that says whether the relay is connected; on the disk when this returns.
    pub(super) fn append_access(&self, entry: Entry) -> Result<(), ClinicError> {
        let mut end = self.access_end();
        let ledger = match end.take() {
            Some(ledger) => ledger,
            None => Ledger::open(self.handle.store()).map_err(super::disk)?,
        };
        let online = matches!(self.line(&self.handle.shown()), Link::Connected { .. });
        let entry = Entry { online: Some(online), ..entry };
        let (batch, after) = ledger.append(&entry, &self.identity.device);
        // After a failure the end is looked for again: nobody knows what the disk kept.
        self.handle.store().commit_all([&batch]).map_err(super::disk)?;
        *end = Some(after);
        Ok(())
    }

    fn access_end(&self) -> MutexGuard<'_, Option<Ledger>> {
        self.access.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Lines of one patient or of all, the newest first.
    pub(super) fn access_lines(
        &self,
        patient: Option<PatientId>,
        offset: usize,
        limit: usize,
    ) -> Result<AccessPage, ClinicError> {
        let key = self.identity.device.public();
        let found = ledger::lines(self.handle.store(), &key, patient, (offset, limit));
        let found = found.map_err(super::disk)?;
        let name = |patient: PatientId| self.patient_name(&patient);
        let lines = found.entries.into_iter();
        let lines =
            lines.map(|entry| AccessLine { patient_name: entry.patient.and_then(name), entry });
        Ok(AccessPage { lines: lines.collect(), total: found.total, chain_whole: found.whole })
    }

    /// Checks every line's place in the chain and its signature.
    pub fn check_access_log(&self) -> Result<LedgerCheck, StorageError> {
        ledger::check(self.handle.store(), &self.identity.device.public(), &mut |_| {})
    }
}
