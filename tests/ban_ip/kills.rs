//! Killed at each system call between reading a record and printing it: a second run finds the rest
//! and finishes it.

use crate::common::{Shell, in_namespace, left_out, run};

/// The system calls that change something: files, locks, the kernel's tables, processes. Between
/// two of them a kill makes no difference.
const CALLS: &str = "openat,write,pwrite64,fcntl,ftruncate,unlink,rename,sendto,sendmsg,capset,\
                     memfd_create,pipe2,clone,clone3,vfork,execve,wait4,kill,fchown";

/// Runs a command and kills it at the `when`th of those calls; `None` if it ended before.
fn killed_at(shell: &Shell, when: usize, command: &str) -> Option<String> {
    let inject = format!("inject={CALLS}:signal=KILL:when={when}");
    let output = shell
        .command("strace")
        .args(["-qq", "-o", "/dev/null", "-e", &inject, "--"])
        .args(command.split(' '))
        .output()
        .unwrap();
    let killed = output.status.code().is_none() || output.status.code() == Some(137);
    killed.then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Kills `command` at its first call, then at its second and so on, and each time looks whether
/// firewall and ledger agree after the same command again.
fn at_each_call(
    test: &str,
    backends: &[&str],
    prepare: fn(&Shell, &str),
    command: fn(&str) -> String,
    held_after: bool,
) {
    in_namespace(test, || {
        if run("strace", &["-V"]).is_none() {
            return;
        }
        for backend in backends {
            if *backend != "nft" && run(backend, &["--version"]).is_none() {
                continue;
            }
            let mut kills = 0;
            for when in 1.. {
                assert!(when < 2_000, "{backend}: it never ends");
                let shell = Shell::new();
                prepare(&shell, backend);
                let Some(printed) = killed_at(&shell, when, &command(backend)) else {
                    break;
                };
                kills += 1;
                let about = format!("{backend}: killed at call {when}");
                let list = || shell.run(&format!("ban-ip --list --backend {backend}"));
                let now = list();
                for address in printed.lines().filter_map(|l| l.split('\t').next()) {
                    let is_held = now.addresses().contains(&address);
                    assert_eq!(is_held, held_after, "{about}: printed, {now:?}");
                }
                let again = shell.run(&command(backend));
                let agreed = list();
                assert!(
                    !agreed.out.contains("only=") && !agreed.out.contains("firewall-until="),
                    "{about}: {again:?} {agreed:?}"
                );
                let is_held = agreed.addresses().contains(&"203.0.113.7");
                assert_eq!(is_held, held_after, "{about}: {again:?} {agreed:?}");
                let all = agreed.addresses().join(" ");
                shell.run(&format!("unban-at now {all}"));
            }
            if kills == 0 {
                left_out("strace can't trace here");
            }
        }
    });
}

#[test]
fn ban_ip_is_killed() {
    at_each_call(
        "ban_ip_is_killed",
        &["nft"],
        |_, _| (),
        |backend| format!("ban-ip --backend {backend} 203.0.113.7"),
        true,
    );
}

#[test]
fn ban_ip_is_killed_while_it_restores() {
    at_each_call(
        "ban_ip_is_killed_while_it_restores",
        &["nft"],
        |shell, backend| {
            shell.run(&format!(
                "ban-ip --backend {backend} 203.0.113.7 203.0.113.8"
            ));
            run("nft", &["flush", "ruleset"]);
        },
        |backend| format!("ban-ip --backend {backend} 203.0.113.9"),
        true,
    );
}

#[test]
fn unban_at_is_killed() {
    at_each_call(
        "unban_at_is_killed",
        &["nft"],
        |shell, backend| {
            shell.run(&format!(
                "ban-ip --backend {backend} 203.0.113.7 203.0.113.8"
            ));
        },
        |_| "unban-at now 203.0.113.7".into(),
        false,
    );
}

#[test]
fn sync_is_killed() {
    at_each_call(
        "sync_is_killed",
        &["nft"],
        |shell, backend| {
            shell.run(&format!(
                "ban-ip --backend {backend} 203.0.113.7 203.0.113.8"
            ));
            run("nft", &["flush", "ruleset"]);
        },
        |backend| format!("ban-ip --sync --backend {backend}"),
        true,
    );
}

#[test]
fn due_is_killed() {
    at_each_call(
        "due_is_killed",
        &["iptables"],
        |shell, backend| {
            shell.run(&format!("ban-ip --backend {backend} 203.0.113.7"));
            let state = shell.path("state.db").display().to_string();
            let ended = "UPDATE ban SET until = 1, ends = 1;
                         INSERT OR REPLACE INTO later SELECT id, backend, 1 FROM ban";
            run("sqlite3", &[&state, ended]);
        },
        |_| "unban-at --due".into(),
        false,
    );
}
