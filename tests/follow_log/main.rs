//! follow-log on real files that grow and are rotated.

#[path = "../common/mod.rs"]
mod common;
mod rotation;
mod storm;
