//! The store's file, unreadable without the store key: a `redb` backend that seals every page.
//!
//! ```text
//! 0       head       magic, version, file id, key check, digest        written once
//! 4096    slot A     nonce · seal(sequence, length, page 0) · tag      written in turn with B
//! 12288   slot B
//! 20480   block 1    nonce · seal(page 1) · tag                        4136 bytes each
//!         block 2 …
//! ```
//!
//! One block holds one `redb` page, so a write that a power cut tears harms only the page that was being
//! written, which `redb` does not refer to until its commit is durable. Page 0 is the exception: it
//! is rewritten in place at every commit. It therefore lives in two slots. Between two syncs only the slot that is
//! not durable is written, so one whole page 0 is always on the disk.
//!
//! XChaCha20-Poly1305 with random nonces: a page is rewritten countless times, and 24 random bytes need no counter
//! that a restored backup would turn back. The block's number is authenticated, so blocks cannot change places.
//! What this does not notice is a whole older file put in the place of the newer one; the relay does.

use super::disk::Disk;
use chacha20poly1305::XChaCha20Poly1305;
use rand::Rng;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use zeroize::{Zeroize, ZeroizeOnDrop};

mod error;
mod seal;
#[cfg(test)]
mod tests;

pub use error::{BlockDamaged, OpenError};

use seal::{
    HEAD, NONCE, PAGE, SLOT_PLAIN, TAG, check_head, file_cipher, head, open_in_place, open_slot,
    seal_in_place, slot_context,
};

/// The key under which a store is sealed; wiped when dropped, silent in `Debug`.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct StoreKey(pub [u8; 32]);

impl StoreKey {
    /// Draws a new key.
    pub fn random(rng: &mut (impl rand::CryptoRng + ?Sized)) -> Self {
        let mut key = Self([0; 32]);
        rng.fill_bytes(&mut key.0);
        key
    }
}

impl fmt::Debug for StoreKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoreKey(32 bytes)")
    }
}

const PAGE_LEN: u64 = PAGE as u64;
const BLOCK: usize = NONCE + PAGE + TAG;
const SLOT: usize = NONCE + SLOT_PLAIN + TAG;
const SLOTS: [u64; 2] = [4096, 12_288];
const BLOCKS: u64 = 20_480;
/// Blocks sealed per system call: bounds the buffer, whatever the size of a write.
const RUN: usize = 64;

/// An encrypted file that `redb` uses as its storage.
pub struct EncryptedFile<D> {
    disk: D,
    file: PathBuf,
    cipher: XChaCha20Poly1305,
    header: Mutex<Header>,
}

/// Page 0 and where it goes next.
struct Header {
    page: Box<[u8; PAGE]>,
    /// Logical length, a multiple of the page; 0 for a store that `redb` has not laid out.
    len: u64,
    sequence: u64,
    /// The slot to write next: the one whose content is not the newest durable one.
    next: usize,
    /// Whether that slot was written since the last sync.
    written: bool,
}

/// What a block of zeros stands for.
#[derive(Clone, Copy)]
enum Unwritten {
    /// New space, about to be filled in part.
    Zeros,
    /// `redb` reads no page that it has not written, so somebody erased this one.
    Damaged,
}

impl<D: Disk> EncryptedFile<D> {
    /// Lays out an empty store in an empty file.
    pub fn create(disk: D, file: &Path, key: &StoreKey) -> Result<Self, OpenError> {
        let mut id = [0; 16];
        rand::rng().fill_bytes(&mut id);
        let cipher = file_cipher(key, &id);
        let header =
            Header { page: Box::new([0; PAGE]), len: 0, sequence: 0, next: 0, written: false };
        let store = Self { disk, file: file.to_owned(), cipher, header: Mutex::new(header) };
        let lay_out = || {
            store.disk.set_len(0)?;
            store.disk.set_len(BLOCKS)?;
            store.disk.write_at(0, &head(key, &id))?;
            let mut header = store.header();
            store.write_slot(&mut header)?;
            store.sync_slot(&mut header)
        };
        lay_out().map_err(|source| OpenError::Io { file: file.to_owned(), source })?;
        Ok(store)
    }

    /// Opens a store that [`EncryptedFile::create`] laid out.
    pub fn open(disk: D, file: &Path, key: &StoreKey) -> Result<Self, OpenError> {
        let io = |source| OpenError::Io { file: file.to_owned(), source };
        let damaged = |part| OpenError::Damaged { file: file.to_owned(), part };
        let found = disk.size().map_err(io)?;
        let truncated = |expected| OpenError::Truncated { file: file.to_owned(), expected, found };
        let mut start = [0; HEAD];
        if found < HEAD as u64 {
            return Err(truncated(BLOCKS));
        }
        disk.read_at(0, &mut start).map_err(io)?;
        let id = check_head(&start, key, file)?;
        if found < BLOCKS {
            return Err(truncated(BLOCKS));
        }
        let cipher = file_cipher(key, &id);
        let mut newest: Option<(usize, u64, u64, Box<[u8; PAGE]>)> = None;
        for (slot, &offset) in SLOTS.iter().enumerate() {
            let mut bytes = vec![0; SLOT];
            disk.read_at(offset, &mut bytes).map_err(io)?;
            let Some((sequence, len, page)) = open_slot(&cipher, slot, &mut bytes) else {
                continue;
            };
            if newest.as_ref().is_none_or(|(_, known, ..)| *known < sequence) {
                newest = Some((slot, sequence, len, page));
            }
        }
        let (slot, sequence, len, page) = newest.ok_or_else(|| damaged("page 0"))?;
        if !len.is_multiple_of(PAGE_LEN) {
            return Err(damaged("page 0"));
        }
        if found < physical_len(len) {
            return Err(truncated(physical_len(len)));
        }
        // Blocks beyond the stated length: the file grew and the line went dead before page 0 followed.
        let len = logical_len(found).max(len);
        let header = Header { page, len, sequence, next: 1 - slot, written: false };
        Ok(Self { disk, file: file.to_owned(), cipher, header: Mutex::new(header) })
    }

    /// Reads whole blocks `first..` and gives each opened page to `take`.
    fn read_blocks(
        &self,
        first: u64,
        count: usize,
        unwritten: Unwritten,
        mut take: impl FnMut(&[u8]),
    ) -> io::Result<()> {
        let mut buffer = vec![0; count.min(RUN) * BLOCK];
        let mut done = 0;
        while done < count {
            let run = (count - done).min(RUN);
            let number = first + done as u64;
            let sealed = &mut buffer[..run * BLOCK];
            self.disk.read_at(block_offset(number), sealed)?;
            for (index, block) in sealed.chunks_exact_mut(BLOCK).enumerate() {
                let page = self.open_block(number + index as u64, block, unwritten)?;
                take(page);
            }
            done += run;
        }
        Ok(())
    }

    fn open_block<'a>(
        &self,
        number: u64,
        block: &'a mut [u8],
        unwritten: Unwritten,
    ) -> io::Result<&'a [u8]> {
        let empty = block.iter().all(|&byte| byte == 0);
        let readable = match unwritten {
            Unwritten::Zeros if empty => true,
            _ => open_in_place(&self.cipher, &number.to_be_bytes(), block),
        };
        if readable { Ok(&block[NONCE..NONCE + PAGE]) } else { Err(self.damaged(number)) }
    }

    /// Seals pages into consecutive blocks.
    fn write_blocks(&self, first: u64, pages: &[u8]) -> io::Result<()> {
        let count = pages.len() / PAGE;
        let mut buffer = vec![0; count.min(RUN) * BLOCK];
        let mut number = first;
        for run in pages.chunks(RUN * PAGE) {
            let start = number;
            let sealed = &mut buffer[..run.len() / PAGE * BLOCK];
            for (block, page) in sealed.chunks_exact_mut(BLOCK).zip(run.chunks_exact(PAGE)) {
                block[NONCE..NONCE + PAGE].copy_from_slice(page);
                seal_in_place(&self.cipher, &number.to_be_bytes(), block)?;
                number += 1;
            }
            self.disk.write_at(block_offset(start), sealed)?;
        }
        Ok(())
    }

    fn write_slot(&self, header: &mut Header) -> io::Result<()> {
        header.sequence += 1;
        header.written = true;
        self.disk.write_at(SLOTS[header.next], &self.seal_slot(header, header.next)?)
    }

    fn seal_slot(&self, header: &Header, slot: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; SLOT];
        let plain = &mut bytes[NONCE..NONCE + SLOT_PLAIN];
        plain[..8].copy_from_slice(&header.sequence.to_be_bytes());
        plain[8..16].copy_from_slice(&header.len.to_be_bytes());
        plain[16..].copy_from_slice(header.page.as_slice());
        seal_in_place(&self.cipher, &slot_context(slot), &mut bytes)?;
        Ok(bytes)
    }

    fn sync_slot(&self, header: &mut Header) -> io::Result<()> {
        self.disk.sync()?;
        if std::mem::take(&mut header.written) {
            header.next = 1 - header.next;
            // The other slot follows without a sync of its own: bit rot in one then costs nothing. Should this copy be
            // torn or fail, the slot just made durable stands.
            let copy = self.seal_slot(header, header.next)?;
            let _ = self.disk.write_at(SLOTS[header.next], &copy);
        }
        Ok(())
    }

    fn header(&self) -> MutexGuard<'_, Header> {
        // A poisoned lock means that another thread panicked between two whole assignments; the state is usable.
        self.header.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn damaged(&self, block: u64) -> io::Error {
        let damage = BlockDamaged { block, file: self.file.clone() };
        io::Error::new(io::ErrorKind::InvalidData, damage)
    }
}

impl<D: Disk> redb::StorageBackend for EncryptedFile<D> {
    fn len(&self) -> io::Result<u64> {
        Ok(self.header().len)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let end = offset.checked_add(out.len() as u64).ok_or(io::ErrorKind::InvalidInput)?;
        let header = self.header();
        if end > header.len {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let (in_header, mut out) = out.split_at_mut(in_page_0(offset, out.len()));
        if let Some(start) = page_0_start(offset) {
            in_header.copy_from_slice(&header.page[start..start + in_header.len()]);
        }
        drop(header);
        if out.is_empty() {
            return Ok(());
        }
        let offset = offset.max(PAGE_LEN);
        let mut skip = (offset % PAGE_LEN) as usize;
        let count = (skip + out.len()).div_ceil(PAGE);
        self.read_blocks(offset / PAGE_LEN, count, Unwritten::Damaged, |page| {
            let rest = std::mem::take(&mut out);
            let taken = rest.len().min(PAGE - skip);
            let (now, later) = rest.split_at_mut(taken);
            now.copy_from_slice(&page[skip..skip + taken]);
            skip = 0;
            out = later;
        })
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        if !len.is_multiple_of(PAGE_LEN) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a whole number of pages"));
        }
        let mut header = self.header();
        if len < header.len {
            // The header states the shorter length before the blocks go, or a crash between would look like truncation.
            let before = std::mem::replace(&mut header.len, len);
            let stated = self.write_slot(&mut header).and_then(|()| self.sync_slot(&mut header));
            if let Err(error) = stated {
                header.len = before;
                return Err(error);
            }
        }
        self.disk.set_len(physical_len(len))?;
        header.len = len;
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.sync_slot(&mut self.header())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let end = offset.checked_add(data.len() as u64).ok_or(io::ErrorKind::InvalidInput)?;
        let mut header = self.header();
        if end > header.len {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a write past the end"));
        }
        let (in_header, mut data) = data.split_at(in_page_0(offset, data.len()));
        if let Some(start) = page_0_start(offset) {
            header.page[start..start + in_header.len()].copy_from_slice(in_header);
            self.write_slot(&mut header)?;
        }
        if data.is_empty() {
            return Ok(());
        }
        let mut offset = offset.max(PAGE_LEN);
        let whole =
            |offset: u64, data: &[u8]| offset.is_multiple_of(PAGE_LEN) && data.len() >= PAGE;
        if whole(offset, data) && data.len().is_multiple_of(PAGE) {
            // What `redb` does; pages it has not committed are its alone, so nothing needs the lock.
            drop(header);
            return self.write_blocks(offset / PAGE_LEN, data);
        }
        while !data.is_empty() {
            let count = if whole(offset, data) {
                let count = data.len() / PAGE * PAGE;
                self.write_blocks(offset / PAGE_LEN, &data[..count])?;
                count
            } else {
                let start = (offset % PAGE_LEN) as usize;
                let count = data.len().min(PAGE - start);
                let mut page = [0; PAGE];
                self.read_blocks(offset / PAGE_LEN, 1, Unwritten::Zeros, |old| {
                    page.copy_from_slice(old);
                })?;
                page[start..start + count].copy_from_slice(&data[..count]);
                self.write_blocks(offset / PAGE_LEN, &page)?;
                count
            };
            data = &data[count..];
            offset += count as u64;
        }
        Ok(())
    }
}

impl<D> fmt::Debug for EncryptedFile<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EncryptedFile").field("file", &self.file).finish_non_exhaustive()
    }
}

/// How many of `len` bytes at `offset` lie in page 0.
fn in_page_0(offset: u64, len: usize) -> usize {
    page_0_start(offset).map_or(0, |start| len.min(PAGE - start))
}

fn page_0_start(offset: u64) -> Option<usize> {
    usize::try_from(offset).ok().filter(|&start| start < PAGE)
}

fn block_offset(number: u64) -> u64 {
    BLOCKS + (number - 1) * BLOCK as u64
}

fn physical_len(logical: u64) -> u64 {
    BLOCKS + (logical / PAGE_LEN).saturating_sub(1) * BLOCK as u64
}

/// The logical length of a file with this many bytes; 0 where it holds no block.
fn logical_len(physical: u64) -> u64 {
    match physical.saturating_sub(BLOCKS) / BLOCK as u64 {
        0 => 0,
        blocks => (blocks + 1) * PAGE_LEN,
    }
}
