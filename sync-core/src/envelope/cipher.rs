//! The inside of a sealed body: compress, pad, encrypt; and the way back.
//!
//! The salt is a keyed digest of the header fields before it and of the padded plaintext, and the message key is
//! derived from the scope's key, the author's place in its chain and that salt. So one message key belongs to
//! exactly one header and one plaintext, and the nonce can be the constant zero: a device restored from an
//! old backup that writes other content under a number it had used before gets another salt, hence
//! another key. The same content under the same header gives the same envelope, which tells nobody
//! anything new. On opening the salt is made again and compared, which ties the ciphertext to this one key.

use crate::hash::Context;
use chacha20poly1305::{AeadInOut, ChaCha20Poly1305, KeyInit, Nonce};
use zeroize::Zeroizing;

use super::padding::padded;
use super::{Formats, Header, compression};
use crate::keys::ScopeKey;
use crate::wire::{Limit, Reader, WireError, Writer, limits};

/// Length that the authenticator adds.
const AUTHENTICATOR: usize = 16;
static SALT_CONTEXT: Context = Context::new("azalea envelope salt v1");
static KEY_CONTEXT: Context = Context::new("azalea envelope key v1");

/// Compresses in a format and pads: `dictionary u8 │ length u32 │ zstd │ zeros`.
pub(super) fn pack(plain: &[u8], format: u8) -> Vec<u8> {
    let (dictionary, compressed) = compression::compress(plain, format);
    let mut writer = Writer::new();
    writer.u8(dictionary);
    writer.bytes(&compressed);
    let mut frame = writer.into_bytes();
    frame.resize(padded(frame.len()), 0);
    frame
}

/// Undoes [`pack`].
pub(super) fn unpack(frame: &[u8], formats: Formats) -> Result<Vec<u8>, UnpackError> {
    let mut reader = Reader::new(frame);
    let dictionary = reader.u8("dictionary")?;
    let known = formats.reads().min(compression::NEWEST);
    if dictionary > known {
        let field = "compression dictionary";
        return Err(WireError::Version { field, found: dictionary, known }.into());
    }
    let compressed = reader.bytes(Limit { name: "compressed_bytes_max", max: limits::BODY.max })?;
    let zeros = reader.raw(reader.left(), "padding")?;
    if zeros.iter().any(|byte| *byte != 0) || padded(frame.len() - zeros.len()) != frame.len() {
        return Err(WireError::Invalid { field: "padding" }.into());
    }
    compression::decompress(dictionary, compressed).ok_or(UnpackError::Compression)
}

/// Seals a frame for `header`, whose salt, length and hash this fills in. Returns the body.
pub(super) fn encrypt(header: &mut Header, frame: Vec<u8>, key: &ScopeKey) -> Vec<u8> {
    use crate::wire::Wire;
    header.salt = salt(&header.to_bytes(), &frame, key);
    header.body_len = u32::try_from(frame.len() + AUTHENTICATOR)
        .expect("a body that is too long is refused before it is sealed");
    let mut body = frame;
    cipher(header, key)
        .encrypt_in_place(&Nonce::default(), &header.to_bytes()[..Header::HASH_AT], &mut body)
        .expect("a body is far below the cipher's limit of 256 GiB");
    header.body_hash = *blake3::hash(&body).as_bytes();
    body
}

/// Undoes [`encrypt`]: the frame, if the key is the right one and nothing was altered.
pub(super) fn decrypt(header: &Header, body: &[u8], key: &ScopeKey) -> Option<Vec<u8>> {
    use crate::wire::Wire;
    let (clear, mut frame) = (header.to_bytes(), body.to_vec());
    cipher(header, key)
        .decrypt_in_place(&Nonce::default(), &clear[..Header::HASH_AT], &mut frame)
        .ok()?;
    (salt(&clear, &frame, key) == header.salt).then_some(frame)
}

/// The length of a body whose frame has `len` bytes.
pub(super) fn sealed_len(len: usize) -> usize {
    len + AUTHENTICATOR
}

fn salt(header: &[u8], frame: &[u8], key: &ScopeKey) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new_keyed(&key.derive(&SALT_CONTEXT));
    hasher.update(&header[..Header::SALT_AT]);
    hasher.update(frame);
    let mut salt = [0; 16];
    hasher.finalize_xof().fill(&mut salt);
    salt
}

fn cipher(header: &Header, key: &ScopeKey) -> ChaCha20Poly1305 {
    let mut hasher = KEY_CONTEXT.hasher();
    hasher.update(key.expose());
    hasher.update(header.scope.as_bytes());
    hasher.update(&header.epoch.to_be_bytes());
    hasher.update(header.author.as_bytes());
    hasher.update(&header.seq.to_be_bytes());
    hasher.update(&header.salt);
    let message_key = Zeroizing::new(*hasher.finalize().as_bytes());
    ChaCha20Poly1305::new((&*message_key).into())
}

/// Why a frame does not unpack; the author signed it so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum UnpackError {
    #[error(transparent)]
    Wire(#[from] WireError),
    #[error("the body does not decompress within {} bytes", limits::PLAINTEXT.max)]
    Compression,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_comes_back_and_a_changed_one_is_refused() {
        let plain = b"the same words, the same words, the same words".to_vec();
        let frame = pack(&plain, Formats::NEWEST);
        assert_eq!(unpack(&frame, Formats::default()), Ok(plain));
        let mut dictionary = frame.clone();
        dictionary[0] = compression::NEWEST + 1;
        let error =
            unpack(&dictionary, Formats::default()).expect_err("that dictionary is not known");
        assert!(error.to_string().ends_with("update this program"), "{error}");
        let mut padding = pack(&[7; 60], Formats::NEWEST);
        *padding.last_mut().expect("not empty") ^= 1;
        assert!(unpack(&padding, Formats::default()).is_err());
        let mut longer = frame;
        longer.push(0);
        assert!(unpack(&longer, Formats::default()).is_err(), "padding has one length");
    }

    #[test]
    fn a_frame_in_a_newer_format_is_refused_by_name_and_an_older_one_is_read() {
        let (old, new) = (Formats::up_to(0).expect("the first"), Formats::default());
        let plain = b"the same words, the same words".to_vec();
        assert_eq!(unpack(&pack(&plain, old.writes()), new).as_ref(), Ok(&plain));
        let newer = unpack(&pack(&plain, new.writes()), old).expect_err("not known there");
        let (field, found, known) = ("compression dictionary", 1, 0);
        assert_eq!(newer, UnpackError::Wire(WireError::Version { field, found, known }));
    }

    fn header() -> Header {
        use crate::id::{DeviceId, DocumentTag, EnvelopeId, NetworkId, ScopeId, Timestamp};
        Header {
            network: NetworkId([1; 32]),
            scope: ScopeId([2; 16]),
            tag: DocumentTag([3; 16]),
            author: DeviceId([4; 16]),
            seq: 1,
            previous: EnvelopeId::ZERO,
            epoch: 1,
            at: Timestamp(5),
            salt: [0; 16],
            body_len: 0,
            body_hash: [0; 32],
        }
    }

    /// An author that picks its own salt could make one ciphertext that two keys open to two different texts.
    #[test]
    fn a_salt_that_was_not_made_from_the_plaintext_opens_nothing() {
        use crate::wire::Wire;
        let key = ScopeKey::from([6; 32]);
        let frame = pack(b"some words", Formats::NEWEST);
        let mut good = header();
        let body = encrypt(&mut good, frame.clone(), &key);
        assert_eq!(decrypt(&good, &body, &key).as_ref(), Some(&frame));

        let mut chosen = Header { salt: [7; 16], body_len: good.body_len, ..header() };
        let mut body = frame;
        cipher(&chosen, &key)
            .encrypt_in_place(&Nonce::default(), &chosen.to_bytes()[..Header::HASH_AT], &mut body)
            .expect("short");
        chosen.body_hash = *blake3::hash(&body).as_bytes();
        assert_eq!(decrypt(&chosen, &body, &key), None);
    }

    #[test]
    fn every_field_before_the_salt_is_in_the_salt_and_in_the_key() {
        use crate::id::{DeviceId, DocumentTag, EnvelopeId, NetworkId, ScopeId, Timestamp};
        let key = ScopeKey::from([6; 32]);
        let frame = pack(b"some words", Formats::NEWEST);
        let mut good = header();
        let body = encrypt(&mut good, frame, &key);
        let changes: [fn(&mut Header); 8] = [
            |header| header.network = NetworkId([9; 32]),
            |header| header.scope = ScopeId([9; 16]),
            |header| header.tag = DocumentTag([9; 16]),
            |header| header.author = DeviceId([9; 16]),
            |header| header.seq = 9,
            |header| header.previous = EnvelopeId([9; 32]),
            |header| header.epoch = 9,
            |header| header.at = Timestamp(9),
        ];
        for (at, change) in changes.iter().enumerate() {
            let mut other = good.clone();
            change(&mut other);
            assert_eq!(decrypt(&other, &body, &key), None, "change {at}");
        }
    }

    #[test]
    fn fuzz_frame() {
        let sample = pack(&b"the same words, the same words".repeat(9), Formats::NEWEST);
        crate::corpus::hold("src/envelope", "frame", [("repeated", sample.clone())]);
        bolero::check!(name = "frame").with_iterations(5_000).for_each(|bytes: &[u8]| {
            let _ = unpack(bytes, Formats::default());
        });
        bolero::check!(name = "frame_damaged")
            .with_type::<Vec<(u16, u8)>>()
            .with_iterations(5_000)
            .for_each(|edits| {
                let mut frame = sample.clone();
                for (at, byte) in edits {
                    let at = usize::from(*at) % frame.len();
                    frame[at] = *byte;
                }
                let _ = unpack(&frame, Formats::default());
            });
    }
}
