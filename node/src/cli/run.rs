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
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    // Fails only where a log has been started before, which is as good.
    let _ = log.try_init();
}

pub(super) async fn run(context: &Context, options: RunOptions) -> anyhow::Result<bool> {
    let opened = serve::open(&context.dir, context.passphrase.as_ref(), context.clock).await?;
    let (stop, stopping) = watch::channel(false);
    tokio::spawn(async move {
        // Where signals cannot be listened for, the system ends the process its own way.
        if signalled().await.is_ok() {
            let _ = stop.send(true);
        } else {
            std::future::pending::<()>().await;
        }
    });
    let options = serve::RunOptions {
        web: options.web,
        relay: options.relay,
        hosts: options.host,
        tls: options.behind_tls,
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

#[cfg(unix)]
async fn signalled() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn signalled() -> io::Result<()> {
    tokio::signal::ctrl_c().await
}
