//! `cargo bench-peers`: the same work done by Azalea and by its peers, side by side.
//!
//! ```text
//! orchestrate ─► trial (a process for each system, work and size) ─► seat ═ party (a process for each side)
//!                                                                     └─ line ─┘ counts what passes
//! ```
//!
//! `data` is what all are given, `work` what is to be done, `systems` has one file for each system, `report` writes the page.
//! It lies outside the workspace, so that ordinary builds know nothing of it.

pub mod arguments;
pub mod data;
pub mod line;
pub mod machine;
pub mod measure;
pub mod orchestrate;
pub mod party;
pub mod report;
pub mod seat;
pub mod systems;
pub mod trial;
pub mod work;
