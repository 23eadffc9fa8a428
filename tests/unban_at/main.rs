//! unban-at on a real kernel in a namespace, and its TIME beside at(1)'s.

mod at;
#[path = "../common/mod.rs"]
mod common;
mod waiter;
