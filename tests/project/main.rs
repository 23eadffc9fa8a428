//! The project's own files: manual, completions, pages, manifests.

#[path = "../common/mod.rs"]
mod common;
mod completions;
mod help;
mod house;
mod manual;
mod package;
mod patterns;
mod programs;
mod readme;
