//! Head statements: a publisher's signed word to one facility on how much there is for it to hold.
//!
//! The sum over (scope, author, sequence, envelope id) does not depend on order and changes with one
//! addition when a chain grows, so a statement costs the same for ten scopes as for ten thousand.

use crate::id::{DeviceId, EnvelopeId, FacilityId, NetworkId, ScopeId, Timestamp};
use crate::identity::{Domain, PublicKey, Signature, SignatureError, SigningKeypair};
use crate::wire::{Reader, Wire, WireError, Writer};

/// How many envelopes, and a sum over the ends of their chains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Envelopes, over all scopes concerned.
    pub count: u64,
    /// Four lanes of wrapping sums of digests.
    pub sum: [u64; 4],
}

impl Tally {
    /// Counts a chain that reaches `seq` with envelope `id`.
    pub fn add(&mut self, scope: &ScopeId, author: &DeviceId, seq: u64, id: &EnvelopeId) {
        self.count = self.count.wrapping_add(seq);
        for (lane, value) in self.sum.iter_mut().zip(Self::lanes(scope, author, seq, id)) {
            *lane = lane.wrapping_add(value);
        }
    }

    /// Takes back what [`Tally::add`] counted.
    pub fn remove(&mut self, scope: &ScopeId, author: &DeviceId, seq: u64, id: &EnvelopeId) {
        self.count = self.count.wrapping_sub(seq);
        for (lane, value) in self.sum.iter_mut().zip(Self::lanes(scope, author, seq, id)) {
            *lane = lane.wrapping_sub(value);
        }
    }

    fn lanes(scope: &ScopeId, author: &DeviceId, seq: u64, id: &EnvelopeId) -> [u64; 4] {
        let mut hasher = blake3::Hasher::new_derive_key("azalea head tally v1");
        hasher.update(scope.as_bytes());
        hasher.update(author.as_bytes());
        hasher.update(&seq.to_be_bytes());
        hasher.update(id.as_bytes());
        let digest = hasher.finalize();
        let mut lanes = [0; 4];
        for (lane, chunk) in lanes.iter_mut().zip(digest.as_bytes().chunks_exact(8)) {
            *lane = u64::from_be_bytes(chunk.try_into().expect("chunks of eight bytes"));
        }
        lanes
    }
}

impl Wire for Tally {
    fn write(&self, writer: &mut Writer) {
        writer.u64(self.count);
        self.sum.iter().for_each(|lane| writer.u64(*lane));
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut tally = Self { count: reader.u64("count")?, sum: [0; 4] };
        for lane in &mut tally.sum {
            *lane = reader.u64("sum")?;
        }
        Ok(tally)
    }
}

/// What a publisher says to one facility.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadStatement {
    /// The network.
    pub network: NetworkId,
    /// The device that publishes.
    pub publisher: DeviceId,
    /// The facility that is told.
    pub recipient: FacilityId,
    /// When, by the publisher's clock.
    pub at: Timestamp,
    /// What the publisher wrote that the recipient may read.
    pub tally: Tally,
    /// The publisher's signature over all of the above.
    pub signature: Signature,
}

impl HeadStatement {
    /// Signs a statement.
    pub fn sign(
        network: NetworkId,
        recipient: FacilityId,
        at: Timestamp,
        tally: Tally,
        signer: &SigningKeypair,
    ) -> Self {
        let publisher = signer.public().device_id();
        let bytes = Self::signed_bytes(&network, &publisher, &recipient, at, &tally);
        let signature = signer.sign(Domain::HeadStatement, &bytes);
        Self { network, publisher, recipient, at, tally, signature }
    }

    /// Signs ahead what [`HeadStatement::sign`] will be asked to sign, for whoever keeps
    /// [`Signatures`](crate::identity::Signatures).
    pub fn sign_ahead(
        network: NetworkId,
        recipient: FacilityId,
        at: Timestamp,
        tally: Tally,
        signer: &SigningKeypair,
    ) {
        let publisher = signer.public().device_id();
        let bytes = Self::signed_bytes(&network, &publisher, &recipient, at, &tally);
        signer.sign_ahead(Domain::HeadStatement, &bytes);
    }

    /// Checks the signature against the publisher's key.
    pub fn verify(&self, key: &PublicKey) -> Result<(), SignatureError> {
        let bytes = Self::signed_bytes(
            &self.network,
            &self.publisher,
            &self.recipient,
            self.at,
            &self.tally,
        );
        key.verify(Domain::HeadStatement, &bytes, &self.signature)
    }

    fn signed_bytes(
        network: &NetworkId,
        publisher: &DeviceId,
        recipient: &FacilityId,
        at: Timestamp,
        tally: &Tally,
    ) -> Vec<u8> {
        let mut writer = Writer::new();
        network.write(&mut writer);
        publisher.write(&mut writer);
        recipient.write(&mut writer);
        at.write(&mut writer);
        tally.write(&mut writer);
        writer.into_bytes()
    }
}

impl Wire for HeadStatement {
    fn write(&self, writer: &mut Writer) {
        writer.raw(&Self::signed_bytes(
            &self.network,
            &self.publisher,
            &self.recipient,
            self.at,
            &self.tally,
        ));
        self.signature.write(writer);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self {
            network: NetworkId::read(reader)?,
            publisher: DeviceId::read(reader)?,
            recipient: FacilityId::read(reader)?,
            at: Timestamp::read(reader)?,
            tally: Tally::read(reader)?,
            signature: Signature::read(reader)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tally_does_not_depend_on_order_and_can_be_taken_back() {
        let entry =
            |n: u8| (ScopeId([n; 16]), DeviceId([n; 16]), u64::from(n), EnvelopeId([n; 32]));
        let mut one = Tally::default();
        let mut other = Tally::default();
        for n in [1, 2, 3] {
            let (scope, author, seq, id) = entry(n);
            one.add(&scope, &author, seq, &id);
        }
        for n in [3, 4, 1, 2] {
            let (scope, author, seq, id) = entry(n);
            other.add(&scope, &author, seq, &id);
        }
        assert_ne!(one, other);
        let (scope, author, seq, id) = entry(4);
        other.remove(&scope, &author, seq, &id);
        assert_eq!(one, other);
        assert_eq!(one.count, 6);
    }
}
