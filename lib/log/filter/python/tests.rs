use super::*;

/// Pattern, text, what Python's `re.search` finds in it.
const ROWS: [(&str, &str, Option<&str>); 47] = [
    (r"^a.c$", "abc\n", Some("abc")),
    (r"a$", "a\n", Some("a")),
    (r"a$", "a\n\n", None),
    (r"a\s+$", "a\n", Some("a\n")),
    (r"a\Z", "a\n", None),
    (r"a(?:\s|$)", "a", Some("a")),
    (r"[^[]*\[x", "ab[x", Some("ab[x")),
    (r"[][]+", "a[]b", Some("[]")),
    (r"[^]]+", "a]b", Some("a")),
    (r"[a&&b]+", "a&b", Some("a&b")),
    (r"[a-]+", "a-b", Some("a-")),
    (r"[\w.^-]+", "a.^-b ", Some("a.^-b")),
    (r"[\S ]+", "a b\t", Some("a b")),
    (r"\<a\>", "<a>", Some("<a>")),
    (r"a{,2}b", "aaab", Some("aab")),
    (r"a{2}", "aaa", Some("aa")),
    (r"a{1,}", "aaa", Some("aaa")),
    (r"a{x", "a{x", Some("a{x")),
    (r"{a}", "{a}", Some("{a}")),
    (r"a{,}", "aaa", Some("aaa")),
    (r"\d+\-\w+", "12-ab", Some("12-ab")),
    (r"\x41\t\011", "A\t\t", Some("A\t\t")),
    (r"(?i)Ab", "aB", Some("aB")),
    (r"(?i:A)b", "ab", Some("ab")),
    (r"(?i:A)b", "aB", None),
    (r"a(?#comment)b", "ab", Some("ab")),
    (r"é+", "éé", Some("éé")),
    (r"\w+", "été x", Some("été")),
    (r"[^ ]+", "été x", Some("été")),
    (r"a(?!b)", "abac", Some("a")),
    (r"(?<!a)b", "abcb", Some("b")),
    (r"(?P<q>['\x22]).*(?P=q)", "x'a\"b'c\"", Some("'a\"b'")),
    (r"(a)?b(?(1)c|d)", "bd", Some("bd")),
    (r"(?P<u>a)?b(?(u)c|d)", "abd", Some("bd")),
    (r"(?P<u>a)?b(?(u)c)", "abc", Some("abc")),
    (r"^(?:(?P<u>\w+)|x y) z(?(u): |$)", "ab z: ", Some("ab z: ")),
    (r"^(?:(?P<u>\w+)|x y) z(?(u): |$)", "ab z", None),
    (r"(?P<u>a)(?:b(?(u)c|d))?", "a", Some("a")),
    (r"(?P<u>a)(?:b(?(u)c|d)|e)", "ae", Some("ae")),
    (r"(a|b)\1", "abb", Some("bb")),
    (r"a++b", "aab", Some("aab")),
    (r"(?:(?!from).)*x", "fromx", Some("romx")),
    (r"^(?:(?!ab).)*?ab(.)", "xaabc", Some("xaabc")),
    (r"(?:(?!ab).)+", "aab", Some("a")),
    (r"(?:(?!ab).)*b", "aab", Some("b")),
    (r"#&~ \/", "#&~ /", Some("#&~ /")),
    (r"a\b", "a b", Some("a")),
];

fn find(pattern: &str, text: &str, engine: Engine) -> Option<String> {
    let translated = translate(pattern, false, engine).expect("a good pattern");
    let found = match engine {
        Engine::Linear => regex::bytes::RegexBuilder::new(&translated.text)
            .unicode(false)
            .build()
            .unwrap_or_else(|e| panic!("{pattern}: {e}"))
            .find(text.as_bytes())
            .map(|m| m.as_bytes().to_vec()),
        Engine::Fancy => fancy_regex::RegexBuilder::new(&translated.text)
            .bytes_mode(fancy_regex::BytesMode::Ascii)
            .build()
            .unwrap_or_else(|e| panic!("{pattern}: {e}"))
            .find(text.as_bytes())
            .expect("within bounds")
            .map(|m| m.as_bytes().to_vec()),
        Engine::Backtracker => {
            let backtracker = crate::backtracker::Backtracker::new(&translated.text)?;
            let mut walk = crate::backtracker::Cache::default();
            (0..=text.len())
                .find(|start| {
                    backtracker.match_at(text.as_bytes(), *start, &mut walk) == Some(true)
                })
                .and_then(|_| walk.group(0))
                .map(|(start, end)| text.as_bytes()[start..end].to_vec())
        }
    };
    found.map(|f| String::from_utf8_lossy(&f).into_owned())
}

#[test]
fn what_python_finds() {
    for (pattern, text, expected) in ROWS {
        let found = find(pattern, text, Engine::Fancy);
        assert_eq!(found.as_deref(), expected, "{pattern} on {text:?}");
        let plain = |found: &str| found.strip_suffix('\n').unwrap_or(found).to_string();
        if let Ok(translated) = translate(pattern, false, Engine::Backtracker)
            && !translated.loose
        {
            let found = find(pattern, text, Engine::Backtracker);
            let (found, expected) = (found.as_deref().map(plain), expected.map(plain));
            assert_eq!(
                found, expected,
                "{pattern} on {text:?}: {}",
                translated.text
            );
        }
        let linear = translate(pattern, false, Engine::Linear).expect("a good pattern");
        let found = find(pattern, text, Engine::Linear);
        if linear.loose {
            assert!(
                expected.is_none() || found.is_some(),
                "{pattern}: {}",
                linear.text
            );
        } else {
            // The newline before the end is taken in, and means nothing.
            let found = found.as_deref().map(|f| f.strip_suffix('\n').unwrap_or(f));
            let expected = expected.map(|e| e.strip_suffix('\n').unwrap_or(e));
            assert_eq!(found, expected, "{pattern} on {text:?}: {}", linear.text);
        }
    }
}

#[test]
fn lines() {
    let translated = translate("^b$", true, Engine::Linear).expect("a good pattern");
    assert_eq!(translated.text, "(?m:^)b(?m:$)");
    assert!(!translated.loose);
}

#[test]
fn what_is_no_pattern() {
    for pattern in [
        "(a",
        "a)",
        "[a",
        "[b-a]",
        r"\q",
        "*a",
        "a**",
        "(?P<a-b>x)",
        "(?P<a",
        "(?y)",
        "\\",
    ] {
        assert!(
            translate(pattern, false, Engine::Linear).is_err(),
            "{pattern}"
        );
    }
}
