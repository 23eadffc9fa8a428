use super::argument::options;
use super::*;

#[test]
fn arguments() {
    for (argument, expected) in [
        ("sshd.conf", "sshd.conf"),
        ("sshd[mode=aggressive]", "sshd mode=aggressive"),
        (
            r#"a/b.conf[x="1, 2",y='z'][w=3]"#,
            "a/b.conf x=1, 2 y=z w=3",
        ),
        ("sshd[]", "sshd"),
        ("sshd[mode", "an option list without its ]"),
        ("sshd[mode]", "not an option such as mode=normal: \"mode\""),
        ("sshd[a='x]", "a quote without its end"),
        ("sshd[a='x'y]", "text after an option: \"y\""),
    ] {
        let read = match options(argument) {
            Ok((file, options)) => {
                let options = options.iter().map(|(k, v)| format!(" {k}={v}"));
                file + &options.collect::<String>()
            }
            Err(e) => e,
        };
        assert_eq!(read, expected, "{argument}");
    }
}

/// A filter of its own making, one verdict a line.
fn verdicts(text: &str, lines: &[&str]) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a directory");
    let file = folder.path().join("own.conf");
    std::fs::write(&file, text).expect("a file");
    let mut filter = Filter::load(&file.display().to_string()).expect("a good filter");
    let say = |line: &&str| match filter.check(line.as_bytes()).expect("a good filter") {
        Verdict::Nothing => "-".into(),
        Verdict::Address { address, pattern } => format!("{address} {pattern}"),
        Verdict::Name { text, .. } => format!("name {}", String::from_utf8_lossy(&text)),
        Verdict::TooManySteps { pattern } => format!("steps {pattern}"),
    };
    lines.iter().map(say).collect()
}

#[test]
fn one_line() {
    let filter = r"
[Definition]
prefregex = ^\s*\S+ \w+\[\d+\]: <F-CONTENT>.+</F-CONTENT>$
failregex = ^login of \S* failed from <HOST>$
        ^refused <SUBNET>$
        ^(?:(?!good).)*bad <ADDR>$
        ^(a+)+x<ADDR>
ignoreregex = of root
";
    let lines = [
        "Mar 30 02:16:17 host d[1]: login of x failed from 192.0.2.1",
        "Mar 30 02:16:17 host d[1]: login of x failed from [2001:db8::1]",
        "Mar 30 02:16:17 host d[1]: login of x failed from ::ffff:192.0.2.1",
        "Mar 30 02:16:17 host d[1]: login of x failed from a.example.net",
        "Mar 30 02:16:17 host d[1]: login of x failed from 192.0.2.999",
        "Mar 30 02:16:17 host d[1]: login of root failed from 192.0.2.1",
        "Mar 30 02:16:17 host d[1]: refused 192.0.2.77/24",
        "2026-03-30T02:16:17Z host d[1]: a bad 192.0.2.1",
        "2026-03-30T02:16:17Z host d[1]: a good bad 192.0.2.1",
        "login of x failed from 192.0.2.1",
    ];
    let expected = [
        "192.0.2.1 1",
        "2001:db8::1 1",
        "192.0.2.1 1",
        "name a.example.net",
        "name 192.0.2.999",
        "-",
        "192.0.2.0/24 2",
        "192.0.2.1 3",
        "-",
        "-",
    ];
    assert_eq!(verdicts(filter, &lines), expected);
}

#[test]
fn several_lines() {
    let filter = r"
[Definition]
failregex = ^begin (\d+) <HOST>$<SKIPLINES>^end \1 bad$
maxlines = 4
";
    let lines = [
        "Mar 30 02:16:17 begin 1 192.0.2.1",
        "Mar 30 02:16:17 begin 2 192.0.2.2",
        "Mar 30 02:16:17 end 1 bad",
        "Mar 30 02:16:17 end 2 bad",
        "Mar 30 02:16:17 end 2 bad",
    ];
    // fail2ban's dates stand at a line's beginning, with their blank left in place.
    let filter = filter
        .replace("^begin", r"^\s*begin")
        .replace("^end", r"^\s*end");
    assert_eq!(
        verdicts(&filter, &lines),
        ["-", "-", "192.0.2.1 1", "192.0.2.2 1", "-"]
    );
}

#[test]
fn too_many_steps_are_not_taken() {
    let filter = "[Definition]\nfailregex = ^\\s*(?=a)(?:a|aa)+(?<!b)c<HOST>\n";
    let line = format!("Mar 30 02:16:17 {}d192.0.2.1 c192.0.2.1", "a".repeat(200));
    let verdict = verdicts(filter, &[&line]);
    assert!(verdict == ["steps 1"] || verdict == ["-"], "{verdict:?}");
}

#[test]
fn what_is_no_filter() {
    let folder = tempfile::tempdir().expect("a directory");
    let file = folder.path().join("own.conf");
    for text in [
        "[Definition]\n",
        "[Definition]\nfailregex = no address\n",
        "[Definition]\nfailregex = (<HOST>\n",
        "[Definition]\nfailregex = <HOST>\nmaxlines = many\n",
        "[Definition]\nfailregex = <HOST>\ndatepattern = %%Q\n",
    ] {
        std::fs::write(&file, text).expect("a file");
        assert!(Filter::load(&file.display().to_string()).is_err(), "{text}");
    }
}

/// As Python's `re` matches; fancy-regex forgets on the way back that a group took part.
#[test]
fn conditions_after_a_way_back() {
    let filter = r"
[Definition]
failregex = ^<IP4> (?:(?P<u>x)|x) z(?(u): |$)
            \b<IP4> (?:(?P<w>y)|y) z(?(w): |$)
            (?<!no )at <IP4>(?! again)$
datepattern = {NONE}
";
    let lines = [
        "192.0.2.1 x z",
        "192.0.2.1 x z: ",
        "192.0.2.1 x z:",
        "a 192.0.2.1 y z",
        "a 192.0.2.1 y z: ",
        "a 192.0.2.1 y z:",
        "no at 192.0.2.1, at 192.0.2.2",
        "no at 192.0.2.1",
    ];
    let expected = [
        "192.0.2.1 1",
        "192.0.2.1 1",
        "-",
        "192.0.2.1 2",
        "192.0.2.1 2",
        "-",
        "192.0.2.2 3",
        "-",
    ];
    assert_eq!(verdicts(filter, &lines), expected);
}
