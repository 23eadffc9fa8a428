use super::*;
use crate::address::Address;

fn join(networks: &[Address]) -> String {
    let all: Vec<_> = networks.iter().map(Address::to_string).collect();
    all.join(" ")
}

/// The networks to ban and to protect, and the doubt.
fn read_line(line: &str) -> [String; 3] {
    match parse(line.as_bytes()) {
        Ok(Line::Blank) => Default::default(),
        Ok(Line::Record(record)) => {
            let address = record.address.to_string();
            [address.clone(), address, String::new()]
        }
        Ok(Line::Form(form)) => [
            join(&form.banned),
            form.protected.map_or("-".into(), |nets| join(&nets)),
            form.doubt.unwrap_or_default(),
        ],
        Err(text) => [
            String::new(),
            "-".into(),
            String::from_utf8_lossy(text).into(),
        ],
    }
}

/// Lines that mean the same to ban and to protect.
#[test]
fn published_forms() {
    for (line, networks) in [
        ("203.0.113.7", "203.0.113.7"),
        ("203.0.113.0/24 ; SBL1", "203.0.113.0/24"),
        (
            "203.0.113.0\t203.0.113.255\t24\t9\tNAME=X\tJP\ta@example.org",
            "203.0.113.0/24",
        ),
        ("Start\tEnd\tNetmask\tAttacks\tName\tCountry\temail", ""),
        ("203.0.113.0 - 203.0.114.0", "203.0.113.0/24 203.0.114.0"),
        (
            "203.0.113.0 - 203.0.113.255 , 100 , a name",
            "203.0.113.0/24",
        ),
        ("203.0.113.0 - 203.0.113.255 # ours", "203.0.113.0/24"),
        ("203.0.113.0-203.0.113.255", "203.0.113.0/24"),
        ("203.0.113.0-203.0.113.255,JP", "203.0.113.0/24"),
        ("\"203.0.113.0-203.0.113.255\",JP", "203.0.113.0/24"),
        ("2001:db8::-2001:db8::ffff", "2001:db8::/112"),
        ("203.0.113.0 255.255.255.0", "203.0.113.0/24"),
        ("203.0.113.7 255.255.255.255", "203.0.113.7"),
        ("203.0.113.0\t255.255.255.0 ; ours", "203.0.113.0/24"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:db8::1] # ours", "2001:db8::1"),
        ("\u{feff}203.0.113.7", "203.0.113.7"),
        ("\u{feff}# a comment", ""),
        (
            r#"{"cidr":"203.0.113.0/24","sblid":"SBL1","rir":"apnic"}"#,
            "203.0.113.0/24",
        ),
        (
            r#"{"type":"metadata","timestamp":1,"size":2,"records":3}"#,
            "",
        ),
        ("ExitAddress 203.0.113.7 2026-03-30 02:16:17", "203.0.113.7"),
        ("ExitNode 0011BD2485AD45D984EC4159C88FC066E5E3300E", ""),
        ("Published 2026-03-30 02:16:17", ""),
        ("LastStatus 2026-03-30 03:00:00", ""),
        ("203.0.113.7,JP,8", "203.0.113.7"),
        ("\"203.0.113.7\",\"JP\",\"8\"", "203.0.113.7"),
        ("203.0.113.7#ours", "203.0.113.7"),
        ("203.0.113.0/24#ours", "203.0.113.0/24"),
        ("203.0.113.7 # and 198.51.100.1", "203.0.113.7"),
        ("203.0.113.7\r", "203.0.113.7"),
    ] {
        let expected = [networks.into(), networks.into(), String::new()];
        assert_eq!(read_line(line), expected, "{line}");
    }
}

/// Lines that are reported where they ban.
#[test]
fn doubts() {
    for (line, banned, protected, doubt) in [
        (
            "14.160.0.0 /11",
            "14.160.0.0",
            "14.160.0.0/11",
            "14.160.0.0/11?",
        ),
        (
            "14.160.0.0\t/11 # ours",
            "14.160.0.0",
            "14.160.0.0/11",
            "14.160.0.0/11?",
        ),
        ("203.0.113.7 /16 200", "203.0.113.7", "-", "203.0.113.7/16?"),
        (
            "203.0.113.7 255.255.255.0",
            "203.0.113.7",
            "-",
            "203.0.113.7/24?",
        ),
        (
            "203.0.113.0 255.255.255.0 x",
            "203.0.113.0",
            "-",
            "203.0.113.0/24?",
        ),
        (
            "203.0.113.7 - 203.0.113.9 x",
            "203.0.113.7",
            "-",
            "203.0.113.7-203.0.113.9?",
        ),
        (
            "203.0.113.9 - 203.0.113.7",
            "203.0.113.9",
            "-",
            "203.0.113.9-203.0.113.7?",
        ),
        (
            "203.0.113.7 -203.0.113.9",
            "203.0.113.7",
            "-",
            "203.0.113.7-203.0.113.9?",
        ),
        (
            "203.0.113.9 - 2001:db8::",
            "203.0.113.9",
            "-",
            "203.0.113.9-2001:db8::?",
        ),
        (
            "203.0.113.7, 198.51.100.1",
            "203.0.113.7",
            "203.0.113.7 198.51.100.1",
            "203.0.113.7 and 198.51.100.1?",
        ),
        (
            "203.0.113.0\t203.0.113.255\t25\t9",
            "203.0.113.0",
            "203.0.113.0 203.0.113.255",
            "203.0.113.0 and 203.0.113.255?",
        ),
        (
            "203.0.113.0 netmask 255.255.255.0",
            "203.0.113.0",
            "-",
            "203.0.113.0 and 255.255.255.0?",
        ),
        (
            "203.0.113.0,0.0.0.255",
            "203.0.113.0",
            "-",
            "203.0.113.0 and 0.0.0.255?",
        ),
        (
            "203.0.113.7 198.51.100.0/24 192.0.2.1",
            "203.0.113.7",
            "203.0.113.7 198.51.100.0/24 192.0.2.1",
            "203.0.113.7 and 198.51.100.0/24?",
        ),
        (
            "\"203.0.113.7\",\"198.51.100.1\"",
            "203.0.113.7",
            "203.0.113.7 198.51.100.1",
            "203.0.113.7 and 198.51.100.1?",
        ),
    ] {
        assert_eq!(
            read_line(line),
            [banned, protected, doubt].map(String::from),
            "{line}"
        );
    }
}

/// Lines in which a client wrote the words behind its address.
#[test]
fn logs_stay_one_address() {
    for line in [
        "203.0.113.7 - - [29/Nov/2026:10:00:00 +0000] \"GET /16 HTTP/1.1\" 200 12",
        "203.0.113.7 - admin [29/Nov/2026:10:00:00 +0000] \"GET / HTTP/1.1\" 200 12",
        "203.0.113.7 /index.html",
        "203.0.113.7 /33",
        "203.0.113.7 /016",
        "203.0.113.7 - 203.0.113",
        "203.0.113.7 seen\tcount=3\tuser=203.0.113.9",
        "203.0.113.7\tuser=- 203.0.113.9",
        "203.0.113.7 24",
    ] {
        let expected = ["203.0.113.7", "203.0.113.7", ""].map(String::from);
        assert_eq!(read_line(line), expected, "{line}");
    }
}

#[test]
fn no_lists() {
    for line in [
        "foo",
        "203.0.113.0-203.0.113.255 x",
        "203.0.113.255-203.0.113.0",
        "203.0.113.0-15",
        "203.0.113.0- 203.0.113.255",
        "203.0.113.0/24-203.0.114.0/24",
        "203.0.113.7:22",
        "[203.0.113.7]",
        "[2001:db8::1]:22",
        "[2001:db8::/32]",
        "[2001:db8::1",
        "\"203.0.113.7\"x",
        "{\"cidr\":\"foo\"}",
        "{\"net\":\"203.0.113.7\"}",
        "ExitAddress",
        "- 203.0.113.7",
    ] {
        assert!(parse(line.as_bytes()).is_err(), "{line}");
    }
}

/// Whatever stands behind the first address: to ban, a line means that address alone, or a form
/// that the whole line has. A remote party that writes the words behind it can't have others
/// banned, but for those that a whole line names.
#[test]
fn random_words_name_nobody_else() {
    const WORDS: [&str; 16] = [
        "-",
        "/11",
        "255.255.255.0",
        "198.51.100.9",
        "203.0.113.255",
        "24",
        ",",
        "\t",
        "#",
        ";",
        "[",
        "\"",
        "GET",
        "2001:db8::1",
        "/",
        "=",
    ];
    let mut random = fastrand::Rng::with_seed(9);
    let first = Address::parse(b"203.0.113.7").unwrap();
    let (mut forms, mut doubts) = (0, 0);
    for _ in 0..200_000 {
        let mut line = "203.0.113.7".to_string();
        for i in 0..random.usize(1..6) {
            line += [" ", "\t", ",", ""][random.usize(..if i == 0 { 3 } else { 4 })];
            line += WORDS[random.usize(..WORDS.len())];
        }
        let Ok(meaning) = parse(line.as_bytes()) else {
            continue;
        };
        match meaning {
            Line::Blank => panic!("{line}"),
            Line::Record(record) => assert_eq!(record.address, first, "{line}"),
            Line::Form(form) => match form.doubt {
                Some(_) => {
                    assert_eq!(form.banned, [first], "{line}");
                    doubts += 1;
                }
                None => {
                    // Only `a - b`, alone in its line, is a form of these words.
                    let words: Vec<_> = line.split_whitespace().collect();
                    let after = words[2].split([',', '#', ';']).next().unwrap();
                    let end: std::net::IpAddr = after.parse().unwrap();
                    assert_eq!((words[0], words[1]), ("203.0.113.7", "-"), "{line}");
                    assert_eq!(form.banned.last().unwrap().last(), end, "{line}");
                    assert_eq!(form.protected, Some(form.banned), "{line}");
                    forms += 1;
                }
            },
        }
        // A list that protects is never read as less than its first address.
        if let Ok(Line::Form(Form {
            protected: Some(all),
            ..
        })) = parse(line.as_bytes())
        {
            assert!(all.iter().any(|net| net.contains(&first)), "{line}");
        }
    }
    assert!(forms > 100 && doubts > 1_000, "{forms} {doubts}");
}

#[test]
fn operands() {
    for (text, expected) in [
        ("203.0.113.7", "203.0.113.7"),
        ("203.0.113.0-203.0.113.3", "203.0.113.0/30"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("203.0.113.7 ", "-"),
        ("203.0.113.7#x", "-"),
        ("203.0.113.7,198.51.100.1", "-"),
        ("foo", "-"),
        ("", "-"),
    ] {
        let read = networks(text.as_bytes());
        assert_eq!(read.map_or("-".into(), |n| join(&n)), expected, "{text}");
    }
}

/// A list that protects, in a file.
fn read_text(text: &[u8]) -> Result<Protected, String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    read(file.path().to_str().unwrap()).map_err(|fault| match fault {
        crate::complain::Fault::Error { what, .. } => what,
        other => format!("{other:?}"),
    })
}

#[test]
fn a_list_that_protects_is_understood_whole() {
    let list = read_text(b"# ours\n203.0.113.7, 198.51.100.1\noffice.example.org # us\n").unwrap();
    let all: Vec<_> = list.networks.iter().collect();
    assert_eq!(join(&all), "203.0.113.7 198.51.100.1");
    assert!(list.names.iter().eq(["office.example.org"]));
    for (text, what) in [
        (
            &b"203.0.113.7\n203.0.113.256\n"[..],
            "not an address: \"203.0.113.256\"",
        ),
        (
            b"203.0.113.7 /16 office\n",
            "can't be understood: 203.0.113.7/16?",
        ),
        (b"a b\n", "not an address: \"a\""),
        (b"-x.example.org\n", "not an address: \"-x.example.org\""),
        (
            b"\x1f\x8b\x08\0\0",
            "can't be unpacked: unexpected end of file",
        ),
    ] {
        assert_eq!(read_text(text), Err(what.into()));
    }
    let long = [
        b"203.0.113.7\n# ",
        &vec![b'x'; 1 << 20][..],
        b"\n203.0.113.8\n",
    ]
    .concat();
    assert_eq!(
        read_text(&long),
        Err("a line longer than 1 MiB was cut there".into())
    );
    for missing in ["/nonexistent/list", "203.0.113.256", "/"] {
        assert!(read(missing).is_err(), "{missing}");
    }
    let names = read("office.example.org").unwrap().names;
    assert!(names.iter().eq(["office.example.org"]));
}
