//! `azalea`: daemon, command line and screens of one facility's node.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    azalea_node::cli::main().await
}
