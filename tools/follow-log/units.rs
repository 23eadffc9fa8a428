//! The units whose entries are wanted from the journal.

use pipeban_journal::Chooser;

use crate::glob::{is_pattern, matches};

/// The endings of unit names, systemd.unit(5).
const KINDS: [&str; 11] = [
    ".service",
    ".socket",
    ".device",
    ".mount",
    ".automount",
    ".swap",
    ".target",
    ".path",
    ".timer",
    ".slice",
    ".scope",
];

/// The names as the journal has them: `ssh` means `ssh.service`, a pattern is left as it is.
pub fn names(units: &[String]) -> Vec<String> {
    let name = |unit: &String| {
        let whole = KINDS.iter().any(|kind| unit.ends_with(kind));
        if whole || is_pattern(unit.as_ref()) {
            unit.clone()
        } else {
            format!("{unit}.service")
        }
    };
    units.iter().map(name).collect()
}

/// Tells whether a unit is one of these, whose names are whole; all are, if there are none.
pub fn chooser(units: Vec<String>) -> Option<Chooser> {
    if units.is_empty() {
        return None;
    }
    Some(Box::new(move |unit| {
        units.iter().any(|name| matches(name.as_bytes(), unit))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unit_names() {
        let wants = |unit: &str, name: &str| {
            let chosen = chooser(names(&[unit.into()])).expect("a choice");
            chosen(name.as_bytes())
        };
        for (unit, name, expected) in [
            ("ssh", "ssh.service", true),
            ("ssh", "sshd.service", false),
            ("ssh", "xssh.service", false),
            ("ssh.socket", "ssh.socket", true),
            ("ssh*", "ssh@3-10.0.0.1:22.service", true),
            ("ssh@1", "ssh@1.service", true),
            ("*", "anything.scope", true),
        ] {
            assert_eq!(wants(unit, name), expected, "{unit} {name}");
        }
        assert!(chooser(vec![]).is_none());
    }
}
