//! The records of pipeban's tools: how they come in, what they hold, and how they go out.
//!
//! Rooms stand in the order in which a run meets them.

pub mod cli; // arguments in, a run, an exit status out
pub mod complain; // the one way to complain: `tool: where: what`
pub mod figures; // what a running tool has done so far, told on SIGUSR1

pub mod input; // the one way in: lines of the operands or of standard input
pub mod output; // the one way out: flushed before a wait
pub mod unpack; // compressed files, read as what they hold

pub mod address; // an address or network and its canonical text
pub mod masks; // many bytes compared at once
pub mod netset; // a set of networks, asked for what it touches
pub mod record; // a line that begins with an address, then `key=value`
pub mod records; // records from lines or from operands

pub mod time; // moments, durations, time zones, the times of at(1)

pub mod state; // what tools keep between runs: one SQLite file

pub mod detach; // a process that goes on by itself
pub mod program; // a program that may hang or flood, run within bounds
