//! A facility's node: the daemon, the command line and the screens around the pure core.

pub mod store;
