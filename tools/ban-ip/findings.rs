//! The findings of `--verify`, of which there may be as many as bans.

/// Of each kind this number is printed, then the number of the others.
const IN_FULL: usize = 10;

/// Adds findings of a kind; `more` follows the number of those that are not printed.
pub fn add(to: &mut Vec<String>, mut findings: impl Iterator<Item = String>, more: &str) {
    to.extend(findings.by_ref().take(IN_FULL));
    match findings.count() {
        0 => (),
        rest => to.push(format!("{rest} {more}")),
    }
}
