//! The groups of a match, by backtracking.
//!
//! An automaton tells quickly whether a line matches, but slowly where its groups are. Patterns of
//! log lines are mostly literal text, which a backtracker takes in long steps. Its work is bounded
//! by a budget that is linear in the text's length. Where the budget does not suffice, or a pattern
//! can't be compiled for it, the caller asks the automaton.
//!
//! A pattern may use constructs that the syntax of `regex` lacks, by groups with these names, each
//! with a number that makes the name unique: `_1_ahead`, `_1_notahead`, `_1_behind`, `_1_notbehind`
//! (a look-around), `_1_same_NAME` (a back reference), and `_1_if_NAME` with `_2_yes` and `_3_no`
//! in it (a conditional: the first if the group NAME took part, else the second).

mod branches;
mod build;
mod bytes;
mod cache;
mod memo;
mod node;
mod program;
mod reach;
mod run;
#[cfg(test)]
mod tests;

pub use self::bytes::ByteSet;
pub use self::cache::Cache;
pub use self::memo::Memo;
pub use self::program::Backtracker;
