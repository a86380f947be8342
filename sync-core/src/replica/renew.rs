//! A device's certificate is renewed by the device itself, where it holds its facility's key, long before it ends.

use crate::access::Statement;
use crate::id::Timestamp;
use crate::identity::{Certificate, Device, Signed, Validity};
use crate::storage::table;
use crate::wire::Wire;

use super::Tx;
use super::state::State;

/// Renewed once less than one part in so many is left: a year of three, so that even a long outage ends in time.
const LEFT_PART: u64 = 3;

impl State {
    /// Whether this device's certificate is to be renewed now. Not while the store learns what it wrote before: its next number
    /// in the registry is not known then.
    pub(super) fn is_renewal_due(&self, now: Timestamp) -> bool {
        let Some(device) = self.roster.device(&self.me) else { return false };
        let Validity { not_before, not_after } = device.validity;
        let left = not_after.since_ms(now);
        left > 0
            && left < not_after.since_ms(not_before) / LEFT_PART
            && !self.rebuilding
            && self.identity.facility_key.is_some()
            && self.roster.standing(&self.me, now).is_ok()
    }

    /// Renews it for as long as it held before, and tells everybody by the registry.
    pub(super) fn renew(&mut self, tx: &mut Tx<'_>) {
        let Some(certificate) = self.renewed(tx.now) else { return };
        let bytes = certificate.to_bytes();
        if self.roster.admit(certificate.clone()).is_err() {
            return;
        }
        tx.batch.put(table::CERTIFICATE, certificate.digest(), bytes);
        tx.registry = true;
        let registry = self.number(self.roster.registry());
        self.state_it(tx, registry, Statement::Certificate(certificate));
    }

    fn renewed(&self, now: Timestamp) -> Option<Certificate> {
        let held = self.roster.device(&self.me).filter(|_| self.is_renewal_due(now))?;
        let key = self.identity.facility_key.as_ref()?;
        let lasted = held.validity.not_after.since_ms(held.validity.not_before);
        let validity = Validity::lasting(now, lasted.saturating_sub(Validity::CLOCK_SKEW_MS));
        let signed = Signed::sign(Device { validity, ..held.clone() }, key).ok()?;
        Some(Certificate::Device(signed))
    }
}
