//! Where a verdict differs from fail2ban's, and why.

/// Filter, what is found once more (`+`) or less (`-`) than by fail2ban, and the cause.
const KNOWN: [(&str, &str, &str); 2] = [
    ("freeswitch", "-1 2001:db8::2e", ORDER),
    ("freeswitch", "-1 host56.example.net", ORDER),
];

/// Two of the filter's forms of a time stamp match here, one of them leaves the time zone in the
/// line. fail2ban tries those first that it met most often in the lines before; ours are tried in
/// the filter's order, after the one of the line before.
const ORDER: &str = "the order in which forms of time stamps are tried";

/// Whether this is a find of fail2ban's that is no address: where version 1.1 reads the first group
/// of one as a year, it finds the rest of it, with the colon.
fn is_rest_of_address(difference: &str) -> bool {
    let found = difference.strip_prefix("-1 :");
    found.is_some_and(|rest| !rest.starts_with(':'))
}

/// Whether this difference is one of the table, or of that kind.
pub fn is_known(argument: &str, difference: &str) -> bool {
    if is_rest_of_address(difference) {
        return true;
    }
    let name = argument.split('[').next().unwrap_or(argument);
    KNOWN
        .iter()
        .any(|(filter, text, _)| *filter == name && *text == difference)
}

/// Whether fail2ban backtracks without end over its own lines for this filter, which it does under
/// Python's `re`.
pub fn never_ends(argument: &str) -> bool {
    argument == "sshd[logtype=\"rfc5424\"]"
}
