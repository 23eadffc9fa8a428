//! mail-ban with servers that flood, an upgrade on the way, and root's rights.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;

use crate::common::{unshared, wait_until};
use crate::mailer::{KEEP, Mailer};

/// An SMTP server that greets with this, over and over; answers its port.
fn flooding_server(greeting: &'static [u8]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            while stream.write_all(greeting).is_ok() {}
        }
    });
    port
}

#[test]
fn a_server_that_floods_is_read_no_further() {
    for greeting in [&[b'2'; 65_536][..], b"220-again\r\n"] {
        let mailer = Mailer::new(KEEP);
        let port = flooding_server(greeting);
        let arguments = format!("--smtp 127.0.0.1:{port} --whois none");
        let outcome = mailer.run_until_a_complaint(&arguments, b"203.0.113.7\n");
        let message =
            format!("mail-ban: mail: 127.0.0.1:{port}: the greeting: the reply is too long");
        assert!(outcome.err.starts_with(&message), "{outcome:?}");
        assert_eq!(outcome.out, "203.0.113.7\n");
    }
}

#[test]
fn the_words_of_a_server_that_refuses_are_shown_printable() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.write_all(b"554-first\r\n554 no \x1b[2Jservice\r\n");
        }
    });
    let mailer = Mailer::new(KEEP);
    let arguments = format!("--smtp 127.0.0.1:{port} --whois none");
    let outcome = mailer.run_until_a_complaint(&arguments, b"203.0.113.7\n");
    let words = "the greeting: 554 no \\u{1b}[2Jservice; 1 waiting to be mailed";
    assert!(outcome.err.contains(words), "{outcome:?}");
}

/// A mail-ban that has read its first record and waits for the next.
fn running(command: &mut Command) -> (Child, ChildStdin) {
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"203.0.113.7\n").unwrap();
    let mut line = String::new();
    let out = child.stdout.as_mut().unwrap();
    BufReader::new(out).read_line(&mut line).unwrap();
    assert_eq!(line, "203.0.113.7\n");
    (child, stdin)
}

#[test]
fn it_goes_on_after_an_upgrade() {
    let mailer = Mailer::new(KEEP);
    let program = mailer.shell.path("bin/mail-ban");
    fs::copy(env!("CARGO_BIN_EXE_mail-ban"), &program).unwrap();
    let mut command = mailer.command("--digest 0 --whois none");
    let (mut child, mut stdin) = running(&mut command);
    wait_until("the first mail", || mailer.mails().len() == 1);
    wait_until("the delivery ends", || mailer.deliveries().is_empty());
    fs::remove_file(&program).unwrap();
    fs::write(&program, "#!/bin/sh\nexit 1\n").unwrap();
    stdin.write_all(b"203.0.113.8\n").unwrap();
    wait_until("the second mail", || mailer.mails().len() == 2);
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

/// The lines of capabilities in a process's status.
fn capabilities(status: &str) -> Vec<&str> {
    let words = ["CapPrm:", "CapEff:"];
    status
        .lines()
        .filter(|line| words.iter().any(|w| line.starts_with(w)))
        .collect()
}

#[test]
fn root_gives_up_its_rights_and_sendmail_has_them() {
    unshared(
        "-r",
        "root_gives_up_its_rights_and_sendmail_has_them",
        || {
            // The mail comes once both have been looked at.
            let mailer = Mailer::new(&format!(
                "cp /proc/self/status $mail.sendmail; cp /proc/$PPID/status $mail.delivery; {KEEP}"
            ));
            let (mut child, stdin) = running(&mut mailer.command("--digest 0 --whois none"));
            wait_until("the mail", || mailer.mails().len() == 1);
            let none = ["CapPrm:\t0000000000000000", "CapEff:\t0000000000000000"];
            let filter = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
            assert_eq!(capabilities(&filter), none);
            let ours = fs::read_to_string("/proc/self/status").unwrap();
            assert_ne!(capabilities(&ours), none);
            for (suffix, expected) in [
                ("delivery", none.to_vec()),
                ("sendmail", capabilities(&ours)),
            ] {
                let files = fs::read_dir(mailer.shell.path("mails")).unwrap().flatten();
                let mut files = files.map(|file| file.path());
                let path = files.find(|path| path.extension().is_some_and(|e| e == suffix));
                let status = fs::read_to_string(path.unwrap()).unwrap();
                assert_eq!(capabilities(&status), expected, "{suffix}");
            }
            drop(stdin);
            assert!(child.wait().unwrap().success());
        },
    );
}
