//! The corpus of patterns: each dangerous one has a line that proves it.

use crate::explain::hostile::{Attempt, try_pattern};
use crate::matcher::Pattern;

/// `dangerous` or `safe`, pattern, and for a dangerous one the line in which 192.0.2.1 is named.
const CORPUS: &str = include_str!("corpus.tsv");

fn named(pattern: &mut Pattern, line: &[u8]) -> Option<String> {
    let found = pattern.judge(line)?.found?;
    Some(found.address.to_string())
}

#[test]
fn no_dangerous_pattern_is_called_safe() {
    let (mut wrong, mut strict) = (Vec::new(), Vec::new());
    let (mut dangerous, mut safe) = (0, 0);
    for row in CORPUS.lines().filter(|row| !row.starts_with('#')) {
        let mut columns = row.split('\t');
        let mut next = || columns.next().unwrap_or_default();
        let (kind, text, proof) = (next(), next(), next());
        let mut pattern = Pattern::new(text).unwrap_or_else(|e| panic!("{text}: {e}"));
        let attempt = try_pattern(&mut pattern);
        if kind == "dangerous" {
            dangerous += 1;
            let proved = named(&mut pattern, proof.as_bytes());
            if proved.as_deref() != Some("192.0.2.1") || !proof.contains("203.0.113.9") {
                wrong.push(format!("{row}: {proved:?} in the line"));
            }
            match attempt {
                Attempt::Found(hostile) => {
                    let found = named(&mut pattern, &hostile.line);
                    assert_eq!(found.as_deref(), Some("192.0.2.1"), "{text}");
                }
                other => wrong.push(format!("{text}: {other:?}")),
            }
        } else {
            safe += 1;
            match attempt {
                Attempt::NoneFound(_) => {}
                Attempt::Found(hostile) => {
                    let line = String::from_utf8_lossy(&hostile.line).into_owned();
                    strict.push(format!("{text}: {line}"));
                }
                other => wrong.push(format!("{text}: {other:?}")),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(strict.len() <= 5, "{}", strict.join("\n"));
    assert!(dangerous >= 50 && safe >= 50, "{dangerous} {safe}");
    println!("called dangerous, though safe:\n{}", strict.join("\n"));
}
