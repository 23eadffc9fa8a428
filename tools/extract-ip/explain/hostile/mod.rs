//! Whether the log's remote party could choose the address that a pattern names: tries to build a
//! line that shows it.

mod attempt;
mod filter;
mod lint;

pub(super) use self::attempt::{Attempt, Hostile};
pub(super) use self::filter::try_filter;

use self::attempt::VICTIM;
use self::lint::{Parts, lint};
use crate::matcher::{Pattern, is_mark};

/// Tries the parts that the pattern leaves open: the text of `.*` and the like, and the text before
/// and behind a match.
pub(super) fn try_pattern(pattern: &mut Pattern) -> Attempt {
    let parts = Parts::new(pattern.hir(), is_mark);
    lint(&parts, |line| {
        let verdict = pattern.judge(line);
        let found = verdict.and_then(|verdict| verdict.found);
        found.is_some_and(|found| line[found.range] == *VICTIM)
    })
}
