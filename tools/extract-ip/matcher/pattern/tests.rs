use super::*;

#[test]
fn the_address_that_the_pattern_names() {
    let four = "1.1.1.1 2.2.2.2 3.3.3.3 4.4.4.4";
    let many = "from 9.9.9.9 ".repeat(20) + "rhost=8.8.8.8";
    let name = format!("user={}x ip=", "9.9.9.9@".repeat(20));
    let hidden = [&name, "8.8.8.8", " ok ", &name].concat();
    let hidden6 = [&name, "[2001:db8::8%eth0]"].concat();
    let hidden24 = [&name, "192.0.2.0/24"].concat();
    for (pattern, line, expected) in [
        (
            "rhost=<IP>",
            "ruser=x 192.0.2.1 rhost=203.0.113.9",
            "203.0.113.9",
        ),
        ("rhost=<HOST>", "rhost=::ffff:203.0.113.9", "203.0.113.9"),
        ("<ADDR>", four, "1.1.1.1"),
        (".*<IP>", four, "4.4.4.4"),
        (".*?<IP>", four, "1.1.1.1"),
        ("^.{8}<IP>", four, "2.2.2.2"),
        ("^[^3]*<IP>", four, "3.3.3.3"),
        (r"^(.*) <IP> [0-9.]+$", four, "3.3.3.3"),
        (r"\b<IP>\b$", four, "4.4.4.4"),
        (
            r"(?:a|b <IP>|c <IP>)",
            "c 192.0.2.1 b 192.0.2.2",
            "192.0.2.1",
        ),
        (r"^x(?: <IP>)?", "x 192.0.2.1", "192.0.2.1"),
        (r"^x(?: <IP>)?", "x: 192.0.2.1", "-"),
        ("from <IP>$", "from 1.2.3.4.5", "-"),
        (".*<IP>", "from 192.0.2.1.5", "-"),
        ("from <IP>", "from 192.0.2.1x", "-"),
        ("from <IP>", "from [192.0.2.1]", "-"),
        ("from <IP>", "from 192.0.2.0/24", "192.0.2.0/24"),
        ("from <IP>", "from fe80::1%eth0", "fe80::1"),
        ("<IP>.*<IP>", four, "-"),
        ("rhost=<IP>", &many, "8.8.8.8"),
        ("^(?i:FROM) <IP>", &many, "9.9.9.9"),
        (r"user=[\w.@]+ ip=<IP>", &hidden, "8.8.8.8"),
        (
            r"^user=[\w.@]+ ip=\[<HOST>%eth0\]$",
            &hidden6,
            "2001:db8::8",
        ),
        (r"^user=[\w.@]+ ip=<IP>$", &hidden24, "192.0.2.0/24"),
        (r"^user=[\w.@]+ ip=[\w.]+ ok <IP>", &hidden, "-"),
    ] {
        let mut compiled = Pattern::new(pattern).expect("a row of this test");
        let verdict = compiled.judge(line.as_bytes());
        let named = verdict.map_or("-".into(), |v| {
            v.found.map_or("?".into(), |f| f.address.to_string())
        });
        assert_eq!(named, expected, "{pattern} on {line}");
    }
}

#[test]
fn a_mark_in_the_log_is_none() {
    let mut pattern = Pattern::new("from <IP>").expect("a pattern");
    assert!(pattern.judge(b"from 0\xff0 x 192.0.2.1").is_none());
    let found = pattern
        .judge(b"0\xff0 from 192.0.2.1")
        .and_then(|v| v.found);
    assert_eq!(found.map(|f| f.range), Some(9..18));
}

#[test]
fn bytes_and_letters() {
    for (pattern, line, expected) in [
        ("^user .* end$", &b"user \xff\xc3 end"[..], true),
        ("für", "für".as_bytes(), true),
        ("[äö]x", "öx".as_bytes(), true),
        (r"\d", "٣".as_bytes(), false),
    ] {
        let mut compiled = Pattern::new(pattern).expect("a row of this test");
        assert_eq!(compiled.judge(line).is_some(), expected, "{pattern}");
    }
}

#[test]
fn faults_have_a_place() {
    for (pattern, expected) in [
        ("(", "(: unclosed group, at column 1"),
        (
            "from <IP> [a",
            "from <IP> [a: unclosed character class, at column 11",
        ),
        ("für (", "für (: unclosed group, at column 5"),
    ] {
        let wrong = Pattern::new(pattern).map(|_| ()).expect_err(pattern);
        assert_eq!(wrong.to_string(), expected);
    }
}

#[test]
fn tags_that_are_text() {
    for (pattern, expected) in [
        ("from <ip> port", Some("<ip>")),
        ("from <Host>", Some("<Host>")),
        ("<F-USER> from <CIDR>", Some("<CIDR>")),
        ("from <IP> <info>", None),
        ("(?P<ip>x) (?<host>y) <ADDR>", None),
        ("a < b", None),
    ] {
        assert_eq!(super::mistaken_tag(pattern), expected, "{pattern}");
    }
}

#[test]
fn literals() {
    for (pattern, expected) in [
        (
            "dovecot-auth.*authentication failure",
            "authentication failure",
        ),
        ("(?:abc)+<IP> (de|f)", "abc"),
        ("a|b", "-"),
        ("(?i)abc", "-"),
        ("x*", "-"),
    ] {
        let compiled = Pattern::new(pattern).expect("a row of this test");
        let literal = compiled
            .literal
            .map_or("-".into(), |l| String::from_utf8_lossy(&l).into_owned());
        assert_eq!(literal, expected, "{pattern}");
    }
}
