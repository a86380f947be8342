//! Giving keys: whoever may read a scope of ours gets its keys, sealed to each device, once.

use std::collections::BTreeMap;

use crate::access::{ScopeAccess, ScopeKind, Statement, pair_scope};
use crate::envelope::Body;
use crate::id::DeviceId;
use crate::keys::{Descriptor, KeyGrant, pair_info, pair_offer};
use crate::storage::row::{ScopeNumber, key};
use crate::storage::table;
use crate::wire::Wire;

use super::Tx;
use super::state::{Described, Given, State};

/// Keys in one envelope: small enough that a cut line loses little.
const KEYS_PER_ENVELOPE: usize = 1_024;

impl State {
    /// Gives the keys of `scopes` to every device that may read them and has not got them.
    pub(super) fn share(&mut self, tx: &mut Tx<'_>, scopes: impl IntoIterator<Item = ScopeNumber>) {
        let mut due: BTreeMap<DeviceId, Vec<KeyGrant>> = BTreeMap::new();
        for number in scopes {
            for device in self.readers(number, tx) {
                let grants = self.grants_due(tx, number, &device);
                if !grants.is_empty() {
                    due.entry(device).or_default().extend(grants);
                }
            }
        }
        let mut ours = due.remove(&self.me).unwrap_or_default();
        for (device, grants) in due {
            let (pair, opened) = self.pair(tx, &device);
            self.give(tx, pair, grants);
            ours.extend(opened);
        }
        if !ours.is_empty() {
            let (pair, _) = self.pair(tx, &self.me.clone());
            self.give(tx, pair, ours);
        }
    }

    /// Notes by which word of its owner's a scope is described.
    pub(super) fn is_described(&mut self, tx: &mut Tx<'_>, scope: ScopeNumber, word: Described) {
        self.scope_mut(scope).described = Some(word);
        tx.batch.put(table::DESCRIBED, scope.to_be_bytes(), word.to_bytes());
    }

    fn give(&mut self, tx: &mut Tx<'_>, pair: ScopeNumber, grants: Vec<KeyGrant>) {
        let mut grants = grants.into_iter().peekable();
        while grants.peek().is_some() {
            let part: Vec<KeyGrant> = grants.by_ref().take(KEYS_PER_ENVELOPE).collect();
            let scopes: Vec<ScopeNumber> = part.iter().map(|it| self.number(it.scope)).collect();
            self.author(tx, pair, &Body::Keys(part));
            let word = Described { by: self.me, seq: self.vector(pair, &self.me).0 };
            let to = self.scope(pair).access.as_ref().and_then(ScopeAccess::parties);
            if to.is_some_and(|(_, to)| to == self.me) {
                scopes.into_iter().for_each(|scope| self.is_described(tx, scope, word));
            }
        }
    }

    /// The devices that may read a scope of ours now, this one among them: from its own envelope to itself a
    /// device that lost its store learns its keys again.
    fn readers(&self, number: ScopeNumber, tx: &Tx<'_>) -> Vec<DeviceId> {
        let scope = self.scope(number);
        let Some(access) = &scope.access else { return Vec::new() };
        if access.owner() != self.home || access.kind() == ScopeKind::Pair || !self.is_keeper(tx) {
            return Vec::new();
        }
        access
            .members(tx.now)
            .filter(|(_, access)| access.read)
            .flat_map(|(facility, _)| {
                self.roster.devices_of(&facility).map(|device| device.id()).collect::<Vec<_>>()
            })
            .filter(|device| self.roster.in_order(device, tx.now).is_ok())
            .collect()
    }

    /// Whether this device gives keys for its facility: the first of those that stand, so that one does.
    fn is_keeper(&self, tx: &Tx<'_>) -> bool {
        let mut devices = self.roster.devices_of(&self.home).map(|device| device.id());
        let first = devices.find(|device| self.roster.in_order(device, tx.now).is_ok());
        first == Some(self.me)
    }

    /// The keys of a scope that a device has not been given yet; notes that it is given them now.
    fn grants_due(
        &mut self,
        tx: &mut Tx<'_>,
        number: ScopeNumber,
        device: &DeviceId,
    ) -> Vec<KeyGrant> {
        let scope = self.scope(number);
        let (Some(descriptor), Some((newest, _))) = (&scope.descriptor, scope.newest_key()) else {
            return Vec::new();
        };
        let giving = Given { epoch: newest, patient: descriptor.patient };
        let given = self.given.get(&(*device, number));
        if given == Some(&giving) {
            return Vec::new();
        }
        // A scope that was linked to another patient is described anew with every key.
        let since = given.filter(|it| it.patient == giving.patient).map_or(0, |it| it.epoch);
        let grants = scope
            .keys
            .range(since + 1..)
            .map(|(epoch, key)| KeyGrant {
                scope: scope.id,
                epoch: *epoch,
                key: key.clone(),
                descriptor: descriptor.clone(),
            })
            .collect();
        self.given.insert((*device, number), giving);
        let row = key(&[device.as_bytes(), &number.to_be_bytes()]);
        tx.batch.put(table::GIVEN, row, giving.to_bytes());
        grants
    }

    /// Our pair scope towards a device. If it is opened only now, its key comes with it, for ourselves: only the
    /// recipient could open it again, and a device that lost its store must go on where it was.
    fn pair(&mut self, tx: &mut Tx<'_>, to: &DeviceId) -> (ScopeNumber, Option<KeyGrant>) {
        let scope = pair_scope(&self.identity.network, &self.me, to);
        let number = self.number(scope);
        if !self.scope(number).keys.is_empty() {
            return (number, None);
        }
        let device = self.roster.device(to).expect("readers are devices of the roster");
        let info = pair_info(&self.identity.network, &self.me, to);
        let (enc, key) = pair_offer(tx.rng, &device.agreement, &info);
        self.govern(tx, number, Statement::PairOffer { to: *to, enc });
        self.keep_key(tx, number, 1, key.clone());
        let (kind, owner) = (ScopeKind::Pair, self.home);
        let descriptor =
            Descriptor { kind, owner, patient: None, local: None, class: String::new() };
        (number, Some(KeyGrant { scope, epoch: 1, key, descriptor }))
    }
}
