//! Backslashes in strings.

/// Resolves the escapes of a string that the parser has checked.
pub(super) fn unescape(inner: &str) -> String {
    let mut text = String::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(place) = rest.find('\\') {
        text.push_str(&rest[..place]);
        let escape = &rest.as_bytes()[place..];
        let (character, length) = match escape[1] {
            b'b' => ('\u{8}', 2),
            b'f' => ('\u{c}', 2),
            b'n' => ('\n', 2),
            b'r' => ('\r', 2),
            b't' => ('\t', 2),
            b'u' => wide(escape),
            other => (char::from(other), 2),
        };
        text.push(character);
        rest = &rest[place + length..];
    }
    text.push_str(rest);
    text
}

fn wide(escape: &[u8]) -> (char, usize) {
    let high = hex(escape, 2).expect("checked when the string was read");
    if let Some(character) = char::from_u32(high) {
        return (character, 6);
    }
    let low = hex(escape, 8).expect("a high surrogate was checked to have its low one");
    let code = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
    (char::from_u32(code).expect("a surrogate pair names a character"), 12)
}

/// The code of four hexadecimal digits.
pub(super) fn hex(bytes: &[u8], at: usize) -> Option<u32> {
    bytes
        .get(at..at + 4)?
        .iter()
        .try_fold(0, |code, byte| Some(code << 4 | char::from(*byte).to_digit(16)?))
}
