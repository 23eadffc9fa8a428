//! `pipeban-status`: what running pipelines have done, and which is blind.

use std::process::{Child, Stdio};

use crate::common::{Outcome, Shell, unshared, wait_until};

/// A pipeline as the init script runs it, in a directory of its own.
struct Pipeline(Child);

impl Pipeline {
    fn start(shell: &Shell, name: &str, log: &str) -> Self {
        let home = shell.directory.path().display();
        let part = "part() { trap : USR1; \"$@\"; kill $$; }; trap : USR1";
        let text = format!(
            "{part}\npart follow-log --from start {home}/{log} | part extract-ip --preset sshd |
             part count-ip --threshold 2 --within 10m | part ban-ip --backend none --for 1h |
             grep .\n"
        );
        std::fs::create_dir_all(shell.path("etc")).unwrap();
        std::fs::create_dir_all(shell.path("run")).unwrap();
        let script = shell.path("etc").join(format!("{name}.sh"));
        std::fs::write(&script, text).unwrap();
        let beside = |ending: &str| shell.path("run").join(format!("{name}.{ending}"));
        let mut command = shell.command("setsid");
        command.env("PIPEBAN_PIPELINE", name);
        command.arg("sh").arg(script).stdout(Stdio::null());
        command.stderr(std::fs::File::create(beside("err")).unwrap());
        let child = command.spawn().unwrap();
        std::fs::write(beside("run"), child.id().to_string()).unwrap();
        Pipeline(child)
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        // The group of all its parts.
        let group = nix::unistd::Pid::from_raw(self.0.id() as i32);
        let _ = nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGKILL);
        let _ = self.0.wait();
    }
}

fn status(shell: &Shell, flags: &str) -> Outcome {
    let home = shell.directory.path().display();
    shell.run(&format!(
        "PIPELINES={home}/etc RUN={home}/run sh package/pipeban-status {flags}"
    ))
}

/// The words of the row of a pipeline.
fn row(outcome: &Outcome, name: &str) -> Vec<String> {
    let line = outcome.out.lines().find(|line| line.starts_with(name));
    let words = line.unwrap_or_default().split_whitespace();
    words.map(String::from).collect()
}

const LINE: &str =
    "Nov 29 10:00:01 web sshd[811]: Failed password for root from 203.0.113.7 port 4 ssh2\n";

#[test]
fn what_pipelines_do() {
    let shell = Shell::new();
    let none = status(&shell, "");
    assert!(none.out.starts_with("no pipeline in "), "{none:?}");
    std::fs::write(shell.path("auth.log"), LINE.repeat(3)).unwrap();
    std::fs::write(
        shell.path("other.log"),
        "Nov 29 10:00:01 web cron[1]: hello\n",
    )
    .unwrap();
    let _running = [
        Pipeline::start(&shell, "good", "auth.log"),
        Pipeline::start(&shell, "other", "other.log"),
        Pipeline::start(&shell, "none", "missing.log"),
    ];
    std::fs::write(shell.path("etc").join("off.sh"), "").unwrap();
    wait_until("all have read their logs", || {
        let told = status(&shell, "");
        row(&told, "good").get(5).is_some_and(|bans| bans == "1")
            && row(&told, "other").get(1).is_some_and(|lines| lines == "1")
    });
    // Other programs in a pipeline are not asked: the question would end them.
    let told = status(&shell, "");
    assert_eq!(told.status, Some(1), "{told:?}");
    let good = row(&told, "good");
    assert_eq!(good[1..6], ["3", "3", "3", "1", "1"], "{told:?}");
    assert_eq!(good.last().map(String::as_str), Some("sees"), "{told:?}");
    for (name, reason) in [
        ("other", "BLIND: no line of its service"),
        ("none", "never BLIND: no log"),
        ("off", "never BLIND: does not run"),
    ] {
        let row = row(&told, name).join(" ");
        assert!(row.ends_with(reason), "{name}: {told:?}");
    }
    assert!(
        told.out.contains("banned now: 1 (ban-ip --list"),
        "{told:?}"
    );

    let metrics = status(&shell, "--prometheus").out;
    for line in [
        "# TYPE pipeban_printed_total counter",
        "pipeban_printed_total{pipeline=\"good\",tool=\"follow-log\"} 3",
        "pipeban_printed_total{pipeline=\"good\",tool=\"ban-ip\"} 1",
        "# TYPE pipeban_blind gauge",
        "# TYPE pipeban_failed gauge",
        "pipeban_failed{pipeline=\"good\"} 3",
        "pipeban_bans{pipeline=\"good\"} 1",
        "pipeban_bans{pipeline=\"other\"} 0",
        "pipeban_blind{pipeline=\"good\"} 0",
        "pipeban_blind{pipeline=\"other\"} 1",
        "pipeban_blind{pipeline=\"off\"} 1",
        "pipeban_banned 1",
    ] {
        assert!(metrics.lines().any(|l| l == line), "{line}: {metrics}");
    }
    // Each line is a comment, or a name, labels and a number.
    for line in metrics.lines().filter(|line| !line.starts_with("# ")) {
        let (name, value) = line.rsplit_once(' ').unwrap();
        assert!(name.starts_with("pipeban_"), "{line}");
        value.parse::<f64>().unwrap();
    }
    // Not only those that the pipeline has made since its start, and none of another host.
    shell.run(
        "for i in 1 2; do echo 203.0.113.$i; done |
            PIPEBAN_PIPELINE=good ban-ip --backend none --for 1h
        echo 203.0.113.9 | PIPEBAN_PIPELINE=good ban-ip --backend none --for 1h --origin web2",
    );
    assert_eq!(row(&status(&shell, ""), "good")[4..6], ["1", "3"]);
    // A day without a line, made shorter.
    wait_until("no line for a while", || {
        let told = shell.run(&format!(
            "export PIPELINES={0}/etc RUN={0}/run SILENCE=1; sh package/pipeban-status",
            shell.directory.path().display()
        ));
        row(&told, "good").ends_with(&["BLIND:", "no", "line", "for", "0", "h"].map(String::from))
    });
    assert_eq!(status(&shell, "--wrong").status, Some(2));
}

#[test]
fn another_user_is_told() {
    let is_root = nix::unistd::geteuid().is_root();
    let flags = if is_root { "-n" } else { "--map-auto -rn" };
    unshared(flags, "another_user_is_told", || {
        let shell = Shell::new();
        let home = shell.directory.path().display();
        let told = shell.run(&format!(
            "cp package/pipeban-status {home}; cd {home}; chmod 755 .; mkdir etc run
            export PIPELINES={home}/etc RUN={home}/run
            touch etc/sshd.sh run/sshd.err; sleep 600 & echo $! > run/sshd.run
            setpriv --reuid=1234 --regid=1234 --clear-groups --bounding-set=-all \\
                sh pipeban-status
            status=$?; kill $!; exit $status"
        ));
        let expected = "pipeban-status: the pipeline sshd is another user's: needs root\n";
        assert_eq!((told.err.as_str(), told.status), (expected, Some(2)));
        // Without a pipeline it knows of no ban, and does not say that there is none.
        let none = shell.run(&format!(
            "cd {home}; rm etc/sshd.sh
            export PIPELINES={home}/etc RUN={home}/run PIPEBAN_STATE=/nowhere/state
            setpriv --reuid=1234 --regid=1234 --clear-groups --bounding-set=-all \
                sh pipeban-status"
        ));
        let expected = "banned now: unknown (ban-ip --list tells why)";
        assert!(none.out.contains(expected), "{none:?}");
        // A ban that only one of the two holds, as where the ledger can't be written, is told.
        let apart = shell.run(&format!(
            "cd {home}; mkdir bin
            printf '#!/bin/sh\nprintf \"203.0.113.7\\\\tonly=firewall\\\\n\"' > bin/ban-ip
            chmod 755 bin/ban-ip; export PATH={home}/bin:$PATH PIPELINES={home}/etc RUN={home}/run
            sh pipeban-status"
        ));
        let expected = "only in the firewall or only in the ledger: 1 (ban-ip --verify)";
        assert!(apart.out.contains(expected), "{apart:?}");
    });
}
