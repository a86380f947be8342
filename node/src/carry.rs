//! Carry files on the disk: written whole or not at all, read from the first byte to the last before anything of them counts.

use azalea_core::storage::StorageError;
use azalea_core::sync::carry::{CarryError, Checker, Composer, Label, Part};
use azalea_core::sync::message::Bytes;
use azalea_core::sync::peer::{self, Named, Placed};
use azalea_core::wire::{WireError, limits};
use azalea_transport::lock::owner_only;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use crate::config::sync_parent;
use crate::store::Snapshot;

/// Bytes of one part, about: with the largest envelope at its end it is still a frame.
const PART_BYTES: usize = 512 << 10;
/// Scopes whose vectors stand in one part.
const PART_NAMED: usize = 4_096;

/// Why a carry file could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum CarryFileError {
    /// Something lies there already.
    #[error("{} exists already: name another file, or take it away", .0.display())]
    Exists(PathBuf),
    /// The disk's fault, or a path that cannot be used.
    #[error("{}: {source}", .file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is not what it should be.
    #[error("{}: {cause}", .file.display())]
    Content {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        cause: CarryError,
    },
    /// Our store cannot be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Writes a carry file beside its place, and puts it there once the disk has all of it.
///
/// Whoever finds the file under its name finds it whole; `told` hears how many envelopes are in it so far.
pub fn write(
    file: &Path,
    label: Label,
    holds: &[Named],
    snapshot: &Snapshot,
    places: &[Placed],
    told: &mut dyn FnMut(u64),
) -> Result<(u64, u64), CarryFileError> {
    let io = |source| CarryFileError::Io { file: file.to_owned(), source };
    if file.try_exists().map_err(io)? {
        return Err(CarryFileError::Exists(file.to_owned()));
    }
    let mut name =
        file.file_name().ok_or_else(|| io(io::ErrorKind::IsADirectory.into()))?.to_owned();
    name.push(".part");
    let beside = file.with_file_name(name);
    let written = write_beside(&beside, label, holds, snapshot, places, told);
    let placed = written.and_then(|written| {
        fs::rename(&beside, file).and_then(|()| sync_parent(file)).map_err(io)?;
        Ok(written)
    });
    if placed.is_err() {
        // What is left of it is of no use to anybody; where it cannot be removed, its name says what it is.
        let _ = fs::remove_file(&beside);
    }
    placed
}

fn write_beside(
    beside: &Path,
    label: Label,
    holds: &[Named],
    snapshot: &Snapshot,
    places: &[Placed],
    told: &mut dyn FnMut(u64),
) -> Result<(u64, u64), CarryFileError> {
    let io = |source| CarryFileError::Io { file: beside.to_owned(), source };
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    let file = owner_only(&mut options).open(beside).map_err(io)?;
    let mut out = BufWriter::new(file);
    let (mut envelopes, mut bytes) = (0, 0);
    let mut put = |piece: &[u8]| {
        bytes += piece.len() as u64;
        out.write_all(piece).map_err(io)
    };
    let (mut composer, front) = Composer::begin(label);
    put(&front)?;
    for named in holds.chunks(PART_NAMED) {
        put(&composer.frame(&Part::Holds(named.to_vec())))?;
    }
    let mut rest = places;
    while !rest.is_empty() {
        let batch = &rest[..rest.len().min(limits::ENVELOPES.max)];
        let (read, taken) = peer::envelopes(snapshot, batch, PART_BYTES)?;
        rest = &rest[taken..];
        envelopes += read.len() as u64;
        put(&composer.frame(&Part::Envelopes(read.into_iter().map(Bytes).collect())))?;
        told(envelopes);
    }
    put(&composer.end())?;
    let file = out.into_inner().map_err(|error| io(error.into_error()))?;
    file.sync_all().map_err(io)?;
    Ok((envelopes, bytes))
}

/// Reads a carry file; `each` gets its parts as they come, and an error of it ends the reading.
///
/// An error may come after parts that were good: what is to count only if all is good is read twice.
pub fn read<E: From<CarryFileError>>(
    file: &Path,
    mut each: impl FnMut(Part) -> Result<(), E>,
) -> Result<(), E> {
    let io = |source| CarryFileError::Io { file: file.to_owned(), source };
    let content = |cause| CarryFileError::Content { file: file.to_owned(), cause };
    let mut input = BufReader::new(File::open(file).map_err(io)?);
    let mut front = Vec::new();
    (&mut input).take(Checker::FRONT as u64).read_to_end(&mut front).map_err(io)?;
    let mut checker = Checker::begin(&front).map_err(content)?;
    loop {
        let mut length = Vec::new();
        (&mut input).take(4).read_to_end(&mut length).map_err(io)?;
        let length: [u8; 4] = match length.as_slice().try_into() {
            Ok(length) => length,
            Err(_) if length.is_empty() => break,
            Err(_) => return Err(content(CarryError::Torn).into()),
        };
        let claimed = u32::from_be_bytes(length) as usize;
        if claimed > limits::FRAME.max {
            let (limit, max) = (limits::FRAME.name, limits::FRAME.max);
            let cause = WireError::TooLong { limit, max, claimed };
            return Err(content(cause.into()).into());
        }
        // Grows with what is there, not with what is claimed.
        let mut frame = Vec::new();
        (&mut input).take(claimed as u64).read_to_end(&mut frame).map_err(io)?;
        if frame.len() < claimed {
            return Err(content(CarryError::Torn).into());
        }
        each(checker.take(&frame).map_err(content)?)?;
    }
    Ok(checker.finish().map_err(content)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use azalea_core::id::{DeviceId, FacilityId, NetworkId, Timestamp};

    fn bytes() -> Vec<u8> {
        let label = Label {
            network: NetworkId([1; 32]),
            from: DeviceId([2; 16]),
            to: FacilityId([3; 16]),
            at: Timestamp(4),
        };
        let (mut composer, mut bytes) = Composer::begin(label);
        bytes.extend(composer.frame(&Part::Envelopes(vec![Bytes(vec![7; 100])])));
        bytes.extend(composer.end());
        bytes
    }

    fn error(bytes: &[u8]) -> Option<String> {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("out.carry");
        fs::write(&file, bytes).expect("room");
        let read = read(&file, |_| Ok::<(), CarryFileError>(()));
        read.err().map(|error| error.to_string().replace(&file.display().to_string(), "FILE"))
    }

    #[test]
    fn a_file_says_what_is_wrong_with_it() {
        assert_eq!(error(&bytes()), None);
        let torn = "FILE: the file is not whole: it was cut off, or pulled out before it was written to the end; write it again";
        for cut in 1..bytes().len() {
            assert_eq!(error(&bytes()[..cut]).as_deref(), Some(torn), "at {cut}");
        }
        let foreign = "FILE: this is no file that `azalea carry out` wrote";
        assert_eq!(error(b"PK\x03\x04").as_deref(), Some(foreign));
        let mut long = bytes();
        long[13..17].fill(0xff);
        let long = error(&long).expect("a length beyond the limit");
        assert!(long.contains("frame_bytes_max"), "{long}");
    }
}
