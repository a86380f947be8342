//! The relay's command line.

use std::process::ExitCode;

use azalea_core::causes;
use azalea_relay::cli::{self, Cli};
use clap::Parser;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let filter = EnvFilter::try_from_env("AZALEA_LOG")
        .unwrap_or_else(|_| EnvFilter::new("info,quinn=warn,rustls=warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("azalea-relay: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(cli::main(cli)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("azalea-relay: {}", causes::in_words(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}
