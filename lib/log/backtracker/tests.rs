use super::*;
use regex::bytes::RegexBuilder;

/// Patterns with all that can be compiled; each is compared with the automaton on many texts.
const PATTERNS: [&str; 31] = [
    "abc",
    "^a*(b+)c",
    "(a|ab)(c|bcd)(d*)",
    "(a+)(b+)?",
    "a.*b.*(c)",
    "a.*?b.*?(c)",
    "^(?:a|b)*(c)$",
    "(?:ab|c){2,3}(d)?",
    "(?:ab|c){2,}?(d)?",
    "[ab]{2,3}(b*)",
    "[ab]{2,3}?(b*)",
    r"\b(a+)\b",
    r"\B(b)",
    r"(?m)^(a)$",
    r"(a)(?:\n?\z)",
    "(?:a(b)?)+c",
    "((a)|(b))+",
    "x*",
    "(?:(a)x|(b)y)?c",
    r"\b{start-half}(ab)\b{end-half}",
    "(.*)(a)(.*)",
    "(.*?)(a)(.*?)$",
    "[^a]*(a)[^b]*(b)",
    "(?i)(aB)+",
    "^([^ ]+) ([^ ]*) ?(b)?",
    "(a{1,2})(b)?(?: (c+))?( x)?$",
    r"(?s)(.*?)(?:(ab)|(ba)|\n)(c*)",
    r"(.*)(?: (a)|(b))(?:\n?\z)",
    "(?:(a+)|(ab+))+(c)",
    r"(a)?(?P<b>b+)(c*)(?:\n?\z)",
    r"(?:x(\d{1,3}(?:\.\d{1,3}){3})|x([\d.]+))(\d*)",
];

#[test]
fn as_the_automaton_says() {
    let mut random = fastrand::Rng::with_seed(1);
    let mut cache = Cache::default();
    let (mut arrived, mut searches) = (0, 0);
    for pattern in PATTERNS {
        let regex = RegexBuilder::new(pattern).unicode(false).build();
        let regex = regex.expect("a good pattern");
        let backtracker = Backtracker::new(pattern).expect("a pattern that can be compiled");
        let letters = match pattern.contains(r"\d") {
            true => b"xx0123456789....",
            false => b"aaabbbccdxyAB \n\xff",
        };
        for _ in 0..2000 {
            let length = random.usize(..12);
            let mut text: Vec<u8> = (0..length).map(|_| letters[random.usize(..16)]).collect();
            if letters[0] == b'x' {
                text.splice(0..0, *b"x1.23.4");
            }
            let captures = regex.captures(&text);
            let start = captures
                .as_ref()
                .map_or(0, |c| c.get(0).map_or(0, |m| m.start()));
            let search = backtracker.search(&text, &mut cache);
            let searched = search.map(|found| found.then(|| cache.group(0)));
            let found = backtracker.match_at(&text, start, &mut cache);
            assert_eq!(found, Some(captures.is_some()), "{pattern} on {text:?}");
            if let Some(first) = searched {
                searches += 1;
                assert_eq!(
                    first,
                    found.and_then(|f| f.then(|| cache.group(0))),
                    "{pattern} on {text:?}"
                );
            }
            let Some(captures) = captures else { continue };
            arrived += 1;
            for group in 0..captures.len() {
                let expected = captures.get(group).map(|m| (m.start(), m.end()));
                assert_eq!(cache.group(group), expected, "{pattern}, {group}, {text:?}");
            }
        }
    }
    assert!(
        arrived > 10_000 && searches > 10_000,
        "{arrived} {searches}"
    );
}

#[test]
fn a_budget_ends_a_run() {
    let backtracker = Backtracker::new("^(?:ab|a|b|ba)+$").expect("a pattern");
    let text = [b"ab".repeat(100), b"c".to_vec()].concat();
    assert_eq!(backtracker.match_at(&text, 0, &mut Cache::default()), None);
    // One budget for all positions where a match may begin.
    let backtracker = Backtracker::new("a.*b").expect("a pattern");
    assert_eq!(
        backtracker.search(&[b'a'; 100_000], &mut Cache::default()),
        None
    );
}

#[test]
fn patterns_that_cannot_be_compiled() {
    for pattern in ["(?:a*)*", "(?:|a)+", "(", "(?:a{1000}){1000}"] {
        assert!(Backtracker::new(pattern).is_none(), "{pattern}");
    }
}

/// The groups are the same, remembered or not.
#[test]
fn a_memo_changes_no_result() {
    let mut random = fastrand::Rng::with_seed(7);
    let mut known = 0;
    for pattern in [
        r"^(?P<m>[ab]+ )(?:err: )?(?P<content>.+)(?:\n?\z)",
        r"^(?:(a+)|(a*b+))\b ?(?:(\d)+: )?(.+)(?:\n?\z)",
        r"^(\S+ )?(?:(?:x\[\d+\]|xx): )?(?:b|bc|bcd)?(.+)(?:\n?\z)",
        r"^([^ ]*) ?(.+)(?:\n?\z)",
        r"^(a)?(b{1,3}?)(.+)(?:\n?\z)",
        r"^(\d{1,3}(?:\.\d{1,3}){3})?:? ?(.+)(?:\n?\z)",
    ] {
        let backtracker = Backtracker::new(pattern).expect("a pattern that can be compiled");
        let mut memo = Memo::new(&backtracker).expect("a pattern with such an end");
        let (mut cache, mut other) = (Cache::default(), Cache::default());
        for _ in 0..5000 {
            let length = random.usize(..9);
            let parts = [
                "a", "b", " ", "cd", "err: ", "x[1]: ", "xx: ", "7", "1.2.3.4", "\n",
            ];
            let mut text: Vec<u8> = (0..length)
                .flat_map(|_| parts[random.usize(..parts.len())].bytes())
                .collect();
            text.extend(random.bool().then_some(b'\n'));
            let fresh = backtracker.match_at(&text, 0, &mut other);
            let found = memo.find(&text, &mut cache);
            known += usize::from(found);
            if found {
                assert_eq!(fresh, Some(true), "{pattern} on {text:?}");
                assert_eq!(cache.slots, other.slots, "{pattern} on {text:?}");
            } else if backtracker.match_and_note_reach(&text, &mut cache) == Some(true) {
                assert_eq!(cache.slots, other.slots, "{pattern} on {text:?}");
                memo.note(&text, &cache);
            }
        }
    }
    assert!(known > 2000, "{known}");
    for pattern in [
        "(.+)",
        "^(.+)",
        r"^(.+)(?:\n?\z)x",
        r"^(.+) (.+)$",
        r"^a(.*)(?:\n?\z)",
    ] {
        let backtracker = Backtracker::new(pattern).expect("a pattern that can be compiled");
        assert!(Memo::new(&backtracker).is_none(), "{pattern}");
    }
}

#[test]
fn a_memo_is_bounded() {
    let backtracker = Backtracker::new(r"^([a-p]* )?(.+)(?:\n?\z)").expect("a pattern");
    let letters = Backtracker::new(r"^(a|b|c|d|e|f|g|h|[^ ])* ?(.+)(?:\n?\z)").expect("a pattern");
    for (backtracker, length, full) in [(backtracker, 200, false), (letters, 9, true)] {
        let mut memo = Memo::new(&backtracker).expect("a pattern with such an end");
        let mut cache = Cache::default();
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..3000 {
            let mut text: Vec<u8> = (0..random.usize(..length))
                .map(|_| random.u8(b'a'..b'i'))
                .collect();
            text.extend(b" x\n");
            if !memo.find(&text, &mut cache)
                && backtracker.match_and_note_reach(&text, &mut cache) == Some(true)
            {
                memo.note(&text, &cache);
            }
        }
        assert_eq!(memo.is_full(), full);
        assert!(memo.size() <= 200 << 10, "{}", memo.size());
    }
}
