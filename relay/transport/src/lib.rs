//! What node and relay share outside the core.
