use super::*;

fn cut(patterns: &[&str], line: &str) -> String {
    let mut dates = Dates::new(patterns.iter().copied()).expect("good patterns");
    match dates.find(line.as_bytes()).expect("good patterns") {
        Some(stamp) => [&line[..stamp.start], &line[stamp.end..]].join("|"),
        None => "-".into(),
    }
}

#[test]
fn rows() {
    for (patterns, line, expected) in [
        (&[][..], "Mar 30 02:16:17 host x", "| host x"),
        (&[], "Mar  3 02:16:17 host x", "| host x"),
        (&[], "2026-03-30T02:16:17.123456+09:00 host x", "| host x"),
        (&[], "2026-03-30 02:16:17,123 host x", "| host x"),
        (&[], "<30>Mar 30 02:16:17 x", "<30>| x"),
        (
            &[],
            r#"192.0.2.1 - - [30/Mar/2026:02:16:17 +0000] "GET"#,
            r#"192.0.2.1 - - [|] "GET"#,
        ),
        (&[], "[Mon Mar 30 02:16:17.123 2026] [x]", "[|] [x]"),
        (&[], "1774804577 x", "| x"),
        (
            &[],
            "type=X msg=audit(1774804577.123:45): pid",
            "type=X msg=audit(|:45): pid",
        ),
        (&[], "no stamp 12", "-"),
        (&[], "x 2026-13-30 02:16:17", "-"),
        (&["{^LN-BEG}"], "Mar 30 02:16:17 host", "| host"),
        (&["{^LN-BEG}"], "[2026-03-30 02:16:17] x", "[|] x"),
        (&["{^LN-BEG}"], "x Mar 30 02:16:17 host", "-"),
        (
            &["{^LN-BEG}TAI64N", "{^LN-BEG}"],
            "@4000000065f8d2a10a0b0c0d x",
            "| x",
        ),
        (
            &["^[^[]*\\[({DATE})", "{^LN-BEG}"],
            "a - [30/Mar/2026:02:16:17 +0000] x",
            "a - [|] x",
        ),
        (
            &["^[^[]*\\[({DATE})", "{^LN-BEG}"],
            "Mar 30 02:16:17 x",
            "| x",
        ),
        (
            &["^[^\\[]*(\\[{DATE}\\s*\\])"],
            "a - [30/Mar/2026:02:16:17 +0000] x",
            "a - | x",
        ),
        (&["{NONE}"], "Mar 30 02:16:17 x", "|Mar 30 02:16:17 x"),
        (
            &["^L %d/%m/%Y - %H:%M:%S"],
            "L 30/03/2026 - 02:16:17: x",
            "|: x",
        ),
        (
            &["{^LN-BEG}%ExY(?P<_sep>[-/.])%m(?P=_sep)%d %H:%M:%S"],
            "2026/03/30 02:16:17 x",
            "| x",
        ),
        (
            &["{^LN-BEG}%ExY(?P<_sep>[-/.])%m(?P=_sep)%d %H:%M:%S"],
            "2026/03-30 02:16:17 x",
            "-",
        ),
        (
            &["EPOCH"],
            "msg=audit(1774804577.123:45): pid",
            "msg=audit(|:45): pid",
        ),
        (
            &["^<co ts=\"{DATE}\"\\s+"],
            "<co ts=\"2026-03-30T02:16:17\" x",
            "|x",
        ),
    ] {
        assert_eq!(cut(patterns, line), expected, "{patterns:?} {line}");
    }
    assert!(Dates::new(["%Q"].into_iter()).is_err());
    assert!(Dates::new(["%Y("].into_iter()).is_err());
}
