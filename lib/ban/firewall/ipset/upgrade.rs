//! Gives counters to the sets of an older version.

use std::io;

use super::set::{PLAIN, Set, is_there, restore};
use crate::firewall::interface::run;

/// Makes the sets without counters anew; answers whether there were any. At each moment the rule of
/// a set finds all its entries: two sets change their names at once (ipset(8), swap). A set that was
/// copied is not marked as complete, since others may have added to it meanwhile.
pub(super) fn count_all() -> io::Result<bool> {
    let mut any = false;
    for set in PLAIN.iter().filter(|set| lacks_counters(**set)) {
        let new = format!("{}-new", set.name());
        // One that a killed process has left.
        is_there("ipset", &["destroy", &new])?;
        let mut lines = set.create(&new);
        let saved = run("ipset", &["save", set.name()], b"")?;
        let old = format!("add {} ", set.name());
        let entries = saved.lines().filter_map(|line| line.strip_prefix(&old));
        let complete = set.complete();
        for entry in entries.filter(|entry| !entry.starts_with(&complete)) {
            lines.extend(["add ", &new, " ", entry, "\n"]);
        }
        lines.push_str(&format!("swap {new} {}\ndestroy {new}\n", set.name()));
        restore(&lines)?;
        any = true;
    }
    Ok(any)
}

fn lacks_counters(set: Set) -> bool {
    let header = run("ipset", &["list", "-t", set.name()], b"");
    let family = if set.ipv4 { "inet" } else { "inet6" };
    let is_ours = |text: &str| {
        text.contains("Type: hash:net\n") && text.contains(&format!("Header: family {family} "))
    };
    header.is_ok_and(|text| is_ours(&text) && !text.contains(" counters"))
}
