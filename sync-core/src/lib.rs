//! The pure core of Azalea: everything on a record's way that is not IO.
//!
//! Time and randomness are arguments, IO is an effect whose result can fail. Every engine reads the same way:
//! one `handle`, then drain `poll`, then ask `wake_at`.
//!
//! The rooms, in the order in which a record meets them: [`id`] names things, [`wire`] turns bytes into types,
//! [`identity`] says who somebody is, [`access`] who may read and write, [`keys`] who can, [`document`] what
//! is written, [`envelope`] how it is sealed and proven, [`blob`] the same for what is too large for an envelope,
//! [`storage`] where it is kept, [`sync`] how it travels, and [`replica`] puts them together for one facility's
//! device; [`view`] reads what it keeps, and
//! [`ledger`] says who did. [`causes`] is for errors of all of them.

pub mod access;
pub mod blob;
pub mod causes;
pub mod document;
pub mod envelope;
pub mod hash;
pub mod id;
pub mod identity;
pub mod keys;
pub mod ledger;
pub mod replica;
pub mod storage;
pub mod sync;
pub mod view;
pub mod wire;

#[cfg(test)]
#[path = "../tests/support/corpus.rs"]
mod corpus;
