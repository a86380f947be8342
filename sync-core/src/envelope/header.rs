//! What everybody who carries an envelope can see, and what its author signs.

use crate::hash::Context;
use crate::id::{DeviceId, DocumentTag, EnvelopeId, NetworkId, ScopeId, Timestamp};
use crate::wire::{Limit, Reader, Wire, WireError, Writer, limits};

/// An envelope's header: a fixed width, so that a relay finds every field at its place.
///
/// ```text
///   0 version 1   │   1 network 32 │  33 scope 16 │  49 tag 16 │  65 author 16 │  81 seq 8
///  89 previous 32 │ 121 epoch 4    │ 125 at 8     │ 133 salt 16 │ 149 body length 4
/// 153 body hash 32, ends at 185
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The network.
    pub network: NetworkId,
    /// The scope.
    pub scope: ScopeId,
    /// Which document of the scope, opaque; zero in a clear envelope.
    pub tag: DocumentTag,
    /// The device that wrote and signed this.
    pub author: DeviceId,
    /// This author's count of envelopes in this scope, from 1.
    pub seq: u64,
    /// This author's previous envelope in this scope; zero for the first.
    pub previous: EnvelopeId,
    /// The generation of the scope's key; 0 says that the body is in the clear.
    pub epoch: u32,
    /// When, by the author's clock.
    pub at: Timestamp,
    /// Keyed digest of all of the above and of the plaintext; zero in a clear envelope.
    pub salt: [u8; 16],
    /// The body's length in bytes.
    pub body_len: u32,
    /// BLAKE3 of the body as it travels.
    pub body_hash: [u8; 32],
}

impl Header {
    /// Length in bytes.
    pub const LEN: usize = 185;
    /// Where the salt begins: what stands before it is what the salt is made from.
    pub(super) const SALT_AT: usize = 133;
    /// Where the body's hash begins: what stands before it is the body's associated data.
    pub(super) const HASH_AT: usize = 153;

    /// The envelope's id: the header's digest. The header names the body by its hash, so the id covers both.
    pub fn id(&self) -> EnvelopeId {
        Self::id_of(&self.to_bytes())
    }

    /// The id of the envelope that begins with these bytes, which are a header.
    pub(super) fn id_of(envelope: &[u8]) -> EnvelopeId {
        EnvelopeId::digest(&ID_CONTEXT, &[&envelope[..Self::LEN]])
    }

    /// Whether the body is in the clear: a signed statement that the relay acts on too.
    pub fn is_clear(&self) -> bool {
        self.epoch == 0
    }
}

impl Wire for Header {
    fn write(&self, writer: &mut Writer) {
        writer.u8(VERSION);
        self.network.write(writer);
        self.scope.write(writer);
        self.tag.write(writer);
        self.author.write(writer);
        writer.u64(self.seq);
        self.previous.write(writer);
        writer.u32(self.epoch);
        self.at.write(writer);
        writer.raw(&self.salt);
        writer.u32(self.body_len);
        writer.raw(&self.body_hash);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        match reader.u8(FIELD)? {
            VERSION => {}
            0 => return Err(WireError::Invalid { field: FIELD }),
            found => return Err(WireError::Version { field: FIELD, found, known: VERSION }),
        }
        let header = Self {
            network: NetworkId::read(reader)?,
            scope: ScopeId::read(reader)?,
            tag: DocumentTag::read(reader)?,
            author: DeviceId::read(reader)?,
            seq: reader.u64("seq")?,
            previous: EnvelopeId::read(reader)?,
            epoch: reader.u32("epoch")?,
            at: Timestamp::read(reader)?,
            salt: reader.array("salt")?,
            body_len: reader.u32("body length")?,
            body_hash: reader.array("body hash")?,
        };
        header.check()?;
        Ok(header)
    }
}

impl Header {
    /// What holds of every header whoever wrote it.
    fn check(&self) -> Result<(), WireError> {
        let Limit { name: limit, max } = limits::BODY;
        let claimed = self.body_len as usize;
        if claimed > max {
            return Err(WireError::TooLong { limit, max, claimed });
        }
        let first = self.previous == EnvelopeId::ZERO;
        let clear = self.is_clear();
        let checks = [
            ("seq", self.seq > 0),
            ("previous", first == (self.seq == 1)),
            ("tag", clear == (self.tag == DocumentTag::ZERO)),
            ("salt", !clear || self.salt == [0; 16]),
        ];
        match checks.into_iter().find(|(_, holds)| !holds) {
            Some((field, _)) => Err(WireError::Invalid { field }),
            None => Ok(()),
        }
    }
}

const VERSION: u8 = 1;
const FIELD: &str = "envelope";
static ID_CONTEXT: Context = Context::new("azalea envelope id v1");

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Header {
        Header {
            network: NetworkId([0x11; 32]),
            scope: ScopeId([0x22; 16]),
            tag: DocumentTag([0x33; 16]),
            author: DeviceId([0x44; 16]),
            seq: 2,
            previous: EnvelopeId([0x55; 32]),
            epoch: 3,
            at: Timestamp(0x0102_0304_0506),
            salt: [0x66; 16],
            body_len: 1_024,
            body_hash: [0x77; 32],
        }
    }

    fn check(change: impl FnOnce(&mut Header), expected: Result<(), WireError>) {
        let mut header = sample();
        change(&mut header);
        assert_eq!(Header::from_bytes(&header.to_bytes()).map(|_| ()), expected);
    }

    #[test]
    fn a_header_has_these_bytes() {
        let expected = [
            "01".to_owned(),
            "11".repeat(32),
            "22".repeat(16),
            "33".repeat(16),
            "44".repeat(16),
            "0000000000000002".to_owned(),
            "55".repeat(32),
            "00000003".to_owned(),
            "0000010203040506".to_owned(),
            "66".repeat(16),
            "00000400".to_owned(),
            "77".repeat(32),
        ]
        .concat();
        let bytes = sample().to_bytes();
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, expected);
        assert_eq!(bytes.len(), Header::LEN);
        assert_eq!(bytes[Header::SALT_AT..][..16], [0x66; 16]);
        assert_eq!(bytes[Header::HASH_AT..], [0x77; 32]);
        assert_eq!(Header::from_bytes(&bytes), Ok(sample()));
        assert_eq!(
            sample().id().to_string(),
            "06d0e2a8fafe53a9a074b5c5b8a83b6117c837b8316920dd43866f30f0d9b684"
        );
    }

    #[test]
    fn a_header_that_contradicts_itself_is_refused() {
        let invalid = |field| Err(WireError::Invalid { field });
        check(|_| {}, Ok(()));
        check(|header| header.seq = 0, invalid("seq"));
        check(|header| header.seq = 1, invalid("previous"));
        check(|header| header.previous = EnvelopeId::ZERO, invalid("previous"));
        check(|header| header.tag = DocumentTag::ZERO, invalid("tag"));
        check(|header| header.epoch = 0, invalid("tag"));
        let clear = |header: &mut Header| {
            header.epoch = 0;
            header.tag = DocumentTag::ZERO;
        };
        check(clear, invalid("salt"));
        check(
            |header| {
                clear(header);
                header.salt = [0; 16];
            },
            Ok(()),
        );
        let (limit, max) = (limits::BODY.name, limits::BODY.max);
        check(
            |header| header.body_len = u32::MAX,
            Err(WireError::TooLong { limit, max, claimed: u32::MAX as usize }),
        );
    }

    #[test]
    fn a_newer_header_asks_for_an_update() {
        let mut bytes = sample().to_bytes();
        bytes[0] = 2;
        let error = Header::from_bytes(&bytes).expect_err("version 2 is not known");
        assert!(error.to_string().ends_with("update this program"), "{error}");
    }
}
