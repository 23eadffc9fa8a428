//! Where a verdict differs from fail2ban's, and why.

/// Filter, what is found once more (`+`) or less (`-`) than by fail2ban, and the cause.
const KNOWN: [(&str, &str, &str); 0] = [];

/// Whether this difference is one of the table.
pub fn is_known(argument: &str, difference: &str) -> bool {
    let name = argument.split('[').next().unwrap_or(argument);
    KNOWN
        .iter()
        .any(|(filter, text, _)| *filter == name && *text == difference)
}
