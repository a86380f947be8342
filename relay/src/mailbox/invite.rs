//! An invitation as the relay keeps it: what the operator entered, and a digest instead of the code's secret.

use azalea_core::id::{DeviceId, FacilityId, Timestamp};
use azalea_core::identity::{FacilityKind, PublicKey, Rights};
use azalea_core::wire::{Reader, Wire, WireError, Writer};

use super::tables::read_text;

/// A facility that may join with a one-time code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invite {
    /// Its name as on its sign.
    pub name: String,
    /// Its name in kana.
    pub kana: String,
    /// Its name in Latin letters.
    pub english: String,
    /// Its code (医療機関コード).
    pub code: String,
    /// What it is.
    pub kind: FacilityKind,
    /// What it may do.
    pub rights: Rights,
    /// Who signs its certificate.
    pub registrar: PublicKey,
    /// How long its certificate will hold, in milliseconds.
    pub valid_ms: u64,
    /// Until when the code can be used.
    pub expires: Timestamp,
    /// Who has used it.
    pub used: Option<Used>,
}

/// Who used a code. The same device may come again with it, because its line may have been cut on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Used {
    /// The facility.
    pub facility: FacilityId,
    /// Its device.
    pub device: DeviceId,
    /// When.
    pub at: Timestamp,
}

/// Used and expired codes stay on the list for this long, so that an operator sees what became of them.
const KEPT_MS: u64 = 90 * 24 * 60 * 60 * 1_000;

impl Invite {
    /// Whether the code opens the door at `now` for these keys.
    pub(crate) fn admits(&self, now: Timestamp, facility: &FacilityId, device: &DeviceId) -> bool {
        match &self.used {
            Some(used) => used.facility == *facility && used.device == *device,
            None => now <= self.expires,
        }
    }

    /// Whether the row is of no more use.
    pub(crate) fn is_stale(&self, now: Timestamp) -> bool {
        let last = self.used.map_or(self.expires, |used| used.at);
        now.since_ms(last) > KEPT_MS
    }
}

impl Wire for Invite {
    fn write(&self, writer: &mut Writer) {
        for text in [&self.name, &self.kana, &self.english, &self.code] {
            writer.text(text);
        }
        self.kind.write(writer);
        self.rights.write(writer);
        self.registrar.write(writer);
        writer.u64(self.valid_ms);
        self.expires.write(writer);
        writer.option(&self.used);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self {
            name: read_text(reader)?,
            kana: read_text(reader)?,
            english: read_text(reader)?,
            code: read_text(reader)?,
            kind: FacilityKind::read(reader)?,
            rights: Rights::read(reader)?,
            registrar: PublicKey::read(reader)?,
            valid_ms: reader.u64("valid ms")?,
            expires: Timestamp::read(reader)?,
            used: reader.option("used")?,
        })
    }
}

impl Wire for Used {
    fn write(&self, writer: &mut Writer) {
        self.facility.write(writer);
        self.device.write(writer);
        self.at.write(writer);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self {
            facility: FacilityId::read(reader)?,
            device: DeviceId::read(reader)?,
            at: Timestamp::read(reader)?,
        })
    }
}
