//! A value with the exact bytes that were signed and the signature over them.

use crate::hash::Context;
use std::sync::Arc;

use super::keypair::{Domain, PublicKey, Signature, SignatureError, SigningKeypair};
use crate::wire::{Reader, Wire, WireError, Writer, limits};

/// What can be signed as a certificate. Its kind is signed with it, so that one kind never passes as another.
pub trait Certified: Wire {
    /// The byte that names the kind in the binary form.
    const KIND: u8;
}

/// A value as its signer wrote it. What it claims has not been verified by reading it: `Roster::admit` does that. A copy is the
/// same one again: a relay lays a whole roster beside the other while a commit is under way.
///
/// ```text
/// version u8 │ kind u8 │ length u32 │ body │ signature 64
/// └──── signed ────────┘            └ signed ┘
/// ```
pub struct Signed<T>(Arc<Parts<T>>);

struct Parts<T> {
    /// Version, kind and body, as signed.
    message: Vec<u8>,
    value: T,
    signature: Signature,
    /// Over all of it. Two signatures over one body differ in it, which keeps the order total.
    digest: [u8; 32],
}

impl<T> Clone for Signed<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: PartialEq> PartialEq for Signed<T> {
    fn eq(&self, other: &Self) -> bool {
        let (ours, theirs) = (&*self.0, &*other.0);
        ours.message == theirs.message
            && ours.value == theirs.value
            && ours.signature == theirs.signature
    }
}

impl<T: Eq> Eq for Signed<T> {}

impl<T: Certified> Signed<T> {
    /// Signs a value. Fails only if the value is one that no reader would take, such as a name over its limit.
    pub fn sign(value: T, signer: &SigningKeypair) -> Result<Self, WireError> {
        let body = value.to_bytes();
        if body.len() > limits::CERTIFICATE.max {
            let (limit, max) = (limits::CERTIFICATE.name, limits::CERTIFICATE.max);
            return Err(WireError::TooLong { limit, max, claimed: body.len() });
        }
        let value = T::from_bytes(&body)?;
        let message = message::<T>(&body);
        let signature = signer.sign(Domain::Certificate, &message);
        Ok(Self::new(message, value, signature))
    }

    fn new(message: Vec<u8>, value: T, signature: Signature) -> Self {
        let mut hasher = DIGEST.hasher();
        hasher.update(&message);
        hasher.update(signature.as_bytes());
        let digest = *hasher.finalize().as_bytes();
        Self(Arc::new(Parts { message, value, signature, digest }))
    }

    /// Checks that the holder of `key` signed this.
    pub fn verify(&self, key: &PublicKey) -> Result<(), SignatureError> {
        key.verify(Domain::Certificate, &self.0.message, &self.0.signature)
    }

    /// What the bytes say, whoever signed them.
    pub fn claims(&self) -> &T {
        &self.0.value
    }

    /// Reads what follows the version and kind bytes.
    pub(super) fn read_rest(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let body = reader.bytes(limits::CERTIFICATE)?;
        let value = T::from_bytes(body)?;
        Ok(Self::new(message::<T>(body), value, Signature::read(reader)?))
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        let (head, body) = self.0.message.split_at(2);
        writer.raw(head);
        writer.bytes(body);
        self.0.signature.write(writer);
    }

    /// Length in bytes, as it travels.
    pub(super) fn size(&self) -> usize {
        self.0.message.len() + size_of::<u32>() + Signature::LEN
    }

    /// A digest over all of it.
    pub(super) fn digest(&self) -> &[u8; 32] {
        &self.0.digest
    }
}

fn message<T: Certified>(body: &[u8]) -> Vec<u8> {
    [&[VERSION, T::KIND], body].concat()
}

impl<T: std::fmt::Debug> std::fmt::Debug for Signed<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Signed").field(&self.0.value).finish()
    }
}

/// The version of every certificate's binary form.
pub(super) const VERSION: u8 = 1;

static DIGEST: Context = Context::new("azalea certificate digest v1");

#[cfg(test)]
mod tests {
    use super::super::certificate::{Certificate, Registrar, Root};
    use super::super::testing::{network, registrar_key, root, root_key, valid};
    use super::*;
    use crate::id::Timestamp;

    #[test]
    fn a_value_that_no_reader_would_take_is_not_signed() {
        let name = "協".repeat(400);
        let claims = Root { key: root_key().public(), name, created: Timestamp(0) };
        let refused = Signed::sign(claims, &root_key()).map(|_| ());
        let (limit, max) = (limits::TEXT.name, limits::TEXT.max);
        assert_eq!(refused, Err(WireError::TooLong { limit, max, claimed: 1_200 }));
    }

    #[test]
    fn the_kind_is_signed_with_the_body() {
        let claims = Registrar {
            network: network(),
            key: registrar_key().public(),
            name: "医師会".to_owned(),
            validity: valid(0, 1),
        };
        let signed = Signed::sign(claims, &root_key()).expect("a short name");
        let root = root_key().public();
        assert_eq!(signed.verify(&root), Ok(()));
        let Parts { mut message, value, signature, .. } =
            Arc::into_inner(signed.0).expect("nobody else has it");
        message[1] = Root::KIND;
        let other = Signed::new(message, value, signature);
        assert_eq!(other.verify(&root), Err(SignatureError::Mismatch));
    }

    #[test]
    fn a_newer_version_and_an_unknown_kind_are_refused_by_name() {
        let check = |at: usize, value: u8, expected| {
            let mut bytes = root().to_bytes();
            bytes[at] = value;
            assert_eq!(Certificate::from_bytes(&bytes), Err(expected));
        };
        check(0, 2, WireError::Version { field: "certificate", found: 2, known: 1 });
        let field = "certificate kind";
        check(1, 9, WireError::Version { field, found: 9, known: 6 });
        check(1, 0, WireError::Invalid { field });
    }
}
