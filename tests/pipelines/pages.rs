//! The pipelines of README.md and of the pages in examples/ are run as they stand there, each in a
//! network of its own, over sample logs in /var/log.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::common::{Outcome, Shell, run, unshared, wait_until};

/// A pipeline is known by a part of its text. What it must print, and what it must not; a line that
/// begins so.
struct Row(
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
);

const ROWS: [Row; 28] = [
    Row(
        "count-ip --top 20",
        &["203.0.113.7\tcount=9", "2001:db8::7\tcount=5"],
        &["192.0.2.10\t"],
    ),
    Row(
        "--preset sshd /var/log/auth.log |\n  count-ip --threshold 5 --within 10m |\n  ban-ip --for 1h --dry-run",
        &["203.0.113.7\t", "2001:db8::7\t", "192.0.2.46\t"],
        &["192.0.2.44", "198.51.100.77"],
    ),
    Row(
        "--forgive rule=sshd/accepted",
        &["203.0.113.7\t", "2001:db8::7\t"],
        &["192.0.2.46"],
    ),
    Row(
        "<drop.txt | mail-ban",
        &["203.0.113.0/24\t", "198.51.100.0/25\t"],
        &[],
    ),
    Row(
        "ban-ip --list --origin . | ssh",
        &["198.51.100.0/25\t"],
        &[],
    ),
    Row(
        "unban-at now --origin web1",
        &["192.0.2.77\t"],
        &["203.0.113.7\t"],
    ),
    Row("ban-ip --why", &["203.0.113.7\t", "198.51.100.0/25\t"], &[]),
    Row("--plain", &["     10 203.0.113.7"], &[]),
    Row(
        "--prefix4 24",
        // One address, however many events.
        &["203.0.113.0/24\tcount=1", "2001:db8::/48\tcount=1"],
        &["203.0.113.7"],
    ),
    Row(
        "cut -f 1 would-be-banned",
        &["203.0.113.7", "2001:db8::7", "198.51.100.23"],
        &["192.0.2.44", "198.51.100.77"],
    ),
    Row(
        "join banned-at",
        &["198.51.100.23 2"],
        // The first pretended to log in, before and after its ban.
        &["203.0.113.7", "192.0.2.10"],
    ),
    Row("uniq -c", &["      5 2026-03-29T02h"], &[]),
    Row("sort -u >in-auth", &["203.0.113.200"], &["203.0.113.7"]),
    Row(
        "--preset sshd --only 203.0.113.7",
        &["Mar 30 02:16:00 trippyboy sshd"],
        &["203.0.113.7", "Mar 30 06:00:01"],
    ),
    Row(
        "--whole --only drop.txt",
        &["203.0.113.200 - - [30/Mar", "1"],
        &["192.0.2.10"],
    ),
    Row(
        "--for 1d --max-prefix4 8",
        &["203.0.113.0/24\t", "198.51.100.0/25\t"],
        &[],
    ),
    Row("--for 2d --max-prefix4 8", &[], &[]),
    Row(
        "--never customers",
        &["203.0.113.0/24\t", "2001:db8:bad::/48\t"],
        &["192.0.2.128/25"],
    ),
    Row("comm -13", &["203.0.113.200"], &["192.0.2.10"]),
    Row(
        "--never proxies",
        &["203.0.113.0/24\t", "198.51.100.0/25\t"],
        &[],
    ),
    Row("unban-at now <drop.txt", &["198.51.100.0/25\t"], &[]),
    Row(
        "ssh other.example.org ban-ip --list",
        &["203.0.113.7\t"],
        &[],
    ),
    Row(
        "--dry-run | mail-ban --to root",
        // Printed into the mail alone.
        &[],
        &["203.0.113.7\t"],
    ),
    // Both are this journal.
    Row("--from start -D", &["203.0.113.7\tcount="], &[]),
    Row(
        "--from start --unit 'cron*'",
        &["203.0.113.7\tat=2026-03-30T02:16:41"],
        &[],
    ),
    Row("/var/log/secure*", &["203.0.113.7"], &["192.0.2.44"]),
    Row("for host in", &["2001:db8::7\t"], &[]),
    Row("--once --from resume", &[], &[]),
];

/// The bans here and on the other host before each begins.
const BEFORE: &str = "ban-ip --origin web1 192.0.2.77 >/dev/null
ban-ip --for 1h 203.0.113.7 203.0.113.0/24 198.51.100.0/25 >/dev/null
ssh other.example.org ban-ip --for 1h 203.0.113.7 >/dev/null\n";

const STUBS: [(&str, &str); 3] = [
    // The other host has a firewall and a state of its own.
    (
        "ssh",
        "host=$1; shift; PIPEBAN_STATE=$PIPEBAN_STATE.$host exec unshare -n sh -c \"$*\"",
    ),
    ("curl", "cat drop.txt"),
    ("sendmail", "cat >/dev/null"),
];

fn failures(address: &str, day: &str, times: &[&str]) -> String {
    let line = |time: &&str| {
        format!(
            "Mar {day} {time} trippyboy sshd[4287]: Failed password for root from {address} port 50045 ssh2\n"
        )
    };
    times.iter().map(line).collect()
}

fn lay_out(shell: &Shell) {
    let close = ["02:16:00", "02:16:10", "02:16:20", "02:16:30", "02:16:40"];
    let hostile = "Mar 30 02:20:00 trippyboy sshd[4287]: Failed password for invalid user x from 198.51.100.77 port 1 ssh2 from 203.0.113.7 port 2 ssh2\n";
    let mut auth = failures("203.0.113.7", "30", &close) + hostile;
    auth += &failures(
        "2001:db8::7",
        "30",
        &["03:00:00", "03:00:01", "03:00:02", "03:00:03", "03:00:04"],
    );
    // A person who mistypes, twice.
    let mistakes = ["03:30:00", "03:30:10", "03:30:20"];
    let later = ["03:32:00", "03:32:10", "03:32:20"];
    auth += &failures("192.0.2.46", "30", &mistakes).replace("root", "hanako");
    auth += "Mar 30 03:30:30 trippyboy sshd[4291]: Accepted password for hanako \
             from 192.0.2.46 port 50045 ssh2\n";
    auth += &failures("192.0.2.46", "30", &later).replace("root", "hanako");
    auth += &failures("192.0.2.44", "30", &["04:00:00", "05:00:00"]);
    auth += "Mar 30 06:00:00 trippyboy sshd[4290]: Accepted password for taro from 198.51.100.23 port 50045 ssh2\n";
    auth += "Mar 30 06:00:00 trippyboy sshd[4290]: Accepted publickey for taro from 192.0.2.10 port 50045 ssh2: RSA x\n";
    auth += "Mar 30 06:00:01 trippyboy sshd[4290]: Received disconnect from 192.0.2.44 \
             port 9:11: Accepted password for root from 203.0.113.7 port 1 ssh2\n";
    let yesterday = failures("198.51.100.23", "29", &close);
    let before = failures("203.0.113.7", " 1", &["01:00:00", "02:00:00", "03:00:00"]);
    let access = "203.0.113.200 - - [30/Mar/2026:02:16:17 +0900] \"GET / HTTP/1.1\" 404 0\n192.0.2.10 - - [30/Mar/2026:02:16:17 +0900] \"GET / HTTP/1.1\" 200 9\n";
    for directory in [
        "bin",
        "work",
        "log/nginx",
        "log/journal",
        "work/journal-of-web1",
    ] {
        fs::create_dir_all(shell.path(directory)).unwrap();
    }
    for (name, text) in [
        ("log/auth.log", auth.as_str()),
        ("log/auth.log.1", &yesterday),
        ("log/auth.log.2", &before),
        ("log/secure", ""),
        ("log/secure-20260330", &auth),
        ("log/nginx/access.log", access),
        (
            "work/drop.txt",
            "; Spamhaus DROP List\n203.0.113.0/24 ; SBL1\n198.51.100.0/25 ; SBL2\n",
        ),
        (
            "work/firehol.netset",
            "#\n# a list\n#\n192.0.2.128/25\n2001:db8:bad::/48\n",
        ),
        ("work/customers", "192.0.2.200\n"),
        ("work/proxies", "10.0.0.5\n"),
    ] {
        fs::write(shell.path(name), text).unwrap();
    }
    for folder in ["log/journal", "work/journal-of-web1"] {
        let journal = shell.path(folder).join("system.journal");
        fs::write(journal, journal_of_sshd()).unwrap();
    }
    for (name, script) in STUBS {
        let path = shell.path(&format!("bin/{name}"));
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        run("chmod", &["755", path.to_str().unwrap()]);
    }
    run("gzip", &[shell.path("log/auth.log.2").to_str().unwrap()]);
    let logs = shell.path("log");
    run("mount", &["--bind", logs.to_str().unwrap(), "/var/log"]);
    run("mount", &["-t", "tmpfs", "none", "/var/lib"]);
}

/// The scripts in a page: blocks fenced as `sh`, and the commands of those fenced as `crontab`.
fn scripts(page: &str) -> Vec<String> {
    let mut scripts = Vec::new();
    let mut blocks = page.split("\n```");
    blocks.next();
    for block in blocks.step_by(2) {
        let (language, text) = block.split_once('\n').unwrap();
        match language {
            "sh" => scripts.push(text.to_owned()),
            "crontab" => {
                // Five fields of time; in the command a % would be a newline.
                assert!(!text.contains('%'), "{text}");
                scripts.push(text.splitn(6, ' ').nth(5).unwrap().to_owned());
            }
            other => panic!("what is to be done with a block of {other:?}?"),
        }
    }
    scripts
}

fn command(shell: &Shell, script: &str) -> Command {
    let mut command = shell.command("unshare");
    let path = command
        .get_envs()
        .find(|(k, _)| *k == "PATH")
        .unwrap()
        .1
        .unwrap()
        .to_owned();
    let path = format!("{}:{}", shell.path("bin").display(), path.to_str().unwrap());
    // The logs are local time; a state of its own for each.
    command
        .args(["-n", "sh", "-c", script])
        .current_dir(shell.path("work"))
        .env("PATH", path);
    let state = tempfile::tempdir_in(shell.directory.path()).unwrap().keep();
    command.env("PIPEBAN_STATE", state.join("state.db"));
    command
}

/// Whether it did what its row says.
fn is_good(script: &str, row: &Row, outcome: &Outcome) -> bool {
    let Row(_, expected, unwanted) = row;
    let printed = |start: &&str| outcome.out.lines().any(|line| line.starts_with(*start));
    // The list of customers forbids one network; that is said.
    let refused = script.contains("--never customers");
    // The first run of cron bans nobody for attacks of long ago.
    let old = script.contains("--once --from resume");
    expected.iter().all(printed)
        && !unwanted.iter().any(printed)
        && outcome.status == Some(if refused { 2 } else { i32::from(old) })
        && outcome.err.lines().all(is_note) != refused
}

/// The pages ban networks and addresses inside them, and lift some: that is said; and that old
/// attacks ban nobody.
fn is_note(line: &str) -> bool {
    line.starts_with("unban-at: ") && line.ends_with(", which is banned")
        || line.starts_with("ban-ip: ")
            && line.contains(" bans would be over by now: last at=2026-03-30T03:")
}

/// A pipeline that is killed with all its processes when the test is over, or fails.
struct Live(std::process::Child);

impl Drop for Live {
    fn drop(&mut self) {
        let group = nix::unistd::Pid::from_raw(self.0.id() as i32);
        let _ = nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGKILL);
        let _ = self.0.wait();
    }
}

/// Runs a pipeline that never ends, on a log that grows, until an attacker is banned.
fn check_live(shell: &Shell, script: &str) {
    let log = script.split_whitespace().nth(1).unwrap();
    if log == "--unit" {
        return check_journal(shell, script);
    }
    // A pattern stands for a log that it finds.
    let log = &log
        .trim_matches('\'')
        .replace("-json", "9c-json")
        .replace('*', "9c");
    fs::create_dir_all(Path::new(log).parent().unwrap()).unwrap();
    let now = pipeban::time::Time::now().secs();
    let now = chrono::DateTime::from_timestamp(now, 0).unwrap();
    // The shell's zone.
    let local = now.with_timezone(&chrono::FixedOffset::east_opt(9 * 3_600).unwrap());
    let local = local.format("%b %e %H:%M:%S");
    let scan = now.format(
        "[%d/%b/%Y:%H:%M:%S +0000] \"GET /.env HTTP/1.1\" 403 146 \"-\" \"curl 198.51.100.9\"",
    );
    let scan = scan.to_string();
    let now = now.format("%Y-%m-%dT%H:%M:%S.1Z");
    let line = match log.as_str() {
        "/var/lib/docker/containers/9c/9c9c-json.log" => format!(
            "{{\"log\":\"203.0.113.99 - - {}\\n\",\"stream\":\"stdout\",\"time\":\"{now}\"}}\n",
            scan.replace('"', "\\\"")
        ),
        "/var/log/pods/9c/9c/9c.log" => {
            format!("{now} stdout F 203.0.113.99 - - {scan}\n")
        }
        "/var/log/nginx/proxied.log" => {
            format!(
                "10.0.0.5 - - {scan} \"198.51.100.9, 203.0.113.99\"\n10.0.0.5 - - {scan} \"-\"\n"
            )
        }
        "/var/log/secure" => format!(
            "{local} trippyboy dovecot-auth: pam_unix(dovecot:auth): authentication failure; \
             logname= uid=0 euid=0 tty=dovecot ruser= rhost=::ffff:203.0.113.99\n"
        ),
        _ => format!(
            "{local} trippyboy sshd[4287]: Failed password for root from 203.0.113.99 \
             port 50045 ssh2\n"
        ),
    };
    let threshold = script.split_once("--threshold ").unwrap().1;
    let reached = format!("\tcount={}\t", threshold.split(' ').next().unwrap());
    let path = log;
    let _live = start(shell, script);
    wait_until(script, || {
        use std::io::Write;
        let mut log = fs::OpenOptions::new();
        let mut log = log.append(true).create(true).open(path).unwrap();
        log.write_all(line.as_bytes()).unwrap();
        let printed = fs::read_to_string(shell.path("live")).unwrap();
        printed.starts_with("203.0.113.99\t") && printed.contains(&reached)
    });
}

/// Runs a pipeline that sends bans to another host until it ends, until they are made there.
fn check_stream(shell: &Shell, script: &str) {
    let _live = start(shell, &format!("{BEFORE}{script}"));
    for address in ["198.51.100.0/25", "203.0.113.0/24"] {
        wait_until(script, || {
            let printed = fs::read_to_string(shell.path("live")).unwrap();
            let banned = |line: &str| line.starts_with(&format!("{address}\torigin=web1\t"));
            printed.lines().any(banned)
        });
    }
}

/// Starts a pipeline that prints into the file `live`.
fn start(shell: &Shell, script: &str) -> Live {
    let out = fs::File::create(shell.path("live")).unwrap();
    let mut live = command(shell, script);
    live.stdout(out).stdin(Stdio::null()).process_group(0);
    Live(live.spawn().unwrap())
}

/// A real journal of another year, with failures of 203.0.113.7 in the unit `cron`.
fn journal_of_sshd() -> Vec<u8> {
    let sample = "lib/journal/tests/samples/systemd-252-compact.journal.zst";
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join(sample);
    zstd::decode_all(fs::File::open(sample).unwrap()).unwrap()
}

/// The same on that journal while it grows.
fn check_journal(shell: &Shell, script: &str) {
    use std::os::unix::fs::FileExt;
    let mut bytes = journal_of_sshd();
    // The number of entries stands here (systemd's journal-def.h, low byte of n_entries).
    bytes[152] = 20;
    let directory = Path::new("/var/log/journal");
    let file = directory.join("system.journal");
    fs::write(&file, bytes).unwrap();
    let script = &script.replace("--unit sshd", "--unit ssh");
    let script = &script.replace("--unit ssh", "--unit cron");
    let _live = start(shell, &script.replace("--for 1h", "--for 1000w"));
    let mut entries = 20;
    wait_until(script, || {
        entries = 60.min(entries + 1);
        let file = fs::OpenOptions::new().write(true).open(&file).unwrap();
        file.write_all_at(&[entries], 152).unwrap();
        let printed = fs::read_to_string(shell.path("live")).unwrap();
        printed.starts_with("203.0.113.7\t") && printed.contains("\tcount=5\t")
    });
}

#[test]
fn every_pipeline_of_the_pages_works() {
    unshared("-rnm", "every_pipeline_of_the_pages_works", || {
        let top = Path::new(env!("CARGO_MANIFEST_DIR"));
        let shell = Shell::new();
        lay_out(&shell);
        let examples = fs::read_dir(top.join("examples"))
            .unwrap()
            .map(|f| f.unwrap().path());
        let mut pages: Vec<_> = examples
            .filter(|f| f.extension().is_some_and(|e| e == "md"))
            // tests/extract_ip/presets.rs runs this one, which needs fail2ban's own files.
            .filter(|f| !f.ends_with("from-fail2ban.md"))
            // flood.rs runs this one.
            .filter(|f| !f.ends_with("flood.md"))
            // exports.rs and cluster.rs run these.
            .filter(|f| !f.ends_with("exports.md") && !f.ends_with("cluster.md"))
            // tests/share_ban runs what this one tells.
            .filter(|f| !f.ends_with("share.md"))
            .collect();
        pages.push(top.join("README.md"));
        let mut met = vec![0; ROWS.len()];
        let mut live = 0;
        let mut bad = String::new();
        for page in pages {
            for script in scripts(&fs::read_to_string(page).unwrap()) {
                if script.starts_with("follow-log") && !script.contains("--once") {
                    check_live(&shell, &script);
                    live += 1;
                    continue;
                }
                if script.starts_with("ban-ip --list --follow") {
                    check_stream(&shell, &script);
                    live += 1;
                    continue;
                }
                let output = command(&shell, &format!("{BEFORE}{script}"))
                    .output()
                    .unwrap();
                let outcome = Outcome {
                    out: String::from_utf8(output.stdout).unwrap(),
                    err: String::from_utf8(output.stderr).unwrap(),
                    status: output.status.code(),
                };
                let row = ROWS.iter().position(|Row(part, ..)| script.contains(part));
                let Some(row) = row else {
                    panic!("no row says what this is to print: {script}{outcome:?}");
                };
                met[row] += 1;
                if !is_good(&script, &ROWS[row], &outcome) {
                    bad += &format!("{script}\n{outcome:?}\n\n");
                }
            }
        }
        assert!(bad.is_empty(), "{bad}");
        assert!(
            met.iter().all(|n| *n > 0) && live == 10,
            "a row of no page: {met:?}, {live}"
        );
    });
}
