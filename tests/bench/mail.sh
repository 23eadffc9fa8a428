#!/bin/sh
# 10,000 bans through mail-ban: with a mailer that works, with one that hangs, and beside them cat. Needs hyperfine.
set -eu
cd "$(dirname "$0")/../.."
if [ "${1-}" != inside ]; then
    cargo build --release --quiet
    # In process numbers of its own: the deliveries end with it.
    exec unshare -rpf --mount-proc --kill-child sh tests/bench/mail.sh inside
fi
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
mkdir "$work/works" "$work/hangs"
printf '#!/bin/sh\ncat >/dev/null\n' >"$work/works/sendmail"
printf '#!/bin/sh\nsleep 600\n' >"$work/hangs/sendmail"
chmod +x "$work"/*/sendmail
seq 10000 | awk '{ printf "198.18.%d.%d\tcount=5\trule=sshd\tuntil=2026-03-30T03:16:17+09:00\n", $1 / 250, $1 % 250 }' >"$work/records"
run() { echo "PATH=$work/$1:$PWD/target/release:$PATH PIPEBAN_STATE=\$(mktemp -d -p $work)/state.db mail-ban --to root --whois none <$work/records >$work/out"; }

hyperfine --warmup 2 --runs 20 \
    --command-name 'mail-ban, a mailer that works' "$(run works)" \
    --command-name 'mail-ban, a mailer that hangs' "$(run hangs)" \
    --command-name 'cat' "cat <$work/records >$work/out"
