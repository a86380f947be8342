//! An HTTP proxy that passes a connection on (`CONNECT`, RFC 9110, 9.3.6), as hospitals put it between their network and the world.
//!
//! The proxy gets the server's name and port, and the operator's password where it asks for one. It sees TLS pass, never what is in it.

use std::fmt;
use std::str::FromStr;

use data_encoding::BASE64;
use percent_encoding::percent_decode_str;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use zeroize::Zeroizing;

use super::dial;
use crate::endpoint::EndpointError;

/// A proxy's whole answer; what is longer is not read.
const REPLY_BYTES_MAX: usize = 8 << 10;
/// Lines in the head of its answer.
const REPLY_HEADERS_MAX: usize = 64;

/// A proxy, and what it is told so that it lets us through; the latter is shown to nobody else.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    /// `HOST:PORT`.
    address: String,
    /// `user:password`.
    credentials: Option<Zeroizing<Vec<u8>>>,
}

/// Why a proxy cannot be used. None of these repeats what was typed: a password may be in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProxyError {
    /// Not an address of a proxy.
    #[error("the proxy is written http://HOST:PORT or http://USER:PASSWORD@HOST:PORT: {0}")]
    Form(&'static str),
    /// The server's address does not fit into a request.
    #[error("the relay's address {0:?} cannot be asked for at a proxy")]
    Address(String),
    /// The proxy wants to know who asks.
    #[error("the proxy {proxy} asks for a user name and password, or does not take the ones given")]
    Credentials {
        /// `HOST:PORT` of the proxy.
        proxy: String,
    },
    /// The proxy does not connect us. Usual cause: its rules do not let this server or this port through.
    #[error("the proxy {proxy} refused {address} with {status}")]
    Refused {
        /// `HOST:PORT` of the proxy.
        proxy: String,
        /// `HOST:PORT` of the server.
        address: String,
        /// The HTTP status.
        status: u16,
    },
    /// What it said is no answer. Usual cause: no proxy listens there.
    #[error("what answers at {proxy} is no HTTP proxy: {cause}")]
    Answer {
        /// `HOST:PORT` of the proxy.
        proxy: String,
        /// What is wrong.
        cause: String,
    },
}

impl FromStr for Proxy {
    type Err = ProxyError;

    fn from_str(text: &str) -> Result<Self, ProxyError> {
        let rest = match text.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => rest,
            Some(_) => return Err(ProxyError::Form("only http:// is known")),
            None => text,
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (credentials, address) = match rest.rsplit_once('@') {
            Some((credentials, address)) => (Some(credentials), address),
            None => (None, rest),
        };
        let (host, port) =
            address.rsplit_once(':').ok_or(ProxyError::Form("the port is missing"))?;
        if host.is_empty() || !is_plain(host) || host.contains('/') {
            return Err(ProxyError::Form("the host cannot be read"));
        }
        if port.parse::<u16>().map_or(true, |port| port == 0) {
            return Err(ProxyError::Form("the port is no number between 1 and 65535"));
        }
        let credentials =
            credentials.map(|text| Zeroizing::new(percent_decode_str(text).collect()));
        Ok(Self { address: address.to_owned(), credentials })
    }
}

impl fmt::Display for Proxy {
    /// Where it is; never who asks.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}", self.address)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({})", self.address)
    }
}

impl Proxy {
    /// A connection through the proxy to `address`, which the proxy looks up.
    pub(super) async fn connect(&self, address: &str) -> Result<TcpStream, EndpointError> {
        if !is_plain(address) {
            return Err(ProxyError::Address(address.to_owned()).into());
        }
        let mut stream = dial(&self.address).await?;
        let failed = |source| EndpointError::Tcp { address: self.address.clone(), source };
        stream.write_all(self.request(address).as_bytes()).await.map_err(failed)?;
        let mut reply = [0; REPLY_BYTES_MAX];
        let mut have = 0;
        loop {
            match stream.read(&mut reply[have..]).await.map_err(failed)? {
                0 => return Err(self.nonsense("it hung up").into()),
                count => have += count,
            }
            if self.is_through(&reply[..have], address)? {
                return Ok(stream);
            }
        }
    }

    fn request(&self, address: &str) -> Zeroizing<String> {
        let authorization = self.credentials.as_ref().map_or_else(Zeroizing::default, |it| {
            let encoded = Zeroizing::new(BASE64.encode(it));
            Zeroizing::new(format!("Proxy-Authorization: Basic {}\r\n", *encoded))
        });
        let authorization = &*authorization;
        Zeroizing::new(format!(
            "CONNECT {address} HTTP/1.1\r\nHost: {address}\r\n{authorization}\r\n"
        ))
    }

    /// Whether the answer says that the connection stands; false while it is not whole.
    fn is_through(&self, reply: &[u8], address: &str) -> Result<bool, ProxyError> {
        let mut headers = [httparse::EMPTY_HEADER; REPLY_HEADERS_MAX];
        let mut response = httparse::Response::new(&mut headers);
        let length = match response.parse(reply) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) if reply.len() < REPLY_BYTES_MAX => return Ok(false),
            Ok(httparse::Status::Partial) => return Err(self.nonsense("its answer is too long")),
            Err(error) => return Err(self.nonsense(error)),
        };
        let proxy = self.address.clone();
        match response.code.unwrap_or_default() {
            // The server waits for us to begin, so whatever follows is not from it.
            200..=299 if length < reply.len() => Err(self.nonsense("it says more than its answer")),
            200..=299 => Ok(true),
            407 => Err(ProxyError::Credentials { proxy }),
            status => Err(ProxyError::Refused { proxy, address: address.to_owned(), status }),
        }
    }

    fn nonsense(&self, cause: impl fmt::Display) -> ProxyError {
        ProxyError::Answer { proxy: self.address.clone(), cause: cause.to_string() }
    }
}

/// Letters, digits and signs without space: nothing that could begin another line of a request.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy() -> Proxy {
        "http://kenji:s%40ke%3A1@proxy.hospital.local:8080".parse().unwrap()
    }

    #[test]
    fn a_proxy_is_read_and_its_password_goes_to_it_alone() {
        let proxy = proxy();
        for shown in [format!("{proxy}"), format!("{proxy:?}")] {
            assert!(shown.contains("proxy.hospital.local:8080"), "{shown}");
            assert!(!shown.contains("kenji") && !shown.contains("s@ke"), "{shown}");
        }
        assert_eq!(
            *proxy.request("relay.example.jp:443"),
            "CONNECT relay.example.jp:443 HTTP/1.1\r\nHost: relay.example.jp:443\r\n\
             Proxy-Authorization: Basic a2Vuamk6c0BrZTox\r\n\r\n"
        );
        let open: Proxy = "10.0.0.1:3128".parse().unwrap();
        assert_eq!(open, "http://10.0.0.1:3128/".parse().unwrap());
        assert!(!open.request("r:1").contains("Authorization"));
        for text in [
            "",
            "http://proxy",
            "https://s3cret@p:1",
            "http://u:s3cret@p:x",
            "u:s3cret@p:0",
            "@:1",
            "u:s3cret@a b:1",
        ] {
            let error = text.parse::<Proxy>().unwrap_err().to_string();
            assert!(!error.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn an_answer_lets_us_through_or_says_why_not() {
        let proxy = proxy();
        let check = |reply: &[u8]| proxy.is_through(reply, "relay.example.jp:443");
        assert_eq!(check(b"HTTP/1.1 200 Connection established\r\n\r\n"), Ok(true));
        assert_eq!(check(b"HTTP/1.0 200 OK\r\nVia: gate\r\n\r\n"), Ok(true));
        assert_eq!(check(b"HTTP/1.1 200 OK\r\nVia: ga"), Ok(false));
        let refused = check(b"HTTP/1.1 407 No\r\n\r\n").unwrap_err();
        assert!(
            matches!(refused, ProxyError::Credentials { .. })
                && !refused.to_string().contains("kenji")
        );
        let refused = check(b"HTTP/1.1 403 Forbidden\r\n\r\n<html>").unwrap_err();
        assert!(matches!(refused, ProxyError::Refused { status: 403, .. }), "{refused}");
        let mut endless = b"HTTP/1.1 200 OK\r\nX: ".to_vec();
        endless.resize(REPLY_BYTES_MAX, b'x');
        for nonsense in [&b"SSH-2.0-x\r\n"[..], b"HTTP/1.1 200 OK\r\n\r\n\x16", &endless] {
            assert!(matches!(check(nonsense), Err(ProxyError::Answer { .. })));
        }
    }
}
