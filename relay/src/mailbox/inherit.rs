//! What a store that came from a backup shares with the one that readers knew: every feed up to where the backup ends. Readers go on
//! there instead of beginning anew.

use azalea_core::id::RelayEpoch;
use azalea_core::storage::{Batch, Order, Range, Read};
use azalea_core::wire::{Limit, Reader, Wire, WireError, Writer};

use super::state::{OpenError, row};
use super::tables::{self, DeviceNumber, DeviceRow};

/// Devices of one relay.
const DEVICES: Limit = Limit { name: "devices_max", max: 1 << 20 };

/// How far the feeds of the epoch before are part of this store.
pub(crate) struct Inherited {
    epoch: RelayEpoch,
    /// The end of each device's feed, by the device's number.
    ends: Vec<u64>,
}

impl Inherited {
    /// Where the feed of a device goes on that stood at `position` in `epoch`; `None` where nothing is shared.
    pub(crate) fn position(
        &self,
        device: DeviceNumber,
        epoch: &RelayEpoch,
        position: u64,
    ) -> Option<u64> {
        let end = self.ends.get(device as usize).filter(|_| self.epoch == *epoch)?;
        Some(position.min(*end))
    }
}

/// The rows that give a store a new epoch, after it came from a backup.
pub fn succeed(store: &dyn Read, epoch: RelayEpoch) -> Result<Batch, OpenError> {
    let before = store.get(tables::META, tables::EPOCH_KEY)?.ok_or(OpenError::Empty)?;
    let before: RelayEpoch = row(tables::META, &before)?;
    let mut numbers = Vec::new();
    let mut odd = None;
    store.scan(tables::DEVICE, &Range::all(), Order::Ascending, &mut |_, value| {
        match row::<DeviceRow>(tables::DEVICE, value) {
            Ok(device) => numbers.push(device.number),
            Err(error) => odd = Some(error),
        }
        odd.is_none()
    })?;
    if let Some(error) = odd {
        return Err(error);
    }
    numbers.sort_unstable();
    let mut ends = Vec::with_capacity(numbers.len());
    for number in numbers {
        let mut end = 0;
        let feed = Range::prefix(&number.to_be_bytes());
        store.scan(tables::FEED, &feed, Order::Descending, &mut |key, _| {
            end = tables::feed_position(key).unwrap_or(0);
            false
        })?;
        ends.push(end);
    }
    let mut rows = Batch::new();
    let inherited = Inherited { epoch: before, ends };
    rows.put(tables::META, tables::INHERITED_KEY, inherited.to_bytes());
    rows.put(tables::META, tables::EPOCH_KEY, epoch.to_bytes());
    Ok(rows)
}

impl Wire for Inherited {
    fn write(&self, writer: &mut Writer) {
        self.epoch.write(writer);
        writer.count(self.ends.len());
        self.ends.iter().for_each(|end| writer.u64(*end));
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let epoch = RelayEpoch::read(reader)?;
        let count = reader.count(DEVICES)?;
        let ends = (0..count).map(|_| reader.u64("end")).collect::<Result<_, _>>()?;
        Ok(Self { epoch, ends })
    }
}
