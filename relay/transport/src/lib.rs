//! What node and relay share outside the core: connections bound to device keys, frames on streams, and the
//! local control socket.
//!
//! Nothing here knows what a message means. [`endpoint`] says who is at the other end, [`frames`] where one
//! message stops, [`code`] what an invitation says, [`control`] lets a command reach the daemon that holds the
//! store, and [`lock`] makes sure that there is only one such daemon.

pub mod code;
pub mod control;
pub mod endpoint;
pub mod frames;
pub mod lock;
