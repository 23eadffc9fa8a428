//! Patterns of names, as in glob(7).

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path};

/// Whether a name holds a wildcard: `*`, `?` or `[`.
pub fn is_pattern(name: &OsStr) -> bool {
    name.as_bytes().iter().any(|b| b"*?[".contains(b))
}

/// Whether each name in a path matches that of a pattern of paths.
pub fn matches_path(pattern: &Path, path: &Path) -> bool {
    let (pattern, path) = (pattern.components(), path.components());
    let bytes = |part: Component| part.as_os_str().as_bytes().to_vec();
    let (pattern, path): (Vec<_>, Vec<_>) =
        (pattern.map(bytes).collect(), path.map(bytes).collect());
    let mut pairs = pattern.iter().zip(&path);
    pattern.len() == path.len() && pairs.all(|(pattern, name)| matches(pattern, name))
}

/// Whether a name matches a pattern: `*`, `?`, `[a-z]`, `[!a-z]`, `\` before a plain character.
pub fn matches(pattern: &[u8], name: &[u8]) -> bool {
    // A hidden file is matched by its dot only.
    if name.first() == Some(&b'.') && pattern.first() != Some(&b'.') {
        return false;
    }
    let (mut p, mut n) = (0, 0);
    // The place to go on at when the text after the last `*` does not match: the star takes one
    // byte more.
    let mut again = None;
    loop {
        if pattern.get(p) == Some(&b'*') {
            p += 1;
            again = Some((p, n));
            continue;
        }
        if p == pattern.len() && n == name.len() {
            return true;
        }
        let matched = name
            .get(n)
            .and_then(|byte| matched_len(&pattern[p..], *byte));
        match matched {
            Some(length) => {
                p += length;
                n += 1;
            }
            None => match again {
                Some((star, taken)) if taken < name.len() => {
                    (p, n) = (star, taken + 1);
                    again = Some((star, taken + 1));
                }
                _ => return false,
            },
        }
    }
}

/// The length of the pattern's first element if it matches this byte.
fn matched_len(pattern: &[u8], byte: u8) -> Option<usize> {
    match pattern {
        [] => None,
        [b'?', ..] => Some(1),
        [b'\\', plain, ..] => (*plain == byte).then_some(2),
        [b'[', rest @ ..] => {
            let negated = rest.first() == Some(&b'!');
            let begin = usize::from(negated);
            // A `]` that stands first is a member.
            let end = begin + 1 + rest.get(begin + 1..)?.iter().position(|b| *b == b']')?;
            let set = &rest[begin..end];
            (is_member(set, byte) != negated).then_some(end + 2)
        }
        [plain, ..] => (*plain == byte).then_some(1),
    }
}

/// Whether a set such as `a-z_` has this byte.
fn is_member(mut set: &[u8], byte: u8) -> bool {
    while let Some(first) = set.first() {
        let (last, length) = match set {
            [_, b'-', last, ..] => (last, 3),
            _ => (first, 1),
        };
        if (*first..=*last).contains(&byte) {
            return true;
        }
        set = &set[length..];
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, name, expected) in [
            ("*.log", "a.log", true),
            ("*.log", ".log", false),
            (".*", ".log", true),
            ("*.log", "a.log.1", false),
            ("*.log*", "a.log.1", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("[]]x", "]x", true),
            ("[a", "a", false),
            ("\\*", "*", true),
            ("\\*", "a", false),
            ("*a*b*c", "xxaxxbxxbc", true),
            ("*a*b*c", "xxaxxbxxb", false),
            ("", "", true),
            ("*", "anything", true),
        ] {
            let got = matches(pattern.as_bytes(), name.as_bytes());
            assert_eq!(got, expected, "{pattern} {name}");
        }
    }
}
