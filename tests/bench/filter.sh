#!/bin/sh
# Ready patterns beside fail2ban's and fail2ban-rs's: lines a second on one CPU over 200,000 mixed lines of sshd, dovecot, postfix,
# cron and systemd. fail2ban-regex is taken at its own timer, without its start; the others at the clock, start included.
# First the answers are compared: ours must find the addresses that fail2ban-regex finds. Left out is what is not installed
# (fail2ban-regex: apt install fail2ban; fail2ban-rs: cargo install fail2ban-rs).
# fail2ban-rs has patterns of its own, and does less: no prefix, no sessions, no search for the time stamp in lines that don't match;
# how many patterns there are, and how many lines they find, is printed.
#
#     sh tests/bench/filter.sh [LINES [ROUNDS [SERVICE…]]]
set -eu
cd "$(dirname "$0")/../.."
lines=${1:-200000}
rounds=${2:-5}
[ $# -gt 2 ] && shift 2 || set -- sshd dovecot
cargo build --release --quiet --bin extract-ip
PATH=$PWD/target/release:$PATH
export PATH LC_ALL=C
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
log=$work/log
have() { command -v "$1" >/dev/null; }

awk -v lines="$lines" '
function r(n) { return int(rand() * n) }
function v4() { return "198." (18 + r(2)) "." r(256) "." r(256) }
function clock() { return sprintf("Mar 30 %02d:%02d:%02d host ", i * 24 / lines, (i * 1440 / lines) % 60, r(60)) }
function user() { return names[1 + r(6)] }
BEGIN {
    srand(7)
    split("root admin oracle ubuntu deploy test", names, " ")
    for (i = 0; i < lines; i++) {
        ssh = clock() "sshd[" (1000 + r(60000)) "]: "
        mail = clock() "dovecot: "
        peer = v4() " port " (1024 + r(64000))
        tail = ", lip=192.0.2.1, TLS, session=<" sprintf("%08x%08x", r(2^31), r(2^31)) ">"
        k = r(100)
        if (k < 14) print ssh "Failed password for invalid user " user() " from " peer " ssh2"
        else if (k < 18) print ssh "Failed password for " user() " from " peer " ssh2"
        else if (k < 26) print ssh "Invalid user " user() " from " peer
        else if (k < 34) print ssh "Connection closed by invalid user " user() " " peer " [preauth]"
        else if (k < 40) print ssh "Received disconnect from " peer ":11: Bye Bye [preauth]"
        else if (k < 46) print ssh "pam_unix(sshd:auth): check pass; user unknown"
        else if (k < 50) print ssh "Accepted publickey for deploy from 192.0.2.9 port " (1024 + r(64000)) " ssh2: RSA SHA256:" r(2^31)
        else if (k < 54) print ssh "pam_unix(sshd:session): session closed for user deploy"
        else if (k < 66) print mail "imap-login: Disconnected (auth failed, 1 attempts in 2 secs): user=<" user() ">, method=PLAIN, rip=" v4() tail
        else if (k < 78) print mail "imap-login: Login: user=<" user() ">, method=PLAIN, rip=" v4() ", lip=192.0.2.1, mpid=" r(60000) ", TLS, session=<" r(2^31) ">"
        else if (k < 84) print mail "imap(" user() ")<" r(60000) "><" r(2^31) ">: Logged out in=" r(5000) " out=" r(50000) " deleted=0 expunged=0"
        else if (k < 90) print clock() "postfix/smtpd[" r(60000) "]: connect from unknown[" v4() "]"
        else if (k < 95) print clock() "CRON[" r(60000) "]: pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)"
        else print clock() "systemd[1]: Started session-" r(100000) ".scope - Session " r(100000) " of User deploy."
    }
}' >"$log"

# The median of some times in nanoseconds, as lines a second.
rate() { sort -n | awk -v lines="$lines" '{ t[NR] = $1 } END { printf "%.0f\n", lines / t[int((NR + 1) / 2)] * 1e9 }'; }
clock() {
    for round in $(seq "$rounds"); do
        start=$(date +%s%N)
        taskset -c 0 "$@" >/dev/null 2>&1 || true
        echo $(($(date +%s%N) - start))
    done | rate
}
timer() {
    for round in 1 2; do
        taskset -c 0 fail2ban-regex --usedns no "$log" "$1" | sed -n 's/.*processed in \([0-9.]*\) sec.*/\1/p'
    done | awk '{ print $1 * 1e9 }' | rate
}
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.1f", a / b }'; }

for service; do
    preset=$(clock extract-ip --preset "$service" "$log")
    all=$(clock extract-ip --preset all "$log")
    echo "$service, lines a second:"
    echo "  --preset $service: $preset"
    echo "  --preset all: $all, $(ratio "$all" "$preset") of that"
    filter=
    if have fail2ban-regex; then
        extract-ip --filter "$service" "$log" 2>/dev/null | cut -f 1 | sort >"$work/ours"
        fail2ban-regex --usedns no --out ip "$log" "$service" | sort >"$work/theirs"
        cmp -s "$work/ours" "$work/theirs" ||
            echo "  the addresses differ: ours $(wc -l <"$work/ours"), theirs $(wc -l <"$work/theirs")"
        filter=$(clock extract-ip --filter "$service" "$log")
        theirs=$(timer "$service")
        echo "  --filter $service: $filter"
        echo "  fail2ban-regex: $theirs; --filter $(ratio "$filter" "$theirs") times, --preset $(ratio "$preset" "$theirs") times"
    fi
    if have fail2ban-rs; then
        {
            printf '[global]\nstate_file = "%s/rs.state"\nsocket_path = "%s/rs.sock"\n' "$work" "$work"
            fail2ban-rs gen-config "$service" | sed "s|^log_path.*|log_path = \"$log\"|"
        } >"$work/rs.toml"
        rs=$(clock fail2ban-rs --config "$work/rs.toml" dry-run "$log")
        fail2ban-rs --config "$work/rs.toml" dry-run "$log" >"$work/rs"
        found() { extract-ip "$@" "$log" 2>/dev/null | wc -l; }
        patterns() { extract-ip --explain "$@" /dev/null 2>/dev/null | grep -c '^pattern'; }
        did="$(sed -n 's/^ *Patterns: *\([0-9]*\).*/\1/p' "$work/rs") patterns find $(sed -n 's/^ *Matches: *//p' "$work/rs") lines"
        did="$did, ${filter:+--filter's $(patterns --filter "$service") find $(found --filter "$service"), }--preset's find $(found --preset "$service")"
        echo "  fail2ban-rs: $rs; ${filter:+--filter $(ratio "$filter" "$rs") times, }--preset $(ratio "$preset" "$rs") times"
        echo "    its $did"
    fi
done
