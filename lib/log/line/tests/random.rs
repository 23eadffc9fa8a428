//! Random carriers, heads and words; random bytes.

use bstr::ByteSlice;

use super::heads::{line, rows};
use super::*;

/// Words that do not begin with a stamp or a blank.
fn words(random: &mut fastrand::Rng) -> String {
    let alphabet: Vec<char> = "abcXYZ 0123456789:[]()<>{}\"'\\/.,;=|-_%äß月\t"
        .chars()
        .collect();
    let length = random.usize(..60);
    let rest = (0..length).map(|_| alphabet[random.usize(..alphabet.len())]);
    std::iter::once('w').chain(rest).chain(['x']).collect()
}

fn in_json(text: &str) -> String {
    let text = text.replace('\\', r"\\").replace('"', "\\\"");
    text.replace('\t', "\\t").replace('ß', "\\u00df")
}

/// A line in one of the carriers; `name` tells which for a message.
fn carried(number: usize, text: &str) -> (&'static str, String) {
    match number {
        0 => ("none", text.into()),
        1 => ("TAB", format!("/var/log/auth.log\t{text}")),
        2 => ("colon", format!("auth.log:{text}")),
        3 => ("numbered", format!("./auth.log:17:{text}")),
        4 => (
            "CRI",
            format!("2026-03-30T02:16:17.5+00:00 stderr F {text}"),
        ),
        5 => (
            "docker",
            format!(
                r#"{{"log":"{}\n","attrs":{{"a":"}}"}},"time":"2026-03-30T02:16:17.5Z"}}"#,
                in_json(text)
            ),
        ),
        6 => ("compose", format!("app-1     | {text}")),
        7 => (
            "compose in colours",
            format!("\x1b[36mapp-1  |\x1b[0m {text}"),
        ),
        8 => ("BOM", format!("\u{feff}{text}")),
        9 => ("NULs", format!("\0\0\0{text}")),
        10 => ("file and compose", format!("x.log\tapp_1 | {text}")),
        _ => (
            "file and docker",
            format!(
                r#"/x.log:{{"log":"{}\r\n","stream":"stdout","time":"2026-03-30T02:16:17.5Z"}}"#,
                in_json(text)
            ),
        ),
    }
}

/// Whatever a line is carried in, its parts are those of the plain line.
#[test]
fn carriers() {
    let mut random = fastrand::Rng::with_seed(2);
    let heads: Vec<_> = rows().filter(|(_, head)| head.contains("{p}")).collect();
    for round in 0..20_000 {
        let (name, head) = heads[random.usize(..heads.len())];
        // A head that has a carrier already, or begins with a blank.
        let outer = [
            "kubectl",
            "CRI",
            "docker",
            "grep",
            "RFC 5424 with an octet",
            "journalctl, month in J",
            "journalctl, month in K",
        ];
        if outer.iter().any(|outer| name.starts_with(outer)) {
            continue;
        }
        let words = words(&mut random);
        let program = ["sshd", "postfix/smtpd", "kernel", "a.b-c_d", "CRON"][random.usize(..5)];
        let pid = ["-", "1", "4242"][random.usize(..3)];
        let plain = line(head, program, pid, &words);
        let (carrier, text) = carried(round % 12, &plain);
        let mut reader = reader();
        let read = reader.read(text.as_bytes());
        let told = format!("{carrier}, {name}: {text}");
        assert_eq!(shown(read.program), program, "{told}");
        assert_eq!(
            shown(read.pid),
            if head.contains("{n}") || head.contains("{b}") {
                pid
            } else {
                "-"
            },
            "{told}"
        );
        assert_eq!(read.words().as_bstr(), words.as_bytes().as_bstr(), "{told}");
        assert_eq!(
            read.file.is_some(),
            [1, 2, 3, 10, 11].contains(&(round % 12)),
            "{told}"
        );
        if let Some(place) = read.place {
            let range = read.words_range();
            let verbatim = &text.as_bytes()[place..][range];
            assert_eq!(verbatim, words.as_bytes(), "{told}");
        } else {
            assert!(carrier.contains("docker"), "{told}");
        }
        let when = read.time;
        let mut second = super::reader();
        assert_eq!(second.time(text.as_bytes()), when, "{told}");
    }
}

/// Random bytes, and lines of the table with random changes: never a panic, parts that lie inside
/// the line, and the same time by both ways to it.
#[test]
fn any_bytes() {
    let mut random = fastrand::Rng::with_seed(3);
    let alphabet = b"0123456789:./-+,[]<>{}()\"' \t\\=|TZMarlogmsg\x00\x1b\xef\xbb\xbf\xff\n\r";
    let heads: Vec<_> = rows().collect();
    let (mut all, mut times) = (reader(), reader());
    for round in 0..100_000 {
        let mut bytes: Vec<u8> = match round % 3 {
            0 => (0..random.usize(..200))
                .map(|_| alphabet[random.usize(..alphabet.len())])
                .collect(),
            _ => {
                let head = heads[random.usize(..heads.len())].1;
                carried(
                    random.usize(..12),
                    &line(head, "sshd", "1", &words(&mut random)),
                )
                .1
                .into()
            }
        };
        for _ in 0..random.usize(..6) {
            let at = random.usize(..=bytes.len());
            let byte = alphabet[random.usize(..alphabet.len())];
            match random.usize(..4) {
                0 => bytes.insert(at, byte),
                1 => bytes.truncate(at),
                _ if at == bytes.len() => bytes.push(byte),
                2 => bytes[at] = byte,
                _ => _ = bytes.remove(at),
            }
        }
        if round % 50 == 0 {
            all.begin_file();
            times.begin_file();
        }
        let read = all.read(&bytes);
        assert!(read.rest_range().start <= read.words_range().start);
        let (text, words) = (read.text.to_vec(), read.words_range());
        assert!(words.end == text.len() && words.start <= words.end);
        if let Some(place) = read.place {
            assert_eq!(
                &bytes[place..place + text.len()],
                text,
                "{}",
                bytes.as_bstr()
            );
        }
        let time = read.time;
        assert_eq!(
            times.time(&bytes),
            time,
            "{:?} {:?}",
            bytes.as_bstr(),
            text.as_bstr()
        );
    }
}

/// The longest lines of the worst kinds are read, each byte a few times at most.
#[test]
fn long_lines() {
    for part in [
        "[",
        "{\"a\":",
        "a=",
        "\"",
        "\\",
        "[30/Mar/2026:",
        "a ",
        "<38>",
        "\x1b[0m",
        "Mar ",
        "1 ",
    ] {
        for begin in [
            "",
            "{\"log\":\"",
            "Mar 30 02:16:17 host ",
            "1 2026-03-30T02:16:17Z h p 1 - [",
            "t=1 ",
        ] {
            let text = begin.to_string() + &part.repeat((1 << 20) / part.len());
            reader().read(text.as_bytes());
            reader().time(text.as_bytes());
        }
    }
}

/// Plain heads are read as any other: a second blank behind the host changes nothing.
#[test]
fn plain_heads() {
    let pick =
        |random: &mut fastrand::Rng, texts: &[&'static str]| texts[random.usize(..texts.len())];
    let hosts = [
        "host",
        "a.b",
        "auth.info",
        "mar",
        "Mar",
        "ABC",
        "h-1",
        "7",
        "192.0.2.1",
        "host:",
    ];
    let programs = [
        "sshd",
        "CRON",
        "postfix/smtpd",
        "error",
        "INFO",
        "mail.err",
        "a_b",
        "7",
        "/x/y",
    ];
    let pids = [
        "",
        "",
        "[7]",
        "[4242]",
        "[]",
        "[x1]",
        "[12345678901]",
        "[7",
        "(x)",
    ];
    let ends = [": ", ": ", ":", " ", ":  ", ": \t", ": \u{1b}[1m"];
    let words = [
        "",
        "words",
        "[ID 7 auth.info] x",
        "Mar 3 02:16:17 x",
        "sshd[7]: x",
        "a b",
    ];
    let mut random = fastrand::Rng::with_seed(1);
    let mut found = 0;
    for _ in 0..20_000 {
        let host = pick(&mut random, &hosts);
        let parts = [&programs[..], &pids, &ends, &words].map(|texts| pick(&mut random, texts));
        let line = |blanks| format!("Mar 30 02:16:17 {host}{blanks}{}", parts.concat());
        let (one, two) = (line(" "), line("  "));
        let (mut a, mut b) = (reader(), reader());
        // Behind a line, by the quick way.
        for reader in [&mut a, &mut b] {
            reader.read(b"Mar 30 02:16:16 host x: y");
        }
        let (a, b) = (a.read(one.as_bytes()), b.read(two.as_bytes()));
        assert_eq!(
            (a.host, a.program, a.pid),
            (b.host, b.program, b.pid),
            "{one}"
        );
        if a.program.is_some() {
            assert_eq!(a.words().as_bstr(), b.words().as_bstr(), "{one}");
            found += 1;
        }
    }
    assert!(found > 5000, "{found}");
}
