#!/bin/sh
# How fast a log that is there already is followed: follow-log beside tail and cat, into wc.
# Usage: sh tests/bench/follow.sh [MEGABYTES]
set -e
cargo build --release --quiet --bin follow-log
export PATH="$PWD/target/release:$PATH"
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
export PIPEBAN_STATE="$home/state.db"
line='Mar 30 02:16:17 host sshd[4711]: Failed password for root from 203.0.113.7 port 40222 ssh2'
yes "$line" | head -c "${1:-500}000000" > "$home/log"
cat "$home/log" > /dev/null

seconds() {
    begin=$(date +%s%N)
    sh -c "$1 | wc -l" > "$home/count"
    echo "$(($(date +%s%N) - begin)) $(cat "$home/count") $1"
}
for round in 1 2 3 4 5; do
    seconds "cat $home/log"
    seconds "tail -n +1 $home/log"
    seconds "follow-log --once --from start $home/log"
    seconds "follow-log --once --from start --prefix $home/log"
done | sort -k3 -k1n | awk '
    {
        key = $3 " " $4 " " $5 " " $6 " " $7
        if (++n[key] != 3) next
        ms = $1 / 1e6
        if (!base) base = ms
        printf "%8.0f ms  %5.2f times cat  %d lines  %s\n", ms, ms / base, $2, key
    }' | sed "s|$home/||g"
