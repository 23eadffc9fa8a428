//! The state is data: commands in it are run only if nobody but the caller can have written them,
//! links in place of its files are not followed, and root leaves files that their user can use.

use std::fs;
use std::os::unix::fs::symlink;

use crate::common::{Shell, in_namespace, run, unshared};

/// Commands of which each leaves a file behind.
fn ban(shell: &Shell) -> String {
    let directory = shell.path("bans").display().to_string();
    let _ = fs::create_dir(&directory);
    format!(
        "ban-ip --backend exec --ban-command 'touch {directory}/{{address}}' \
         --unban-command 'touch {directory}/lifted-{{address}}'"
    )
}

#[test]
fn commands_that_others_may_have_written_are_not_run() {
    in_namespace("commands_that_others_may_have_written_are_not_run", || {
        for (open, close) in [
            ("chmod g+w state.db", "chmod 600 state.db"),
            ("chmod o+w .", "chmod 700 ."),
            // Others could put a journal there.
            ("chmod 1777 .", "chmod 700 ."),
        ] {
            let shell = Shell::new();
            let at = |script: &str| {
                let here = shell.directory.path().display();
                run("sh", &["-ec", &format!("cd {here}; {script}")]);
            };
            shell.run(&format!("{} 203.0.113.7", ban(&shell)));
            let lifted = shell.path("bans").join("lifted-203.0.113.7");
            at(open);
            for command in [
                "unban-at now 203.0.113.7",
                "unban-at --due",
                "ban-ip --sync",
            ] {
                let outcome = shell.run(command);
                assert!(outcome.err.contains("are not run: "), "{open}: {outcome:?}");
                assert_eq!(
                    (outcome.out.as_str(), outcome.status),
                    ("", Some(2)),
                    "{command}"
                );
                assert!(!lifted.exists(), "{open}: {command}");
            }
            at(close);
            let outcome = shell.run("unban-at now 203.0.113.7");
            assert_eq!(outcome.addresses(), ["203.0.113.7"], "{outcome:?}");
            assert!(lifted.exists());
        }
    });
}

/// Runs `body` as a root who can become another user.
pub fn as_root(test: &str, body: impl FnOnce()) {
    let is_root = nix::unistd::geteuid().is_root();
    let flags = if is_root { "-n" } else { "--map-auto -rn" };
    unshared(flags, test, body);
}

#[test]
fn commands_of_another_user_are_not_run() {
    as_root("commands_of_another_user_are_not_run", || {
        let shell = Shell::new();
        shell.run(&format!("{} 203.0.113.7", ban(&shell)));
        let here = shell.directory.path().display().to_string();
        run("chown", &["-R", "1234:1234", &here]);
        let lifted = shell.path("bans").join("lifted-203.0.113.7");
        let refused = shell.run("unban-at now 203.0.113.7");
        assert!(
            refused.err.contains("; run the same as user 1234\n"),
            "{refused:?}"
        );
        assert_eq!((refused.out.as_str(), refused.status), ("", Some(2)));
        assert!(!lifted.exists());
        let user = "setpriv --reuid=1234 --regid=1234 --clear-groups --bounding-set=-all";
        let outcome = shell.run(&format!("{user} unban-at now 203.0.113.7"));
        assert_eq!(outcome.addresses(), ["203.0.113.7"], "{outcome:?}");
        assert!(lifted.exists());
    });
}

#[test]
fn an_ordinary_user_is_told_whose_ledger_it_is() {
    as_root("an_ordinary_user_is_told_whose_ledger_it_is", || {
        let shell = Shell::new();
        let here = shell.directory.path().display().to_string();
        run("chown", &["1234:1234", &here]);
        let ledger = format!("{here}/.local/state/pipeban/pipeban.db");
        let told = ": this is the ledger of user 1234 alone; that of the host needs root\n";
        for (command, status) in [
            ("ban-ip --why 203.0.113.7", 1),
            ("ban-ip --list --backend none", 1),
            ("ban-ip --list --origin .", 1),
            ("unban-at --list", 1),
            ("unban-at now 203.0.113.7", 2),
            ("ban-ip --list", 2),
            ("ban-ip --sync", 2),
            ("ban-ip --list --follow --origin . | head -n 1", 0),
        ] {
            let user = "setpriv --reuid=1234 --regid=1234 --clear-groups --bounding-set=-all";
            // That user may not enter the checkout, and setpriv(1) may.
            let command = format!("env -u PIPEBAN_STATE HOME={here} {user} {command}");
            let outcome = shell.run(&command);
            assert_eq!(outcome.status, Some(status), "{command}: {outcome:?}");
            let whose = outcome.err.contains(&format!("{ledger}{told}"));
            let root = outcome.err.contains("needs root or CAP_NET_ADMIN\n");
            assert!(whose || root, "{command}: {outcome:?}");
            // One that was named is meant.
            let named = command.replace("env -u PIPEBAN_STATE", "env PIPEBAN_STATE=none");
            let named = shell.run(&named);
            assert!(!named.err.contains(told), "{named:?}");
        }
    });
}

#[test]
fn root_leaves_files_that_their_user_can_use() {
    as_root("root_leaves_files_that_their_user_can_use", || {
        let shell = Shell::new();
        let folder = shell.path("of-user");
        fs::create_dir(&folder).unwrap();
        run("chown", &["1234:1234", folder.to_str().unwrap()]);
        let here = shell.directory.path().display().to_string();
        run("chmod", &["755", &here]);
        let user = "setpriv --reuid=1234 --regid=1234 --clear-groups \
                    --bounding-set=-all,+net_admin --inh-caps=+net_admin --ambient-caps=+net_admin";
        // Root is the first, also in a folder that is not there yet.
        for state in [folder.join("state.db"), folder.join("a/b/state.db")] {
            let state = format!("PIPEBAN_STATE={}", state.display());
            for backend in ["nft", "iptables"] {
                if run(backend, &["--version"]).is_none() {
                    continue;
                }
                let by_root = format!("{state} ban-ip --backend {backend} --for 1h 203.0.113.7");
                let first = shell.run(&by_root);
                assert_eq!(
                    (first.err.as_str(), first.status),
                    ("", Some(0)),
                    "{backend}"
                );
            }
            let strangers = shell.run(&format!("find {} ! -user 1234", folder.display()));
            assert_eq!(strangers.out, "");
            let lifted = shell.run(&format!("{state} {user} unban-at now 203.0.113.7"));
            assert_eq!(lifted.addresses(), ["203.0.113.7"], "{lifted:?}");
            let banned = shell.run(&format!("{state} {user} ban-ip --for 1h 203.0.113.8"));
            assert_eq!((banned.err.as_str(), banned.status), ("", Some(0)));
            shell.run(&format!("{state} unban-at now 203.0.113.8"));
        }
    });
}

#[test]
fn links_are_followed_in_the_folder_only() {
    in_namespace("links_are_followed_in_the_folder_only", || {
        for file in ["state.db", "state.db-lock", "state.db-waiter"] {
            let shell = Shell::new();
            let victim = shell.path("victim");
            fs::write(&victim, "precious").unwrap();
            symlink(&victim, shell.path(file)).unwrap();
            let outcome = shell.run(&format!("{} --for 1h 203.0.113.7", ban(&shell)));
            assert!(
                outcome
                    .err
                    .contains("a symbolic link, which is not followed"),
                "{outcome:?}"
            );
            assert_eq!(outcome.status, Some(2), "{file}");
            assert_eq!(fs::read_to_string(victim).unwrap(), "precious");
            assert!(shell.path(file).is_symlink());
        }
        let shell = Shell::new();
        fs::create_dir(shell.path("real")).unwrap();
        symlink("real", shell.path("link")).unwrap();
        let state = format!("PIPEBAN_STATE={}", shell.path("link/state.db").display());
        let outcome = shell.run(&format!("{state} ban-ip --for 1h 203.0.113.7"));
        assert_eq!((outcome.err.as_str(), outcome.status), ("", Some(0)));
        assert!(shell.path("real/state.db").exists());
    });
}

#[test]
fn paths_in_commands_are_absolute() {
    let shell = Shell::new();
    for command in ["./fw {address}", "bin/fw {address}", "sh ../fw {address}"] {
        let ban = format!(
            "ban-ip --backend exec --ban-command '{command}' --unban-command 'true {{address}}' \
             203.0.113.7"
        );
        let outcome = shell.run(&ban);
        assert!(
            outcome.err.contains("an absolute path is wanted"),
            "{outcome:?}"
        );
        assert_eq!((outcome.out.as_str(), outcome.status), ("", Some(2)));
    }
}
