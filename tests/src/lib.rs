//! Stories told with the real binaries: this is the harness, and `tests/` holds one file per story.
//!
//! A story starts a [`Region`]: a relay and facilities that join it by code, each with a line that can be cut. All of it
//! are processes of their own on the loopback, on ports that the system picks, over a folder that goes away at the
//! end. Nobody waits for a number of seconds: [`until`] polls what a process says about itself, up to a deadline.
//!
//! The harness panics where something it relies on fails, with what the process said last; that is what a test does.

mod command;
mod daemon;
pub mod data;
mod dice;
pub mod fhir;
mod node;
pub mod programs;
pub mod proxy;
mod region;
mod relay;
pub mod search;
pub mod session;
mod small_disk;
mod tally;
mod wait;

pub use command::Told;
pub use daemon::Daemon;
pub use dice::Dice;
pub use node::{Hand, Node, PASSWORD, STAFF, STAFF_NAME};
pub use region::{CLINIC, HOSPITAL, PHARMACY, Part, Region, SECOND_HOSPITAL};
pub use relay::Relay;
pub use small_disk::SmallDisk;
pub use tally::{Sent, Tally};
pub use wait::{until, until_within};
