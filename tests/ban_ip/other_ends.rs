//! Bans that get another end while the ledger can't be used: that end is the ledger's later.

use crate::both::held;
use crate::common::{Outcome, Shell, run, wait_until};
use crate::no_ledger::with_small_disk;
use pipeban::time::Time;

/// Mounts the place of the state anew: `ro` or `rw`.
fn mount(shell: &Shell, how: &str) {
    let directory = shell.directory.path().display().to_string();
    let how = format!("remount,bind,{how}");
    run("mount", &["-o", &how, &directory]);
}

/// Runs `body` with each of these backends that there is, without bans.
fn with_each(test: &str, backends: &[&str], body: impl Fn(&Shell, &str)) {
    with_small_disk(test, |shell| {
        for backend in backends {
            if *backend != "nft" && run(backend, &["--version"]).is_none() {
                continue;
            }
            body(shell, backend);
            let all = format!("ban-ip --backend {backend} --list | unban-at now");
            shell.run(&format!("{all}; rm $PIPEBAN_STATE*"));
        }
    });
}

/// The hours that are left of each ban in a list, rounded; `never` without an end.
fn hours(list: &Outcome) -> Vec<String> {
    let field = |line: &str, key: &str| {
        let value = line.split('\t').find_map(|f| f.strip_prefix(key));
        value.unwrap_or_default().to_string()
    };
    let left = |until: &str| match Time::parse(until.as_bytes()) {
        Some(until) => (until.since(Time::now()).as_secs_f64() / 3600.0)
            .round()
            .to_string(),
        None => until.to_string(),
    };
    let lines = list.out.lines();
    let row = |line: &str| {
        let address = line.split('\t').next().unwrap_or_default();
        let port = field(line, "port=");
        format!("{address} {port} {}", left(&field(line, "until="))).replace("  ", " ")
    };
    lines.map(row).collect()
}

#[test]
fn an_end_without_the_ledger_stays() {
    with_each(
        "an_end_without_the_ledger_stays",
        &["nft", "ipset"],
        |shell, backend| {
            let ban = format!("ban-ip --backend {backend}");
            let next = format!("{ban} --for 1h 198.51.100.1");
            let sync = format!("{ban} --sync");
            let again = format!("{ban} --for 1h 203.0.113.1");
            for way in [&next, &sync, &again] {
                shell.run(&format!(
                    "{ban} --for 9h 203.0.113.1 203.0.113.2 203.0.113.3 203.0.113.4 2001:db8::/64
                 {ban} --for 9h --port 22,80 203.0.113.5; {ban} 203.0.113.6
                 {ban} --for 9h --origin other 203.0.113.1"
                ));
                mount(shell, "ro");
                let set = shell.run(
                    "unban-at 3h 203.0.113.1 203.0.113.3 203.0.113.6 2001:db8::/64
                 unban-at 1s 203.0.113.2; unban-at 12h 203.0.113.4
                 unban-at --port 22 3h 203.0.113.5; unban-at now 203.0.113.3",
                );
                assert_eq!(set.out.lines().count(), 8, "{set:?}");
                // One that was lifted, and is banned again.
                let banned = shell.run(&format!(
                    "unban-at now 203.0.113.3; {ban} --for 3h 203.0.113.3"
                ));
                assert_eq!(banned.out.lines().count(), 1, "{banned:?}");
                // The end of one has come before the ledger is there again.
                wait_until("the ban ends", || {
                    let list = shell.run(&format!("{ban} --list"));
                    !list.out.contains("203.0.113.2\t") || list.out.contains("only=ledger")
                });
                mount(shell, "rw");
                let dry_run = shell.run(&format!("{sync} --dry-run"));
                assert_eq!(dry_run.out, "", "{backend}: {dry_run:?}");
                let run = shell.run(way);
                assert_ne!(run.status, Some(2), "{way}: {run:?}");
                let list = shell.run(&format!("{ban} --list"));
                let mut expected = vec![
                    "203.0.113.1 3",
                    "203.0.113.3 3",
                    "203.0.113.4 12",
                    "203.0.113.5 22 3",
                    "203.0.113.5 80 9",
                    "203.0.113.6 3",
                    "2001:db8::/64 3",
                ];
                if way == &next {
                    expected.insert(0, "198.51.100.1 1");
                }
                let found = hours(&list);
                assert_eq!(found, expected, "{way}: {list:?}");
                for fault in ["only=", "firewall-until="] {
                    assert!(!list.out.contains(fault), "{way}: {list:?}");
                }
                assert_eq!(shell.run(&sync).out, "", "{way}: once");
                let kept = held(backend);
                let of_ipset = ["4-lifts hash", "6-lifts hash", "4-ends hash", "6-ends hash"];
                let kept = of_ipset
                    .iter()
                    .fold(kept, |kept, set| kept.replace(set, ""));
                assert!(
                    !kept.contains("lifts") && !kept.contains("ends"),
                    "{way}: {kept}"
                );
                shell.run(&format!("{ban} --list | unban-at now; rm $PIPEBAN_STATE*"));
            }
        },
    );
}

/// A ban that no ledger knows is not made shorter by one that the ledger is asked for later.
#[test]
fn no_ban_is_shortened_when_the_ledger_is_there_again() {
    let test = "no_ban_is_shortened_when_the_ledger_is_there_again";
    with_each(test, &["nft", "ipset"], |shell, backend| {
        let ban = format!("ban-ip --backend {backend}");
        shell.run(&format!(
            "{ban} --for 2h 203.0.113.1; {ban} --for 2h --origin other 203.0.113.2"
        ));
        mount(shell, "ro");
        let alone = shell.run(&format!(
            "{ban} --for 9h 203.0.113.1 203.0.113.2 203.0.113.3"
        ));
        assert_eq!(alone.out.lines().count(), 3, "{alone:?}");
        mount(shell, "rw");
        let lift = "203.0.113.2\\tlifted=$(date +%Y-%m-%dT%H:%M:%S%:z)\\n";
        shell.run(&format!("printf \"{lift}\" | {ban} --origin other"));
        shell.run(&format!("{ban} --for 4h 203.0.113.1 203.0.113.3"));
        let list = shell.run(&format!("{ban} --list"));
        let expected = ["203.0.113.1 9", "203.0.113.2 9", "203.0.113.3 9"];
        assert_eq!(hours(&list), expected, "{backend}: {list:?}");
        assert!(!list.out.contains("only="), "{list:?}");
    });
}

/// iptables ends no ban by itself: without the ledger the end is refused, and the ban stays.
#[test]
fn where_nothing_would_end_a_ban_that_is_told() {
    let test = "where_nothing_would_end_a_ban_that_is_told";
    with_each(test, &["iptables"], |shell, backend| {
        let ban = format!("ban-ip --backend {backend}");
        shell.run(&format!("{ban} 203.0.113.1"));
        mount(shell, "ro");
        let end = shell.run("unban-at 3h 203.0.113.1 203.0.113.2");
        assert_eq!((end.out.as_str(), end.status), ("", Some(2)), "{end:?}");
        assert!(end.err.contains("they stay as they are"), "{end:?}");
        assert!(!end.err.contains("203.0.113.1: not banned"), "{end:?}");
        assert!(end.err.contains("203.0.113.2: not banned"), "{end:?}");
        mount(shell, "rw");
        shell.run(&format!("{ban} --sync"));
        let list = shell.run(&format!("{ban} --list"));
        assert_eq!(hours(&list), ["203.0.113.1 never"], "{list:?}");
    });
}

/// A process that goes on enters its own bans with the ends that they have got meanwhile.
#[test]
fn a_running_pipeline_enters_its_bans_as_they_are() {
    let test = "a_running_pipeline_enters_its_bans_as_they_are";
    with_each(test, &["nft", "ipset"], |shell, backend| {
        let ban = format!("ban-ip --backend {backend}");
        shell.run(&format!("{ban} --for 1h 198.51.100.1"));
        mount(shell, "ro");
        let home = tempfile::tempdir().unwrap();
        let script = format!(
            ": >$HOME/out; {{ printf '203.0.113.1\\tcount=5\\n203.0.113.2\\n203.0.113.3\\n'
               while [ ! -e $HOME/go ]; do sleep 0.05; done; }} | {ban} --for 9h >$HOME/out &
             while [ $(wc -l <$HOME/out) -lt 3 ]; do sleep 0.05; done
             unban-at 3h 203.0.113.1; unban-at now 203.0.113.2"
        );
        let outcome = {
            let mut sh = shell.command("sh");
            let rest = "; mount -o remount,bind,rw $(dirname $PIPEBAN_STATE); : >$HOME/go; wait";
            sh.args(["-c", &(script + rest)]).env("HOME", home.path());
            crate::common::feed(&mut sh, b"")
        };
        assert_eq!(outcome.out.lines().count(), 2, "{outcome:?}");
        let list = shell.run(&format!("{ban} --list"));
        let expected = ["198.51.100.1 1", "203.0.113.1 3", "203.0.113.3 9"];
        assert_eq!(hours(&list), expected, "{backend}: {list:?}");
        assert!(
            list.out.contains("count=5"),
            "its reason is entered: {list:?}"
        );
    });
}
