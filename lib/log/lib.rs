//! A line of a log: when it was written, which addresses stand in it, and whether it tells of a failed attempt.

pub mod line; // a line in its parts: carrier, head, words
pub mod stamp; // when a line was written

pub mod finder; // the addresses that stand in a text

pub mod filter; // fail2ban's filter files, read where they are and run as they are
pub mod presets; // our own patterns for common services, one data file each

pub mod search; // a pattern's match and its groups
pub mod sieve; // which of many patterns a line can match at all, told by their literals
pub mod walk; // where the groups of a match stand, quickly
