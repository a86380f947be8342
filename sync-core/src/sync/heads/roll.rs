//! What a publisher signs, what of it each recipient is given, and how both travel.

use crate::hash::Context;
use crate::id::{DeviceId, FacilityId, NetworkId, Timestamp};
use crate::identity::{Domain, PublicKey, Signature, SignatureError, SigningKeypair};
use crate::wire::{Reader, Wire, WireError, Writer};

use super::tree::share_limits;
use super::{HeadShare, SharePath, Tally};

/// A publisher's signed word to all of its recipients at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadRoll {
    /// The device that publishes.
    pub publisher: DeviceId,
    /// When, by the publisher's clock.
    pub at: Timestamp,
    /// The hash over what each recipient is owed, as [`HeadTree::root`](super::HeadTree::root) gives it.
    pub root: [u8; 32],
    /// The publisher's signature over the network and all of the above.
    pub signature: Signature,
}

impl HeadRoll {
    /// Signs a roll.
    pub fn sign(
        network: &NetworkId,
        at: Timestamp,
        root: [u8; 32],
        signer: &SigningKeypair,
    ) -> Self {
        let publisher = signer.public().device_id();
        let bytes = Self::signed_bytes(network, &publisher, at, &root);
        Self { publisher, at, root, signature: signer.sign(Domain::HeadRoll, &bytes) }
    }

    /// Checks the signature against the publisher's key.
    pub fn verify(&self, network: &NetworkId, key: &PublicKey) -> Result<(), SignatureError> {
        let bytes = Self::signed_bytes(network, &self.publisher, self.at, &self.root);
        key.verify(Domain::HeadRoll, &bytes, &self.signature)
    }

    fn signed_bytes(
        network: &NetworkId,
        publisher: &DeviceId,
        at: Timestamp,
        root: &[u8; 32],
    ) -> Vec<u8> {
        let mut writer = Writer::new();
        network.write(&mut writer);
        publisher.write(&mut writer);
        at.write(&mut writer);
        writer.raw(root);
        writer.into_bytes()
    }
}

impl Wire for HeadRoll {
    fn write(&self, writer: &mut Writer) {
        self.publisher.write(writer);
        self.at.write(writer);
        writer.raw(&self.root);
        self.signature.write(writer);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self {
            publisher: DeviceId::read(reader)?,
            at: Timestamp::read(reader)?,
            root: reader.array("root")?,
            signature: Signature::read(reader)?,
        })
    }
}

/// What a publisher says to one facility: its roll, and the facility's share of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadStatement {
    /// What was signed.
    pub roll: HeadRoll,
    /// What is owed to the recipient.
    pub share: HeadShare,
    /// How the share follows from the roll.
    pub path: SharePath,
}

impl HeadStatement {
    /// When it was said, by the publisher's clock.
    pub fn at(&self) -> Timestamp {
        self.roll.at
    }

    /// What the publisher wrote that the recipient may read.
    pub fn tally(&self) -> &Tally {
        &self.share.tally
    }

    /// Checks the roll's signature against the publisher's key, and that the share is part of the roll.
    pub fn verify(&self, network: &NetworkId, key: &PublicKey) -> Result<(), SignatureError> {
        if self.path.root(&self.share) != Some(self.roll.root) {
            return Err(SignatureError::Mismatch);
        }
        self.roll.verify(network, key)
    }
}

impl Wire for HeadStatement {
    fn write(&self, writer: &mut Writer) {
        self.roll.write(writer);
        self.share.write(writer);
        self.path.write(writer);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self {
            roll: HeadRoll::read(reader)?,
            share: HeadShare::read(reader)?,
            path: SharePath::read(reader)?,
        })
    }
}

/// From a publisher to its relay: a roll, and what changed of what it covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadUpdate {
    /// What is signed.
    pub roll: HeadRoll,
    /// Whether `shares` are all that there are, and not only those that are other than in the roll before.
    pub whole: bool,
    /// What each recipient is owed.
    pub shares: Vec<HeadShare>,
}

impl Wire for HeadUpdate {
    fn write(&self, writer: &mut Writer) {
        self.roll.write(writer);
        writer.bool(self.whole);
        writer.list(&self.shares);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self {
            roll: HeadRoll::read(reader)?,
            whole: reader.bool("whole")?,
            shares: reader.list(share_limits::SHARES)?,
        })
    }
}

/// From the relay to a recipient: a publisher's newest roll, and the recipient's share where the root is another one than it was
/// told before in this session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadWord {
    /// What was signed.
    pub roll: HeadRoll,
    /// The share and its path; `None` where both are as they were.
    pub share: Option<(HeadShare, SharePath)>,
}

impl HeadWord {
    /// The statement, with what the recipient holds already of this publisher; `None` where that does not fit.
    pub fn complete(self, held: Option<&HeadStatement>) -> Option<HeadStatement> {
        let roll = self.roll;
        let known = || {
            let held = held.filter(|held| held.roll.root == roll.root)?;
            Some((held.share.clone(), held.path.clone()))
        };
        let (share, path) = self.share.or_else(known)?;
        Some(HeadStatement { roll, share, path })
    }
}

impl Wire for HeadWord {
    fn write(&self, writer: &mut Writer) {
        self.roll.write(writer);
        match &self.share {
            None => writer.bool(false),
            Some((share, path)) => {
                writer.bool(true);
                share.write(writer);
                path.write(writer);
            }
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let roll = HeadRoll::read(reader)?;
        let share = match reader.bool("share")? {
            true => Some((HeadShare::read(reader)?, SharePath::read(reader)?)),
            false => None,
        };
        Ok(Self { roll, share })
    }
}

impl SigningKeypair {
    /// The salt under which this device keeps a recipient's share: nobody else can tell whose it is.
    pub fn head_salt(&self, recipient: &FacilityId) -> [u8; 16] {
        let key = SALT.hash(self.seed().as_ref());
        let hash = blake3::keyed_hash(&key, recipient.as_bytes());
        hash.as_bytes()[..16].try_into().expect("sixteen of thirty-two")
    }
}

static SALT: Context = Context::new("azalea head salt v1");
