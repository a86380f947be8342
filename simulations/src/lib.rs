//! What stands beside the product: a population to fill it with, and the region to try it in.
//!
//! - [`population`] makes invented people of a Japanese region and their charts as FHIR R4.
//! - [`mod@line`] is a line between a facility and the relay that can be cut, slow or lossy.
//! - [`demo`] starts a small region of real processes and serves a page to disturb it.
//! - [`world`] runs the pure engines of a region on virtual time and breaks things.
//! - [`mutants`] makes the engine wrong on purpose, to see that the world notices.

pub mod demo;
pub mod line;
pub mod mutants;
pub mod population;
pub mod world;

/// The command line without a `--` at its head: `cargo demo -- --seed 2` and `cargo demo --seed 2` mean the same,
/// though the alias puts a `--` of its own before what is given.
pub fn arguments() -> impl Iterator<Item = std::ffi::OsString> {
    let mut given = std::env::args_os();
    let program = given.next();
    let mut rest = given.peekable();
    rest.next_if(|first| first == "--");
    program.into_iter().chain(rest)
}
