//! mail-ban with mailers that work, hang, fail and are lied to.

mod bounds;
#[path = "../common/mod.rs"]
mod common;
mod mailer;
mod run;
mod servers;
mod whois;

use std::io::{BufRead, BufReader, Read, Write};
use std::process::Stdio;
use std::thread;

use common::wait_until;
use mailer::{KEEP, Mailer};
use servers::{smtp_server, whois_server};

/// Two parts of a mail, each line of it ended by a newline alone.
fn split(mail: &str) -> (&str, &str) {
    mail.split_once("\n\n").unwrap()
}

#[test]
fn the_first_ban_is_mailed_at_once() {
    let mailer = Mailer::new(KEEP);
    let record = "203.0.113.7\tcount=5\trule=dovecot\tsince=2026-03-30T02:16:17+09:00\t\
                  until=2026-03-30T03:16:17+09:00\tline=one\tline=two\tother=x\n";
    let outcome = mailer.run("--digest 1h --whois none", record.as_bytes());
    assert_eq!(
        (outcome.out.as_str(), outcome.status),
        (record, Some(0)),
        "{outcome:?}"
    );
    wait_until("the mail", || mailer.mails().len() == 1);
    let mail = &mailer.mails()[0];
    let (header, body) = split(mail);
    assert!(header.contains("\nTo: root\n"), "{mail}");
    assert!(
        header.contains("\nSubject: 203.0.113.7 banned on "),
        "{mail}"
    );
    assert!(
        header.contains("\nAuto-Submitted: auto-generated\n"),
        "{mail}"
    );
    for expected in [
        "  count    5\n",
        "  rule     dovecot\n",
        "  since    2026-03-30T02:16:17+09:00\n",
        "  until    2026-03-30T03:16:17+09:00\n",
        "  evidence:\n  | one\n  | two\n",
        "unban-at now 203.0.113.7\n",
    ] {
        assert!(body.contains(expected), "{expected}: {mail}");
    }
    // An empty outbox needs no process.
    wait_until("the delivery ends", || mailer.deliveries().is_empty());
}

#[test]
fn a_storm_is_one_mail_and_nothing_is_lost() {
    let mailer = Mailer::new(KEEP);
    let mut command = mailer.command("--digest 2s --whois none");
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    stdin.write_all(b"203.0.113.7\n").unwrap();
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    assert_eq!(line, "203.0.113.7\n");
    wait_until("the first mail", || mailer.mails().len() == 1);

    let addresses: Vec<_> = (0..10_000)
        .map(|i| format!("198.18.{}.{}", i / 250, i % 250))
        .collect();
    let input: String = addresses
        .iter()
        .map(|a| format!("{a}\tcount=5\tline=x\n"))
        .collect();
    let passed = thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(input.as_bytes()).unwrap());
        let mut passed = String::new();
        out.read_to_string(&mut passed).unwrap();
        passed
    });
    assert_eq!(passed.lines().count(), 10_000);
    assert!(child.wait().unwrap().success());

    wait_until("all is mailed", || mailer.deliveries().is_empty());
    let mails = mailer.mails();
    let all = mails[1..].concat();
    let told: std::collections::HashSet<_> = all.split_whitespace().collect();
    assert!(addresses.iter().all(|a| told.contains(a.as_str())));
    // On a busy machine the reading of the storm may take longer than the time between two mails.
    assert!((2..=10).contains(&mails.len()), "{}", mails.len());
    assert!(mails[1].contains(" bans on "), "{}", mails[1]);
}

#[test]
fn a_process_for_each_event_and_still_one_mail() {
    let mailer = Mailer::new(KEEP);
    for i in 0..30 {
        let outcome = mailer.run(
            "--digest 1h --whois none",
            format!("203.0.113.{i}").as_bytes(),
        );
        assert_eq!(outcome.status, Some(0), "{outcome:?}");
    }
    wait_until("the first mail", || mailer.mails().len() == 1);
    assert_eq!(
        mailer.deliveries().len(),
        1,
        "one waits for the hour to pass"
    );
    // A machine goes down and comes back; another run, without any ban, sends what is left.
    mailer.dismiss();
    wait_until("nobody is left", || mailer.deliveries().is_empty());
    let outcome = mailer.run("--digest 1s --whois none", b"");
    assert_eq!((outcome.out.as_str(), outcome.status), ("", Some(1)));
    wait_until("the second mail", || mailer.mails().len() == 2);
    wait_until("all is mailed", || mailer.deliveries().is_empty());
    let mails = mailer.mails();
    assert_eq!(mails.len(), 2);
    for i in 0..30 {
        let told = |mail: &String| {
            mail.split_whitespace()
                .any(|w| w == format!("203.0.113.{i}"))
        };
        assert!(mails.iter().any(told), "203.0.113.{i}: {mails:?}");
    }
}

#[test]
fn a_mailer_that_fails_is_reported_and_tried_again() {
    let mailer = Mailer::new("echo 'no route to \x1b[2Jhost' >&2; exit 75");
    let outcome = mailer.run_until_a_complaint("--digest 1h --whois none", b"203.0.113.7\n");
    assert_eq!(
        (outcome.out.as_str(), outcome.status),
        ("203.0.113.7\n", Some(2))
    );
    assert!(
        outcome
            .err
            .starts_with("mail-ban: mail: sendmail: exit status: 75: no route to "),
        "{outcome:?}"
    );
    assert!(
        outcome
            .err
            .contains("1 waiting to be mailed, tried again in 2s\n"),
        "{outcome:?}"
    );
    assert!(!outcome.err.contains('\x1b'), "{outcome:?}");
    mailer.sendmail(KEEP);
    wait_until("it is tried again", || mailer.mails().len() == 1);
    assert!(mailer.mails()[0].contains("\nSubject: 203.0.113.7 banned on "));
}

#[test]
fn a_person_sees_a_mailer_that_fails() {
    let mailer = Mailer::new("exit 75");
    let records = mailer.shell.path("records");
    std::fs::write(&records, "203.0.113.7\n").unwrap();
    let arguments = format!("--digest 1h --whois none {}", records.display());
    let mut command = mailer.program("script");
    command.args(["-qec", &mailer.script(&arguments), "/dev/null"]);
    command.stdin(Stdio::null());
    let shown = String::from_utf8(command.output().unwrap().stdout).unwrap();
    assert!(
        shown.contains("mail-ban: mail: sendmail: exit status: 75"),
        "{shown}"
    );
}

#[test]
fn a_mailer_that_hangs_holds_up_nobody() {
    // It does not even read the mail.
    let mailer = Mailer::new("echo $$ >$mail.pid; exec sleep 600");
    let input: String = (0..10_000)
        .map(|i| format!("198.18.{}.{}\n", i / 250, i % 250))
        .collect();
    let outcome = mailer.run("--digest 1h --whois none", input.as_bytes());
    assert_eq!(
        (outcome.out == input, outcome.status),
        (true, Some(0)),
        "{}",
        outcome.err
    );
    assert_eq!(mailer.deliveries().len(), 1);
    let mut hanging = None;
    wait_until("the mailer hangs", || {
        let files = std::fs::read_dir(mailer.shell.path("mails"))
            .unwrap()
            .flatten();
        let mut files = files.map(|f| f.path());
        hanging = files.find_map(|f| std::fs::read_to_string(f).ok()?.trim().parse().ok());
        hanging.is_some()
    });
    // The test does not wait for the deadline, but kills it.
    mailer.sendmail(KEEP);
    let pid = nix::unistd::Pid::from_raw(hanging.unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
    wait_until("it is tried again", || !mailer.mails().is_empty());
    assert!(
        mailer.mails()[0].contains("\nSubject: 10000 bans on "),
        "{}",
        mailer.mails()[0]
    );
}

#[test]
fn without_a_mailer_or_a_state_the_records_pass() {
    let mailer = Mailer::new(KEEP);
    let outcome = mailer.run_until_a_complaint("--smtp 127.0.0.1:1 --whois none", b"203.0.113.7\n");
    assert_eq!(
        (outcome.out.as_str(), outcome.status),
        ("203.0.113.7\n", Some(2))
    );
    assert!(
        outcome.err.starts_with("mail-ban: mail: 127.0.0.1:1: "),
        "{outcome:?}"
    );

    let outcome = mailer.run("--state-file /dev/null/x --whois none", b"203.0.113.7\n");
    assert_eq!(outcome.status, Some(2));
    let outcome = mailer.shell.feed(
        "mail-ban --to root --state-file /dev/null/x",
        b"203.0.113.7\nfoo\n203.0.113.8\n",
    );
    assert_eq!(
        (outcome.out.as_str(), outcome.status),
        ("203.0.113.7\n203.0.113.8\n", Some(2))
    );
    assert!(
        outcome.err.starts_with("mail-ban: /dev/null/x: "),
        "{outcome:?}"
    );
    for recipient in [
        "'a b'",
        "-x",
        "'a@example.org\nBcc: b@example.org'",
        "a,b",
        "''",
    ] {
        let outcome = mailer
            .shell
            .feed(&format!("mail-ban --to {recipient}"), b"203.0.113.7\n");
        assert_eq!(
            (outcome.out.as_str(), outcome.status),
            ("", Some(2)),
            "{recipient}"
        );
    }
}

const HOSTILE: &[u8] =
    b"x\n~!touch /tmp/x\r\n.\r\nMAIL FROM:<a@b>\r\nBcc: victim@example.org\r\n\r\n\
    \x1b]0;title\x07\x1b[2J\0\xff\xe2\x80\xae~|sh\n";

#[test]
fn text_of_strangers_arrives_printable() {
    let mailer = Mailer::new(KEEP);
    let (smtp, mails) = smtp_server();
    let whois = whois_server(|mut stream, _| _ = stream.write_all(HOSTILE));
    // A record's line can't hold these bytes raw: one record has them escaped, one as JSON.
    let mut record = b"203.0.113.7\trule=~!touch /tmp/x\tline=".to_vec();
    pipeban::record::escape(HOSTILE, &mut record);
    record.extend(
        br#"
{"address":"203.0.113.8","count":7,"line":["a\n.\n\u0000\u001b[2J"],"since":"x\r\nBcc: y"}
"#,
    );
    let outcome = mailer.run(
        &format!("--digest 1h --smtp 127.0.0.1:{smtp} --whois 127.0.0.1:{whois}"),
        &record,
    );
    assert_eq!(outcome.status, Some(0), "{outcome:?}");
    wait_until("the mail", || !mails.lock().unwrap().is_empty());
    let session = mails.lock().unwrap()[0].clone();
    assert!(session.contains("\r\nRCPT TO:<root@"), "{session}");
    let mail = session.split_once("DATA\r\n").unwrap().1;
    assert!(mail.ends_with("\r\n.\r\n"), "{mail}");
    let (header, body) = mail.split_once("\r\n\r\n").unwrap();
    let keys: Vec<_> = header
        .lines()
        .filter_map(|l| l.split_once(": "))
        .map(|(k, _)| k)
        .collect();
    let expected = [
        "From",
        "To",
        "Subject",
        "Message-ID",
        "Auto-Submitted",
        "Content-Type",
        "Content-Transfer-Encoding",
        "Date",
    ];
    assert_eq!(keys, expected, "{header}");
    assert!(
        mail.bytes()
            .all(|b| matches!(b, b' '..=b'~' | b'\r' | b'\n')),
        "{mail:?}"
    );
    for line in body.trim_end_matches(".\r\n").lines() {
        assert!(!line.starts_with(['~', '.', '|', '!']), "{line}");
        assert!(
            !line.starts_with("Bcc") && !line.starts_with("From "),
            "{line}"
        );
    }
    assert!(body.contains("| x\\n~!touch /tmp/x\\r\\n.\\r\\n"), "{body}");
    assert!(
        body.contains("\\u{1b}[2J\\u{0}\\xff\\u{202e}~|sh"),
        "{body}"
    );
    assert!(
        body.contains("  | ~!touch /tmp/x\r\n"),
        "what whois said: {body}"
    );
    assert!(body.contains("since    x\\r\\nBcc: y\r\n"), "{body}");
}

#[test]
fn bans_are_mailed_although_the_reader_has_gone() {
    let mailer = Mailer::new(KEEP);
    let records = mailer.shell.path("records");
    let input: String = (0..20_000)
        .map(|i| format!("198.18.{}.{}\n", i / 250, i % 250))
        .collect();
    std::fs::write(&records, input).unwrap();
    let arguments = format!("--digest 0 --whois none {}", records.display());
    let script = format!("( {} ) | true", mailer.script(&arguments));
    let status = mailer.program("sh").args(["-c", &script]).status();
    assert!(status.unwrap().success());
    wait_until("all is mailed", || {
        let mails = mailer.mails().concat();
        mails.lines().any(|line| line == "198.18.79.249")
    });
}

#[test]
fn json_out() {
    let mailer = Mailer::new(KEEP);
    let outcome = mailer.run(
        "--json --digest 1h --whois none",
        b"203.0.113.7\tcount=5\tline=x\n",
    );
    assert_eq!(
        outcome.out,
        "{\"address\":\"203.0.113.7\",\"count\":5,\"line\":[\"x\"]}\n"
    );
}
