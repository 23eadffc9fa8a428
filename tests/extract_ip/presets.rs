//! `extract-ip --preset` and `--filter`, and the pipelines of examples/from-fail2ban.md.

use std::fs;

use crate::common::{Shell, run};

const AUTH: &str = "\
Mar 30 02:16:17 host sshd[1]: Failed password for invalid user x from 198.51.100.1 port 22 ssh2 from 203.0.113.7 port 50412 ssh2
Mar 30 02:16:17 host sshd[2]: Connection from 203.0.113.8 port 50412 on 192.0.2.1 port 22
Mar 30 02:16:18 host sshd[2]: User root not allowed because account is locked
Mar 30 02:16:19 host sshd[3]: Accepted password for x from 192.0.2.9 port 50412 ssh2
Mar 30 02:16:20 host dovecot-auth: pam_unix(dovecot:auth): authentication failure; logname= uid=0 euid=0 tty=dovecot ruser= rhost=::ffff:203.0.113.9
";

const OWN: &str = r"
[Definition]
failregex = ^\s*\S+ own: login from <HOST> failed$
            <mode-<mode>>
mode-normal =
mode-aggressive = ^\s*\S+ own: scan by <ADDR>$
mode = normal
";

/// Patterns behind a prefix; the first one may be led astray.
const NAIVE: &str = r"
[Definition]
prefregex = ^\s*\S+ own(?:\[\d+\])?: <F-CONTENT>.+</F-CONTENT>$
failregex = ^login of <F-USER>.*?</F-USER> from <HOST>
            ^login of <F-USER>\S+</F-USER> from <HOST>$
            ^(?P<guest>guest )?(?(guest)of .*|of \S+) at <HOST>$
";

const OWN_LOG: &str = "\
Mar 30 02:16:17 host own: login from 203.0.113.7 failed
Mar 30 02:16:17 host own: login from a.example.net failed
Mar 30 02:16:17 host own: scan by 203.0.113.8
";

#[test]
fn presets() {
    let shell = Shell::new();
    let row = |arguments: &str| {
        let outcome = shell.feed(&format!("extract-ip {arguments}"), AUTH.as_bytes());
        (outcome.out, outcome.status)
    };
    let ssh = "203.0.113.7\trule=sshd/failed\n203.0.113.8\trule=sshd/locked\n";
    let mail = "203.0.113.9\trule=dovecot/pam\n";
    assert_eq!(row("--preset sshd"), (ssh.into(), Some(0)));
    let both = format!("{ssh}{mail}");
    assert_eq!(row("--preset sshd,dovecot"), (both.clone(), Some(0)));
    assert_eq!(row("-p sshd -p dovecot"), (both.clone(), Some(0)));
    assert_eq!(row("-p all"), (both, Some(0)));
    assert_eq!(row("-p postfix"), (String::new(), Some(1)));
    assert_eq!(
        row("-p sshd --not 203.0.113.7 | tail -n 1").0,
        "203.0.113.8\trule=sshd/locked\n"
    );
    assert_eq!(row("-p sshx").1, Some(2));
    assert_eq!(row("-p ''").1, Some(2));
    let (list, status) = row("-p list");
    assert_eq!(status, Some(0));
    assert!(list.lines().any(|l| l.starts_with("sshd ")), "{list}");
    let (told, _) = row("-p sshd --explain");
    assert!(told.contains("matches --preset sshd/failed"), "{told}");
    assert!(told.contains("leaves 198.51.100.1"), "{told}");
    assert!(
        told.contains("takes 203.0.113.8, which an earlier line"),
        "{told}"
    );
}

#[test]
fn filters() {
    let shell = Shell::new();
    fs::write(shell.path("own.conf"), OWN).unwrap();
    fs::write(shell.path("own.log"), OWN_LOG).unwrap();
    let directory = shell.directory.path().display().to_string();
    let run = |options: &str| {
        shell.run(&format!(
            "cd {directory} && extract-ip --filter 'own.conf{options}' own.log"
        ))
    };
    let outcome = run("");
    assert_eq!(outcome.out, "203.0.113.7\trule=own/1\n");
    assert_eq!(
        outcome.err,
        "extract-ip: own/1: not an address: \"a.example.net\"\n"
    );
    assert_eq!(outcome.status, Some(2));
    let both = "203.0.113.7\trule=own/1\n203.0.113.8\trule=own/2\n";
    assert_eq!(run("[mode=aggressive]").out, both);
    let named = run("[usedns=no,mode=\"aggressive\"]");
    assert_eq!((named.out.as_str(), named.status), (both, Some(0)));
    fs::write(shell.path("own.local"), "[Definition]\nmode = aggressive\n").unwrap();
    assert_eq!(run("").out, both);
    assert_eq!(run("[mode").status, Some(2));
    fs::write(
        shell.path("own.local"),
        "[Definition]\nfailregex = (<HOST>\n",
    )
    .unwrap();
    let wrong = run("");
    assert_eq!(wrong.status, Some(2));
    assert!(
        wrong.err.contains("failregex: a ( without its )"),
        "{}",
        wrong.err
    );
}

/// Every block of shell commands in the page runs and finds the attacker; only places and the
/// firewall are others.
#[test]
fn the_page_for_those_who_come_from_fail2ban() {
    let page = include_str!("../../examples/from-fail2ban.md");
    let shell = Shell::new();
    let attack = |i: u32| {
        format!(
            "Mar 30 02:16:1{i} host sshd[{i}]: Failed password for root from 203.0.113.7 port 5 ssh2\n"
        )
    };
    let log: String = (0..6).map(attack).collect();
    for name in ["auth.log", "mail.log"] {
        fs::write(shell.path(name), &log).unwrap();
    }
    let many = "Mar 30 02:16:17 host own: login from 203.0.113.7 failed\n".repeat(6);
    fs::write(shell.path("mine.log"), many).unwrap();
    fs::write(shell.path("mine.conf"), OWN).unwrap();
    let directory = format!("{}/", shell.directory.path().display());
    make_database(&shell);
    let mut ran = 0;
    let blocks = page.split("```sh\n").skip(1);
    for block in blocks.filter_map(|b| b.split("```").next()) {
        let needs_fail2ban = block.contains("--filter sshd");
        if needs_fail2ban && run("fail2ban-regex", &["--version"]).is_none()
            || block.contains("sqlite3") && run("sqlite3", &["--version"]).is_none()
        {
            continue;
        }
        let script = block
            .replace("/var/log/", &directory)
            .replace("/var/lib/fail2ban/", &directory)
            .replace("/etc/fail2ban/filter.d/", &directory)
            .replace("'mine[", &format!("'{directory}mine.conf["))
            .replace(
                "follow-log --from resume --replay 10m",
                "follow-log --once --from start",
            )
            .replace("follow-log /", "follow-log --once --from start /")
            .replace("ban-ip", "ban-ip --backend none");
        let outcome = shell.run(&script);
        assert_eq!(outcome.status, Some(0), "{script}{}", outcome.err);
        assert!(outcome.out.contains("203.0.113.7"), "{script}{outcome:?}");
        fs::remove_file(shell.path("state.db")).ok();
        ran += 1;
    }
    assert!(ran >= 3, "{ran}");
}

/// Makes the part of fail2ban's database that the page reads: one ban that lasts and one that is
/// over.
fn make_database(shell: &Shell) {
    let database = rusqlite::Connection::open(shell.path("fail2ban.sqlite3")).unwrap();
    let table = "CREATE TABLE bips(ip TEXT, jail TEXT, timeofban INTEGER, bantime INTEGER);
        INSERT INTO bips VALUES ('203.0.113.7', 'sshd', strftime('%s', 'now') - 60, 3600),
            ('203.0.113.8', 'sshd', strftime('%s', 'now') - 7200, 3600)";
    database.execute_batch(table).unwrap();
}

#[test]
fn hostile_lines_of_filters() {
    let shell = Shell::new();
    let explain = |text: &str| {
        fs::write(shell.path("own.conf"), text).unwrap();
        let file = shell.path("own.conf").display().to_string();
        shell.feed(&format!("extract-ip --explain --filter {file}"), b"")
    };
    let told = explain(NAIVE).out;
    let starts = [
        "pattern: own/1: ^login of",
        "pattern: own/2: ",
        "pattern: own/3: ",
    ];
    let parts: Vec<&str> = told.split("pattern: ").skip(1).collect();
    assert_eq!(parts.len(), starts.len(), "{told}");
    assert!(parts[0].starts_with("own/1: ^login of <F-USER>"), "{told}");
    assert!(parts[0].contains("WARNING"), "{told}");
    assert!(
        parts[0].contains(">>x from 192.0.2.1<< from 203.0.113.9"),
        "{told}"
    );
    for part in &parts[1..] {
        assert!(part.contains("no line was found"), "{told}");
    }
    let several = explain(&NAIVE.replace("[Definition]", "[Definition]\nmaxlines = 2")).out;
    assert!(
        several.contains("was not tried: several lines"),
        "{several}"
    );
}

/// One try of each connection, repeated or reported by several lines.
#[test]
fn a_record_for_each_event() {
    let shell = Shell::new();
    let failed = "Failed password for root from 203.0.113.7 port 5 ssh2";
    let log = format!(
        "Mar 30 02:16:17 host sshd[1]: {failed}
Mar 30 02:16:18 host sshd[1]: message repeated 3 times: [ {failed}]
Mar 30 02:16:19 host cron[2]: x
Mar 30 02:16:19 host last message repeated 2 times
Mar 30 02:16:20 host sshd[1]: error: maximum authentication attempts exceeded for root from 203.0.113.7 port 5 ssh2 [preauth]
"
    );
    let count = |flags: &str| {
        let found = shell.feed(&format!("extract-ip {flags}"), log.as_bytes());
        found.out.lines().count()
    };
    assert_eq!(count("--preset sshd"), 4);
    // A line is a match, and no more, where the pattern is not a preset's.
    assert_eq!(count("--regex 'Failed password .* from <IP>'"), 2);
    assert_eq!(count(""), 3);
}

/// A line that a container's runtime has cut goes on in the next one, also where the first piece
/// has no word that a pattern needs.
#[test]
fn pieces_of_lines_are_nobodys() {
    let shell = Shell::new();
    let entry = |text: &str| {
        format!("{{\"log\":\"{text}\",\"stream\":\"stdout\",\"time\":\"2026-03-30T02:16:17Z\"}}\n")
    };
    let of = |n: u32| {
        format!(
            "Mar 30 02:16:17 host sshd[{n}]: Failed password for root from 203.0.113.{n} port 5 ssh2\\n"
        )
    };
    let log = [of(7), of(8), "A".repeat(16_000), of(9), of(10)].map(|text| entry(&text));
    let found = shell.feed("extract-ip --preset sshd", log.concat().as_bytes());
    let rows = [7, 8, 10].map(|n| format!("203.0.113.{n}\trule=sshd/failed\n"));
    assert_eq!(found.out, rows.concat());
}

#[test]
fn fields_by_with() {
    let shell = Shell::new();
    let row = |arguments: &str, text: &str| {
        let outcome = shell.feed(&format!("extract-ip {arguments}"), text.as_bytes());
        outcome.out + &outcome.err
    };
    let line = "/var/log/auth.log\tMar 30 02:16:17 host sshd[7]: Failed password for invalid user \
         a b from 203.0.113.7 port 5 ssh2\n";
    assert_eq!(
        row("-p sshd --with user,host --with pid,program,file", line),
        "203.0.113.7\trule=sshd/failed\tuser=a b\thost=host\tpid=7\tprogram=sshd\tfile=/var/log/auth.log\n"
    );
    assert_eq!(
        row(
            "-e 'for (?P<user>.*) from <IP> port (?P<tail>.*)' --with tail,user",
            line
        ),
        "203.0.113.7\ttail=5 ssh2\tuser=invalid user a b\n"
    );
    assert_eq!(
        row("-e 'user (?P<who>.)' --with who", line),
        "203.0.113.7\twho=a\n"
    );
    fs::write(shell.path("a.log"), "192.0.2.1\n").unwrap();
    let file = shell.path("a.log").display().to_string();
    let found = row(&format!("--with file,host {file}"), "");
    assert_eq!(found, format!("192.0.2.1\tfile={file}\n"));
    fs::write(shell.path("own.conf"), NAIVE).unwrap();
    let own = shell.path("own.conf").display().to_string();
    let line = "Mar 30 02:16:17 host own[7]: login of x from 203.0.113.7\n";
    let found = row(&format!("--filter {own} --with user"), line);
    assert_eq!(found, "203.0.113.7\trule=own/1\tuser=x\n");
    for key in [
        "until", "origin", "count", "lifted", "at", "rule", "line", "port",
    ] {
        let refused = row(&format!("-p sshd --with {key}"), "");
        let expected = format!("in a record this key has another meaning: \"{key}\"");
        assert!(refused.contains(&expected), "{refused}");
    }
    let unknown = row("-p sshd --with nobody", "");
    assert!(
        unknown.contains("nor a group of a pattern: \"nobody\""),
        "{unknown}"
    );
}

#[test]
fn silence_is_told() {
    let shell = Shell::new();
    let told = |arguments: &str, text: &str| {
        let outcome = shell.feed(&format!("extract-ip {arguments}"), text.as_bytes());
        assert_eq!(outcome.out, "");
        outcome.err
    };
    let other = "Mar 30 02:16:17 host nginx[4]: hello\n";
    assert_eq!(told("-p sshd", other), "");
    assert_eq!(
        told("-p sshd", &other.repeat(1204)),
        "extract-ip: --preset: 1,204 lines read; none is of sshd, sshd-auth or sshd-session; \
         the first program seen is nginx\n"
    );
    assert_eq!(
        told("-p all", "a\x1b[31mb\nx\n"),
        "extract-ip: --preset: 2 lines read; none is of a form that the preset knows; \
         the first begins with \"a\\u{1b}[31mb\"\n"
    );
    // A line of sshd that is no failure is enough.
    let fine = "Mar 30 02:16:17 host sshd[4]: Server listening on 0.0.0.0 port 22.\n";
    assert_eq!(
        told("-p sshd", &(fine.to_string() + &other.repeat(2000))),
        ""
    );
    assert_eq!(told("-p sshd", ""), "");
    assert_eq!(told("-e nothing", &other.repeat(1204)), "");
}

/// The preset of the page's own example.
fn example_of_the_page() -> String {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/man/pipeban-preset.5");
    let page = fs::read_to_string(page).unwrap();
    let block = page.split_once(".Bd -literal").unwrap().1;
    let block = block
        .split_once('\n')
        .unwrap()
        .1
        .split_once(".Ed")
        .unwrap()
        .0;
    let plain = block.replace("\\(ha", "^").replace("\\e", "\\");
    plain.replace("\\(Fo", "«").replace("\\(Fc", "»")
}

#[test]
fn presets_of_ones_own() {
    let shell = Shell::new();
    fs::write(shell.path("mine.txt"), example_of_the_page()).unwrap();
    let directory = shell.directory.path().display().to_string();
    let run = |command: &str| shell.run(&format!("cd {directory} && {command}"));
    let checked = run("extract-ip --preset ./mine.txt --check");
    assert_eq!((checked.err.as_str(), checked.status), ("", Some(0)));
    let starts = "./mine.txt: 1 rules, 2 examples, ";
    assert!(checked.out.starts_with(starts), "{}", checked.out);
    assert!(checked.out.ends_with(": good\n"), "{}", checked.out);
    let log = "Mar 30 02:16:17 host myd[9]: x refused, 192.0.2.1 refused, 203.0.113.7
Mar 30 02:16:17 host other[9]: x refused, 192.0.2.1
Mar 30 02:16:18 host sshd[9]: Failed password for root from 203.0.113.8 port 5 ssh2
";
    fs::write(shell.path("log"), log).unwrap();
    let found = run("extract-ip --preset sshd,./mine.txt --with user log");
    let user = "user=x refused, 192.0.2.1";
    let expected = format!(
        "203.0.113.7\trule=mine/refused\t{user}\n203.0.113.8\trule=sshd/failed\tuser=root\n"
    );
    assert_eq!(found.out, expected);
    // From a pipe, which can be read once.
    let piped = run("cat mine.txt | extract-ip --preset /dev/stdin log");
    assert_eq!(piped.out, "203.0.113.7\trule=stdin/refused\n");
}

#[test]
fn faults_of_ones_own_presets() {
    let shell = Shell::new();
    let directory = shell.directory.path().display().to_string();
    let run = |text: &str, flags: &str| {
        fs::write(shell.path("mine.txt"), text).unwrap();
        shell.run(&format!(
            "cd {directory} && extract-ip --preset ./mine.txt {flags} /dev/null"
        ))
    };
    let laughs = (0..40).fold("let A0 = xxxxxxxxxx\n".to_string(), |text, i| {
        let half = format!("<A{i}>");
        text + &format!("let A{} = {half}{half}\n", i + 1)
    });
    for (text, message) in [
        ("", "1: no rule: write"),
        (
            "program x\nrule a ^(x <IP>\n",
            "2: unclosed group, here: ^>>(<<x (?P<ip0>",
        ),
        ("program x\nrule a ^x\n", "2: no <IP> in the pattern"),
        (
            "program x\nrule a x <IP>\n",
            "2: the pattern must begin with ^",
        ),
        ("rule a ^x <IP>\n", "1: nobody is named who writes it"),
        (
            "program x\nrule a ^x <USER> <IP>\n",
            "2: an unknown tag: <USER",
        ),
        (
            "program x\nrool a ^x <IP>\n",
            "2: no line begins with \"rool\"",
        ),
        (
            "program x\nrule a ^x <IP>\n+ x y\n",
            "3: not an address: \"x\"",
        ),
        (
            "program x\nrule a ^x <IP>\n+ 192.0.2.1 x «y 192.0.2.1\n",
            "3: the mark « has no",
        ),
        (
            "program x\nrule a ^(?:a{300}){300}<IP>\n",
            "2: the pattern is too large",
        ),
        ("+ 192.0.2.1 x\n", "1: no rule stands before this line: +"),
        (&laughs, "13: the pattern is longer than"),
        ("program x\nrule a ^\u{0}(?<IP>\n", "2: "),
    ] {
        for flags in ["", "--check"] {
            let found = run(text, flags);
            let message = format!("extract-ip: ./mine.txt:{message}");
            assert!(found.err.starts_with(&message), "{text}: {}", found.err);
            assert_eq!(found.status, Some(2), "{text}");
        }
    }
    let head = "program x\n";
    for (text, message) in [
        (
            "rule a ^(?P<user>.*?) from <IP>\n+ 203.0.113.7 x[1]: «y» from 203.0.113.7\n- x[1]: y\n",
            "hostile text names 198.51.100.66 in place of 203.0.113.7",
        ),
        (
            "rule a ^(?P<user>.*) from <IP>$\n+ 203.0.113.7 x[1]: y from 203.0.113.8\n- x[1]: y\n",
            "the example is a of 203.0.113.8, and not a of 203.0.113.7",
        ),
        (
            "rule a ^(?P<user>.*) from <IP>$\n+ 203.0.113.7 x[1]: y from 203.0.113.7\n- x[1]: y\n",
            "no example says where: put « and » around it",
        ),
        (
            "rule a ^x from <IP>$\n- x[1]: y\n",
            "no example: write \"+ ADDRESS LINE\"",
        ),
        (
            "rule a ^x from <IP>$\n+ 203.0.113.7 x[1]: x from 203.0.113.7\n",
            "no example of a line that is no event",
        ),
        (
            "rule a ^x from <IP>$\n+ 203.0.113.7 x[1]: x from 203.0.113.7\n- x[1]: x from 192.0.2.1\n",
            "the example is a of 192.0.2.1, and not no event",
        ),
    ] {
        let stamp = "Mar 30 02:16:17 host x[1]:";
        let found = run(
            &(head.to_string() + &text.replace("x[1]:", stamp)),
            "--check",
        );
        assert!(
            found.err.contains(message),
            "{text}: {}{}",
            found.out,
            found.err
        );
        assert_eq!(found.status, Some(2), "{text}");
    }
    let endless = shell.run("extract-ip --preset /dev/zero /dev/null");
    assert_eq!(
        endless.err,
        "extract-ip: /dev/zero: larger than 1 MiB: no file of patterns\n"
    );
}
