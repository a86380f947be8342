//! The binary forms of certificates, statements and their rows, seen from outside the crate.

mod fuzz;
mod golden;
mod sample;
