//! Killed at each system call between reading a record and printing it: a second run finds the
//! rest, finishes it, and prints what the first one has not printed.

use crate::common::{Shell, in_namespace, left_out, run};

/// The system calls that change something: files, locks, the kernel's tables, processes. Between
/// two of them a kill makes no difference.
const CALLS: &str = "openat,write,pwrite64,fcntl,ftruncate,unlink,rename,sendto,sendmsg,capset,\
                     memfd_create,pipe2,clone,clone3,vfork,execve,wait4,kill,fchown";
/// With this variable all system calls are tried, on all firewalls; it takes minutes.
const ALL: &str = "PIPEBAN_TEST_KILLS";

/// Runs a command and kills it at the `when`th of those calls; `None` if it ended before.
fn killed_at(shell: &Shell, when: usize, command: &str) -> Option<String> {
    let calls = match std::env::var_os(ALL) {
        Some(_) => "all",
        None => CALLS,
    };
    let inject = format!("inject={calls}:signal=KILL:when={when}");
    let output = shell
        .command("strace")
        .args(["-qq", "-o", "/dev/null", "-e", &inject, "--"])
        .args(command.split(' '))
        .output()
        .unwrap();
    let killed = output.status.code().is_none() || output.status.code() == Some(137);
    killed.then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A command that is killed, and its end.
struct Killed {
    /// The firewalls that are always tried, and those that are tried if all are.
    backends: (&'static [&'static str], &'static [&'static str]),
    prepare: fn(&Shell, &str),
    command: fn(&str) -> String,
    /// The addresses that the two runs print together.
    prints: &'static [&'static str],
    /// Whether the first of them is banned in the end.
    is_banned: bool,
}

/// Kills the command at its first call, then at its second and so on, and each time looks whether
/// firewall and ledger agree after the same command again, and whether all was printed.
fn at_each_call(test: &str, killed: &Killed) {
    in_namespace(test, || {
        if run("strace", &["-V"]).is_none() {
            return;
        }
        let (always, more) = killed.backends;
        let more = if std::env::var_os(ALL).is_some() {
            more
        } else {
            &[]
        };
        for backend in always.iter().chain(more) {
            if *backend != "nft" && run(backend, &["--version"]).is_none() {
                continue;
            }
            let mut kills = 0;
            for when in 1.. {
                assert!(when < 5_000, "{backend}: it never ends");
                let shell = Shell::new();
                (killed.prepare)(&shell, backend);
                let command = (killed.command)(backend);
                let Some(printed) = killed_at(&shell, when, &command) else {
                    break;
                };
                kills += 1;
                one_kill(&shell, backend, killed, &printed, when);
            }
            if kills == 0 {
                left_out("strace can't trace here");
            }
        }
    });
}

fn one_kill(shell: &Shell, backend: &str, killed: &Killed, printed: &str, when: usize) {
    let about = format!("{backend}: killed at call {when}");
    let list = || shell.run(&format!("ban-ip --list --backend {backend}"));
    let now = list();
    let first = printed.lines().filter_map(|l| l.split('\t').next());
    let first: Vec<&str> = first.collect();
    if first.contains(&killed.prints[0]) {
        let is_held = now.addresses().contains(&killed.prints[0]);
        assert_eq!(is_held, killed.is_banned, "{about}: printed, {now:?}");
    }
    let again = shell.run(&(killed.command)(backend));
    let all = [first, again.addresses()].concat();
    for address in killed.prints {
        assert!(
            all.contains(address),
            "{about}: {address} is not printed: {again:?}"
        );
    }
    let agreed = list();
    assert!(
        !agreed.out.contains("only=") && !agreed.out.contains("firewall-until="),
        "{about}: {again:?} {agreed:?}"
    );
    let is_held = agreed.addresses().contains(&killed.prints[0]);
    assert_eq!(is_held, killed.is_banned, "{about}: {again:?} {agreed:?}");
    // A third run has nothing to print: what was printed is not printed for ever.
    if !killed.is_banned || !(killed.command)(backend).contains("unban-at") {
        let third = shell.run(&(killed.command)(backend));
        assert_eq!(third.addresses().len(), 0, "{about}: {third:?}");
    }
    let all = agreed.addresses().join(" ");
    shell.run(&format!("unban-at now {all}"));
}

fn ban_two(shell: &Shell, backend: &str) {
    shell.run(&format!(
        "ban-ip --backend {backend} 203.0.113.7 203.0.113.8"
    ));
}

#[test]
fn ban_ip_is_killed() {
    let killed = Killed {
        backends: (&["nft"], &["ipset", "iptables"]),
        prepare: |_, _| (),
        command: |backend| format!("ban-ip --backend {backend} 203.0.113.7 203.0.113.9"),
        prints: &["203.0.113.7", "203.0.113.9"],
        is_banned: true,
    };
    at_each_call("ban_ip_is_killed", &killed);
}

#[test]
fn ban_ip_is_killed_while_it_restores() {
    let killed = Killed {
        backends: (&["nft"], &[]),
        prepare: |shell, backend| {
            ban_two(shell, backend);
            run("nft", &["flush", "ruleset"]);
        },
        command: |backend| format!("ban-ip --backend {backend} 203.0.113.7 203.0.113.9"),
        prints: &["203.0.113.7", "203.0.113.9"],
        is_banned: true,
    };
    at_each_call("ban_ip_is_killed_while_it_restores", &killed);
}

#[test]
fn ban_ip_is_killed_while_it_puts_one_back() {
    let killed = Killed {
        backends: (&["nft"], &[]),
        prepare: |shell, backend| {
            ban_two(shell, backend);
            let one = "delete element inet pipeban ipv4_32 { 203.0.113.7 }";
            run("nft", &[one]);
        },
        command: |backend| format!("ban-ip --backend {backend} 203.0.113.7"),
        prints: &["203.0.113.7"],
        is_banned: true,
    };
    at_each_call("ban_ip_is_killed_while_it_puts_one_back", &killed);
}

#[test]
fn unban_at_is_killed() {
    let killed = Killed {
        backends: (&["nft"], &["ipset", "iptables"]),
        prepare: ban_two,
        command: |_| "unban-at now 203.0.113.7".into(),
        prints: &["203.0.113.7"],
        is_banned: false,
    };
    at_each_call("unban_at_is_killed", &killed);
}

#[test]
fn unban_at_is_killed_while_it_sets_an_end() {
    let killed = Killed {
        backends: (&["nft"], &["ipset", "iptables"]),
        prepare: ban_two,
        command: |_| "unban-at now+2hours 203.0.113.7".into(),
        prints: &["203.0.113.7"],
        is_banned: true,
    };
    at_each_call("unban_at_is_killed_while_it_sets_an_end", &killed);
}

#[test]
fn sync_is_killed() {
    let killed = Killed {
        backends: (&["nft"], &[]),
        prepare: |shell, backend| {
            ban_two(shell, backend);
            let change = "flush set inet pipeban ipv4_32
                          add element inet pipeban ipv4_32 { 198.51.100.1 }";
            run("nft", &[change]);
        },
        command: |backend| format!("ban-ip --sync --backend {backend}"),
        prints: &["203.0.113.7", "203.0.113.8", "198.51.100.1"],
        is_banned: true,
    };
    at_each_call("sync_is_killed", &killed);
}

#[test]
fn due_is_killed() {
    let killed = Killed {
        backends: (&["iptables"], &[]),
        prepare: has_ended,
        command: |_| "unban-at --due".into(),
        prints: &["203.0.113.7"],
        is_banned: false,
    };
    at_each_call("due_is_killed", &killed);
}

#[test]
fn the_waiter_is_killed() {
    let killed = Killed {
        backends: (&["iptables"], &[]),
        prepare: has_ended,
        command: |_| "unban-at --due --wait".into(),
        prints: &["203.0.113.7"],
        is_banned: false,
    };
    at_each_call("the_waiter_is_killed", &killed);
}

/// A ban has ended, and the firewall does not end it by itself.
fn has_ended(shell: &Shell, backend: &str) {
    shell.run(&format!("ban-ip --backend {backend} 203.0.113.7"));
    let state = shell.path("state.db").display().to_string();
    let ended = "UPDATE ban SET until = 1, ends = 1;
                 INSERT OR REPLACE INTO later SELECT id, backend, 1 FROM ban";
    run("sqlite3", &[&state, ended]);
}
