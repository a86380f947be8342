//! What the relay said itself in the registry and its log has lost. Where it rotted before anybody had read it, nobody can bring it
//! back; but the certificates themselves are kept beside the log, and are said anew.

use std::collections::BTreeSet;

use azalea_core::access::Statement;
use azalea_core::envelope::SignedEnvelope;
use azalea_core::identity::Certificate;
use azalea_core::storage::{Order, Range, Read, StorageError};
use azalea_core::wire::Wire;

use super::load::{Query, damaged, entry, sound};
use super::tables::{self, ChainRow, ScopeNumber};
use super::{Loading, Mailbox};

/// The certificates that no envelope of the registry says any more, whoever vouches for others first.
pub(super) fn run(
    store: &dyn Read,
    registry: ScopeNumber,
) -> Result<Vec<Certificate>, StorageError> {
    let (mut places, mut broken) = (Vec::new(), false);
    let chains = Range::prefix(&tables::chain_prefix(registry));
    store.scan(tables::CHAIN, &chains, Order::Ascending, &mut |_, value| {
        match ChainRow::from_bytes(value) {
            Ok(row) => places.push(row.position),
            Err(_) => broken = true,
        }
        !broken
    })?;
    if broken {
        return Err(damaged("chain"));
    }
    // The order of the log.
    places.sort_unstable();
    let mut said = BTreeSet::new();
    for place in places {
        let envelope = entry(store, place)?.map(SignedEnvelope::from_bytes);
        if let Some(Ok(envelope)) = envelope
            && let Ok(Some(Statement::Certificate(certificate))) = envelope.claimed_statement()
        {
            said.insert(certificate.digest());
        }
    }
    let mut unsaid = Vec::new();
    sound(store.scan(tables::CERTIFICATE, &Range::all(), Order::Ascending, &mut |_, value| {
        let certificate = Certificate::from_bytes(value).ok();
        unsaid.extend(certificate.filter(|it| !said.contains(&it.digest())));
        true
    }))?;
    unsaid.sort_by_key(Certificate::rank);
    Ok(unsaid)
}

impl Mailbox {
    /// Whether an envelope of the relay's own is gone from the log.
    pub(crate) fn has_lost_its_own(&self) -> bool {
        let own = self.state.numbers.get(&self.own.public().device_id());
        own.is_some_and(|own| self.state.rotten.many_of(*own) > 0)
    }

    /// Asks the disk what of the relay's own words is gone, if any is suspected to be.
    pub(crate) fn look_for_unsaid(&mut self) {
        let is_asked = || self.loads.values().any(|loading| matches!(loading, Loading::Unsaid));
        if !self.is_unsaid || is_asked() {
            return;
        }
        let registry = self.state.registry();
        let Some(scope) = self.state.scopes.get(&registry) else { return };
        self.is_unsaid = false;
        self.load(Query::Unsaid { registry: scope.number }, Loading::Unsaid);
    }

    pub(crate) fn unsaid_loaded(&mut self, certificates: Option<Vec<Certificate>>) {
        // A disk that failed is asked again before long, and so it is for what rotted meanwhile.
        self.is_unsaid |= certificates.is_none();
        self.say_again.extend(certificates.into_iter().flatten());
    }
}
