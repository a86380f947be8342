//! Sealing and opening single pieces of the file: blocks, slots, and the head that tells whose file it is.

use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{Key, Tag, XChaCha20Poly1305, XNonce};
use rand::Rng;
use std::io;
use std::path::Path;
use zeroize::Zeroize;

use super::StoreKey;
use super::error::OpenError;

const MAGIC: &[u8; 16] = b"azalea store\r\n\x1a\0";
pub(super) const VERSION: u32 = 1;
/// A page of `redb`.
pub(super) const PAGE: usize = 4096;
pub(super) const NONCE: usize = 24;
pub(super) const TAG: usize = 16;
pub(super) const SLOT_PLAIN: usize = 8 + 8 + PAGE;
pub(super) const HEAD: usize = 16 + 4 + 16 + 32 + 32;

pub(super) fn open_slot(
    cipher: &XChaCha20Poly1305,
    slot: usize,
    bytes: &mut [u8],
) -> Option<(u64, u64, Box<[u8; PAGE]>)> {
    if !open_in_place(cipher, &slot_context(slot), bytes) {
        return None;
    }
    let plain = &bytes[NONCE..NONCE + SLOT_PLAIN];
    let sequence = u64::from_be_bytes(plain[..8].try_into().ok()?);
    let len = u64::from_be_bytes(plain[8..16].try_into().ok()?);
    let page = Box::<[u8]>::from(&plain[16..]).try_into().ok()?;
    Some((sequence, len, page))
}

/// Seals `nonce · plain · tag`, of which the middle is filled in.
pub(super) fn seal_in_place(
    cipher: &XChaCha20Poly1305,
    context: &[u8],
    bytes: &mut [u8],
) -> io::Result<()> {
    let end = bytes.len() - TAG;
    let (nonce, rest) = bytes.split_at_mut(NONCE);
    rand::rng().fill_bytes(nonce);
    let (plain, tag) = rest.split_at_mut(end - NONCE);
    let nonce = XNonce::try_from(&*nonce).map_err(io::Error::other)?;
    let sealed = cipher
        .encrypt_inout_detached(&nonce, context, plain.into())
        .map_err(|_| io::Error::other("a page is too long to seal"))?;
    tag.copy_from_slice(&sealed);
    Ok(())
}

/// Opens `nonce · sealed · tag`; false, and nothing to be read from it, where it does not authenticate.
pub(super) fn open_in_place(cipher: &XChaCha20Poly1305, context: &[u8], bytes: &mut [u8]) -> bool {
    let end = bytes.len() - TAG;
    let (nonce, rest) = bytes.split_at_mut(NONCE);
    let (sealed, tag) = rest.split_at_mut(end - NONCE);
    let (Ok(nonce), Ok(tag)) = (XNonce::try_from(&*nonce), Tag::try_from(&*tag)) else {
        return false;
    };
    cipher.decrypt_inout_detached(&nonce, context, sealed.into(), &tag).is_ok()
}

/// The file's own key: a block of one file is noise in another, also under the same store key.
pub(super) fn file_cipher(key: &StoreKey, id: &[u8; 16]) -> XChaCha20Poly1305 {
    let mut derived = derive("azalea 2026-11 store file key", key, id);
    let cipher = XChaCha20Poly1305::new(&Key::from(derived));
    derived.zeroize();
    cipher
}

pub(super) fn derive(context: &str, key: &StoreKey, id: &[u8; 16]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key(context);
    hasher.update(&key.0).update(id);
    *hasher.finalize().as_bytes()
}

pub(super) fn head(key: &StoreKey, id: &[u8; 16]) -> [u8; HEAD] {
    let mut head = [0; HEAD];
    head[..16].copy_from_slice(MAGIC);
    head[16..20].copy_from_slice(&VERSION.to_be_bytes());
    head[20..36].copy_from_slice(id);
    head[36..68].copy_from_slice(&derive("azalea 2026-11 store key check", key, id));
    let digest = blake3::hash(&head[..68]);
    head[68..].copy_from_slice(digest.as_bytes());
    head
}

/// Tells a wrong file, a newer version, damage and a wrong key apart; gives the file's id.
pub(super) fn check_head(
    head: &[u8; HEAD],
    key: &StoreKey,
    file: &Path,
) -> Result<[u8; 16], OpenError> {
    let file = || file.to_owned();
    if head[..16] != *MAGIC {
        return Err(OpenError::NotAStore { file: file() });
    }
    let mut version = [0; 4];
    version.copy_from_slice(&head[16..20]);
    let intact = blake3::hash(&head[..68]).as_bytes() == &head[68..];
    match u32::from_be_bytes(version) {
        VERSION if intact => {}
        found if found > VERSION && intact => {
            return Err(OpenError::Version { file: file(), found });
        }
        _ => return Err(OpenError::Damaged { file: file(), part: "the head" }),
    }
    let mut id = [0; 16];
    id.copy_from_slice(&head[20..36]);
    // Not a secret: the digest of a key that is drawn at random tells nothing about it.
    if head[36..68] != derive("azalea 2026-11 store key check", key, &id) {
        return Err(OpenError::WrongKey { file: file() });
    }
    Ok(id)
}

pub(super) fn slot_context(slot: usize) -> [u8; 9] {
    let mut context = *b"header  \0";
    context[8] = slot as u8;
    context
}
