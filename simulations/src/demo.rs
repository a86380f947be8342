//! `cargo demo`: a small region of real processes on one machine, and a page from which to disturb it.
//!
//! ```text
//!                 ┌ line ┐             real processes, real QUIC over the loopback
//!   hospital A ───┤      ├─┐
//!   hospital B ───┤ can  ├─┤
//!   clinic     ───┤  be  ├─┼── relay
//!   pharmacy   ───┤ cut  ├─┘
//! ```
//!
//! - [`arguments`] what the visitor asked for
//! - [`build`] the binaries, made if they are not
//! - [`child`] processes that end with us
//! - [`tools`] every command line that the demo uses, in one place
//! - [`cast`] who takes part, and which patients
//! - [`region`] the start, step by step
//! - [`watch`] what is seen while it runs
//! - [`page`] and [`serve`] the control page
//! - [`words`] in Japanese and English

pub mod arguments;
pub mod build;
pub mod cast;
pub mod child;
pub mod page;
pub mod region;
pub mod serve;
pub mod tools;
pub mod watch;
pub mod words;

use anyhow::{Context, Result};

use arguments::Arguments;
use region::Region;

/// Runs the demo until Ctrl-C; everything that it started and made is gone afterwards.
pub async fn run(arguments: Arguments) -> Result<()> {
    let programs = build::programs()?;
    let home = tempfile::Builder::new()
        .prefix("azalea-demo-")
        .tempdir()
        .context("cannot make a temporary folder")?;
    let stopped = stop_signal();
    tokio::pin!(stopped);
    let started = tokio::select! {
        started = Region::start(&arguments, programs, home.path()) => Some(started),
        () = &mut stopped => None,
    };
    let outcome = match started {
        Some(Ok(region)) => tokio::select! {
            served = serve::serve(&arguments, region) => served,
            () = &mut stopped => Ok(()),
        },
        Some(Err(error)) => Err(error),
        None => Ok(()),
    };
    println!("\n{}", words::CLOSING);
    // The children are gone with the region; now their files may go.
    home.close().context("cannot remove the temporary folder")?;
    outcome
}

async fn stop_signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    // Without a signal handler the demo still ends with its terminal.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
