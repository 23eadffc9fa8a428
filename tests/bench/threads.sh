#!/bin/sh
# One large file in the page cache, read by one thread and by several, in turns: the least and the
# median seconds by the clock, the least CPU seconds, and the ratio to one thread. Other work on the
# machine slows the clock, so its load is printed; CPU seconds are the cost of the threads.
#
# A last row tells how much more work two processors do here than one, if nothing connects the two:
# two runs of one thread each at the same time. No number of threads gets beyond that.
#
# Of 16 processors: the finder reads 4 GB/s a processor here and the kernel copies each byte once
# more, so 16 would ask the memory for some 130 GB/s where the file is not in a cache. A server with
# eight or more channels of memory gives twice that, a desktop with two a half: there some eight
# threads pay. One thread alone prints; at 15 bytes of output for 100 of input it writes 10 GB/s
# into /dev/null for 16 readers, but a pipe takes 2 to 4 GB/s, that of five readers or so. Totals
# are sorted and printed by one thread: a million take 0.1 s, which 16 threads that count 100
# million in 0.07 s would wait for; --top and --min save the printing. Lines of connections, with a
# preset, are settled by one thread: a tenth of all work where each line is one of these, so that
# there some ten processors pay; in a log with such lines now and then it is next to nothing.
#
#     sh tests/bench/threads.sh [-m MEGABYTES] [-n MILLIONS] [-r ROUNDS] [-t "1 2 4"] [JOB…]
#
# Jobs: dense, sparse, regex, only, preset (sshd, dense), sessions (sshd and PAM, several lines of
# each connection), quiet (sshd, on one line in a hundred), time and count (MILLIONS of records);
# all, if none is named. Without -t: 1, 2 and as many threads as there are processors.
set -eu
cd "$(dirname "$0")/../.."
megabytes=2000
millions=100
rounds=5
threads=$(printf '%s\n' 1 2 "$(nproc)" | sort -un)
jobs=
while [ $# -gt 0 ]; do
    case $1 in
    -m) megabytes=$2; shift ;;
    -n) millions=$2; shift ;;
    -r) rounds=$2; shift ;;
    -t) threads=$2; shift ;;
    *) jobs="$jobs $1" ;;
    esac
    shift
done
cargo build --release --quiet --bin extract-ip --bin count-ip
PATH=$PWD/target/release:$PATH
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
LC_ALL=C
export PATH LC_ALL
rustc -O --edition 2024 -o "$work/addresses" tests/bench/addresses.rs

# A log with an address on most lines, or on one in a hundred.
log() {
    perl -e '
        srand 7;
        my ($kind, $bytes) = @ARGV;
        my $part = "";
        for my $i (0 .. 99_999) {
            my $clock = sprintf "%02d:%02d:%02d", $i / 4167, $i / 70 % 60, $i % 60;
            my $ip = join ".", 1 + int rand 223, map { int rand 256 } 1 .. 3;
            my $pid = 1000 + int rand 60000;
            $part .= $kind eq "dense" && $i % 10 || !($i % 100)
                ? "Mar 30 $clock host sshd[$pid]: Failed password for root from $ip port $pid ssh2\n"
                : "Mar 30 $clock host systemd[1]: Started session-$pid.scope - Session $pid of user root.\n";
        }
        for (1 .. $bytes / length($part) + 1) { print $part }' "$1" "$((megabytes * 1000000))" >"$work/log"
}

# Connections to sshd, each of several lines.
connections() {
    perl -e '
        srand 8;
        my $part = "";
        for my $i (0 .. 30_000) {
            my $clock = sprintf "%02d:%02d:%02d", $i / 3600, $i / 60 % 60, $i % 60;
            my $ip = join ".", 1 + int rand 223, map { int rand 256 } 1 .. 3;
            my ($pid, $port) = (1000 + int rand 60000, 1024 + int rand 60000);
            my @words = rand() < 0.5
                ? ("Invalid user admin from $ip port $port",
                    "pam_unix(sshd:auth): check pass; user unknown",
                    "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 "
                        . "tty=ssh ruser= rhost=$ip",
                    "Failed password for invalid user admin from $ip port $port ssh2",
                    "Connection closed by invalid user admin $ip port $port [preauth]")
                : ("Connection from $ip port $port on 192.0.2.1 port 22",
                    "Failed password for root from $ip port $port ssh2",
                    "Received disconnect from $ip port $port:11: Bye Bye [preauth]",
                    "Disconnected from authenticating user root $ip port $port [preauth]");
            $part .= "Mar 30 $clock host sshd[$pid]: $_\n" for @words;
        }
        for (1 .. $ARGV[0] / length($part) + 1) { print $part }
    ' "$((megabytes * 1000000))" >"$work/log"
}

# The command with each number of threads, in turns.
compare() {
    : >"$work/together"
    for round in $(seq "$rounds"); do
        for number in $threads; do
            /usr/bin/time -o "$work/time" -f '%e %U %S %M' sh -c "$2 --threads $number >/dev/null"
            echo "$number $(tail -n 1 "$work/time")"
        done
        both="$2 --threads 1 >/dev/null & $2 --threads 1 >/dev/null & wait"
        /usr/bin/time -o "$work/time" -f %e sh -c "$both"
        tail -n 1 "$work/time" >>"$work/together"
    done | sort -k1,1n -k2,2n | awk -v name="$1" -v together="$work/one" '
        {
            clock[$1, ++count[$1]] = $2
            cpu = $3 + $4
            if (!($1 in least) || cpu < least[$1]) least[$1] = cpu
            if (!($1 in order)) { order[$1] = ++last; number[last] = $1 }
            memory[$1] = $5
            if ($1 == 1 && (!one || $2 < one)) one = $2
        }
        END {
            for (i = 1; i <= last; i++) {
                n = number[i]
                if (i == 1) base = clock[n, 1]
                printf "  %-8s %2d threads: %6.2f s at least, %6.2f median, %6.2f CPU, %4.2f times as fast, %d MB\n",
                    name, n, clock[n, 1], clock[n, int((count[n] + 1) / 2)], least[n], base / clock[n, 1], memory[n] / 1000
            }
            print one >together
        }'
    [ ! -s "$work/one" ] || sort -n "$work/together" | head -n 1 |
        awk -v name="$1" -v one="$(cat "$work/one")" '
            one > 0 {
                printf "  %-8s two runs of one thread at once: %.2f s; " \
                    "two processors do %.2f times the work of one\n", name, $1, 2 * one / $1
            }'
}

grep -m 1 'model name' /proc/cpuinfo || :
echo "$(nproc) processors, load $(cut -d ' ' -f 1 /proc/loadavg)"
for job in ${jobs:-dense sparse regex only preset sessions quiet time count}; do
    case $job in
    dense | sparse)
        log "$job"
        compare "$job" "extract-ip $work/log"
        ;;
    regex)
        log dense
        compare regex "extract-ip --regex 'Failed password .* from <IP> port' $work/log"
        ;;
    preset)
        log dense
        compare preset "extract-ip --preset sshd $work/log"
        ;;
    sessions)
        connections
        compare sessions "extract-ip --preset sshd,pam-generic $work/log"
        ;;
    quiet)
        log sparse
        compare quiet "extract-ip --preset sshd $work/log"
        ;;
    time)
        log dense
        compare time "extract-ip --time $work/log"
        ;;
    only)
        log dense
        awk 'BEGIN { srand(8); for (i = 0; i < 20000; i++) print 1 + int(rand() * 223) "." int(rand() * 256) "." i % 256 ".0/24" }' >"$work/nets"
        compare only "extract-ip --whole --only $work/nets $work/log"
        ;;
    count)
        "$work/addresses" v4 "$((millions * 1000000))" 1000000 >"$work/log"
        compare count "count-ip $work/log"
        ;;
    *)
        echo "threads.sh: no such job: $job" >&2
        exit 2
        ;;
    esac
done
echo "load $(cut -d ' ' -f 1 /proc/loadavg)"
