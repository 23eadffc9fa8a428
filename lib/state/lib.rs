//! Files that tools keep between runs.
//!
//! Each module uses only modules that stand above it.

pub mod state_file; // files for their owner alone

pub mod state; // one SQLite file
