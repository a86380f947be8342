//! The daemon: up, a line that says so, until somebody ends it.

use anyhow::Context as _;
use std::io::{self, Write};
use tokio::sync::watch;
use tracing_subscriber::EnvFilter;

use super::Context;
use super::arguments::RunOptions;
use crate::serve::{self, Ready};

/// What is logged without being asked for.
const QUIET: &str = "warn";
const TRACE: &str = "info,azalea_node=trace,azalea_core=trace,azalea_transport=trace";

/// Sends the log to standard error; `RUST_LOG` goes before everything else.
pub(super) fn start_log(trace: bool) {
    let given = std::env::var(EnvFilter::DEFAULT_ENV).ok();
    let wanted = given.as_deref().unwrap_or(if trace { TRACE } else { QUIET });
    let filter = EnvFilter::try_new(wanted).unwrap_or_else(|_| EnvFilter::new(QUIET));
    // It traces the message of each change, in which a member of staff is named.
    let filter = match "automerge=off".parse() {
        Ok(silent) => filter.add_directive(silent),
        Err(_) => EnvFilter::new(QUIET),
    };
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    // Fails only where a log has been started before, which is as good.
    let _ = log.try_init();
}

pub(super) async fn run(context: &Context, options: RunOptions) -> anyhow::Result<bool> {
    let proxy = options.way.proxy()?;
    let opened = serve::open(&context.dir, context.passphrase.as_ref(), context.clock).await?;
    let (stop, stopping) = watch::channel(false);
    // Listened for before we say that we run: whoever reads that may end us at once.
    let ended = signals();
    tokio::spawn(async move {
        match ended {
            Ok(ended) => {
                ended.await;
                let _ = stop.send(true);
            }
            // Where signals cannot be listened for, the system ends the process its own way.
            Err(_) => std::future::pending::<()>().await,
        }
    });
    let options = serve::RunOptions {
        web: options.web,
        relay: options.relay,
        relay_tcp: options.way.relay_tcp,
        proxy,
        hosts: options.host,
        tls: options.behind_tls,
        metrics: options.metrics,
        listen: options.listen,
        announce: !options.no_announce,
    };
    let json = context.json;
    opened.run(options, |ready| say(ready, json), stopping).await.context("the node stopped")?;
    Ok(true)
}

fn say(ready: &Ready, json: bool) {
    let mut out = io::stdout().lock();
    let line = match json {
        true => serde_json::to_string(ready).unwrap_or_default(),
        false => format!("{} is running: http://{}/", ready.facility, ready.web),
    };
    // Nobody may be reading; the node runs all the same.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Ready once somebody asks us to end; heard from now on, not only when it is waited for.
#[cfg(unix)]
fn signals() -> io::Result<impl Future<Output = ()> + Send> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn signals() -> io::Result<impl Future<Output = ()> + Send> {
    Ok(async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}
