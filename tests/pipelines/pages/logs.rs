//! The logs over which the pipelines of the pages are run, and stubs of programs that reach out.

use std::fs;
use std::path::Path;

use crate::common::{Shell, run};

/// Stand in for programs that reach other hosts.
const STUBS: [(&str, &str); 3] = [
    // The other host has a firewall and a state of its own.
    (
        "ssh",
        "host=$1; shift; PIPEBAN_STATE=$PIPEBAN_STATE.$host exec unshare -n sh -c \"$*\"",
    ),
    ("curl", "cat drop.txt"),
    ("sendmail", "cat >/dev/null"),
];

/// Failed logins of an address, on a day of March.
fn failures(address: &str, day: &str, times: &[&str]) -> String {
    let line = |time: &&str| {
        format!(
            "Mar {day} {time} trippyboy sshd[4287]: Failed password for root \
             from {address} port 50045 ssh2\n"
        )
    };
    times.iter().map(line).collect()
}

/// Lays out the logs and the stubs that the pages name.
pub(super) fn lay_out(shell: &Shell) {
    let close = ["02:16:00", "02:16:10", "02:16:20", "02:16:30", "02:16:40"];
    let hostile = "Mar 30 02:20:00 trippyboy sshd[4287]: Failed password for invalid user x \
                   from 198.51.100.77 port 1 ssh2 from 203.0.113.7 port 2 ssh2\n";
    let mut auth = failures("203.0.113.7", "30", &close) + hostile;
    auth += &failures(
        "2001:db8::7",
        "30",
        &["03:00:00", "03:00:01", "03:00:02", "03:00:03", "03:00:04"],
    );
    // A person who mistypes, twice.
    let mistakes = ["03:30:00", "03:30:10", "03:30:20"];
    let later = ["03:32:00", "03:32:10", "03:32:20"];
    auth += &failures("192.0.2.46", "30", &mistakes).replace("root", "hanako");
    auth += "Mar 30 03:30:30 trippyboy sshd[4291]: Accepted password for hanako \
             from 192.0.2.46 port 50045 ssh2\n";
    auth += &failures("192.0.2.46", "30", &later).replace("root", "hanako");
    auth += &failures("192.0.2.44", "30", &["04:00:00", "05:00:00"]);
    auth += "Mar 30 06:00:00 trippyboy sshd[4290]: Accepted password for taro \
             from 198.51.100.23 port 50045 ssh2\n";
    auth += "Mar 30 06:00:00 trippyboy sshd[4290]: Accepted publickey for taro \
             from 192.0.2.10 port 50045 ssh2: RSA x\n";
    auth += "Mar 30 06:00:01 trippyboy sshd[4290]: Received disconnect from 192.0.2.44 \
             port 9:11: Accepted password for root from 203.0.113.7 port 1 ssh2\n";
    let yesterday = failures("198.51.100.23", "29", &close);
    let before = failures("203.0.113.7", " 1", &["01:00:00", "02:00:00", "03:00:00"]);
    let access = "203.0.113.200 - - [30/Mar/2026:02:16:17 +0900] \"GET / HTTP/1.1\" 404 0\n\
                  192.0.2.10 - - [30/Mar/2026:02:16:17 +0900] \"GET / HTTP/1.1\" 200 9\n";
    for directory in [
        "bin",
        "work",
        "log/nginx",
        "log/journal",
        "work/journal-of-web1",
    ] {
        fs::create_dir_all(shell.path(directory)).unwrap();
    }
    for (name, text) in [
        ("log/auth.log", auth.as_str()),
        ("log/auth.log.1", &yesterday),
        ("log/auth.log.2", &before),
        ("log/secure", ""),
        ("log/secure-20260330", &auth),
        ("log/nginx/access.log", access),
        (
            "work/drop.txt",
            "; Spamhaus DROP List\n203.0.113.0/24 ; SBL1\n198.51.100.0/25 ; SBL2\n",
        ),
        (
            "work/firehol.netset",
            "#\n# a list\n#\n192.0.2.128/25\n2001:db8:bad::/48\n",
        ),
        ("work/customers", "192.0.2.200\n"),
        ("work/proxies", "10.0.0.5\n"),
    ] {
        fs::write(shell.path(name), text).unwrap();
    }
    for folder in ["log/journal", "work/journal-of-web1"] {
        let journal = shell.path(folder).join("system.journal");
        fs::write(journal, journal_of_sshd()).unwrap();
    }
    for (name, script) in STUBS {
        let path = shell.path(&format!("bin/{name}"));
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        run("chmod", &["755", path.to_str().unwrap()]);
    }
    run("gzip", &[shell.path("log/auth.log.2").to_str().unwrap()]);
    let logs = shell.path("log");
    run("mount", &["--bind", logs.to_str().unwrap(), "/var/log"]);
    run("mount", &["-t", "tmpfs", "none", "/var/lib"]);
}

/// A real journal of another year, with failures of 203.0.113.7 in the unit `cron`.
pub(super) fn journal_of_sshd() -> Vec<u8> {
    let sample = "lib/journal/tests/samples/systemd-252-compact.journal.zst";
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join(sample);
    zstd::decode_all(fs::File::open(sample).unwrap()).unwrap()
}
