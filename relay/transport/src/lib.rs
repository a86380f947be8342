//! What node and relay share outside the core: connections bound to device keys, frames on streams, and the
//! local control socket.
//!
//! Nothing here knows what a message means. [`endpoint`] and [`tcp`] say who is at the other end, [`peer`] what a session may do with
//! it, [`frames`] where one message stops, [`code`] what an invitation says, [`control`] lets a command reach the daemon that holds the
//! store, and [`lock`] makes sure that there is only one such daemon.

pub mod code;
pub mod control;
pub mod endpoint;
pub mod frames;
pub mod lock;
pub mod peer;
mod silence;
pub mod tcp;
