#!/bin/sh
# One event as swatch handles it: sh -c starts the chain of four tools for one line. Beside it four times
# /bin/true in the same way, which is what starting four processes costs. Needs hyperfine.
set -eu
cd "$(dirname "$0")/../.."
if [ "${1-}" != inside ]; then
    cargo build --release --quiet
    exec unshare -rn sh tests/bench/chain.sh inside
fi
PATH=$PWD/target/release:$PATH
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
PIPEBAN_STATE=$work/state.db
export PATH PIPEBAN_STATE

# The shell's process number makes each event's address another one.
line='Mar 30 02:16:17 trippyboy dovecot-auth: pam_unix(dovecot:auth): authentication failure; logname= uid=0 euid=0 tty=dovecot ruser= rhost=::ffff:198.18.$(($$ / 250 % 250)).$(($$ % 250))'
chain() {
    echo "echo \"$line\" | sh -c 'extract-ip --field 14 | count-ip --threshold $1 --state | ban-ip | unban-at now+1hour'"
}
chain 5 >"$work/counts.sh"
chain 1 >"$work/bans.sh"
echo "echo \"$line\" | sh -c '/bin/true | /bin/true | /bin/true | /bin/true'" >"$work/true.sh"

hyperfine --shell=none --ignore-failure --warmup 20 --runs 300 \
    --command-name 'an event that is counted' "sh $work/counts.sh" \
    --command-name 'an event that bans' "sh $work/bans.sh" \
    --command-name 'four times /bin/true' "sh $work/true.sh"
