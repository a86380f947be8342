//! How a change is sealed and proven.
