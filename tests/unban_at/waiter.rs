//! unban-at as its users meet it, on a real kernel in a namespace.

use crate::common::{Shell, field, in_namespace, lengths, run, wait_until};

/// The processes that wait over this shell's state.
fn waiters(shell: &Shell) -> Vec<String> {
    let state = shell.path("state.db").display().to_string();
    let is_waiter = |pid: &String| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).into_owned();
        line.contains("--wait\0") && !line.contains("--background") && line.contains(&state)
    };
    let processes = std::fs::read_dir("/proc").unwrap();
    let names = processes.filter_map(|p| p.ok()?.file_name().into_string().ok());
    names.filter(is_waiter).collect()
}

#[test]
fn one_process_waits_where_the_firewall_does_not() {
    in_namespace("one_process_waits_where_the_firewall_does_not", || {
        let shell = Shell::new();
        let held = shell.path("held");
        std::fs::create_dir(&held).unwrap();
        let held_now = || {
            let entries = std::fs::read_dir(&held).unwrap();
            let mut names: Vec<_> = entries
                .map(|e| e.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort();
            names
        };
        let directory = held.display();
        let ban = format!(
            "ban-ip --backend exec --ban-command 'touch {directory}/{{address}}' --unban-command 'rm {directory}/{{address}}'"
        );
        // The shell's pipes stay open for as long as anybody holds them: that this returns proves
        // that nobody does.
        let many: Vec<String> = (1..=9).map(|n| format!("203.0.113.{n}")).collect();
        let outcome = shell.run(&format!(
            "for a in {}; do {ban} --for 1h $a & done 7</dev/null; wait",
            many.join(" ")
        ));
        assert_eq!(outcome.addresses(), many, "{outcome:?}");
        wait_until("one waits", || waiters(&shell).len() == 1);
        let waiter = &waiters(&shell)[0];
        let files = std::fs::read_dir(format!("/proc/{waiter}/fd")).unwrap();
        for file in files {
            let target = std::fs::read_link(file.unwrap().path()).unwrap();
            let target = target.display().to_string();
            let own = [
                shell.path("state.db").display().to_string(),
                "anon_inode:inotify".into(),
                "/dev/null".into(),
            ];
            assert!(own.iter().any(|o| target.starts_with(o)), "{target}");
        }
        assert_eq!(held_now(), many);

        // It learns of what is due sooner than what it waited for.
        shell.run("unban-at now 203.0.113.1");
        assert_eq!(held_now(), many[1..]);
        assert_eq!(
            shell.run(&format!("{ban} --for 1s 198.51.100.1")).status,
            Some(0)
        );
        wait_until("it is lifted", || held_now() == many[1..]);
        assert_eq!(waiters(&shell).len(), 1);
        // This waits for the ledger, so that the lifting is in it, too.
        shell.run("unban-at --due");

        // After a kill, the next run leaves one behind again, and what was missed is lifted.
        run("kill", &["-9", &waiters(&shell)[0]]);
        // A process that dies has lost its name a moment before it gives up its locks.
        let lock = format!(
            "flock --nonblock {}-waiter true",
            shell.path("state.db").display()
        );
        wait_until("it is gone", || shell.run(&lock).status == Some(0));
        shell.run("unban-at 'now + 1 minute' 203.0.113.2");
        wait_until("another one waits", || waiters(&shell).len() == 1);

        // Nothing is left: it ends.
        shell.run(&format!("unban-at now {}", many.join(" ")));
        assert_eq!(held_now().len(), 0);
        wait_until("it ends", || waiters(&shell).is_empty());
        assert_eq!(shell.run("unban-at --due").status, Some(1));
    });
}

#[test]
fn what_is_due_is_lifted_by_whoever_comes() {
    in_namespace("what_is_due_is_lifted_by_whoever_comes", || {
        if run("iptables", &["--version"]).is_none() {
            return;
        }
        let shell = Shell::new();
        shell.run("ban-ip --backend iptables --for 1s 203.0.113.7 2001:db8::1");
        shell.run("ban-ip --backend iptables --for 1h 203.0.113.8");
        wait_until("one waits", || waiters(&shell).len() == 1);
        run("kill", &["-9", &waiters(&shell)[0]]);
        std::thread::sleep(std::time::Duration::from_millis(1_100));
        let due = shell.run("unban-at --due");
        assert_eq!(due.addresses(), ["2001:db8::1", "203.0.113.7"]);
        let rules = run("iptables-save", &["-t", "raw"]).unwrap();
        assert!(
            rules.contains("203.0.113.8") && !rules.contains("203.0.113.7"),
            "{rules}"
        );
        shell.run("unban-at now 203.0.113.8");
    });
}

#[test]
fn at_takes_effect_and_is_listed() {
    in_namespace("at_takes_effect_and_is_listed", || {
        let shell = Shell::new();
        let pipeline = shell.run("ban-ip 203.0.113.7 203.0.113.8 | unban-at 'now + 2 hours'");
        assert_eq!(lengths(&pipeline), [120, 120]);
        assert_eq!(
            lengths(&shell.run("unban-at 10m 203.0.113.7")),
            [10],
            "sooner"
        );
        assert_eq!(
            lengths(&shell.run("unban-at now+1day 203.0.113.8")),
            [1_440],
            "later"
        );
        assert_eq!(
            shell
                .run("unban-at --list")
                .out
                .lines()
                .next()
                .unwrap()
                .split('\t')
                .next(),
            Some("203.0.113.7")
        );
        let list = shell.run("ban-ip --list");
        assert_eq!(
            field(&list, "firewall-until"),
            ["-", "-"],
            "the kernel knows"
        );
        let json = shell.run("unban-at --json now 203.0.113.7");
        assert!(
            json.out.starts_with(r#"{"address":"203.0.113.7","since":"#),
            "{}",
            json.out
        );
        assert_eq!(shell.run("ban-ip --list").addresses(), ["203.0.113.8"]);
        let not = shell.run("unban-at now 203.0.113.99");
        assert_eq!(
            (not.err.as_str(), not.status),
            ("unban-at: 203.0.113.99: not banned\n", Some(1))
        );
        for usage in [
            "unban-at",
            "unban-at --wait",
            "unban-at --list --due",
            "unban-at never 203.0.113.8",
            "unban-at now --due",
        ] {
            assert_eq!(shell.run(usage).status, Some(2), "{usage}");
        }
    });
}
