//! One facility device: the engine around all other rooms.

pub mod command;
pub mod effect;
pub mod input;
