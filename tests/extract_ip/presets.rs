//! `extract-ip --preset` and `--filter`.

use std::fs;

use crate::common::Shell;

const AUTH: &str = "\
Mar 30 02:16:17 host sshd[1]: Failed password for invalid user x from 198.51.100.1 port 22 ssh2 from 203.0.113.7 port 50412 ssh2
Mar 30 02:16:17 host sshd[2]: Connection from 203.0.113.8 port 50412 on 192.0.2.1 port 22
Mar 30 02:16:18 host sshd[2]: User root not allowed because account is locked
Mar 30 02:16:19 host sshd[3]: Accepted password for x from 192.0.2.9 port 50412 ssh2
Mar 30 02:16:20 host dovecot-auth: pam_unix(dovecot:auth): authentication failure; logname= uid=0 euid=0 tty=dovecot ruser= rhost=::ffff:203.0.113.9
";

pub(crate) const OWN: &str = r"
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
    let mut lines = list.lines();
    let listed = lines
        .any(|l| l.starts_with("sshd ") && l.ends_with(" locked denied; successes: accepted)"));
    assert!(listed, "{list}");
    // A success is asked for.
    let accepted = "192.0.2.9\trule=sshd/accepted\tsuccess=yes";
    assert_eq!(row("-p sshd/accepted").0, format!("{accepted}\n"));
    assert_eq!(row("-p sshd,sshd/accepted").0, format!("{ssh}{accepted}\n"));
    assert_eq!(
        row("-p all,sshd/accepted").0,
        format!("{ssh}{accepted}\n{mail}")
    );
    let with = row("-p sshd/accepted --with user --time --timezone UTC --line").0;
    let with = with
        .split('\t')
        .filter(|field| !field.starts_with("at="))
        .collect::<Vec<_>>();
    let line = AUTH.lines().nth(3).unwrap();
    assert_eq!(
        with.join("\t"),
        format!("{accepted}\tuser=x\tline={line}\n")
    );
    assert_eq!(row("-p sshd/accepted --whole").0, format!("{line}\n"));
    assert_eq!(row("-p sshd/accepted -c").0, "1\n");
    let object = "{\"address\":\"192.0.2.9\",\"rule\":\"sshd/accepted\",\"success\":\"yes\"}\n";
    assert_eq!(row("-p sshd/accepted --json").0, object);
    let (told, _) = row("-p sshd,sshd/accepted --explain");
    assert!(told.contains("matches --preset sshd/accepted"), "{told}");
    let (refused, status) = row("-p sshd/accepted | ban-ip --backend none 2>&1");
    assert!(
        refused.contains("its record is of a success (success=yes)"),
        "{refused}"
    );
    assert_eq!(status, Some(2));
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
        parts[0].contains(">> from 192.0.2.1<< from 203.0.113.9"),
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
    // The same message once more has the same texts.
    let repeated = "Mar 30 02:16:18 host last message repeated 2 times\n";
    let one = line
        .strip_prefix("/var/log/auth.log\t")
        .unwrap()
        .to_string()
        + repeated;
    assert_eq!(
        row("-p sshd --with user", &one),
        "203.0.113.7\trule=sshd/failed\tuser=a b\n".repeat(3)
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
