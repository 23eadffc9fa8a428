//! The library that pipeban's tools share, in the order in which a record meets it.

pub mod cli; // arguments in, a run, an exit status out
pub mod complain; // the one way to complain: `tool: where: what`
pub mod figures; // what a running tool has done so far, told on SIGUSR1

pub mod input; // the one way in: lines of the operands or of standard input
pub mod output; // the one way out: flushed before a wait
pub mod unpack; // compressed files, read as what they hold

pub mod address; // an address or network and its canonical text
pub mod finder; // the addresses that stand in a text
pub mod masks; // many bytes compared at once
pub mod netset; // a set of networks, asked for what it touches
pub mod record; // a line that begins with an address, then `key=value`
pub mod records; // records from lines or from operands

pub mod filter; // fail2ban's filter files, read where they are and run as they are
pub mod presets; // our own patterns for common services, one data file each
pub mod search; // a pattern's match and its groups
pub mod sieve; // which of many patterns a line can match at all, told by their literals
pub mod walk; // where the groups of a match stand, quickly

pub mod time; // moments, durations, at(1) times, the time stamps of logs

pub mod firewall; // the kernel's firewall: one trait, a file for each backend

pub mod hits; // events counted so far, by address
pub mod ledger; // which bans there are, since when and until when
pub mod state; // what tools keep between runs: one SQLite file

pub mod enforce; // makes the firewall hold what the ledger says
pub mod privilege; // lets go of what a tool has no use for
pub mod waiter; // the one process that waits for bans to end

pub mod detach; // a process that goes on by itself
pub mod program; // a program that may hang or flood, run within bounds
