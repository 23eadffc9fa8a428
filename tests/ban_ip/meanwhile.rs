//! Bans and lifts without a ledger, while another process restores bans: one of the two stands
//! still between any two of its messages to the kernel, and the other one does all of its work.
//! The two have no lock together.

use std::process::{Child, Command, Stdio};

use crate::both::held;
use crate::common::{Shell, in_namespace, left_out, run, unshared, wait_until};
use crate::no_ledger::signal;

/// Starts a command that is stopped at its message to the kernel with this number; `None` if it has
/// ended before.
pub fn stopped(shell: &Shell, when: usize, command: &str) -> Option<Child> {
    stopped_at(shell, &["-e"], "sendto", when, command)
}

/// The same at another system call, of those that these words of strace's choose.
pub fn stopped_at(
    shell: &Shell,
    words: &[&str],
    call: &str,
    when: usize,
    command: &str,
) -> Option<Child> {
    let log = shell.path("calls");
    let _ = std::fs::remove_file(&log);
    let mut process = shell
        .command("strace")
        .args(["-qq", "-o", &log.display().to_string()])
        .args(words)
        .arg(format!("inject={call}:signal=STOP:when={when}"))
        .arg("--")
        .args(command.split(' '))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut is_over = false;
    wait_until("it stops or ends", || {
        is_over = process.try_wait().unwrap().is_some();
        let text = std::fs::read_to_string(&log).unwrap_or_default();
        is_over || text.contains("stopped by SIGSTOP")
    });
    (!is_over).then_some(process)
}

/// A shell whose ledger can't be used, with locks of its own.
fn without_ledger() -> Shell {
    let shell = Shell::new();
    std::fs::create_dir(shell.path("state.db")).unwrap();
    shell
}

/// After one further ban firewall and ledger agree, these are banned, and those are not.
fn agree(shell: &Shell, backend: &str, when: &str, banned: &[&str], lifted: &[&str]) {
    let next = shell.run(&format!(
        "ban-ip --backend {backend} --for 1h 198.51.100.200"
    ));
    assert_eq!((next.err.as_str(), next.status), ("", Some(0)), "{when}");
    let list = shell.run(&format!("ban-ip --backend {backend} --list"));
    for fault in ["only=", "firewall-until="] {
        assert!(!list.out.contains(fault), "{when}: {list:?}");
    }
    let held = held(backend);
    for address in banned {
        assert!(list.addresses().contains(address), "{when}: {list:?}");
        assert!(held.contains(address), "{when}: {held}");
    }
    for address in lifted {
        assert!(!list.addresses().contains(address), "{when}: {list:?}");
    }
}

#[test]
fn a_restorer_that_stands_still_hides_nothing() {
    in_namespace("a_restorer_that_stands_still_hides_nothing", || {
        if run("strace", &["-V"]).is_none() {
            return;
        }
        let (shell, alone) = (Shell::new(), without_ledger());
        let commands = ["ban-ip --for 1h 198.51.100.1", "ban-ip --sync"];
        let mut stops = 0;
        for command in commands {
            for when in 1..100 {
                shell.run("ban-ip --for 1h 203.0.113.1 203.0.113.2 203.0.113.5 203.0.113.6");
                alone.run("ban-ip --for 1h 203.0.113.3; unban-at now 203.0.113.4 203.0.113.6");
                let Some(mut process) = stopped(&shell, when, command) else {
                    break;
                };
                stops += 1;
                alone.run(
                    "ban-ip --for 1h 203.0.113.4 203.0.113.6
                     unban-at now 203.0.113.1 203.0.113.2
                     ban-ip --for 1h 203.0.113.2; unban-at 30m 203.0.113.5",
                );
                signal("-CONT", &mut process);
                process.wait().unwrap();
                let banned = [2, 3, 4, 6].map(|n| format!("203.0.113.{n}"));
                let banned = banned.each_ref().map(String::as_str);
                let when = format!("{command}, stop {when}");
                agree(&shell, "nft", &when, &banned, &["203.0.113.1"]);
                shell.run("ban-ip --list | unban-at now");
            }
        }
        if stops == 0 {
            left_out("strace can't trace here");
        }
    });
}

/// The program ipset, which stands still before its step with this number, until a file says that
/// it goes on. Each line for `ipset restore` is a step, since it is one message to the kernel, and
/// each list.
const IPSET: &str = r#"#!/bin/sh
step() {
    n=$(($(cat "$HOME/number" 2>/dev/null || echo 0) + 1))
    echo $n >"$HOME/number"
    [ $n = "$STOP_AT" ] || return 0
    : >"$HOME/stopped"
    while [ ! -e "$HOME/go" ]; do sleep 0.02; done
}
case $* in
'-exist restore')
    while read -r line; do
        step
        echo "$line" | "$IPSET" -exist restore || exit
    done ;;
save) step; exec "$IPSET" save ;;
*) exec "$IPSET" "$@" ;;
esac
"#;

/// Runs a script whose ipset stands still before this step, and then `meanwhile`; `kills` the
/// script's process then. Answers whether there was such a step.
fn at_step(shell: &Shell, when: usize, script: &str, kills: bool, meanwhile: &dyn Fn()) -> bool {
    let home = tempfile::tempdir().unwrap();
    let program = home.path().join("ipset");
    std::fs::write(&program, IPSET).unwrap();
    run("chmod", &["755", &program.display().to_string()]);
    let real = run("sh", &["-c", "PATH=$PATH:/usr/sbin:/sbin command -v ipset"]).unwrap();
    let mut process = shell
        .command("sh")
        .args(["-c", &format!("PATH=$HOME:$PATH; exec {script}")])
        .env("HOME", home.path())
        .env("IPSET", real.trim())
        .env("STOP_AT", when.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut is_over = false;
    wait_until("it stands still or ends", || {
        is_over = process.try_wait().unwrap().is_some();
        is_over || home.path().join("stopped").exists()
    });
    if is_over {
        return false;
    }
    meanwhile();
    if kills {
        process.kill().unwrap();
    }
    std::fs::write(home.path().join("go"), "").unwrap();
    process.wait().unwrap();
    // The program that it has started goes on.
    let is_there = || {
        let found = Command::new("pgrep").arg("-f").arg(&program).output();
        found.is_ok_and(|found| found.status.success())
    };
    wait_until("ipset ends", || !is_there());
    true
}

#[test]
fn each_line_of_ipset_is_a_moment() {
    unshared("-rn", "each_line_of_ipset_is_a_moment", || {
        if run("ipset", &["--version"]).is_none() {
            return;
        }
        let (shell, alone) = (Shell::new(), without_ledger());
        let ban = "ban-ip --backend ipset --for 1h";
        let restore = format!("{ban} 198.51.100.1");
        let begin = || {
            shell.run(&format!("{ban} 203.0.113.1 203.0.113.2 203.0.113.5"));
            alone.run(&format!("{ban} 203.0.113.3; unban-at now 203.0.113.4"));
        };
        let changes = || {
            alone.run(&format!(
                "{ban} 203.0.113.4; unban-at now 203.0.113.1 203.0.113.2
                 {ban} 203.0.113.2; unban-at 30m 203.0.113.5"
            ));
        };
        let end = |when: &str| {
            let banned = ["203.0.113.2", "203.0.113.3", "203.0.113.4"];
            agree(&shell, "ipset", when, &banned, &["203.0.113.1"]);
            shell.run("ban-ip --backend ipset --list | unban-at now");
        };
        for when in 1.. {
            begin();
            if !at_step(&shell, when, &restore, false, &changes) {
                break;
            }
            end(&format!("the restorer stands still at step {when}"));
        }
        // The one without a ledger stands still, and is killed.
        let [one, other, end] = [
            format!("{ban} 203.0.113.4"),
            "unban-at now 203.0.113.1".into(),
            "unban-at 30m 203.0.113.5".into(),
        ];
        for (script, rest) in [(&one, &other), (&other, &one), (&end, &other)] {
            for when in 1.. {
                begin();
                let meanwhile = || _ = shell.run(&restore);
                if !at_step(&alone, when, script, true, &meanwhile) {
                    break;
                }
                alone.run(rest);
                let banned = ["203.0.113.2", "203.0.113.3"];
                // A kill before the ban or lift itself leaves none.
                let when = format!("{script}: killed at step {when}");
                agree(&shell, "ipset", &when, &banned, &[]);
                shell.run("ban-ip --backend ipset --list | unban-at now");
            }
        }
    });
}
