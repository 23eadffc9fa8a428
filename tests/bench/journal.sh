#!/bin/sh
# follow-log and extract-ip on a journal's files beside journalctl, which prints the same form: CPU seconds in turns.
# A systemd-journald of its own, in a namespace, makes the journal. Runs as root.
#
#     sh tests/bench/journal.sh [ENTRIES]
set -eu
cd "$(dirname "$0")/../.."
if [ "${1-}" != inside ]; then
    cargo build --release --quiet --bin follow-log --bin extract-ip
    exec unshare --mount --pid --fork --kill-child --mount-proc sh tests/bench/journal.sh inside "${1:-300000}"
fi
PATH=$PWD/target/release:$PATH
export PATH
mount -t tmpfs none /run
mount -t tmpfs none /var/log
mkdir -p /run/systemd/journal /run/log/journal
printf '[Journal]\nRateLimitIntervalSec=0\nRuntimeMaxUse=2G\nRuntimeMaxFileSize=1G\n' >/run/journald.conf
[ ! -e /etc/systemd/journald.conf ] || mount --bind /run/journald.conf /etc/systemd/journald.conf
/usr/lib/systemd/systemd-journald 2>/dev/null &
journald=$!
while [ ! -S /run/systemd/journal/dev-log ]; do sleep 0.1; done
perl -e 'printf "Failed password for invalid user u%d from 203.0.113.%d port %d ssh2\n", $_ % 977, $_ % 250, 1024 + $_ % 60000
    for 1 .. shift' "$2" | logger -u /run/systemd/journal/dev-log -t sshd
printed() { journalctl -q -D /run/log/journal -o cat -t sshd | wc -l; }
while [ "$(printed)" -lt "$2" ]; do sleep 0.2; done
kill $journald

cpu() {
    command time -o /run/time -f '%U %S' sh -c "$1" >/run/printed
    awk -v name="$1" -v lines="$(wc -l </run/printed)" '{ printf "%6.2f s  %7d lines  %s\n", $1 + $2, lines, name }' /run/time
}
for round in 1 2 3 4 5; do
    rm -f /run/state.db*
    cpu "journalctl -q --no-pager -D /run/log/journal -o short-iso-precise"
    cpu "follow-log --once --from start --journal -D /run/log/journal --state-file /run/state.db"
    cpu "extract-ip --preset sshd --time $(ls /run/log/journal/*/*.journal)"
done | sort -k5 -k1n | awk '{ if (++n[$5] == 3) print }'
