//! Appends fields to a buffer in the one binary form that `Reader` takes.

use super::Wire;

/// A growing buffer of fields.
pub struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// An empty buffer.
    pub fn new() -> Self {
        Self { bytes: Vec::with_capacity(ROOM) }
    }

    /// What was written.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Bytes as they are, for fields of a fixed width.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// One byte.
    pub fn u8(&mut self, value: u8) {
        self.bytes.push(value);
    }

    /// Two bytes, big-endian.
    pub fn u16(&mut self, value: u16) {
        self.raw(&value.to_be_bytes());
    }

    /// Four bytes, big-endian.
    pub fn u32(&mut self, value: u32) {
        self.raw(&value.to_be_bytes());
    }

    /// Eight bytes, big-endian.
    pub fn u64(&mut self, value: u64) {
        self.raw(&value.to_be_bytes());
    }

    /// `u8` 0 or 1.
    pub fn bool(&mut self, value: bool) {
        self.u8(u8::from(value));
    }

    /// `u32` length, then the bytes.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.raw(bytes);
    }

    /// `u32` length in bytes, then UTF-8.
    pub fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    /// A number of items that follow, as `u32`.
    pub fn count(&mut self, count: usize) {
        self.u32(u32::try_from(count).expect("everything written is far below 4 GiB by its limit"));
    }

    /// A count, then each item.
    pub fn list<T: Wire>(&mut self, items: &[T]) {
        self.count(items.len());
        items.iter().for_each(|item| item.write(self));
    }

    /// `u8` 0, or 1 and the value.
    pub fn option<T: Wire>(&mut self, value: &Option<T>) {
        self.bool(value.is_some());
        if let Some(value) = value {
            value.write(self);
        }
    }
}

impl Default for Writer {
    fn default() -> Self {
        Self::new()
    }
}

/// Where a buffer begins: an envelope's header or a row fits, which is most of what is written; growing into it would take
/// memory five times over.
const ROOM: usize = 256;
