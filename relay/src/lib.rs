//! The relay: keeps and forwards sealed envelopes that it cannot read.
//!
//! In the order in which an envelope meets them: [`listener`] accepts a connection, [`engine`] hands its
//! messages to the [`mailbox`], which is pure; [`quota`] and [`fair`] say whose turn it is, [`store`] keeps the
//! rows; [`blobs`] keeps attachments beside them. Around it: [`home`] and [`keyfile`] (the data directory), [`cli`] and [`commands`] (what an operator
//! does),
//! [`daemon`] (all of it running), [`metrics`], [`clock`].

pub mod blobs;
pub mod cli;
pub mod clock;
pub mod commands;
pub mod daemon;
pub mod doors;
pub mod engine;
pub mod fair;
pub mod home;
pub mod keyfile;
pub mod listener;
pub mod mailbox;
pub mod metrics;
pub mod quota;
mod speak;
pub mod store;
