//! The first ban of an address: the firewall is told it without a look, since the ledger had none.
//! Here it has one all the same, or another process is at work at that moment.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Stdio};
use std::time::Duration;

use crate::common::{Shell, in_namespace, lengths, run};
use crate::meanwhile::stopped;
use crate::no_ledger::signal;

/// Ledger and firewall agree, and hold these with the ends that the list has.
fn agrees(shell: &Shell, addresses: &[&str], when: &str) {
    let list = shell.run("ban-ip --list");
    for address in addresses {
        assert!(list.addresses().contains(address), "{when}: {list:?}");
    }
    let differs = ["only=", "firewall-until="].map(|text| list.out.contains(text));
    assert_eq!(differs, [false; 2], "{when}: {list:?}");
}

/// A ban-ip that is fed one record at a time.
struct Fed {
    process: Child,
    output: BufReader<std::process::ChildStdout>,
}

impl Fed {
    fn start(shell: &Shell) -> Self {
        let mut process = shell
            .command("sh")
            .args(["-c", "exec ban-ip --for 1h"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        Fed { process, output }
    }

    /// Bans an address; answers the record that is printed.
    fn ban(&mut self, address: &str) -> String {
        let input = self.process.stdin.as_mut().unwrap();
        writeln!(input, "{address}").unwrap();
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line
    }

    fn end(mut self) {
        drop(self.process.stdin.take());
        assert!(self.process.wait().unwrap().success());
    }
}

#[test]
fn one_that_the_kernel_holds_gets_the_new_end() {
    in_namespace("one_that_the_kernel_holds_gets_the_new_end", || {
        if run("nft", &["--version"]).is_none() {
            return;
        }
        let shell = Shell::new();
        let mut fed = Fed::start(&shell);
        fed.ban("198.51.100.1");
        for (address, time) in [
            ("203.0.113.7", "timeout 100s"),
            ("203.0.113.8", "timeout 5h"),
        ] {
            let element = format!("{{ {address} {time} }}");
            run(
                "nft",
                &["add", "element", "inet", "pipeban", "ipv4_32", &element],
            );
            assert!(fed.ban(address).starts_with(address));
            agrees(&shell, &[address, "198.51.100.1"], time);
        }
        fed.end();
    });
}

/// Whatever one process has done when it stands still, another one that bans the same address waits
/// for it, and the longer ban stays.
#[test]
fn two_processes_ban_one_address_at_once() {
    in_namespace("two_processes_ban_one_address_at_once", || {
        if run("strace", &["-V"]).is_none() {
            return;
        }
        let shell = Shell::new();
        shell.run("ban-ip --for 1h 198.51.100.1");
        for when in 1..100 {
            let address = format!("203.0.113.{when}");
            let command = format!("ban-ip --for 1h {address}");
            let Some(mut process) = stopped(&shell, when, &command) else {
                assert!(when > 1, "strace can trace here");
                break;
            };
            let mut other = shell
                .command("sh")
                .args(["-c", &format!("exec ban-ip --for 2h {address}")])
                .stdout(Stdio::null())
                .spawn()
                .unwrap();
            // It may have ended, or wait for the lock of the firewall.
            std::thread::sleep(Duration::from_millis(100));
            signal("-CONT", &mut process);
            process.wait().unwrap();
            assert!(other.wait().unwrap().success(), "stop {when}");
            agrees(&shell, &[&address], &format!("stop {when}"));
            let why = shell.run(&format!("ban-ip --list | grep -F '{address}\t'"));
            assert_eq!(lengths(&why), [120], "stop {when}");
        }
    });
}

#[test]
fn an_older_table_is_loaded_under_a_live_run() {
    in_namespace("an_older_table_is_loaded_under_a_live_run", || {
        if run("nft", &["--version"]).is_none() {
            return;
        }
        let shell = Shell::new();
        let mut fed = Fed::start(&shell);
        fed.ban("203.0.113.1");
        fed.ban("203.0.113.2");
        let saved = shell.path("saved").display().to_string();
        let older = r"(echo 'flush ruleset'; nft list ruleset) >saved
            sed -i -e '/^\tset .*_hits {$/,/^\t}$/d' -e '/^\tchain ipv.*{$/,/^\t}$/d' \
                -e 's/ goto ipv.*/ drop/' -e 's/^\t\tflags timeout$/&; counter/' \
                -e 's/ timeout [0-9]/ counter packets 7 bytes 350&/g' saved
            nft -f saved";
        assert_eq!(shell.run(&older.replace("saved", &saved)).err, "");
        assert!(fed.ban("203.0.113.3").starts_with("203.0.113.3"));
        agrees(&shell, &["203.0.113.1", "203.0.113.2", "203.0.113.3"], "");
        let rules = run("nft", &["list", "ruleset"]).unwrap();
        assert!(
            rules.contains("_hits {") && rules.contains(" goto ipv4_32"),
            "{rules}"
        );
        fed.end();
        assert_eq!(shell.run("ban-ip --verify").status, Some(0));
    });
}

/// Rows of all kinds in one list that is fed again with later ends.
#[test]
fn a_list_with_later_ends_changes_only_shorter_bans() {
    let shell = Shell::new();
    let ban = "ban-ip --backend none";
    let list = |range: std::ops::Range<u32>, facts: &str| -> String {
        let line = |n| format!("198.51.{}.{}{facts}\n", 100 + n / 250, n % 250);
        range.map(line).collect()
    };
    shell.feed(
        &format!("{ban} --for 1h"),
        list(0..200, "\tcount=5").as_bytes(),
    );
    shell.feed(&format!("{ban} --for 5h"), list(50..60, "").as_bytes());
    shell.feed(ban, list(100..110, "").as_bytes());
    shell.feed("unban-at now", list(150..160, "").as_bytes());
    let begins = |script: &str| -> Vec<String> {
        let outcome = shell.run(script);
        let field = |line: &str, key| {
            line.split('\t')
                .find(|f| f.starts_with(key))
                .map(String::from)
        };
        let begin = |line: &str| Some(field(line, "198.")? + &field(line, "since=")?);
        outcome.out.lines().filter_map(begin).collect()
    };
    let list_all = format!("{ban} --list");
    let before = begins(&list_all);
    assert_eq!(before.len(), 190);
    std::thread::sleep(Duration::from_millis(1_100));

    let printed = shell.feed(&format!("{ban} --for 2h"), list(0..240, "").as_bytes());
    assert_eq!(printed.addresses().len(), 220, "all but the longer ones");
    let after = begins(&list_all);
    assert_eq!(after.len(), 240);
    let is_as_before = |one: &&String| after.contains(one);
    assert_eq!(
        before.iter().filter(is_as_before).count(),
        190,
        "a longer ban began when it began"
    );
    let text = shell.run(&list_all).out;
    assert_eq!(text.matches("count=5").count(), 190, "its evidence stays");
    assert_eq!(text.matches("until=never").count(), 10);
    // Fed once more, nothing is news.
    let again = shell.feed(&format!("{ban} --for 2h"), list(0..240, "").as_bytes());
    let shorter = shell.feed(&format!("{ban} --for 90m"), list(0..240, "").as_bytes());
    assert_eq!(shorter.out, "");
    assert!(
        again.addresses().len() <= 220,
        "only ends of a later second"
    );
}
