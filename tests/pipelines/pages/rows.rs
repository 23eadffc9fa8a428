//! The results that are expected of the pipelines of the pages.

/// A pipeline is known by a part of its text. What it must print, and what it must not; a line that
/// begins so.
pub(super) struct Row(
    pub(super) &'static str,
    pub(super) &'static [&'static str],
    pub(super) &'static [&'static str],
);

pub(super) const ROWS: [Row; 28] = [
    Row(
        "count-ip --top 20",
        &["203.0.113.7\tcount=9", "2001:db8::7\tcount=5"],
        &["192.0.2.10\t"],
    ),
    Row(
        "--preset sshd /var/log/auth.log |\n  count-ip --threshold 5 --within 10m |\n  \
         ban-ip --for 1h --dry-run",
        &["203.0.113.7\t", "2001:db8::7\t", "192.0.2.46\t"],
        &["192.0.2.44", "198.51.100.77"],
    ),
    Row(
        "--forgive rule=sshd/accepted",
        &["203.0.113.7\t", "2001:db8::7\t"],
        &["192.0.2.46"],
    ),
    Row(
        "<drop.txt | mail-ban",
        &["203.0.113.0/24\t", "198.51.100.0/25\t"],
        &[],
    ),
    Row(
        "ban-ip --list --origin . | ssh",
        &["198.51.100.0/25\t"],
        &[],
    ),
    Row(
        "unban-at now --origin web1",
        &["192.0.2.77\t"],
        &["203.0.113.7\t"],
    ),
    Row("ban-ip --why", &["203.0.113.7\t", "198.51.100.0/25\t"], &[]),
    Row("--plain", &["     10 203.0.113.7"], &[]),
    Row(
        "--prefix4 24",
        // One address, however many events.
        &["203.0.113.0/24\tcount=1", "2001:db8::/48\tcount=1"],
        &["203.0.113.7"],
    ),
    Row(
        "cut -f 1 would-be-banned",
        &["203.0.113.7", "2001:db8::7", "198.51.100.23"],
        &["192.0.2.44", "198.51.100.77"],
    ),
    Row(
        "join banned-at",
        &["198.51.100.23 2"],
        // The first pretended to log in, before and after its ban.
        &["203.0.113.7", "192.0.2.10"],
    ),
    Row(
        "--per 1h",
        &["198.51.100.23\tat=2026-03-29T02:00:00+09:00\tcount=5"],
        &[],
    ),
    Row("sort -u >in-auth", &["203.0.113.200"], &["203.0.113.7"]),
    Row(
        "--preset sshd --only 203.0.113.7",
        &["Mar 30 02:16:00 trippyboy sshd"],
        &["203.0.113.7", "Mar 30 06:00:01"],
    ),
    Row(
        "--whole --only drop.txt",
        &["203.0.113.200 - - [30/Mar", "1"],
        &["192.0.2.10"],
    ),
    Row(
        "--for 1d --max-prefix4 8",
        &["203.0.113.0/24\t", "198.51.100.0/25\t"],
        &[],
    ),
    Row("--for 2d --max-prefix4 8", &[], &[]),
    Row(
        "--never customers",
        &["203.0.113.0/24\t", "2001:db8:bad::/48\t"],
        &["192.0.2.128/25"],
    ),
    Row(
        "access.log | count-ip",
        &["203.0.113.200\tcount="],
        &["192.0.2.10"],
    ),
    Row(
        "--never proxies",
        &["203.0.113.0/24\t", "198.51.100.0/25\t"],
        &[],
    ),
    Row("unban-at now <drop.txt", &["198.51.100.0/25\t"], &[]),
    Row(
        "ssh other.example.org ban-ip --list",
        &["203.0.113.7\t"],
        &[],
    ),
    Row(
        "--dry-run | mail-ban --to root",
        // Printed into the mail alone.
        &[],
        &["203.0.113.7\t"],
    ),
    // Both are this journal.
    Row("--from start -D", &["203.0.113.7\tcount="], &[]),
    Row(
        "--from start --unit 'cron*'",
        &["203.0.113.7\tat=2026-03-30T02:16:41"],
        &[],
    ),
    Row("/var/log/secure*", &["203.0.113.7"], &["192.0.2.44"]),
    Row("for host in", &["2001:db8::7\t"], &[]),
    Row("--once --from resume", &[], &[]),
];
