//! The one-time invitation code: all that a facility needs to find its relay and be let in.
//!
//! An operator reads it out or prints it, so it is Crockford base32 in groups of five, forgiving about case,
//! hyphens, full-width characters and the letters that look like digits. It names the relay's address and key,
//! so whoever joins by it cannot be led to another relay.
//!
//! ```text
//! version u8 │ relay DeviceId 16 │ secret 16 │ address kind u8 · address │ port u16 │ checksum 3
//!                                              0 · u8 length · name
//!                                              4 · 4 bytes, 6 · 16 bytes
//! ```

use std::fmt::{self, Display};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use azalea_core::id::DeviceId;
use azalea_core::wire::{Reader, WireError, Writer};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// The form of code that this program writes and reads.
const VERSION: u8 = 1;
/// Crockford's digits: no I, L, O or U.
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Digits between two hyphens.
const GROUP: usize = 5;
/// Bytes of checksum: a slip of the pen passes once in sixteen million.
const CHECKSUM_BYTES: usize = 3;
/// A host name, in bytes; what DNS allows.
const HOST_BYTES_MAX: usize = 253;
/// A code with everything around it, in bytes of UTF-8.
const TEXT_BYTES_MAX: usize = 2_048;

/// What proves that somebody was invited: 128 random bits, used once.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Secret(pub [u8; 16]);

/// An invitation, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code {
    /// The relay's host name or address.
    pub host: String,
    /// The relay's UDP port.
    pub port: u16,
    /// The relay's device id: the fingerprint of the key that it must show.
    pub relay: DeviceId,
    /// The proof of invitation.
    pub secret: Secret,
}

/// Why a text is not an invitation code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// A character that no code has. Usual cause: more than the code was copied.
    #[error("the character {0:?} does not occur in a code")]
    Character(char),
    /// The checksum does not fit. Usual cause: a digit was misread or left out.
    #[error("the code has a misread or missing character (its checksum does not fit)")]
    Checksum,
    /// The code's parts do not fit together although the checksum does. Usual cause: a newer relay made it.
    #[error("the code cannot be read: {0}")]
    Form(#[from] WireError),
    /// Far more text than any code has.
    #[error("this text is too long for a code")]
    TooLong,
    /// A host that no code can carry.
    #[error("{0:?} is not a host name")]
    Host(String),
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(16 bytes)")
    }
}

impl Secret {
    /// What a relay keeps instead of the secret.
    pub fn digest(&self) -> [u8; 32] {
        blake3::derive_key("azalea 2026 invitation secret", &self.0)
    }
}

impl Code {
    /// The code's text.
    pub fn encode(&self) -> Result<Zeroizing<String>, CodeError> {
        let mut writer = Writer::new();
        writer.u8(VERSION);
        writer.raw(self.relay.as_bytes());
        writer.raw(&self.secret.0);
        match self.host.parse() {
            Ok(IpAddr::V4(address)) => {
                writer.u8(4);
                writer.raw(&address.octets());
            }
            Ok(IpAddr::V6(address)) => {
                writer.u8(6);
                writer.raw(&address.octets());
            }
            Err(_) => {
                let host = || CodeError::Host(self.host.clone());
                check_host(&self.host).ok_or_else(host)?;
                writer.u8(0);
                writer.u8(u8::try_from(self.host.len()).map_err(|_| host())?);
                writer.raw(self.host.as_bytes());
            }
        }
        writer.u16(self.port);
        let mut bytes = Zeroizing::new(writer.into_bytes());
        let checksum = checksum(&bytes);
        bytes.extend_from_slice(&checksum);
        Ok(to_text(&bytes))
    }

    fn read(bytes: &[u8]) -> Result<Self, CodeError> {
        let mut reader = Reader::new(bytes);
        match reader.u8("code")? {
            VERSION => {}
            found => {
                return Err(WireError::Version { field: "code", found, known: VERSION }.into());
            }
        }
        let relay = DeviceId(reader.array("relay")?);
        let secret = Secret(reader.array("secret")?);
        let host = match reader.u8("address")? {
            4 => Ipv4Addr::from(reader.array::<4>("address")?).to_string(),
            6 => Ipv6Addr::from(reader.array::<16>("address")?).to_string(),
            0 => {
                let length = usize::from(reader.u8("host")?);
                let name = std::str::from_utf8(reader.raw(length, "host")?).ok();
                let invalid = WireError::Invalid { field: "host" };
                name.and_then(check_host).ok_or(invalid)?.to_owned()
            }
            _ => return Err(WireError::Invalid { field: "address" }.into()),
        };
        let port = reader.u16("port")?;
        reader.finish()?;
        Ok(Self { host, port, relay, secret })
    }
}

impl FromStr for Code {
    type Err = CodeError;

    fn from_str(text: &str) -> Result<Self, CodeError> {
        let bytes = from_text(text)?;
        let split = bytes.len().checked_sub(CHECKSUM_BYTES).ok_or(CodeError::Checksum)?;
        let (content, shown) = bytes.split_at(split);
        if checksum(content) != shown {
            return Err(CodeError::Checksum);
        }
        Self::read(content)
    }
}

impl Display for Code {
    /// Where the code leads; never the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{} ({})", self.host, self.port, self.relay)
    }
}

/// Letters, digits, dots and hyphens; not an address, which has its own form.
fn check_host(host: &str) -> Option<&str> {
    let fits = (1..=HOST_BYTES_MAX).contains(&host.len())
        && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte))
        && host.parse::<IpAddr>().is_err();
    fits.then_some(host)
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let digest = blake3::derive_key("azalea 2026 invitation checksum", bytes);
    [digest[0], digest[1], digest[2]]
}

fn to_text(bytes: &[u8]) -> Zeroizing<String> {
    let digits = (bytes.len() * 8).div_ceil(5);
    let mut text = Zeroizing::new(String::with_capacity(digits + digits / GROUP));
    for index in 0..digits {
        if index > 0 && index % GROUP == 0 {
            text.push('-');
        }
        let value = (0..5).fold(0, |value, bit| {
            let at = index * 5 + bit;
            let byte = bytes.get(at / 8).copied().unwrap_or(0);
            value << 1 | usize::from(byte >> (7 - at % 8) & 1)
        });
        text.push(char::from(DIGITS[value]));
    }
    text
}

fn from_text(text: &str) -> Result<Zeroizing<Vec<u8>>, CodeError> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(CodeError::TooLong);
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let (mut buffer, mut bits) = (0_u16, 0);
    for character in text.chars() {
        let Some(digit) = digit_of(character)? else { continue };
        buffer = buffer << 5 | digit;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push((buffer >> bits & 0xff) as u8);
            buffer &= (1 << bits) - 1;
        }
    }
    // What is left pads the last digit; one code has one text.
    if bits >= 5 || buffer != 0 {
        return Err(CodeError::Checksum);
    }
    Ok(bytes)
}

/// The value of a digit, `None` for what only separates.
fn digit_of(character: char) -> Result<Option<u16>, CodeError> {
    let narrow = match character {
        // Full-width forms, as a Japanese keyboard gives them.
        '\u{ff01}'..='\u{ff5e}' => {
            char::from_u32(u32::from(character) - 0xfee0).unwrap_or(character)
        }
        other => other,
    };
    let upper = match narrow.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        separator if separator.is_whitespace() || "-‐‑–—―−ー_".contains(separator) => {
            return Ok(None);
        }
        upper => upper,
    };
    let position = DIGITS.iter().position(|&digit| char::from(digit) == upper);
    position.map(|value| Some(value as u16)).ok_or(CodeError::Character(character))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(host: &str) -> Code {
        Code { host: host.into(), port: 4433, relay: DeviceId([3; 16]), secret: Secret([0xa5; 16]) }
    }

    fn check(text: &str, expected: Result<Code, CodeError>) {
        assert_eq!(text.parse::<Code>(), expected, "{text}");
    }

    #[test]
    fn a_code_survives_its_text_form_whatever_the_address() {
        for host in ["192.0.2.7", "2001:db8::7", "relay.example.jp", "localhost"] {
            let text = code(host).encode().unwrap();
            check(&text, Ok(code(host)));
            assert!(text.split('-').all(|group| group.len() <= GROUP));
        }
        assert_eq!(code("192.0.2.7").encode().unwrap().len(), 82);
    }

    #[test]
    fn a_code_may_be_typed_carelessly() {
        let text = code("192.0.2.7").encode().unwrap();
        check(&format!("  {}\n", text.to_lowercase().replace('-', " ")), Ok(code("192.0.2.7")));
        check(&text.replace('0', "o").replace('1', "l"), Ok(code("192.0.2.7")));
        let wide: String = text
            .chars()
            .map(|c| if c == '-' { 'ー' } else { char::from_u32(c as u32 + 0xfee0).unwrap() })
            .collect();
        check(&wide, Ok(code("192.0.2.7")));
    }

    #[test]
    fn every_misread_digit_is_noticed() {
        let text = code("relay.example.jp").encode().unwrap();
        for (index, digit) in text.char_indices().filter(|(_, c)| *c != '-') {
            let other = if digit == '7' { "8" } else { "7" };
            let mut misread = text.to_string();
            misread.replace_range(index..=index, other);
            assert!(misread.parse::<Code>().is_err(), "{misread}");
        }
        check(&text[..text.len() - 1], Err(CodeError::Checksum));
        check("", Err(CodeError::Checksum));
        check("漢字", Err(CodeError::Character('漢')));
        check(&"0".repeat(TEXT_BYTES_MAX + 1), Err(CodeError::TooLong));
    }

    #[test]
    fn a_host_that_is_none_gets_no_code() {
        for host in ["", "a b", "例え.jp", &"x".repeat(HOST_BYTES_MAX + 1)] {
            assert_eq!(code(host).encode().unwrap_err(), CodeError::Host(host.into()));
        }
    }

    #[test]
    fn a_code_shows_its_secret_to_nobody_by_accident() {
        let code = code("localhost");
        let secret = code.encode().unwrap();
        for text in [format!("{code:?}"), code.to_string()] {
            assert!(!text.contains("165") && !text.contains("a5a5") && !text.contains(&**secret));
        }
    }
}
