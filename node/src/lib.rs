//! A facility's node: the daemon, the command line and the screens around the pure core.
//!
//! [`config`] knows the data directory, [`store`] keeps everything in it unreadable to others; [`clock`] and
//! [`entropy`] are where time and chance come in.

pub mod clock;
pub mod config;
pub mod entropy;
pub mod index;
pub mod net;
pub mod store;
pub mod web;
