//! Something that was sealed and is now open: it can be used, but it does not print itself.

/// The opened content of an admitted envelope. `Debug` shows its kind and length, never what it says.
#[derive(Clone, PartialEq, Eq)]
pub struct Plaintext<T> {
    content: T,
    len: usize,
}

impl<T> Plaintext<T> {
    pub(super) fn new(content: T, len: usize) -> Self {
        Self { content, len }
    }

    /// Takes the content out.
    pub fn into_inner(self) -> T {
        self.content
    }

    /// Length of the content's binary form in bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether the binary form is empty; no body's is.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl<T> std::ops::Deref for Plaintext<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.content
    }
}

impl std::fmt::Debug for Plaintext<super::Body> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Plaintext({}, {} bytes)", self.content.kind(), self.len)
    }
}
