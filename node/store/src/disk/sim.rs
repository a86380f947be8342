//! A disk in memory that loses what was not synced, tears writes, fills up and rots, all from one seed: for tests and
//! the simulated region.

use super::Disk;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::io;
use std::sync::{Arc, Mutex};

/// Writes reach the medium in pieces of this size, in any order, until a sync.
pub const SECTOR: usize = 512;

/// Shared by the store under test and the test itself.
#[derive(Clone, Default)]
pub struct SimDisk(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// What reads see.
    current: Vec<u8>,
    /// What a power cut leaves, before the unsynced writes are mixed in.
    durable: Vec<u8>,
    unsynced: Vec<(usize, Vec<u8>)>,
    /// Bytes that may still be written before the disk is full.
    room: Option<usize>,
    /// The file cannot become longer.
    fixed: bool,
}

impl SimDisk {
    /// A disk that holds `bytes`.
    pub fn holding(bytes: Vec<u8>) -> Self {
        let state = State { current: bytes.clone(), durable: bytes, ..State::default() };
        Self(Arc::new(Mutex::new(state)))
    }

    /// What is on the disk now.
    pub fn bytes(&self) -> Vec<u8> {
        self.state(|state| state.current.clone())
    }

    /// How much was written since the last sync, in bytes.
    pub fn unsynced(&self) -> usize {
        self.state(|state| state.unsynced.iter().map(|(_, bytes)| bytes.len()).sum())
    }

    /// Lets `room` more bytes be written, then none.
    pub fn fill_after(&self, room: usize) {
        self.state(|state| state.room = Some(room));
    }

    /// Whether the file cannot become longer, as on a full disk: what it has already may be written over.
    pub fn fix_size(&self, fixed: bool) {
        self.state(|state| state.fixed = fixed);
    }

    /// Gives the disk room again.
    pub fn make_room(&self) {
        self.state(|state| state.room = None);
    }

    /// Turns one bit of what is on the medium; `false` where nothing is.
    pub fn rot(&self, byte: usize, bit: u8) -> bool {
        self.state(|state| {
            let turn = |bytes: &mut Vec<u8>| {
                bytes.get_mut(byte).map(|byte| *byte ^= 1 << (bit % 8)).is_some()
            };
            turn(&mut state.durable) && turn(&mut state.current)
        })
    }

    /// The disk after its process was killed: what was written is there, synced or not, since the machine runs on.
    pub fn killed(&self) -> Self {
        let (current, durable, unsynced) = self
            .state(|state| (state.current.clone(), state.durable.clone(), state.unsynced.clone()));
        let state = State { current, durable, unsynced, ..State::default() };
        Self(Arc::new(Mutex::new(state)))
    }

    /// The disk after a power cut: of what was not synced, some sectors arrived and some did not.
    pub fn power_cut(&self, seed: u64) -> Self {
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
                if state.fixed {
                    return Err(io::ErrorKind::StorageFull.into());
                }
                state.current.resize(start + bytes.len(), 0);
            }
            state.current[start..start + bytes.len()].copy_from_slice(bytes);
            state.unsynced.push((start, bytes.to_vec()));
            Ok(())
        })
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.state(|state| {
            if state.fixed && len as usize > state.current.len() {
                return Err(io::ErrorKind::StorageFull.into());
            }
            state.current.resize(len as usize, 0);
            // A shortened file loses its end at once; how much longer it became is left to the power cut.
            state.durable.truncate(len as usize);
            state.unsynced.retain_mut(|(start, bytes)| {
                bytes.truncate((len as usize).saturating_sub(*start));
                !bytes.is_empty()
            });
            Ok(())
        })
    }

    fn sync(&self) -> io::Result<()> {
        self.state(|state| {
            if state.room == Some(0) {
                return Err(io::ErrorKind::StorageFull.into());
            }
            // What was not written since is the same in both: a sync costs what was written, not what there is.
            state.durable.resize(state.current.len(), 0);
            for (start, bytes) in state.unsynced.drain(..) {
                state.durable[start..start + bytes.len()].copy_from_slice(&bytes);
            }
            Ok(())
        })
    }
}
