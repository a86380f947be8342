//! A facility's node: the daemon, the command line and the screens around the pure core.
//!
//! [`config`] knows the data directory, [`store`] keeps everything in it unreadable to others; [`clock`] and
//! [`entropy`] are where time and chance come in. [`import`] turns a hospital's files into records.

pub mod clock;
pub mod config;
pub mod driver;
pub mod entropy;
pub mod import;
pub mod index;
pub mod net;
pub mod node;
pub mod store;
pub mod web;
