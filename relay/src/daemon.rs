//! All of the relay running: store, engine, listener, metrics, control socket; until it is told to stop.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use azalea_transport::control::{Control, Progress};
use azalea_transport::endpoint::Endpoint;
use azalea_transport::lock::DataLock;
use azalea_transport::tcp::TcpServer;
use serde::Serialize;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::blobs::Blobs;
use crate::commands::{Command, Office};
use crate::doors::Doors;
use crate::engine::{Engine, Running};
use crate::home::{Home, Keys};
use crate::listener;
use crate::mailbox::Limits;
use crate::metrics;
use crate::store::RedbStore;

/// How long an orderly end may wait for the other ends.
const LEAVE: Duration = Duration::from_secs(1);

/// How a relay is to run.
#[derive(Debug, Clone)]
pub struct Options {
    /// The UDP address to listen on.
    pub listen: SocketAddr,
    /// The TCP address to listen on for facilities where UDP does not pass.
    pub listen_tcp: Option<SocketAddr>,
    /// HOST:PORT under which facilities find the relay; the address listened on if absent.
    pub public: Option<String>,
    /// The TCP address of the metrics.
    pub metrics: Option<SocketAddr>,
}

/// What a relay says once it listens.
#[derive(Debug, Clone, Serialize)]
pub struct Ready {
    /// Always true.
    pub ready: bool,
    /// The UDP address that it listens on.
    pub listen: SocketAddr,
    /// The TCP address that it listens on for facilities where UDP does not pass.
    pub listen_tcp: Option<SocketAddr>,
    /// The TCP address of the metrics.
    pub metrics: Option<SocketAddr>,
    /// The relay's device id, as codes carry it.
    pub relay: String,
}

/// Runs a relay over `home` until `stop` is ready; `on_ready` is called once it listens.
pub async fn run(
    home: &Home,
    options: Options,
    on_ready: impl FnOnce(&Ready),
    stop: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let _lock = DataLock::acquire(home.dir())?;
    let keys = home.keys()?;
    let seed = keys.device.seed();
    let relay = keys.device.public().device_id();
    let running = start_engine(home, keys)?;
    let engine = running.engine();
    let blobs = Blobs::open(&home.blobs_path(), engine.clone())?;

    let endpoint = Endpoint::server(options.listen, &seed)?;
    let listen = endpoint.local_addr()?;
    let tcp = match options.listen_tcp {
        Some(addr) => Some(TcpServer::bind(addr, &seed).await.with_context(|| unbound(addr))?),
        None => {
            tracing::warn!("no --listen-tcp: facilities where UDP does not pass cannot connect");
            None
        }
    };
    let listen_tcp = tcp.as_ref().map(TcpServer::local_addr).transpose()?;
    let doors = Doors::new(listen_tcp);
    let public = options.public.or_else(|| reachable(listen));
    let control = Control::bind(home.dir()).context("the control socket")?;
    let (stopping, mut stopped) = watch::channel(false);
    let metrics = match options.metrics {
        Some(addr) => {
            let listener = TcpListener::bind(addr)
                .await
                .with_context(|| format!("the metrics cannot listen on {addr}"))?;
            let addr = listener.local_addr()?;
            let until = async move {
                // An error means that the sender is gone, which is an end too.
                let _ = stopped.wait_for(|stopping| *stopping).await;
            };
            tokio::spawn(metrics::serve(
                listener,
                engine.clone(),
                blobs.clone(),
                doors.clone(),
                endpoint.clone(),
                until,
            ));
            Some(addr)
        }
        None => None,
    };
    on_ready(&Ready { ready: true, listen, listen_tcp, metrics, relay: relay.to_string() });
    tracing::info!(%listen, ?listen_tcp, %relay, "the relay is ready");

    let office =
        Office { engine: engine.clone(), home: home.clone(), relay, public, doors: doors.clone() };
    let answer = move |request: Value, _: Progress| {
        let office = office.clone();
        async move {
            let command: Command =
                serde_json::from_value(request).map_err(|error| error.to_string())?;
            office.execute(command).await.map_err(|error| error.to_string())
        }
    };
    let shelf = blobs.clone();
    tokio::select! {
        () = listener::listen(endpoint.clone(), tcp, engine, blobs.clone(), doors.clone()) => {}
        () = blobs.tend() => {}
        () = control.serve(answer) => {}
        () = stop => tracing::info!("stopping"),
    }
    let _ = stopping.send(true);
    running.stop().await;
    // Goodbyes are on their way; whoever does not take them is closed.
    let left = async { tokio::join!(endpoint.wait_idle(), doors.empty()) };
    let _ = timeout(LEAVE, left).await;
    endpoint.close("closing");
    let _ = timeout(LEAVE, endpoint.wait_idle()).await;
    shelf.close();
    Ok(())
}

/// Carries out one command without a daemon: opens the store, does it, closes the store.
pub async fn alone(home: &Home, public: Option<String>, command: Command) -> anyhow::Result<Value> {
    let _lock = DataLock::acquire(home.dir())?;
    let keys = home.keys()?;
    let relay = keys.device.public().device_id();
    let running = start_engine(home, keys)?;
    let doors = Doors::new(None);
    let office = Office { engine: running.engine(), home: home.clone(), relay, public, doors };
    let result = office.execute(command).await;
    running.stop().await;
    Ok(result?)
}

fn start_engine(home: &Home, keys: Keys) -> anyhow::Result<Running> {
    let store = RedbStore::open(&home.store_path())?;
    Ok(Engine::start(store, keys, Limits::default())?)
}

/// What an operator can do about a TCP port that is not to be had.
fn unbound(addr: SocketAddr) -> String {
    format!(
        "the TCP port of {addr} is not to be had: end what uses it, give the relay the right to it (ports below 1024 need \
         CAP_NET_BIND_SERVICE), or choose another with --listen-tcp"
    )
}

/// An address that others can use, if the one listened on is one.
pub fn reachable(listen: SocketAddr) -> Option<String> {
    (!listen.ip().is_unspecified() && listen.port() != 0).then(|| listen.to_string())
}
