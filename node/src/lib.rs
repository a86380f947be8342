//! A facility's node: the daemon, the command line and the screens around the pure core.
//!
//! [`cli`] takes commands and [`ops`] answers them; [`serve`] brings the daemon up. [`node`] puts together what the
//! screens ([`web`], [`index`]) and the importer ([`import`]) need, over the [`driver`], which alone calls the replica, and
//! [`net`], the way to the relay, on which the [`courier`] carries attachments. [`config`] knows the data directory, [`store`] keeps everything in it unreadable to
//! others, [`blobs`] the attachments; [`typed`] limits what people type; [`metrics`] counts for whoever watches over the machine; [`clock`] and [`entropy`] are where time and chance come in.

pub mod blobs;
pub mod carry;
pub mod cli;
pub mod clock;
pub mod config;
pub mod courier;
pub mod driver;
pub mod entropy;
pub mod import;
pub mod index;
pub mod metrics;
pub mod net;
pub mod node;
pub mod ops;
pub mod serve;
pub mod store;
pub mod typed;
pub mod web;

#[cfg(test)]
mod testing;
