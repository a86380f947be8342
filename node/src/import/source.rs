//! The bytes of a file, read more than once and the same every time.
//!
//! A file is validated in one reading and taken in another. Somebody may write to it in between, so the first
//! reading keeps a digest of every chunk, and later readings hand over a chunk only when it is that one.

use std::io::{self, BufRead, Read};

/// What a file was when it was first read.
pub(crate) struct Fingerprint {
    /// Digest of the whole file, by which [`Sink::mark`](super::Sink::mark) knows it.
    pub(crate) digest: [u8; 32],
    pub(crate) bytes: u64,
    chunks: Vec<[u8; 32]>,
}

impl Fingerprint {
    /// Reads the file to its end.
    pub(crate) fn of(mut file: impl Read) -> io::Result<Self> {
        let mut whole = blake3::Hasher::new();
        let mut chunks = Vec::new();
        let mut chunk = Vec::new();
        loop {
            read_chunk(&mut file, &mut chunk)?;
            if chunk.is_empty() {
                break;
            }
            whole.update(&chunk);
            chunks.push(*blake3::hash(&chunk).as_bytes());
        }
        Ok(Self { digest: *whole.finalize().as_bytes(), bytes: whole.count(), chunks })
    }
}

/// Reads a file that has a fingerprint; fails with [`Changed`] at the first byte that may differ from it.
pub(crate) struct Checked<'f, R> {
    file: R,
    expected: std::slice::Iter<'f, [u8; 32]>,
    chunk: Vec<u8>,
    at: usize,
    read: u64,
    ended: bool,
}

impl<'f, R: Read> Checked<'f, R> {
    pub(crate) fn new(file: R, fingerprint: &'f Fingerprint) -> Self {
        Self {
            file,
            expected: fingerprint.chunks.iter(),
            chunk: Vec::new(),
            at: 0,
            read: 0,
            ended: false,
        }
    }

    /// How much was read so far.
    pub(crate) fn read_bytes(&self) -> u64 {
        self.read - (self.chunk.len() - self.at) as u64
    }
}

impl<R: Read> BufRead for Checked<'_, R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at == self.chunk.len() && !self.ended {
            self.at = 0;
            read_chunk(&mut self.file, &mut self.chunk)?;
            self.ended = self.chunk.is_empty();
            self.read += self.chunk.len() as u64;
            let same = match self.expected.next() {
                Some(digest) => blake3::hash(&self.chunk).as_bytes() == digest,
                None => self.ended,
            };
            if !same {
                self.chunk.clear();
                self.ended = true;
                return Err(io::Error::other(Changed));
            }
        }
        Ok(&self.chunk[self.at..])
    }

    fn consume(&mut self, amount: usize) {
        self.at = self.chunk.len().min(self.at + amount);
    }
}

impl<R: Read> Read for Checked<'_, R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let length = self.fill_buf()?.read(out)?;
        self.consume(length);
        Ok(length)
    }
}

/// The file is not what it was. Usual cause: a program was still writing it.
#[derive(Debug, thiserror::Error)]
#[error("the file changed while it was read")]
pub(crate) struct Changed;

/// True for the error by which [`Checked`] says that the file changed.
pub(crate) fn is_changed(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<Changed>())
}

fn read_chunk(file: &mut impl Read, chunk: &mut Vec<u8>) -> io::Result<()> {
    chunk.clear();
    file.take(CHUNK_BYTES).read_to_end(chunk).map(drop)
}

/// Large enough for the digest to run at full speed; 1 GB of file costs 128 KiB of digests.
const CHUNK_BYTES: u64 = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(before: &[u8], after: &[u8]) -> io::Result<Vec<u8>> {
        let fingerprint = Fingerprint::of(before).expect("memory can be read");
        let mut out = Vec::new();
        Checked::new(after, &fingerprint).read_to_end(&mut out).map(|_| out)
    }

    #[test]
    fn a_file_that_changed_is_noticed_before_its_new_bytes_are_used() {
        let file = vec![b'x'; 600_000];
        assert_eq!(read(&file, &file).ok().as_ref(), Some(&file));
        assert_eq!(read(b"", b"").ok(), Some(Vec::new()));
        let mut changed = file.clone();
        changed[599_999] = b'y';
        assert!(read(&file, &changed).is_err(), "another byte");
        assert!(read(&file, &file[..599_999]).is_err(), "shorter");
        assert!(read(&file, &file[..CHUNK_BYTES as usize * 2]).is_err(), "shorter by whole chunks");
        assert!(read(&file, &[file.as_slice(), b"x"].concat()).is_err(), "longer");
        let whole = vec![b'x'; CHUNK_BYTES as usize * 2];
        assert!(read(&whole, &[whole.as_slice(), b"x"].concat()).is_err(), "longer by a new chunk");
    }
}
