//! The words of a head: programs, hosts, levels, devices.

use memchr::{memchr, memmem, memrchr};

/// Longer words are no names.
const LONGEST: usize = 255;

/// A program's name, its pid, and their length with what ends them.
pub(super) type Tag<'a> = (&'a [u8], Option<&'a [u8]>, usize);

/// The tag of `name:`, `name[pid]:` or `name[pid]`.
pub(super) fn tag(word: &[u8]) -> Option<Tag<'_>> {
    let (body, length) = match word {
        [body @ .., b':'] => (body, word.len()),
        [.., b']'] => (word, word.len()),
        _ => {
            // `name[pid]:text`
            let at = memchr(b']', word).filter(|at| word.get(at + 1) == Some(&b':'))?;
            (&word[..=at], at + 2)
        }
    };
    let colon = body.len() < length;
    let (name, pid) = match body {
        [inside @ .., b']'] => {
            let open = memchr(b'[', inside)?;
            let pid = &inside[open + 1..];
            let sound = |b: &u8| b.is_ascii_alphanumeric() || b"._-/".contains(b);
            let digits = pid.first().is_some_and(u8::is_ascii_digit);
            if pid.len() > 32 || !pid.iter().all(sound) || !(colon || digits) {
                return None;
            }
            (&inside[..open], Some(pid))
        }
        _ => (body, None),
    };
    (is_name(name)).then(|| (without_path(name), pid.filter(|p| !p.is_empty()), length))
}

/// Letters, digits and a few signs; anything but brackets inside round brackets.
pub(super) fn is_name(name: &[u8]) -> bool {
    if name.is_empty() || name.len() > LONGEST {
        return false;
    }
    let mut inside = false;
    for byte in name {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => {}
            b'_' | b'.' | b'-' | b'/' | b'@' | b'+' | b'%' | b'#' | b'~' | b'\\' => {}
            b'(' => inside = true,
            b')' => inside = false,
            b':' if inside => {}
            _ => return false,
        }
    }
    !inside
}

/// `/usr/sbin/sshd` is `sshd`, `/usr/sbin/postfix/smtpd` is `postfix/smtpd`, as that is too.
pub(super) fn without_path(name: &[u8]) -> &[u8] {
    if name.first() != Some(&b'/') {
        return name;
    }
    // Behind the folder of programs, if it is one, else behind the last slash.
    let folder = memmem::rfind(name, b"bin/").map(|at| at + 4);
    let start = folder.or_else(|| memrchr(b'/', name).map(|at| at + 1));
    let base = &name[start.unwrap_or(0)..];
    if base.is_empty() { name } else { base }
}

/// Names of levels, which services write where others have a program.
pub(super) fn is_level(name: &[u8]) -> bool {
    let levels: &[&[u8]] = match name.first().map(u8::to_ascii_lowercase) {
        Some(b'c') => &[b"critical"],
        Some(b'd') => &[b"debug"],
        Some(b'e') => &[b"error", b"err"],
        Some(b'f') => &[b"fatal"],
        Some(b'i') => &[b"info", b"information"],
        Some(b'l') => &[b"log"],
        Some(b'n') => &[b"notice", b"note"],
        Some(b'p') => &[b"panic"],
        Some(b't') => &[b"trace"],
        Some(b'w') => &[b"warning", b"warn"],
        _ => &[],
    };
    levels.iter().any(|level| name.eq_ignore_ascii_case(level))
}

/// `auth.info`, `<auth.info>` or `<4.6>`; `In(38)` of ESXi 8.
pub(super) fn is_facility(word: &[u8]) -> bool {
    if let [b'A'..=b'Z', b'a'..=b'z', b'(', number @ .., b')'] = word {
        return matches!(number.len(), 1..=3) && number.iter().all(u8::is_ascii_digit);
    }
    let (word, marked) = match word {
        [b'<', inside @ .., b'>'] => (inside, true),
        _ => (word, false),
    };
    // AIX writes `auth|security:info`.
    let aix = memchr(b'|', word).and_then(|_| memchr(b':', word));
    let Some(point) = aix.or_else(|| memchr(b'.', word)) else {
        return false;
    };
    let word_of_aix = aix.and_then(|_| word.split(|b| *b == b'|').next());
    let (facility, priority) = (&word[..point], &word[point + 1..]);
    let number = |text: &[u8]| matches!(text.len(), 1 | 2) && text.iter().all(u8::is_ascii_digit);
    let is = |names: &[&str], name: &[u8]| names.iter().any(|known| known.as_bytes() == name);
    (marked && number(facility) && number(priority))
        || (is(&FACILITIES, word_of_aix.unwrap_or(facility)) && is(&PRIORITIES, priority))
}

/// syslog.h's names.
const FACILITIES: [&str; 26] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "clock",
    "authpriv", "ftp", "ntp", "security", "console", "audit", "alert", "local0", "local1",
    "local2", "local3", "local4", "local5", "local6", "local7",
];
const PRIORITIES: [&str; 12] = [
    "emerg", "panic", "alert", "crit", "err", "error", "warning", "warn", "notice", "info",
    "debug", "none",
];

/// UniFi's name, MAC address and model with its version.
pub(super) fn is_device(word: &[u8]) -> bool {
    let word = word.strip_suffix(b":").unwrap_or(word);
    let word = word
        .strip_prefix(b"(\"")
        .and_then(|w| w.strip_suffix(b"\")"))
        .unwrap_or(word);
    let mut parts = word.split(|b| *b == b',');
    let (Some(_), Some(mac), Some(_), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    mac.len() == 12 && mac.iter().all(u8::is_ascii_hexdigit)
}

/// A host's name or address; `(none)` is that of a Linux to which none was given.
pub(super) fn is_host(word: &[u8]) -> bool {
    if word == b"(none)" {
        return true;
    }
    let name = |b: &u8| b.is_ascii_alphanumeric() || b".-_/@".contains(b);
    word.len() <= LONGEST && (word.iter().all(name) || is_ipv6(word))
}

/// Whether it is an address: a relay that has no name for a host writes this.
pub(super) fn is_address(word: &[u8]) -> bool {
    word.iter().all(|b| b.is_ascii_digit() || *b == b'.') || is_ipv6(word)
}

fn is_ipv6(word: &[u8]) -> bool {
    let zone = memchr(b'%', word).unwrap_or(word.len());
    let sound = |b: &u8| b.is_ascii_hexdigit() || *b == b':' || *b == b'.';
    let colons = word.iter().filter(|b| **b == b':').count();
    (2..=8).contains(&colons) && word[..zone].iter().all(sound)
}
