//! Small parts that stand before others.

/// Where a text goes on behind a BOM, NULs and colours (ECMA-48 control sequences).
pub(super) fn junk(text: &[u8], mut at: usize) -> usize {
    loop {
        match text[at..] {
            [0, ..] => at += 1,
            [0xef, 0xbb, 0xbf, ..] => at += 3,
            [0x1b, b'[', ref rest @ ..] => {
                let parameter = |b: &&u8| (0x20..0x40).contains(*b);
                let length = rest.iter().take(16).take_while(parameter).count();
                match rest.get(length) {
                    Some(b'@'..=b'~') => at += length + 3,
                    _ => return at,
                }
            }
            _ => return at,
        }
    }
}

/// Where a text goes on behind blanks, TABs and colours, at any place where a part may begin.
pub(super) fn blanks(text: &[u8], mut at: usize) -> usize {
    loop {
        while let Some(b' ' | b'\t') = text.get(at) {
            at += 1;
        }
        match text.get(at) {
            Some(0x1b) if junk(text, at) > at => at = junk(text, at),
            _ => return at,
        }
    }
}

/// Where a text goes on behind a number and a colon, as `grep -n` writes it before a line.
pub(super) fn number(text: &[u8], at: usize) -> Option<usize> {
    let digits = text[at..]
        .iter()
        .take(9)
        .take_while(|b| b.is_ascii_digit())
        .count();
    (digits > 0 && text.get(at + digits) == Some(&b':')).then_some(at + digits + 1)
}

/// Where a text goes on behind `<38>`.
pub(super) fn priority(text: &[u8]) -> Option<usize> {
    let digits = text
        .iter()
        .skip(1)
        .take(3)
        .take_while(|b| b.is_ascii_digit())
        .count();
    (digits > 0 && text.get(1 + digits) == Some(&b'>')).then_some(digits + 2)
}

/// The length of `1234.567890`, as the kernel counts.
pub(super) fn monotonic(text: &[u8]) -> Option<usize> {
    let digits = |at: usize| {
        text.iter()
            .skip(at)
            .take(12)
            .take_while(|b| b.is_ascii_digit())
            .count()
    };
    let seconds = digits(0);
    let micros = digits(seconds + 1);
    let form = seconds > 0 && text.get(seconds) == Some(&b'.') && (3..=9).contains(&micros);
    if !form {
        return None;
    }
    // `journalctl -o short-delta` adds the time since the line before.
    let end = seconds + 1 + micros;
    let delta = text[end..].strip_prefix(b" <").and_then(|rest| {
        let number = |b: &&u8| b.is_ascii_digit() || b" .".contains(b);
        let length = rest.iter().take(20).take_while(number).count();
        (rest.get(length) == Some(&b'>')).then_some(length + 3)
    });
    Some(end + delta.unwrap_or(0))
}
