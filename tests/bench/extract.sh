#!/bin/sh
# extract-ip beside its peers, on one CPU, over generated logs in the page cache: an auth log with
# an address on most lines, an access log with IPv6 and browser versions that look like addresses,
# and one with few addresses. First all are asked for the same, and their answers are compared;
# then they run in turn, and the medians and the ratios to extract-ip are printed. Ours without
# AVX2, and without any vectors, are builds of their own. Left out is what is not installed (rg:
# ripgrep; justips: cargo install justips; mawk; grepcidr).
#
#     sh tests/bench/extract.sh [MEGABYTES [ROUNDS [JOB]...]]
#
# The jobs are dense, access, sparse, regex, field, only and json (the lines with an address in
# one of 20,000 networks), pipe (on all CPUs) and stream (the memory for 10 GB); all, if none is
# named.
set -eu
cd "$(dirname "$0")/../.."
size=${1:-500}
rounds=${2:-5}
shift "$(($# < 2 ? $# : 2))"
[ $# -gt 0 ] || set -- dense access sparse regex field only json pipe stream
cargo build --release --quiet --bin extract-ip
for slower in sse2 portable; do
    cargo build --release --quiet --bin extract-ip --features $slower --target-dir target/$slower
done
PATH=$PWD/target/release:$PATH
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
for slower in sse2 portable; do ln -s "$PWD/target/$slower/release/extract-ip" "$work/$slower"; done
PATH=$work:$PATH
export PATH LC_ALL=C

# Lines of one kind of log; the same in every run.
generate() {
    awk -v kind="$1" -v lines=50000 '
function r(n) { return int(rand() * n) }
function v4() { return (1 + r(223)) "." r(256) "." r(256) "." (1 + r(250)) }
function hex() { return sprintf("%x", 1 + r(65535)) }
function v6(n) {
    n = r(3)
    if (n == 0) return "2001:db8::" hex()
    if (n == 1) return "2001:db8:" hex() ":" hex() "::" hex()
    return "2001:db8:" hex() ":" hex() ":" hex() ":" hex() ":" hex() ":" hex()
}
function clock() { return sprintf("%02d:%02d:%02d", r(24), r(60), r(60)) }
function user() { return names[1 + r(5)] }
BEGIN {
    srand(7)
    split("root admin oracle ubuntu deploy", names, " ")
    for (i = 0; i < lines; i++) {
        head = "Mar 30 " clock() " host1 sshd[" (1000 + r(60000)) "]: "
        if (kind == "dense") {
            k = r(10)
            if (k < 6) print head "Failed password for invalid user " user() " from " v4() " port " (1024 + r(64000)) " ssh2"
            else if (k < 8) print head "Connection closed by authenticating user " user() " " v4() " port " (1024 + r(64000)) " [preauth]"
            else if (k < 9) print head "Failed password for " user() " from " v6() " port " (1024 + r(64000)) " ssh2"
            else print head "pam_unix(sshd:session): session closed for user " user()
        } else if (kind == "access") {
            print (r(4) ? v4() : v6()) " - - [30/Mar/2026:" clock() " +0900] \"GET /a/" hex() "/" hex() ".html?id=" r(100000) \
                " HTTP/1.1\" 200 " r(100000) " \"https://www.example.com/\" \"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36" \
                " (KHTML, like Gecko) Chrome/" (100 + r(40)) ".0.0.0 Safari/537.36\""
        } else {
            if (i % 100) print "2026-03-30T" clock() "." (100000 + r(899999)) "+09:00 host1 systemd[1]: Started session-" r(100000) \
                ".scope - Session " r(100000) " of user " user() "; unit entered running state."
            else print "2026-03-30T" clock() "." (100000 + r(899999)) "+09:00 host1 sshd[" r(60000) "]: Failed password for root from " v4() " port 22 ssh2"
        }
    }
}'
}

quad='[0-9]{1,3}(\.[0-9]{1,3}){3}'
full='[0-9a-f]{1,4}(:[0-9a-f]{1,4}){7}|([0-9a-f]{1,4}:){1,6}(:[0-9a-f]{1,4}){1,6}'
both="$quad|$full"
have() { command -v "$1" >/dev/null; }

# What the peers find beside is only what they can't know: that a browser's version is none.
same() {
    "$@" <"$work/part" | sed '/^1[0-3][0-9]\.0\.0\.0$/d' | cmp -s - "$work/expected" ||
        { echo "not the same addresses: $*" >&2; exit 1; }
}

# The log of one kind, of the size asked for.
log() {
    generate "$1" >"$work/part"
    copies=$((size * 1000000 / $(wc -c <"$work/part") + 1))
    for copy in $(seq "$copies"); do cat "$work/part"; done >"$work/log"
    : >"$work/commands"
    echo "$2, $(($(wc -c <"$work/log") / 1000000)) MB:"
}
enter() { printf '%s\t%s\n' "$1" "$2" >>"$work/commands"; }

# Runs the commands entered (name, TAB, command) in turn; prints medians and ratios to the first.
race() {
    : >"$work/times"
    for round in $(seq "$rounds"); do
        while IFS='	' read -r name command; do
            start=$(date +%s%N)
            ${one_cpu-} sh -c "$command" </dev/null
            echo "$name	$(($(date +%s%N) - start))" >>"$work/times"
        done <"$work/commands"
    done
    sort -t '	' -k1,1 -k2,2n "$work/times" | awk -F '\t' -v bytes="$(wc -c <"$work/log")" -v commands="$work/commands" '
        { time[$1, ++count[$1]] = $2 }
        END {
            while ((getline line < commands) > 0) {
                split(line, part, "\t"); name = part[1]
                median = time[name, int((count[name] + 1) / 2)]
                if (!first) first = median
                printf "  %-28s %7.2f s %6.2f GB/s %8.2f times extract-ip\n", name, median / 1e9, bytes / median, median / first
            }
        }'
}

log=$work/log
for job; do
    one_cpu='taskset -c 0'
    case $job in
    dense | access | sparse)
        log "$job" "$job"
        extract-ip "$work/part" >"$work/expected"
        same sse2
        same portable
        same grep -oE "$both"
        have rg && same rg -oN "$both"
        have justips && same justips
        enter extract-ip "extract-ip $log >/dev/null"
        enter 'extract-ip without AVX2' "sse2 $log >/dev/null"
        enter 'extract-ip without vectors' "portable $log >/dev/null"
        enter 'wc -l' "wc -l <$log >/dev/null"
        # grep stops early when it writes to the null device itself.
        have rg && enter 'rg -o' "rg -oN '$both' $log | cat >/dev/null"
        have justips && enter justips "justips <$log >/dev/null"
        enter 'grep -oP, IPv4' "grep -oP '(?:[0-9]{1,3}\.){3}[0-9]{1,3}' $log | cat >/dev/null"
        enter 'grep -oE' "grep -oE '$both' $log | cat >/dev/null"
        race
        ;;
    regex)
        log dense 'one pattern'
        naming='Failed password for .* from <IP> port'
        group="Failed password for .* from (?P<ip>$both) port"
        after="Failed password for .* from \\K(?:$both)(?= port)"
        extract-ip --regex "$naming" "$work/part" >"$work/expected"
        same grep -oP "$after"
        have rg && same rg -N -or '$ip' "$group"
        enter 'extract-ip --regex' "extract-ip --regex '$naming' $log >/dev/null"
        enter 'grep -oP' "grep -oP '$after' $log | cat >/dev/null"
        have rg && enter 'rg -or' "rg -N -or '\$ip' '$group' $log | cat >/dev/null"
        race
        ;;
    field)
        log dense 'one field'
        extract-ip --field 11 "$work/part" >"$work/expected"
        enter 'extract-ip --field 11' "extract-ip --field 11 $log >/dev/null"
        enter 'cut -f 11' "cut -d ' ' -f 11 $log >/dev/null"
        have mawk && enter mawk "mawk '{ print \$11 }' $log >/dev/null"
        race
        ;;
    only | json)
        log dense "lines with an address in one of 20,000 networks ($job)"
        if [ "$job" = json ]; then
            for name in part log; do
                sed 's/.*/{"log":"&\\n","stream":"stdout","time":"2026-03-30T02:16:17.123456789Z"}/' "$work/$name" >"$work/json"
                mv "$work/json" "$work/$name"
            done
        fi
        awk 'BEGIN {
            srand(8)
            for (i = 0; i < 20000; i++) {
                size = 17 + int(rand() * 16)
                print 1 + int(rand() * 223) "." int(rand() * 256) "." int(rand() * 256) "." int(rand() * 256) "/" size
            }
        }' >"$work/nets"
        extract-ip --whole --only "$work/nets" "$work/part" >"$work/expected"
        echo "  $(wc -l <"$work/expected") of $(wc -l <"$work/part") lines"
        have grepcidr && same grepcidr -f "$work/nets"
        enter 'extract-ip --whole --only' "extract-ip --whole --only $work/nets $log >/dev/null"
        enter 'extract-ip --only' "extract-ip --only $work/nets $log >/dev/null"
        enter 'extract-ip' "extract-ip $log >/dev/null"
        have grepcidr && enter grepcidr "grepcidr -f $work/nets $log >/dev/null"
        race
        ;;
    pipe)
        one_cpu=
        log dense 'from a pipe'
        enter 'cat | extract-ip' "cat $log | extract-ip >/dev/null"
        enter 'cat | cat' "cat $log | cat >/dev/null"
        race
        ;;
    stream)
        log dense 'a stream of 10 GB'
        for copy in $(seq $((10000000000 / $(wc -c <"$log") + 1))); do cat "$log"; done |
            command time -f '  %M KB at most, %e s' extract-ip >/dev/null
        ;;
    *)
        echo "no such job: $job" >&2
        exit 2
        ;;
    esac
done
