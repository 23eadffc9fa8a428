//! A line of a log: its time, its addresses, and whether it reports a failed attempt.
//!
//! Each module uses only modules that stand above it.

pub mod stamp; // the time of a line

pub mod json; // values of JSON objects, by their paths

pub mod line; // a line in its parts: carrier, head, words

pub mod finder; // the addresses in a text

pub mod sieve; // the patterns that a line can match at all, by their literals

pub mod backtracker; // the groups of a match, quickly

pub mod search; // the match of a pattern and its groups

pub mod filter; // fail2ban's filter files, read where they are and run as they are

pub mod presets; // our own patterns for common services, one data file each
