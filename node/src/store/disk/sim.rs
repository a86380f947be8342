//! A disk in memory that tears writes, fills up and rots, all from one seed.

use super::Disk;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::io;
use std::sync::{Arc, Mutex};

/// Writes reach the medium in pieces of this size, in any order, until a sync.
const SECTOR: usize = 512;

/// Shared by the store under test and the test itself.
#[derive(Clone, Default)]
pub(crate) struct SimDisk(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// What reads see.
    current: Vec<u8>,
    /// What a power cut leaves, before the unsynced writes are mixed in.
    durable: Vec<u8>,
    unsynced: Vec<(usize, Vec<u8>)>,
    /// Bytes that may still be written before the disk is full.
    room: Option<usize>,
}

impl SimDisk {
    /// A disk that holds `bytes`.
    pub(crate) fn holding(bytes: Vec<u8>) -> Self {
        let state = State { current: bytes.clone(), durable: bytes, ..State::default() };
        Self(Arc::new(Mutex::new(state)))
    }

    /// What is on the disk now.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.state(|state| state.current.clone())
    }

    /// Lets `room` more bytes be written, then none.
    pub(crate) fn fill_after(&self, room: usize) {
        self.state(|state| state.room = Some(room));
    }

    /// Gives the disk room again.
    pub(crate) fn make_room(&self) {
        self.state(|state| state.room = None);
    }

    /// The disk after a power cut: of what was not synced, some sectors arrived and some did not.
    pub(crate) fn power_cut(&self, seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let bytes = self.state(|state| {
            let mut bytes = state.durable.clone();
            if rng.random() {
                bytes.resize(bytes.len().max(state.current.len()), 0);
            }
            for (offset, written) in &state.unsynced {
                for (index, sector) in written.chunks(SECTOR).enumerate() {
                    let start = offset + index * SECTOR;
                    if rng.random() && start + sector.len() <= bytes.len() {
                        bytes[start..start + sector.len()].copy_from_slice(sector);
                    }
                }
            }
            bytes
        });
        Self::holding(bytes)
    }

    fn state<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.lock().expect("no test panics inside the disk"))
    }
}

impl Disk for SimDisk {
    fn size(&self) -> io::Result<u64> {
        Ok(self.state(|state| state.current.len() as u64))
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.state(|state| {
            let start = offset as usize;
            let found = state.current.get(start..start + out.len());
            out.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
            Ok(())
        })
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.state(|state| {
            if let Some(room) = &mut state.room {
                *room = room.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
            }
            let start = offset as usize;
            if state.current.len() < start + bytes.len() {
                state.current.resize(start + bytes.len(), 0);
            }
            state.current[start..start + bytes.len()].copy_from_slice(bytes);
            state.unsynced.push((start, bytes.to_vec()));
            Ok(())
        })
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.state(|state| {
            state.current.resize(len as usize, 0);
            // A shortened file loses its end at once; how much longer it became is left to the power cut.
            state.durable.truncate(len as usize);
            state.unsynced.retain(|(start, bytes)| start + bytes.len() <= len as usize);
            Ok(())
        })
    }

    fn sync(&self) -> io::Result<()> {
        self.state(|state| {
            if state.room == Some(0) {
                return Err(io::ErrorKind::StorageFull.into());
            }
            state.durable.clone_from(&state.current);
            state.unsynced.clear();
            Ok(())
        })
    }
}
