//! `cargo demo`: a small region on this machine.

use anyhow::Result;
use azalea_simulations::demo::{self, arguments::Arguments};
use clap::Parser;

#[tokio::main]
async fn main() -> Result<()> {
    demo::run(Arguments::parse_from(azalea_simulations::arguments())).await
}
