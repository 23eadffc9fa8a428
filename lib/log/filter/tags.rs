//! fail2ban's tags in a pattern (`<HOST>`, `<F-USER>…</F-USER>`), replaced by groups.

/// An IPv4 address, also one mapped into IPv6.
const IP4: &str = r"(?:::f{4,6}:)?(?P<ip4>\d{1,3}(?:\.\d{1,3}){3})";
/// An IPv6 address: one to seven groups with their colons, then a last group or a last colon.
const IP6: &str = r"(?P<ip6>(?:[0-9a-fA-F]{1,4}::?|::){1,7}(?:[0-9a-fA-F]{1,4}|:))";
/// A host's name.
const DNS: &str = r"(?P<dns>[\w.^-]*\w)";
const CIDR: &str = r"(?P<cidr>\d+)";
/// The tags of the client's address or name.
const HOSTS: [&str; 11] = [
    "HOST",
    "ADDR",
    "F-ADDR/",
    "IP4",
    "F-IP4/",
    "IP6",
    "F-IP6/",
    "DNS",
    "F-DNS/",
    "SUBNET",
    "F-SUBNET/",
];

/// The texts that `<HOST>` matches.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Host<'a> {
    Address,
    AddressOrName,
    /// No address but this one.
    Only(&'a str),
}

/// Replaces tags by groups. An unknown tag stays as it is.
pub(super) fn put_in(pattern: &str, host: Host) -> String {
    let mut out = String::new();
    let mut open: Vec<String> = Vec::new();
    let mut skips = 0;
    let mut rest = pattern;
    while let Some(at) = rest.find('<') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let Some(end) = rest.find('>').filter(|end| is_tag(&rest[1..*end])) else {
            out.push('<');
            rest = &rest[1..];
            continue;
        };
        let tag = &rest[1..end];
        match group(tag, host) {
            Some(group) => out.push_str(&group),
            None if tag == "SKIPLINES" => {
                out.push_str(&format!(r"\n(?P<skiplines{skips}>(?:(?:.*\n)*?))"));
                skips += 1;
            }
            None => match (tag.strip_prefix("F-"), tag.strip_prefix("/F-")) {
                (Some(name), _) if is_name(name) => {
                    out.push_str(&format!("(?P<{}>", renamed(name)));
                    open.push(name.into());
                }
                (_, Some(name)) if open.iter().any(|o| o == name) => out.push(')'),
                _ => out.push_str(&rest[..=end]),
            },
        }
        rest = &rest[end + 1..];
    }
    out.push_str(rest);
    local_flags(&out)
}

fn group(tag: &str, host: Host) -> Option<String> {
    if let (Host::Only(address), true) = (host, HOSTS.contains(&tag)) {
        return Some(format!("(?P<ip4>{})", address.replace('.', r"\.")));
    }
    let address = || format!(r"\[?(?:{IP4}|{IP6})\]?");
    Some(match tag {
        "HOST" if host == Host::AddressOrName => format!("(?:{}|{DNS})", address()),
        "HOST" | "ADDR" | "F-ADDR/" => address(),
        "IP4" | "F-IP4/" => IP4.into(),
        "IP6" | "F-IP6/" => IP6.into(),
        "DNS" | "F-DNS/" => DNS.into(),
        "CIDR" | "F-CIDR/" => CIDR.into(),
        "SUBNET" | "F-SUBNET/" => format!(r"\[?(?:{IP4}|{IP6})(?:/{CIDR})?\]?"),
        "F-ID/" => r"(?P<fid>\S+)".into(),
        "F-PORT/" => r"(?P<fport>\w+)".into(),
        _ => return None,
    })
}

fn is_tag(text: &str) -> bool {
    let inner = text.strip_prefix('/').unwrap_or(text);
    let inner = inner.strip_suffix('/').unwrap_or(inner);
    let good = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    !inner.is_empty() && inner.chars().all(good)
}

fn is_name(text: &str) -> bool {
    let good = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
    !text.is_empty() && text.bytes().all(good)
}

/// A tag's name as a group's.
pub(super) fn renamed(tag: &str) -> String {
    let name = tag.to_lowercase();
    match name.as_str() {
        "id" => "fid".into(),
        "port" => "fport".into(),
        _ => name,
    }
}

/// `((?i)…)` and `(?:(?i)…)` become `(?i:…)`, without a group of its own.
fn local_flags(pattern: &str) -> String {
    let mut out = String::new();
    let mut rest = pattern;
    while let Some(at) = rest.find('(') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let inner = rest.strip_prefix("(?:").unwrap_or(&rest[1..]);
        let flags = inner.strip_prefix("(?").and_then(|i| i.split_once(')'));
        match flags {
            Some((flags, after))
                if !out.ends_with('\\')
                    && !flags.is_empty()
                    && flags.bytes().all(|b| b.is_ascii_lowercase()) =>
            {
                out.push_str(&format!("(?{flags}:"));
                rest = after;
            }
            _ => {
                out.push('(');
                rest = &rest[1..];
            }
        }
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows() {
        for (pattern, expected) in [
            ("from <IP4> x", format!("from {IP4} x")),
            ("<F-USER>a</F-USER>", "(?P<user>a)".into()),
            ("a</F-USER>", "a</F-USER>".into()),
            (
                "<F-ID>a</F-ID> <F-PORT/>",
                r"(?P<fid>a) (?P<fport>\w+)".into(),
            ),
            (
                "a<SKIPLINES>b",
                r"a\n(?P<skiplines0>(?:(?:.*\n)*?))b".into(),
            ),
            ("(?P<x><W><b c>)", "(?P<x><W><b c>)".into()),
            ("<<F-USER>a</F-USER>>", "<(?P<user>a)>".into()),
            (r"((?i)a)(?:(?i)b)\((?i)c", r"(?i:a)(?i:b)\((?i)c".into()),
        ] {
            assert_eq!(put_in(pattern, Host::AddressOrName), expected, "{pattern}");
        }
        assert!(put_in("<HOST>", Host::AddressOrName).contains("(?P<dns>"));
        assert!(!put_in("<HOST>", Host::Address).contains("(?P<dns>"));
        let only = put_in("<HOST>", Host::Only("192.0.2.1"));
        assert_eq!(only, r"(?P<ip4>192\.0\.2\.1)");
    }
}
