//! Whether the log's remote party could choose the address that a pattern names: tries to build a
//! line that shows it.

mod attempt;
mod example;
mod filter;

pub(super) use self::attempt::{Attempt, Hostile};
pub(super) use self::filter::try_filter;

use self::attempt::{OWN, VICTIM, attempt};
use self::example::Example;
use crate::matcher::{Pattern, is_mark};

/// Tries the parts that the pattern leaves open: the text of `.*` and the like, and the text before
/// and behind a match.
pub(super) fn try_pattern(pattern: &mut Pattern) -> Attempt {
    let mut parts = Vec::new();
    let mut example = Example {
        is_address: is_mark,
        choose: &mut |_| None,
        content: None,
    };
    example.flatten(pattern.hir(), &mut parts);
    attempt(parts, |line| pattern.takes(line, VICTIM, OWN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn naive_and_anchored() {
        for (pattern, expected) in [
            (
                "user .* from <IP>",
                "user x from 203.0.113.9 from 192.0.2.1",
            ),
            ("user .*? from <IP>$", "-"),
            (
                "^user .*? from <IP>",
                "user x from 192.0.2.1 from 203.0.113.9",
            ),
            (
                "^user .* from <IP> port",
                "user x from 203.0.113.9 port from 192.0.2.1 port",
            ),
            (r"^user .* from <IP> port \d+$", "-"),
            (r"^user \S+ from <IP>", "-"),
            (r"^user .*<IP> .*$", "user x 203.0.113.9 x 192.0.2.1 "),
            ("rhost=<IP>", "rhost=192.0.2.1 rhost=203.0.113.9"),
            ("rhost=<IP>$", "-"),
            ("<IP>", "192.0.2.1 203.0.113.9"),
            (
                r"^\w{3} +\d+ [\d:]+ \S+ sshd\[\d+\]: Failed .* from <IP> port \d+ ssh2$",
                "-",
            ),
        ] {
            let mut compiled = Pattern::new(pattern).expect("a row of this test");
            let found = match try_pattern(&mut compiled) {
                Attempt::Found(hostile) => String::from_utf8_lossy(&hostile.line).into_owned(),
                Attempt::NoneFound => "-".into(),
                Attempt::Untried(why) => why.into(),
            };
            assert_eq!(found, expected, "{pattern}");
        }
    }
}
