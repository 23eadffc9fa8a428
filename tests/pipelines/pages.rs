//! The pipelines of README.md and of the pages in examples/ are run as they stand there, each in a
//! network of its own, over sample logs in /var/log.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::common::{Outcome, Shell, unshared, wait_until};

mod logs; // the logs that lie there
mod rows; // the expected results

use logs::{journal_of_sshd, lay_out};
use rows::{ROWS, Row};

/// The bans here and on the other host before each begins.
const BEFORE: &str = "ban-ip --origin web1 192.0.2.77 >/dev/null
ban-ip --for 1h 203.0.113.7 203.0.113.0/24 198.51.100.0/25 >/dev/null
ssh other.example.org ban-ip --for 1h 203.0.113.7 >/dev/null\n";

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
