//! The records of pipeban's tools: how they come in, what they hold, and how they go out.
//!
//! Each module uses only modules that stand above it.

#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[doc(inline)]
pub use pipeban_terminal::{complain, hints, table, terminal}; // messages and tables for people

#[doc(inline)]
pub use pipeban_time as time; // moments, durations, time zones, the times of at(1)

#[doc(inline)]
pub use pipeban_masks as masks; // many bytes compared at once

#[doc(inline)]
pub use pipeban_unpack as unpack; // compressed files, unpacked

#[doc(inline)]
pub use pipeban_process::{detach, privilege, program}; // this process, and programs that it runs

pub mod address; // an address or network and its canonical text
pub mod record; // a line that begins with an address, then `key=value`

pub mod figures; // the figures of a running tool, told on SIGUSR1
pub mod journal; // files of systemd's journal, read as lines

pub mod threads; // the number of threads that a run may use

pub mod input; // the one way in: lines of the operands or of standard input
pub mod lists; // published lists, and the networks that their lines mean
pub mod output; // the one way out: flushed before a wait
pub mod printer; // the text of several threads, printed in order
pub mod records; // records from lines or from operands

pub mod netset; // a set of networks, asked which of them touches an address

pub mod state_file; // its files, for their owner alone

pub mod state; // what tools keep between runs: one SQLite file

pub mod cli; // arguments in, a run, an exit status out
