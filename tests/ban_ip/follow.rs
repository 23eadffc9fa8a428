//! `--list --follow`: the bans of now, then each change, whoever makes it.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use crate::common::{Shell, in_namespace, run, wait_until};

/// A process that follows, and the lines that it has printed.
struct Follower {
    child: Child,
    lines: Receiver<String>,
}

fn start(shell: &Shell, options: &str) -> (Child, ChildStdout) {
    let script = format!("exec ban-ip --list --follow {options}");
    let mut command = shell.command("sh");
    command.args(["-c", &script]).stdin(Stdio::null());
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let output = child.stdout.take().unwrap();
    (child, output)
}

impl Follower {
    fn start(shell: &Shell, options: &str) -> Self {
        let (child, output) = start(shell, options);
        let (tell, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines() {
                let _ = tell.send(line.unwrap());
            }
        });
        Follower { child, lines }
    }

    /// The next line; it is waited for longer than anything here takes.
    fn next(&self) -> String {
        let line = self.lines.recv_timeout(Duration::from_secs(60));
        line.expect("a line")
    }

    /// The lines before `# now`.
    fn list(&self) -> Vec<String> {
        std::iter::from_fn(|| Some(self.next()).filter(|line| line != "# now")).collect()
    }

    /// Checks the address and a field of the next line, and answers the line.
    fn expect(&self, address: &str, field: &str) -> String {
        let line = self.next();
        assert_eq!(line.split('\t').next(), Some(address), "{line}");
        assert!(line.contains(field), "{line}");
        line
    }

    /// Checks that nothing else was printed: a last change is the next line.
    fn expect_nothing(&self, shell: &Shell) {
        shell.run("ban-ip --for 1h 192.0.2.99");
        self.expect("192.0.2.99", "\tuntil=");
        shell.run("unban-at now 192.0.2.99");
        self.expect("192.0.2.99", "\tlifted=");
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn value<'a>(line: &'a str, key: &str) -> &'a str {
    let fields = line.split('\t').filter_map(|field| field.split_once('='));
    let found = fields.into_iter().find(|(k, _)| *k == key);
    found.map_or("-", |(_, value)| value)
}

#[test]
fn each_change_comes() {
    in_namespace("each_change_comes", || {
        let shell = Shell::new();
        shell.run("ban-ip --for 1h 203.0.113.7 2001:db8::/64");
        let follower = Follower::start(&shell, "");
        let listed = shell.run("ban-ip --list").out;
        assert_eq!(follower.list(), listed.lines().collect::<Vec<_>>());

        shell.feed("ban-ip --for 1h", b"203.0.113.8\tcount=5\tline=x\n");
        let new = follower.expect("203.0.113.8", "\tcount=5");
        assert!(!new.contains("line=") && !new.contains("lifted="), "{new}");
        shell.run("ban-ip --for 2h 203.0.113.8");
        let longer = follower.expect("203.0.113.8", "\tcount=5");
        assert!(value(&longer, "until") > value(&new, "until"), "{longer}");
        // No news is no change.
        shell.run("ban-ip --for 1h 203.0.113.8; nft flush ruleset; ban-ip --for 1h 203.0.113.8");
        shell.run("unban-at 30m 203.0.113.8");
        let shorter = follower.expect("203.0.113.8", "\tuntil=");
        assert!(value(&shorter, "until") < value(&new, "until"), "{shorter}");
        shell.run("unban-at now 203.0.113.8");
        let lifted = follower.expect("203.0.113.8", "\tlifted=");
        assert_eq!(value(&lifted, "until"), value(&shorter, "until"));
        assert_ne!(value(&lifted, "until"), value(&lifted, "lifted"));

        shell.run("ban-ip --for 2s 203.0.113.9");
        let short = follower.expect("203.0.113.9", "\tuntil=");
        let ended = follower.expect("203.0.113.9", "\tlifted=");
        assert_eq!(value(&ended, "lifted"), value(&ended, "until"));
        assert_eq!(value(&ended, "until"), value(&short, "until"));

        shell.run("ban-ip --backend none 203.0.113.10");
        follower.expect("203.0.113.10", "\tuntil=never\tbackend=none");
        shell.run("unban-at now 203.0.113.10");
        follower.expect("203.0.113.10", "\tbackend=none\tuntil=never\tlifted=");
        follower.expect_nothing(&shell);
    });
}

#[test]
fn the_bans_of_one_host_or_the_longest_of_each_address() {
    in_namespace(
        "the_bans_of_one_host_or_the_longest_of_each_address",
        || {
            let shell = Shell::new();
            shell.run("ban-ip --for 1h 203.0.113.7; ban-ip --origin web1 --for 2h 203.0.113.7");
            let [own, web1, all] = ["--origin .", "--origin web1", ""].map(|options| {
                let follower = Follower::start(&shell, options);
                (follower.list(), follower)
            });
            assert_eq!(value(&own.0[0], "origin"), "-");
            assert_eq!(value(&web1.0[0], "origin"), "web1");
            assert!(all.0[0].starts_with(&web1.0[0]), "{:?}", all.0);
            let (own, web1, all) = (own.1, web1.1, all.1);
            // Beside a longer one it is no change of the address's ban.
            shell.run("ban-ip --for 90m 203.0.113.7");
            own.expect("203.0.113.7", "\tuntil=");
            shell.feed(
                "ban-ip --origin web1",
                b"203.0.113.7\tlifted=2100-01-01T00:00:00Z\n",
            );
            web1.expect("203.0.113.7", "\tlifted=");
            let shorter = all.expect("203.0.113.7", "\tuntil=");
            assert_eq!(
                (value(&shorter, "origin"), value(&shorter, "lifted")),
                ("-", "-")
            );
            shell.run("ban-ip --origin web1 --for 3h 203.0.113.8");
            web1.expect("203.0.113.8", "\torigin=web1");
            all.expect("203.0.113.8", "\torigin=web1");
            shell.run("unban-at now 203.0.113.7 203.0.113.8");
            own.expect("203.0.113.7", "\tlifted=");
            web1.expect("203.0.113.8", "\tlifted=");
            all.expect("203.0.113.7", "\tlifted=");
            all.expect("203.0.113.8", "\tlifted=");
            for follower in [own, all] {
                follower.expect_nothing(&shell);
            }
        },
    );
}

/// A lift that is told by the second ends a ban, as it seems, before that began.
#[test]
fn a_lift_of_another_host_in_the_second_of_its_ban_is_no_own_one() {
    in_namespace(
        "a_lift_of_another_host_in_the_second_of_its_ban_is_no_own_one",
        || {
            let shell = &Shell::new();
            let follower = Follower::start(shell, "--origin .");
            assert!(follower.list().is_empty());
            let lift = "lifted=$(date +%Y-%m-%dT%H:%M:%S%:z)";
            for n in 1..4 {
                let address = format!("203.0.113.{n}");
                shell.run(&format!(
                    "ban-ip --origin a --for 1h {address}; ban-ip --for 30m {address}
                     printf '{address}\\t%s\\n' \"{lift}\" | ban-ip --origin a"
                ));
                follower.expect(&address, "\tuntil=");
                shell.run(&format!("unban-at now {address}"));
                let own = follower.expect(&address, "\tlifted=");
                assert!(!own.contains("origin="), "{own}");
            }
            follower.expect_nothing(shell);
        },
    );
}

#[test]
fn a_ban_that_the_firewall_refuses_ends() {
    in_namespace("a_ban_that_the_firewall_refuses_ends", || {
        if run("ipset", &["--version"]).is_none() {
            return;
        }
        let shell = Shell::new();
        let follower = Follower::start(&shell, "--backend ipset");
        assert_eq!(follower.list(), Vec::<String>::new());
        // A set has no network of length 0.
        let ban = "ban-ip --backend ipset --even-me --max-prefix4 0 --for 1h 0.0.0.0/0 203.0.113.7";
        assert_eq!(shell.run(ban).addresses(), ["203.0.113.7"]);
        let mut lines = [follower.next(), follower.next(), follower.next()];
        lines.sort();
        assert!(lines[0].starts_with("0.0.0.0/0\t"), "{lines:?}");
        let both = lines.iter().filter(|line| line.contains("\tlifted="));
        let both: Vec<_> = both.map(|line| line.split('\t').next()).collect();
        assert_eq!(both, [Some("0.0.0.0/0")], "{lines:?}");
    });
}

#[test]
fn a_ban_is_told_once_when_its_process_is_killed() {
    in_namespace("a_ban_is_told_once_when_its_process_is_killed", || {
        if run("strace", &["-V"]).is_none() {
            return;
        }
        let shell = Shell::new();
        shell.run("ban-ip 203.0.113.1; unban-at now 203.0.113.1");
        let follower = Follower::start(&shell, "");
        follower.list();
        for when in 1..=8 {
            let address = format!("203.0.113.{}", 10 + when);
            let killed = "strace -f -o /dev/null -e trace=sendto,pwrite64 \
                -e inject=sendto,pwrite64:signal=KILL";
            // One end: of two lengths the second ends later, which is a change.
            let record = format!("echo '{address} until=2036-01-01T00:00:00Z' | tr ' ' '\\t'");
            shell.run(&format!("{record} | {killed}:when={when} ban-ip"));
            shell.run(&format!("{record} | ban-ip"));
            follower.expect(&address, "\tuntil=");
        }
        follower.expect_nothing(&shell);
    });
}

#[test]
fn a_reader_that_is_slow_or_gone_harms_nobody() {
    in_namespace("a_reader_that_is_slow_or_gone_harms_nobody", || {
        let shell = Shell::new();
        let (mut child, output) = start(&shell, "");
        let addresses: Vec<String> = (0..20_000)
            .map(|n| format!("198.{}.{}.{}", 18 + n % 2, n / 2 / 250, n / 2 % 250))
            .collect();
        let input = addresses.join("\n");
        let banned = shell.feed("ban-ip --for 1h | wc -l", input.as_bytes());
        assert_eq!(banned.out.trim(), "20000");
        shell.run("unban-at now 198.18.0.7");
        // Nothing was read so far. The log of the state does not wait for the reader either.
        let mut known = std::collections::BTreeSet::new();
        let mut lines = BufReader::new(output).lines();
        while known.len() < 19_999 || known.contains("198.18.0.7") {
            let line = lines.next().unwrap().unwrap();
            let address = line.split('\t').next().unwrap().to_owned();
            match line.contains("\tlifted=") {
                true => known.remove(&address),
                false => line.starts_with('#') || known.insert(address),
            };
        }
        drop(lines);
        wait_until("the process ends without a reader", || {
            child.try_wait().unwrap().is_some()
        });
    });
}

#[test]
fn another_state_file_is_followed() {
    in_namespace("another_state_file_is_followed", || {
        let shell = Shell::new();
        shell.run("ban-ip --for 1h 203.0.113.7 203.0.113.8");
        let follower = Follower::start(&shell, "");
        assert_eq!(follower.list().len(), 2);
        // The new ledger takes over the bans of the kernel. To the second they may end later.
        shell.run("unban-at now 203.0.113.8");
        follower.expect("203.0.113.8", "\tlifted=");
        shell.run("rm $PIPEBAN_STATE*; ban-ip --for 1h 203.0.113.9");
        let mut lines = vec![follower.next()];
        if !lines[0].starts_with("203.0.113.9\t") {
            lines.push(follower.next());
        }
        assert!(
            lines.last().unwrap().starts_with("203.0.113.9\t"),
            "{lines:?}"
        );
        assert!(
            !lines.iter().any(|line| line.contains("lifted=")),
            "{lines:?}"
        );
        // A copy of the ledger in which a ban is another one: as after the clock was set.
        shell.run(
            "sqlite3 $PIPEBAN_STATE 'PRAGMA wal_checkpoint(TRUNCATE)'; cp $PIPEBAN_STATE copy
             sqlite3 copy \"UPDATE ban SET ends = 1 WHERE address = '203.0.113.9'\"
             rm $PIPEBAN_STATE*; mv copy $PIPEBAN_STATE"
                .replace("copy", &shell.path("copy").display().to_string())
                .as_str(),
        );
        follower.expect("203.0.113.9", "\tlifted=");
        follower.expect_nothing(&shell);
    });
}

#[test]
fn nothing_is_missed_in_a_storm() {
    in_namespace("nothing_is_missed_in_a_storm", || {
        let shell = Shell::new();
        let (mut child, mut output) = start(&shell, "");
        let storm = "for i in 1 2 3 4; do
            (for n in $(seq 30); do
                ban-ip --for 1h 203.0.113.$i$n; [ $((n % 3)) = 0 ] && unban-at now 203.0.113.$i$n
            done) >/dev/null 2>&1 & done; wait
            ban-ip --for 1h 192.0.2.1; sleep 2";
        let mut text = String::new();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                shell.run(storm);
                child.kill().unwrap();
            });
            output.read_to_string(&mut text).unwrap();
        });
        child.wait().unwrap();
        let mut known = std::collections::BTreeSet::new();
        for line in text.lines().filter(|line| *line != "# now") {
            let address = line.split('\t').next().unwrap();
            match line.contains("\tlifted=") {
                true => known.remove(address),
                false => known.insert(address),
            };
        }
        let list = shell.run("ban-ip --list");
        let known: Vec<_> = known.into_iter().collect();
        assert_eq!(known, list.addresses());
    });
}
