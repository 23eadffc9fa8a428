//! mail-ban with a command in place of a mailer.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;

use crate::common::{run, wait_until};
use crate::mailer::{KEEP, Mailer};

const LINE: &str = "Mar 30 02:16:17 db9 sshd[12]: Failed password for root from 203.0.113.7 port \
                    22 to 192.0.2.1";

#[test]
fn the_first_ban_is_handed_over_at_once_and_the_rest_together() {
    let mailer = Mailer::new("exit 1");
    let script = format!("printf '%s\\n' \"$@\" >$mail.words\n{KEEP}");
    let hook = mailer.program_of_ours("hook", &script);
    // No shell reads these words.
    let arguments = |digest| format!("--digest {digest} --run '{hook} $HOME $(id) ;'");
    let record = format!("203.0.113.7\tcount=5\trule=sshd/failed\tline={LINE}\n");
    let outcome = mailer.run(&arguments("1h"), record.as_bytes());
    assert_eq!((outcome.out, outcome.status), (record, Some(0)));
    wait_until("the first digest", || mailer.mails().len() == 1);
    let hidden = LINE
        .replace("db9", "[host]")
        .replace("192.0.2.1", "[address]");
    let expected = "{\"address\":\"203.0.113.7\",\"count\":5,\"line\":[\"LINE\"],\
                    \"rule\":\"sshd/failed\"}\n";
    assert_eq!(mailer.mails(), [expected.replace("LINE", &hidden)]);

    let outcome = mailer.run(
        &arguments("1h"),
        b"203.0.113.8\n203.0.113.9\tlifted=2026-03-30T02:16:17Z\n198.51.100.0/24\tport=22\n",
    );
    assert_eq!(outcome.addresses().len(), 3);
    assert_eq!(
        mailer.deliveries().len(),
        1,
        "one waits for the hour to pass"
    );
    mailer.dismiss();
    wait_until("nobody is left", || mailer.deliveries().is_empty());
    mailer.run(&arguments("1s"), b"");
    wait_until("the second digest", || mailer.mails().len() == 2);
    wait_until("all is handed over", || mailer.deliveries().is_empty());
    let second =
        "{\"address\":\"203.0.113.8\"}\n{\"address\":\"198.51.100.0/24\",\"port\":\"22\"}\n";
    assert_eq!(mailer.mails()[1], second);
    for file in std::fs::read_dir(mailer.shell.path("mails")).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|e| e == "words") {
            assert_eq!(std::fs::read_to_string(path).unwrap(), "$HOME\n$(id)\n;\n");
        }
    }
}

#[test]
fn a_lift_is_passed_on_and_never_told() {
    let mailer = Mailer::new(KEEP);
    let record = b"203.0.113.7\tlifted=2026-03-30T02:16:17Z\n";
    let outcome = mailer.run("--digest 0 --whois none", record);
    assert_eq!(
        (outcome.out.as_bytes(), outcome.status),
        (&record[..], Some(0))
    );
    mailer.run("--digest 0 --whois none", b"203.0.113.8\n");
    wait_until("the mail", || mailer.mails().len() == 1);
    wait_until("the delivery ends", || mailer.deliveries().is_empty());
    assert!(mailer.mails()[0].contains("\nSubject: 203.0.113.8 banned on "));
}

#[test]
fn a_command_that_fails_is_reported_and_tried_again() {
    let mailer = Mailer::new("exit 1");
    let hook = mailer.program_of_ours("hook", "echo sent; echo 'quota \x1b[2J' >&2; exit 22");
    let arguments = format!("--digest 1h --run {hook}");
    let outcome = mailer.run_until_a_complaint(&arguments, b"203.0.113.7\n");
    let complaint = format!(
        "mail-ban: mail: {hook}: exit status: 22: quota \\u{{1b}}[2J; 1 waiting to be handed \
         over, tried again in 2s\n"
    );
    // The message of a terminal's escapes is escaped once more on its way.
    let shown = outcome.err.replace("\\\\", "\\");
    assert_eq!((shown, outcome.status), (complaint, Some(2)));
    mailer.program_of_ours("hook", KEEP);
    wait_until("it is tried again", || mailer.mails().len() == 1);
    assert_eq!(mailer.mails(), ["{\"address\":\"203.0.113.7\"}\n"]);

    let outcome = mailer.run_until_a_complaint("--run /nonexistent/hook", b"203.0.113.7\n");
    let missing = "mail-ban: mail: /nonexistent/hook: no such program; 1 waiting";
    assert!(outcome.err.starts_with(missing), "{outcome:?}");
}

#[test]
fn flags_that_mean_nothing_together() {
    let mailer = Mailer::new(KEEP);
    for (arguments, words) in [
        ("", "--to"),
        ("--run ''", "a command is wanted"),
        (
            "--run bin/hook",
            "an absolute path is wanted, not \"bin/hook\"",
        ),
        (
            "--run 'curl --config ./x'",
            "an absolute path is wanted, not \"./x\"",
        ),
        ("--run true --to root", "--to"),
        ("--run true --smtp 127.0.0.1:25", "--smtp"),
        ("--run true --whois none", "--whois"),
        ("--run true --from a@example.org", "--from"),
        ("--run true --format yaml", "yaml"),
        ("--to root --format abuseipdb", "--to"),
    ] {
        let outcome = mailer
            .shell
            .feed(&format!("mail-ban {arguments}"), b"203.0.113.7\n");
        assert_eq!(
            (outcome.out.as_str(), outcome.status),
            ("", Some(2)),
            "{arguments}"
        );
        assert!(outcome.err.contains(words), "{arguments}: {outcome:?}");
    }
}

/// A server of HTTP that answers the first request by 429 and the others by 200; answers its port
/// and the requests as they came.
fn abuseipdb() -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let requests = Arc::new(Mutex::new(vec![]));
    let kept = requests.clone();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).unwrap() > 0 {}
            let length = head
                .lines()
                .find_map(|l| l.strip_prefix("Content-Length: "));
            let mut body = vec![0; length.unwrap().parse().unwrap()];
            reader.read_exact(&mut body).unwrap();
            let mut kept = kept.lock().unwrap();
            let status = if kept.is_empty() {
                "429 Too Many Requests"
            } else {
                "200 OK"
            };
            kept.push(head + &String::from_utf8(body).unwrap());
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 3\r\n\r\n{{}}\n");
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    (port, requests)
}

#[test]
fn a_bulk_report_to_abuseipdb() {
    if run("curl", &["--version"]).is_none() {
        return;
    }
    let (port, requests) = abuseipdb();
    let mailer = Mailer::new("exit 1");
    let config = mailer.shell.path("abuseipdb.curl");
    let text = include_str!("../../examples/exports/abuseipdb.curl");
    let real = "https://api.abuseipdb.com/";
    assert!(text.contains(real));
    std::fs::write(
        &config,
        text.replace(real, &format!("http://127.0.0.1:{port}/")),
    )
    .unwrap();
    let command = format!("curl --config {}", config.display());
    let input = format!(
        "203.0.113.7\tcount=5\trule=sshd/failed\tlast=2026-03-30T02:16:17+09:00\tline={LINE}\n\
         198.51.100.0/24\n"
    );
    let arguments = format!("--digest 6h --format abuseipdb --run '{command}'");
    let outcome = mailer.run_until_a_complaint(&arguments, input.as_bytes());
    assert!(outcome.err.contains("returned error: 429"), "{outcome:?}");
    wait_until("it is tried again", || requests.lock().unwrap().len() == 2);
    wait_until("all is handed over", || mailer.deliveries().is_empty());
    let request = requests.lock().unwrap()[1].clone();
    assert!(
        request.starts_with("POST /api/v2/bulk-report HTTP/1.1\r\n"),
        "{request}"
    );
    assert!(request.contains("\r\nKey: YOUR-KEY\r\n"), "{request}");
    let part = "form-data; name=\"csv\"; filename=\"report.csv\"\r\nContent-Type: text/csv\r\n\r\n";
    let csv = request
        .split_once(part)
        .unwrap()
        .1
        .split_once("\r\n--")
        .unwrap()
        .0;
    let expected = "IP,Categories,ReportDate,Comment\n\
        203.0.113.7,\"18,22\",2026-03-30T02:16:17+09:00,\"5 events (sshd/failed): \
        Failed password for root from 203.0.113.7 port 22 to [address]\"\n";
    assert_eq!(csv, expected);
}
