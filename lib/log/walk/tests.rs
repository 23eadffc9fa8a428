use super::*;
use regex::bytes::RegexBuilder;

/// Patterns with all that can be walked; each is compared with the automaton on many texts.
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
    let mut walk = Walk::default();
    let (mut arrived, mut searches) = (0, 0);
    for pattern in PATTERNS {
        let regex = RegexBuilder::new(pattern).unicode(false).build();
        let regex = regex.expect("a good pattern");
        let walker = Walker::new(pattern).expect("a pattern that can be walked");
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
            let search = walker.search(&text, &mut walk);
            let searched = search.map(|found| found.then(|| walk.group(0)));
            let found = walker.walk(&text, start, &mut walk);
            assert_eq!(found, Some(captures.is_some()), "{pattern} on {text:?}");
            if let Some(first) = searched {
                searches += 1;
                assert_eq!(
                    first,
                    found.and_then(|f| f.then(|| walk.group(0))),
                    "{pattern} on {text:?}"
                );
            }
            let Some(captures) = captures else { continue };
            arrived += 1;
            for group in 0..captures.len() {
                let expected = captures.get(group).map(|m| (m.start(), m.end()));
                assert_eq!(walk.group(group), expected, "{pattern}, {group}, {text:?}");
            }
        }
    }
    assert!(
        arrived > 10_000 && searches > 10_000,
        "{arrived} {searches}"
    );
}

#[test]
fn a_budget_ends_it() {
    let walker = Walker::new("^(?:ab|a|b|ba)+$").expect("a pattern");
    let text = [b"ab".repeat(100), b"c".to_vec()].concat();
    assert_eq!(walker.walk(&text, 0, &mut Walk::default()), None);
    // One budget for all places where a match could begin.
    let walker = Walker::new("a.*b").expect("a pattern");
    assert_eq!(walker.search(&[b'a'; 100_000], &mut Walk::default()), None);
}

#[test]
fn what_cannot_be_walked() {
    for pattern in ["(?:a*)*", "(?:|a)+", "(", "(?:a{1000}){1000}"] {
        assert!(Walker::new(pattern).is_none(), "{pattern}");
    }
}

/// Remembered or walked, the groups are the same.
#[test]
fn as_if_walked() {
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
        let walker = Walker::new(pattern).expect("a pattern that can be walked");
        let mut recall = Recall::new(&walker).expect("a pattern with such an end");
        let (mut walk, mut other) = (Walk::default(), Walk::default());
        for _ in 0..5000 {
            let length = random.usize(..9);
            let parts = [
                "a", "b", " ", "cd", "err: ", "x[1]: ", "xx: ", "7", "1.2.3.4", "\n",
            ];
            let mut text: Vec<u8> = (0..length)
                .flat_map(|_| parts[random.usize(..parts.len())].bytes())
                .collect();
            text.extend(random.bool().then_some(b'\n'));
            let walked = walker.walk(&text, 0, &mut other);
            let found = recall.find(&text, &mut walk);
            known += usize::from(found);
            if found {
                assert_eq!(walked, Some(true), "{pattern} on {text:?}");
                assert_eq!(walk.slots, other.slots, "{pattern} on {text:?}");
            } else if walker.walk_and_look(&text, &mut walk) == Some(true) {
                assert_eq!(walk.slots, other.slots, "{pattern} on {text:?}");
                recall.note(&text, &walk);
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
        let walker = Walker::new(pattern).expect("a pattern that can be walked");
        assert!(Recall::new(&walker).is_none(), "{pattern}");
    }
}

#[test]
fn what_is_remembered_is_bounded() {
    let walker = Walker::new(r"^([a-p]* )?(.+)(?:\n?\z)").expect("a pattern");
    let letters = Walker::new(r"^(a|b|c|d|e|f|g|h|[^ ])* ?(.+)(?:\n?\z)").expect("a pattern");
    for (walker, length, full) in [(walker, 200, false), (letters, 9, true)] {
        let mut recall = Recall::new(&walker).expect("a pattern with such an end");
        let mut walk = Walk::default();
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..3000 {
            let mut text: Vec<u8> = (0..random.usize(..length))
                .map(|_| random.u8(b'a'..b'i'))
                .collect();
            text.extend(b" x\n");
            if !recall.find(&text, &mut walk)
                && walker.walk_and_look(&text, &mut walk) == Some(true)
            {
                recall.note(&text, &walk);
            }
        }
        assert_eq!(recall.is_full(), full);
        assert!(recall.size() <= 200 << 10, "{}", recall.size());
    }
}
