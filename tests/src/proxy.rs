//! An HTTP proxy as a hospital has one: it passes on what asks with the right password, and knows the relay's name, which nobody else does.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use data_encoding::BASE64;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::node::runtime;

/// The name under which this proxy finds the relay.
pub const RELAY_NAME: &str = "relay.invalid:443";
const USER: &str = "hamabe";
/// The password that it wants.
pub const PROXY_PASSWORD: &str = "kaze-no-toorimichi-47";
/// Bytes of a request that this proxy reads.
const REQUEST_BYTES_MAX: usize = 4 << 10;

/// A proxy that runs until it is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    passed: Arc<Mutex<Vec<String>>>,
    _serving: JoinSet<()>,
}

impl Proxy {
    /// Starts it before the relay at `relay`.
    pub fn start(relay: SocketAddr) -> Self {
        let listener = runtime().block_on(TcpListener::bind("127.0.0.1:0")).expect("a port");
        let address = listener.local_addr().expect("an address");
        let passed: Arc<Mutex<Vec<String>>> = Arc::default();
        let mut serving = JoinSet::new();
        let told = passed.clone();
        serving.spawn_on(
            async move {
                let mut calls = JoinSet::new();
                while let Ok((near, _)) = listener.accept().await {
                    calls.spawn(pass(near, relay, told.clone()));
                }
            },
            runtime().handle(),
        );
        Self { address, passed, _serving: serving }
    }

    /// Its address with a password, as `azalea --proxy` takes it.
    pub fn url(&self, password: &str) -> String {
        format!("http://{USER}:{password}@{}", self.address)
    }

    /// What it was asked for and passed on.
    pub fn passed(&self) -> Vec<String> {
        self.passed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn pass(mut near: TcpStream, relay: SocketAddr, passed: Arc<Mutex<Vec<String>>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < REQUEST_BYTES_MAX {
        let Ok(byte) = near.read_u8().await else { return };
        head.push(byte);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let credentials = BASE64.encode(format!("{USER}:{PROXY_PASSWORD}").as_bytes());
    let asked = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let answer = if !head.contains(&format!("Proxy-Authorization: Basic {credentials}\r\n")) {
        "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"
    } else if !head.starts_with("CONNECT ") || asked != RELAY_NAME {
        "HTTP/1.1 403 Forbidden\r\n\r\n"
    } else {
        "HTTP/1.1 200 Connection established\r\n\r\n"
    };
    if near.write_all(answer.as_bytes()).await.is_err() || !answer.contains("200") {
        return;
    }
    let Ok(mut far) = TcpStream::connect(relay).await else { return };
    passed.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
    // Ends with either side.
    let _ = copy_bidirectional(&mut near, &mut far).await;
}
