//! extract-ip as its users run it, and the finder below it.

#[path = "../common/mod.rs"]
mod common;
mod compressed;
mod filters;
mod finder;
mod flags;
mod forms;
mod objects;
mod presets;
mod time;
mod told;
