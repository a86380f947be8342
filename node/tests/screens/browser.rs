//! A browser of the plainest kind: cookies, forms, one request at a time.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use azalea_core::id::Timestamp;
use azalea_node::web::{WebOptions, router, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::sample::{NOW, PASSWORD, SampleClinic};

/// Screens that are served, with a clock of their own.
pub(crate) struct Screens {
    address: SocketAddr,
    time: Arc<AtomicU64>,
}

impl Screens {
    pub(crate) async fn open(clinic: SampleClinic) -> Self {
        let time = Arc::new(AtomicU64::new(NOW.0));
        let clock = {
            let time = Arc::clone(&time);
            Arc::new(move || Timestamp(time.load(Ordering::SeqCst)))
        };
        let router = router(Arc::new(clinic), WebOptions { clock, hosts: Vec::new(), tls: false });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        tokio::spawn(serve(listener, router, std::future::pending()));
        Self { address, time }
    }

    pub(crate) fn pass_ms(&self, ms: u64) {
        self.time.fetch_add(ms, Ordering::SeqCst);
    }

    pub(crate) fn browser(&self) -> Browser {
        Browser { address: self.address, host: self.address.to_string(), cookies: Vec::new() }
    }

    pub(crate) async fn signed_in(&self, login: &str) -> Browser {
        let mut browser = self.browser();
        assert_eq!(browser.sign_in(login, PASSWORD).await.status, 303, "{login} signs in");
        browser
    }
}

pub(crate) struct Browser {
    address: SocketAddr,
    pub(crate) host: String,
    cookies: Vec<(String, String)>,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The addresses of all links.
    pub(crate) fn links(&self) -> impl Iterator<Item = &str> {
        self.body.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next())
    }

    fn token(&self) -> String {
        let rest = self.body.split("name=\"csrf\" value=\"").nth(1).unwrap_or_default();
        rest.split('"').next().unwrap_or_default().to_owned()
    }
}

impl Browser {
    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.ask("GET", path, None).await
    }

    /// Posts a form with this session's token.
    pub(crate) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let token = self.token().await;
        let with_token: Vec<(&str, &str)> =
            [("csrf", token.as_str())].into_iter().chain(fields.iter().copied()).collect();
        self.post_as_is(path, &with_token).await
    }

    pub(crate) async fn post_as_is(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let pairs = fields.iter().map(|(key, value)| format!("{}={}", encode(key), encode(value)));
        let body = pairs.collect::<Vec<_>>().join("&");
        self.ask("POST", path, Some(body)).await
    }

    pub(crate) async fn token(&mut self) -> String {
        self.get("/settings").await.token()
    }

    pub(crate) async fn sign_in(&mut self, login: &str, password: &str) -> Answer {
        let token = self.get("/sign-in").await.token();
        let fields = [("csrf", token.as_str()), ("login", login), ("password", password)];
        self.post_as_is("/sign-in", &fields).await
    }

    pub(crate) async fn choose(&mut self, lang: &str) {
        assert_eq!(self.post("/language", &[("lang", lang)]).await.status, 303);
    }

    async fn ask(&mut self, method: &str, path: &str, body: Option<String>) -> Answer {
        let cookies = self.cookies.iter().map(|(key, value)| format!("{key}={value}"));
        let cookies = cookies.collect::<Vec<_>>().join("; ");
        let body = body.unwrap_or_default();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nCookie: {cookies}\r\nConnection: close\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            self.host,
            body.len()
        );
        let mut stream = TcpStream::connect(self.address).await.expect("the screens are served");
        stream.write_all(request.as_bytes()).await.expect("the screens take the request");
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.expect("the screens answer");
        let answer = parse(&String::from_utf8(bytes).expect("pages are UTF-8"));
        for (_, line) in answer.headers.iter().filter(|(key, _)| key == "set-cookie") {
            let pair = line.split(';').next().unwrap_or_default();
            let (key, value) = pair.split_once('=').expect("a cookie is a pair");
            self.cookies.retain(|(known, _)| known != key);
            self.cookies.push((key.to_owned(), value.to_owned()));
        }
        answer
    }
}

fn parse(text: &str) -> Answer {
    let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
    let mut lines = head.lines();
    let status =
        lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|it| it.parse().ok());
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(key, value)| (key.to_ascii_lowercase(), value.to_owned()))
        .collect();
    assert!(!headers.iter().any(|(key, _)| key == "transfer-encoding"), "pages have a length");
    Answer { status: status.expect("a status"), headers, body: body.to_owned() }
}

fn encode(text: &str) -> String {
    let bytes = text.bytes().map(|byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
            char::from(byte).to_string()
        }
        other => format!("%{other:02X}"),
    });
    bytes.collect()
}
