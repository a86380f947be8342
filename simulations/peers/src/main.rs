//! `cargo bench-peers`; the library says what it does.

use anyhow::{Result, bail};
use clap::Parser;

use azalea_peers::arguments::{Arguments, Part};
use azalea_peers::systems::{self, System};
use azalea_peers::{orchestrate, party, trial};

fn main() -> Result<()> {
    let arguments = Arguments::parse_from(azalea_simulations::arguments());
    match arguments.part {
        None => orchestrate::run(&arguments.choice),
        Some(Part::Trial { work, system, size, runs, dir }) => {
            trial::serve(trial::Subject { work, system, size, runs }, &dir)
        }
        Some(Part::Party { system, dir, options }) => {
            let options = serde_json::from_str(&options)?;
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            runtime.block_on(async {
                match system {
                    System::Azalea => party::run::<systems::azalea::Azalea>(dir, options).await,
                    System::Samod => party::run::<systems::samod::Samod>(dir, options).await,
                    System::IrohDocs => {
                        party::run::<systems::iroh_docs::IrohDocs>(dir, options).await
                    }
                    System::Subduction => {
                        party::run::<systems::subduction::Subduction>(dir, options).await
                    }
                    System::Negentropy => {
                        party::run::<systems::negentropy::Negentropy>(dir, options).await
                    }
                    System::Pouch => bail!("PouchDB runs under Node.js"),
                }
            })
        }
    }
}
