//! The binary forms of envelopes and of what is in them, seen from outside the crate.

mod corpora;
#[path = "../support/corpus.rs"]
mod corpus;
mod fuzz;
mod sample;
