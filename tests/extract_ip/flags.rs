//! extract-ip as a user runs it: flags, lines in, records out.

use std::io::Read;
use std::process::Stdio;

use crate::common::Shell;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const LOG: &str = "\
Mar 30 02:16:17 host sshd[1]: Failed password for root from 203.0.113.9 port 22 ssh2
Mar 30 02:16:18 host sshd[1]: Accepted password for bob from 198.51.100.7 port 22 ssh2
    a stack trace of 192.0.2.44, without a time
Mar 30 02:16:19 host dovecot-auth: authentication failure; ruser=x 192.0.2.1 rhost=::ffff:203.0.113.9
Mar 30 02:16:20 host postfix/smtpd[9]: connect from unknown[2001:DB8::1]\r
Mar 30 02:16:21 host proxy: 10.0.0.1, 8.8.8.8 via 2606:4700::1111
";

fn records(flags: &str) -> String {
    let shell = Shell::new();
    std::fs::write(
        shell.path("net"),
        "# ours\n198.51.100.0/24 ; office\n2001:db8::/32\n",
    )
    .expect("a file of the test's own");
    let net = shell.path("net").display().to_string();
    shell
        .feed(
            &format!("extract-ip {}", flags.replace("NETS", &net)),
            LOG.as_bytes(),
        )
        .out
}

#[test]
fn flags_choose() {
    let all = "203.0.113.9 198.51.100.7 192.0.2.44 192.0.2.1 203.0.113.9 2001:db8::1 10.0.0.1 8.8.8.8 2606:4700::1111";
    for (flags, expected) in [
        ("", all),
        (
            "-4",
            "203.0.113.9 198.51.100.7 192.0.2.44 192.0.2.1 203.0.113.9 10.0.0.1 8.8.8.8",
        ),
        ("-6", "2001:db8::1 2606:4700::1111"),
        ("--global", "8.8.8.8 2606:4700::1111"),
        (
            "--not NETS --not 192.0.2.1",
            "203.0.113.9 192.0.2.44 203.0.113.9 10.0.0.1 8.8.8.8 2606:4700::1111",
        ),
        (
            "--first",
            "203.0.113.9 198.51.100.7 192.0.2.44 192.0.2.1 2001:db8::1 10.0.0.1",
        ),
        (
            "--last",
            "203.0.113.9 198.51.100.7 192.0.2.44 203.0.113.9 2001:db8::1 2606:4700::1111",
        ),
        (
            "--last -4",
            "203.0.113.9 198.51.100.7 192.0.2.44 203.0.113.9 8.8.8.8",
        ),
        ("--field 8", "2001:db8::1"),
        ("--field 10", "203.0.113.9"),
        ("-f 11", "203.0.113.9 198.51.100.7"),
        ("-f 6 --first", "10.0.0.1"),
        ("-e 'Failed|Accepted'", "203.0.113.9 198.51.100.7"),
        ("-e ' from <IP>'", "203.0.113.9 198.51.100.7"),
        ("-e 'rhost=<IP>$'", "203.0.113.9"),
        ("-e 'from \\S+\\[<ADDR>\\]$'", "2001:db8::1"),
        ("-e password -v Accepted", "203.0.113.9"),
        ("-e password -v 'from <IP> port 22 ssh2'", ""),
        ("-e password --field 11", "203.0.113.9 198.51.100.7"),
    ] {
        assert_eq!(
            records(flags).lines().collect::<Vec<_>>().join(" "),
            expected,
            "{flags}"
        );
    }
}

#[test]
fn fields_of_the_record() {
    for (flags, expected) in [
        (
            "-e Failed -l",
            "203.0.113.9\tline=Mar 30 02:16:17 host sshd[1]: Failed password for root from 203.0.113.9 port 22 ssh2\n",
        ),
        (
            "-e Failed -e Acc",
            "203.0.113.9\trule=Failed\n198.51.100.7\trule=Acc\n",
        ),
        ("-e Failed --json", "{\"address\":\"203.0.113.9\"}\n"),
        (
            "-6 --first -l --json",
            concat!(
                "{\"address\":\"2001:db8::1\",\"line\":[\"Mar 30 02:16:20 host postfix/smtpd[9]: connect from unknown[2001:DB8::1]\"]}\n",
                "{\"address\":\"2606:4700::1111\",\"line\":[\"Mar 30 02:16:21 host proxy: 10.0.0.1, 8.8.8.8 via 2606:4700::1111\"]}\n"
            ),
        ),
    ] {
        assert_eq!(records(flags), expected, "{flags}");
    }
}

#[test]
fn times() {
    let shell = Shell::new();
    std::fs::write(shell.path("log"), LOG).expect("a file of the test's own");
    let log = shell.path("log");
    let log = log.display();
    let found = shell.run(&format!(
        "extract-ip -t -v '8\\.8' {log} | sed 's/at=[0-9]*/at=YEAR/'"
    ));
    let expected = "203.0.113.9\tat=YEAR-03-30T02:16:17+09:00
198.51.100.7\tat=YEAR-03-30T02:16:18+09:00
192.0.2.44
192.0.2.1\tat=YEAR-03-30T02:16:19+09:00
203.0.113.9\tat=YEAR-03-30T02:16:19+09:00
2001:db8::1\tat=YEAR-03-30T02:16:20+09:00
";
    assert_eq!(found.out, expected);
    assert_eq!(
        found.err,
        "extract-ip: --time: 1 line has no time stamp; there the record has no at=\n"
    );
    let found = shell.feed(
        "extract-ip --time-format '%d.%m.%Y %H:%M:%S' --timezone +09:00",
        b"30.03.2026 02:16:17 192.0.2.1\n",
    );
    assert_eq!(found.out, "192.0.2.1\tat=2026-03-30T02:16:17+09:00\n");
    assert_eq!(found.status, Some(0));
}

/// In a live input a line without a time has that of its arrival.
#[test]
fn times_of_a_live_input() {
    let shell = Shell::new();
    let found = shell.feed("date +%s; extract-ip -t; date +%s", b"192.0.2.1\n");
    let [before, record, after] = found.out.lines().collect::<Vec<_>>()[..] else {
        panic!("{}", found.out);
    };
    let at = record.strip_prefix("192.0.2.1\tat=").expect("a time");
    let at = shell.run(&format!("date -d {at} +%s")).out;
    let [before, at, after] = [before, at.trim(), after].map(|s| s.parse::<i64>().expect("a time"));
    assert!((before..=after).contains(&at), "{}", found.out);
    assert_eq!(found.err, "");
}

#[test]
fn explain_shows_the_hostile_line() {
    let shell = Shell::new();
    let found = shell.feed(
        "extract-ip --explain -e 'user .* from <IP>'",
        b"user bob from 203.0.113.9 to 10.0.0.1\nx\n",
    );
    let expected = "\
pattern: user .* from <IP>
    WARNING: the log's remote party may choose the address. If it can write what is between >> and <<,
        user  from 203.0.113.9>> from 192.0.2.1<<
    then 192.0.2.1 is taken, though the party itself is 203.0.113.9.
    Say more exactly what stands around <IP>, from ^ or to $, and what a .* may hold.
standard input:1: user bob from 203.0.113.9 to 10.0.0.1
    matches user .* from <IP> at column 1: user bob from 203.0.113.9
    takes 203.0.113.9, at column 15: it stands where the pattern has <IP>
    leaves 10.0.0.1, at column 30: it does not stand where the pattern has <IP>
standard input:2: x
    matches no pattern
    has no address
in all:
    2 lines
    1 matched by user .* from <IP>
    1 matched by no pattern
    1 of them of unknown form: no time stamp, no program
";
    assert_eq!(found.out, expected);
    // The line shown does what is said of it.
    let hostile = shell.feed(
        "extract-ip -e 'user .* from <IP>'",
        b"user  from 203.0.113.9 from 192.0.2.1",
    );
    assert_eq!(hostile.out, "192.0.2.1\n");
    let anchored = shell.feed("extract-ip --explain -e 'user .* from <IP>$'", b"");
    assert!(!anchored.out.contains("WARNING"), "{}", anchored.out);
    assert!(
        anchored
            .out
            .contains("tried: any text at each … of: …user … from <IP>")
    );
    assert_eq!(anchored.status, Some(1));
    for flags in ["--field 4", "-e 'user .*'", "-e '^failed \\S+ from <IP>'"] {
        let warned = shell.feed(&format!("extract-ip --explain {flags}"), b"");
        assert!(warned.out.contains("WARNING"), "{}", warned.out);
    }
}

/// The search for a hostile line has bounds.
#[test]
fn explain_ends() {
    let shell = Shell::new();
    for pattern in [
        "a{99999}",
        "^a{99999} from <IP>",
        "(?:a{300}){300}<IP>",
        "^(?:(?:\\S+ ){1,20}x){1,20} <IP>$",
        "^.*a.{40}b.*<IP>$",
    ] {
        let found = shell.feed(&format!("extract-ip --explain -e '{pattern}'"), b"");
        assert_eq!(
            found.out.lines().count(),
            6 + usize::from(pattern == "a{99999}"),
            "{}",
            found.out
        );
    }
}

#[test]
fn wrong_usage() {
    let shell = Shell::new();
    for (flags, message) in [
        (
            "-e '('",
            "extract-ip: --regex: (: unclosed group, at column 1\n",
        ),
        (
            "-v '['",
            "extract-ip: --exclude: [: unclosed character class, at column 1\n",
        ),
        (
            "-f 3 -e 'from <IP>'",
            "extract-ip: --field: the patterns name the address already\n",
        ),
        (
            "--not /no/such",
            "extract-ip: /no/such: neither an address or network nor a file of them\n",
        ),
        ("--timezone Nowhere/X", "extract-ip: --timezone: "),
        ("--time-format %H", "extract-ip: --time-format: "),
        ("-4 -6", "extract-ip: usage: "),
        ("--first --last", "extract-ip: usage: "),
        ("--explain --json", "extract-ip: usage: "),
    ] {
        let found = shell.run(&format!("extract-ip {flags}"));
        assert!(found.err.starts_with(message), "{flags}: {}", found.err);
        assert_eq!(
            (found.err.lines().count(), found.status),
            (1, Some(2)),
            "{flags}"
        );
    }
}

/// Any pattern on any line takes time in proportion to its length: with backtracking this would not
/// end.
#[test]
fn hostile_lines_end() {
    let shell = Shell::new();
    let many = format!("{}x\n", "from 192.0.2.1 ".repeat(60_000));
    let letters = format!("{} 192.0.2.1!\n", "a".repeat(1_000_000));
    for line in [many, letters] {
        for pattern in [
            "(a+)+$",
            "^(.*)* from <IP>$",
            "(?:from <IP> )+y",
            "(a|aa)+ <IP>$",
            "<IP>.*z",
        ] {
            let found = shell.feed(&format!("extract-ip -e '{pattern}'"), line.as_bytes());
            assert_eq!(
                (found.out.as_str(), found.status),
                ("", Some(1)),
                "{pattern}"
            );
        }
    }
}

/// Also while there is always more to read.
#[test]
fn status_is_told_amid_large_files() {
    let shell = Shell::new();
    let text = "192.0.2.1\n".repeat(400_000);
    std::fs::write(shell.path("log"), text).expect("a file of the test's own");
    for operands in ["log", "log log log", "- < log"] {
        let script = format!(
            "cd {}; exec extract-ip {operands}",
            shell.path("").display()
        );
        let mut command = shell.command("sh");
        command.args(["-c", &script]);
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("a shell");
        // Behind its first line it waits for us to read on.
        let mut out = child.stdout.take().expect("a pipe");
        out.read_exact(&mut [0; 10]).expect("a line");
        let pid = Pid::from_raw(child.id().cast_signed());
        kill(pid, Signal::SIGUSR1).expect("our own child");
        std::io::copy(&mut out, &mut std::io::sink()).expect("the rest");
        let output = child.wait_with_output().expect("our own child");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(told.starts_with("extract-ip: status: printed="), "{told}");
        assert_eq!((told.lines().count(), output.status.code()), (1, Some(0)));
    }
}
