//! Whose words a line has: the heads of heads.tsv, with words of sshd behind them and hostile text.

use crate::line::LineReader;
use crate::presets::Presets;
use pipeban::time::Zone;

const HEADS: &str = include_str!("../../line/tests/heads.tsv");
const WORDS: &str = "Failed password for root from 203.0.113.7 port 50412 ssh2";

/// The line of a program with this head and these words.
fn line(head: &str, program: &str, words: &str) -> Vec<u8> {
    let head = head.replace("{p}", program).replace("{b}", "[4242]");
    let head = head.replace("{n}", "4242");
    let words = match head.starts_with(['{', 't']) {
        true => words.replace('\\', "\\\\").replace('"', "\\\""),
        false => words.into(),
    };
    match head.contains("MSG") {
        true => head.replace("MSG", &words).into_bytes(),
        false => (head + &words).into_bytes(),
    }
}

fn rows() -> impl Iterator<Item = (&'static str, &'static str)> {
    let rows = HEADS.lines().filter(|row| !row.starts_with('#'));
    rows.map(|row| row.split_once('\t').expect("a row of the table"))
}

fn rule(presets: &mut Presets, reader: &mut LineReader, line: &[u8]) -> Option<String> {
    let hit = presets.check(&reader.read(line), true)?;
    Some(format!("{} {}", hit.rule, hit.address))
}

#[test]
fn each_head_with_words_of_sshd() {
    let mut sshd = Presets::new(["sshd"]).expect("a preset");
    let mut all = Presets::new(["all"]).expect("presets");
    let mut wrong = Vec::new();
    for (name, head) in rows() {
        for (program, expected) in [("sshd", true), ("sshd-session", true), ("other", false)] {
            let line = line(head, program, WORDS);
            let anonymous = !head.contains("{p}");
            let mut reader = LineReader::new(Zone::UTC, None);
            let found = rule(&mut sshd, &mut reader, &line);
            if found.is_some() != (expected || anonymous) {
                wrong.push(format!("{name}, {program}: {found:?}"));
            }
            // Words alone are nobody's where all presets are asked.
            reader.begin_file();
            let found = rule(&mut all, &mut reader, &line);
            if found.is_some() != (expected && !anonymous) {
                wrong.push(format!("{name}, {program}, all: {found:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Colours hide nothing, wherever a part begins or ends.
#[test]
fn coloured_lines() {
    let mut sshd = Presets::new(["sshd"]).expect("a preset");
    let words = WORDS;
    for line in [
        format!("\u{1b}[0;1;31mMar 30 02:16:17 host sshd[4242]: {words}\u{1b}[0m"),
        format!("\u{1b}[32mMar 30 02:16:17\u{1b}[0m host \u{1b}[1msshd[4242]:\u{1b}[0m {words}"),
        format!("Mar 30 02:16:17 host sshd[4242]: \u{1b}[0;1;39m{words}\u{1b}[0m\u{1b}[K\r"),
        format!("\u{1b}[33m{words}\u{1b}[m"),
    ] {
        let mut reader = LineReader::new(Zone::UTC, None);
        let found = rule(&mut sshd, &mut reader, line.as_bytes());
        assert_eq!(
            found.as_deref(),
            Some("sshd/failed 203.0.113.7"),
            "{line:?}"
        );
    }
    for line in [
        format!("Mar 30 02:16:17 host sshd[4242]: {words}m"),
        format!("Mar 30 02:16:17 host sshd[4242]: {words}\u{1b}[x y\u{1b}m"),
        format!("Mar 30 02:16:17 host \u{1b}[1mother[4242]:\u{1b}[0m {words}\u{1b}[0m"),
    ] {
        let mut reader = LineReader::new(Zone::UTC, None);
        assert_eq!(
            rule(&mut sshd, &mut reader, line.as_bytes()),
            None,
            "{line:?}"
        );
    }
}

/// Text that tries to be a line of sshd: its words, heads, and pieces of them, in any order.
fn hostile(random: &mut fastrand::Rng) -> String {
    let pieces = [
        WORDS,
        "sshd[4242]: ",
        "sshd: ",
        "sshd 4242 - - ",
        "Mar 30 02:16:17 ",
        "2026-03-30T02:16:17.123456+00:00 ",
        "<38>1 ",
        "host ",
        "host host ",
        "192.0.2.25 ",
        "host,7483c2773b4f,U7PG2-6.0.21: ",
        "Mar 30 02:16:17 host sshd[4242]: ",
        "stderr F ",
        "message repeated 5 times: [ ",
        "]",
        ": ",
        "[",
        "\"",
        "\\n",
        "\u{2028}",
        "\r",
        " ",
        "x",
    ];
    let count = random.usize(1..7);
    let piece = |_| pieces[random.usize(..pieces.len())];
    (0..count).map(piece).collect::<String>() + WORDS
}

#[test]
fn words_of_another_program_are_never_sshds() {
    let mut random = fastrand::Rng::with_seed(1);
    let mut presets = Presets::new(["sshd"]).expect("a preset");
    for _ in 0..300 {
        let text = hostile(&mut random);
        for (name, head) in rows().filter(|(_, head)| head.contains("{p}")) {
            let line = line(head, "other", &text);
            let mut reader = LineReader::new(Zone::UTC, None);
            let found = rule(&mut presets, &mut reader, &line);
            assert_eq!(found, None, "{name}: {}", String::from_utf8_lossy(&line));
        }
    }
}

/// Behind a raw newline, in a log with heads. A text that begins with a whole head is a line.
#[test]
fn words_behind_a_newline_are_nobodys() {
    let mut random = fastrand::Rng::with_seed(2);
    let mut presets = Presets::new(["sshd"]).expect("a preset");
    let mut tried = 0;
    for _ in 0..3000 {
        let text = hostile(&mut random);
        let mut reader = LineReader::new(Zone::UTC, None);
        if reader.read(text.as_bytes()).headed {
            continue;
        }
        tried += 1;
        for (_, head) in rows().filter(|(_, head)| head.contains("{p}") && !head.contains("MSG")) {
            reader.begin_file();
            let before = line(head, "other", "x");
            assert_eq!(rule(&mut presets, &mut reader, &before), None);
            let found = rule(&mut presets, &mut reader, text.as_bytes());
            assert_eq!(found, None, "{head}: {text}");
        }
    }
    assert!(tried > 1000, "{tried}");
}
