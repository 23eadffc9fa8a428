//! extract-ip as its users run it, and the finder below it.

#[path = "../common/mod.rs"]
mod common;
mod compressed;
mod daemons;
mod explained_objects;
mod filters;
mod finder;
mod flags;
mod forms;
mod from_fail2ban;
mod in_order;
mod members;
mod objects;
mod own_presets;
mod presets;
mod threads;
mod time;
mod told;
mod whole;
