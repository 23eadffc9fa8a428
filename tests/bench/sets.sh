#!/bin/sh
# Sets of addresses: the lines of a log, and of JSON objects, whose address is in one of 20,000
# networks, beside grepcidr; and a list of a million made smaller, beside iprange (IPv4, as
# FireHOL's lists: 85 % addresses, the rest networks and ranges). First the answers are compared.
# Then both run in turns on one thread: the least CPU seconds, and the ratio.
#
#     sh tests/bench/sets.sh [-m MEGABYTES] [-r ROUNDS]     default 300 and 5
#
# Left out is what is not installed (apt install grepcidr iprange).
set -eu
cd "$(dirname "$0")/../.."
megabytes=300
rounds=5
while [ $# -gt 0 ]; do
    case $1 in
    -m) megabytes=$2 ;;
    -r) rounds=$2 ;;
    *) echo "usage: sets.sh [-m MEGABYTES] [-r ROUNDS]" >&2; exit 2 ;;
    esac
    shift 2
done
cargo build --release --quiet --bin extract-ip --bin merge-ip
PATH=$PWD/target/release:$PATH
LC_ALL=C
export PATH LC_ALL
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
have() { command -v "$1" >/dev/null || { echo "  left out: $1 is not installed"; return 1; }; }

awk 'BEGIN {
    srand(8)
    for (i = 0; i < 20000; i++)
        print 1 + int(rand() * 223) "." int(rand() * 256) "." i % 256 ".0/24"
}' >"$work/nets"
log() {
    perl -e '
        srand 7;
        my ($kind, $bytes) = @ARGV;
        my $part = "";
        for my $i (0 .. 99_999) {
            my $clock = sprintf "%02d:%02d:%02d", $i / 4167, $i / 70 % 60, $i % 60;
            my $ip = join ".", 1 + int rand 223, map { int rand 256 } 1 .. 3;
            $part .= $kind eq "text"
                ? "Mar 30 $clock host sshd[$i]: Failed password for root from $ip port $i ssh2\n"
                : qq({"time":"2026-03-30T$clock+00:00","remote_addr":"$ip","request":)
                    . qq("GET /index.php?id=$i HTTP/1.1","status":200,"bytes":$i,)
                    . qq("agent":"Mozilla/5.0 (X11; Linux x86_64)"}\n);
        }
        for (1 .. $bytes / length($part) + 1) { print $part }' "$1" "$((megabytes * 1000000))"
}
perl -e '
    srand 5;
    for (1 .. 1_000_000) {
        my $r = rand;
        my ($a, $b, $c, $d) = (1 + int rand 223, map { int rand 256 } 1 .. 3);
        my $last = $d + int rand 256 - $d;
        print $r < 0.85 ? "$a.$b.$c.$d\n" : $r < 0.97 ? "$a.$b.$c.0/24\n"
            : $r < 0.99 ? "$a.$b." . ($c & 240) . ".0/20\n" : "$a.$b.$c.$d-$a.$b.$c.$last\n";
    }' >"$work/list"
head -n 300000 "$work/list" >"$work/part"

# The answers of two commands, then their CPU seconds.
beside() {
    sh -c "$2" | cksum >"$work/ours"
    sh -c "$3" | cksum >"$work/theirs"
    cmp -s "$work/ours" "$work/theirs" || { echo "$1: the answers differ" >&2; exit 1; }
    for round in $(seq "$rounds"); do
        for who in "ours $2" "theirs $3"; do
            /usr/bin/time -o "$work/time" -f '%U %S' sh -c "exec ${who#* } >/dev/null"
            echo "${who%% *} $(tail -n 1 "$work/time")"
        done
    done | awk -v name="$1" '
        { cpu = $2 + $3; if (!($1 in least) || cpu < least[$1]) least[$1] = cpu }
        END {
            printf "  %-12s %5.2f s, the other %5.2f s: %.1f times\n",
                name, least["ours"], least["theirs"], least["theirs"] / least["ours"]
        }'
}

grep -m 1 'model name' /proc/cpuinfo || :
echo "one CPU of $(nproc), load $(cut -d ' ' -f 1 /proc/loadavg)"
if have grepcidr; then
    for kind in text json; do
        log "$kind" >"$work/log"
        ours="extract-ip --threads 1 --whole --only $work/nets $work/log"
        beside "only, $kind" "$ours" "grepcidr -f $work/nets $work/log"
    done
fi
if have iprange; then
    list="$work/list" part="$work/part"
    beside union "merge-ip $list" "iprange $list"
    beside minus "merge-ip $list --minus $part" "iprange $list --except $part"
    beside both "merge-ip $list --and $part" "iprange $list --common $part"
fi
echo "load $(cut -d ' ' -f 1 /proc/loadavg)"
