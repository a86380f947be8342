//! Where things are kept: one trait, an atomic batch.
