//! What a record says of a blob: which it is, how to open it, and what comes out.

use zeroize::{Zeroize, ZeroizeOnDrop};

use super::chunk::Sealed;
use crate::id::BlobId;
use crate::wire::{Reader, Wire, WireError, Writer, limits};

const VERSION: u8 = 1;

/// The key of one blob. Wiped when dropped; prints as its kind only.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct BlobKey(pub(super) [u8; 32]);

/// Everything that a reader needs of a blob besides its bytes. Only ever written inside something that is sealed: who has it can
/// open the blob, also after the scope's key has changed.
#[derive(Clone, PartialEq, Eq)]
pub struct BlobRef {
    /// The hash of the ciphertext.
    pub id: BlobId,
    /// The key that opens it.
    pub key: BlobKey,
    /// BLAKE3 of the content, by which its author sees that it has the same content sealed already.
    pub digest: [u8; 32],
    /// Bytes of content.
    pub(super) len: u32,
}

impl BlobRef {
    /// Bytes of content.
    pub fn bytes(&self) -> u64 {
        u64::from(self.len)
    }

    /// The blob as it lies and travels.
    pub fn sealed(&self) -> Sealed {
        Sealed::of_content(self.id, self.len as usize)
    }
}

impl Wire for BlobRef {
    fn write(&self, writer: &mut Writer) {
        writer.u8(VERSION);
        self.id.write(writer);
        writer.raw(&self.key.0);
        writer.raw(&self.digest);
        writer.u32(self.len);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        match reader.u8("blob reference")? {
            VERSION => {}
            0 => return Err(WireError::Invalid { field: "blob reference" }),
            found => {
                return Err(WireError::Version { field: "blob reference", found, known: VERSION });
            }
        }
        let id = BlobId::read(reader)?;
        let key = BlobKey(reader.array("blob key")?);
        let digest = reader.array("content digest")?;
        let len = reader.count(limits::BLOB)?;
        let len = u32::try_from(len).expect("blob_bytes_max is below 4 GiB");
        Ok(Self { id, key, digest, len })
    }
}

impl std::fmt::Debug for BlobKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BlobKey")
    }
}

/// Shows neither the key nor the digest: whoever has a guess at the content could try it by the digest.
impl std::fmt::Debug for BlobRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "BlobRef({:?}, {} bytes)", self.id, self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference() -> BlobRef {
        let (id, key) = (BlobId([0x11; 32]), BlobKey([0x22; 32]));
        BlobRef { id, key, digest: [0x33; 32], len: 4_660 }
    }

    #[test]
    fn a_reference_has_this_form_for_ever() {
        let (a, b, c) = ("11".repeat(32), "22".repeat(32), "33".repeat(32));
        let hex: String = reference().to_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, format!("01{a}{b}{c}00001234"));
        assert_eq!(BlobRef::from_bytes(&reference().to_bytes()), Ok(reference()));
    }

    #[test]
    fn a_newer_or_too_long_one_is_refused_by_name_and_nothing_is_shown() {
        let mut newer = reference().to_bytes();
        newer[0] = 2;
        assert!(BlobRef::from_bytes(&newer).expect_err("newer").is_newer());
        let mut long = reference().to_bytes();
        long[97] = 0xff;
        let error = BlobRef::from_bytes(&long).expect_err("too long");
        assert!(matches!(error, WireError::TooLong { limit: "blob_bytes_max", .. }), "{error}");
        assert_eq!(format!("{:?}", reference()), "BlobRef(BlobId:11111111, 4660 bytes)");
        assert_eq!(format!("{:?}", reference().key), "BlobKey");
    }

    #[test]
    fn fuzz_blob_ref() {
        crate::corpus::hold("src/blob", "blob_ref", [("whole", reference().to_bytes())]);
        bolero::check!(name = "blob_ref").with_iterations(5_000).for_each(|bytes: &[u8]| {
            if let Ok(value) = BlobRef::from_bytes(bytes) {
                assert!(value.to_bytes() == bytes, "read and written again, the bytes differ");
                assert!(Sealed::from_bytes(&value.sealed().to_bytes()) == Ok(value.sealed()));
            }
        });
    }
}
