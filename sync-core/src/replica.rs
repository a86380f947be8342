//! One facility device: the engine around all other rooms.
