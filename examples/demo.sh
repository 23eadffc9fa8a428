#!/bin/sh
# The main job on the sample log. Builds the tools, or takes the installed ones where there is
# nothing to build, and bans the attackers of examples/dovecot.log for an hour in the kernel of a
# network namespace of its own: it needs no root and can't touch this host's firewall.
set -eu
cd "$(dirname "$0")/.."

if [ "${1-}" != inside ]; then
    if [ -f Cargo.toml ]; then
        sh tests/common/rust.sh
        echo "Building (the first time takes a minute or two) ..."
        cargo build --release --quiet
    fi
    if unshare -rn true 2>/dev/null; then
        exec unshare -rn sh examples/demo.sh inside nft
    fi
    echo "Network namespaces are forbidden here: the ledger is shown, but no firewall is touched."
    exec sh examples/demo.sh inside none
fi

backend=$2
PATH=$PWD/target/release:$PATH
PIPEBAN_STATE=$(mktemp -d)/pipeban.db
export PATH PIPEBAN_STATE
trap 'rm -r "$(dirname "$PIPEBAN_STATE")"' EXIT

say() { printf '\n%s\n' "$*"; }

say "The sample log holds $(wc -l <examples/dovecot.log) lines such as"
head -n 1 examples/dovecot.log

failed='^.{15} \S+ dovecot-auth: \S+ authentication failure;( \S+){5} rhost=<IP> *(user=\S+)?$'
say "Who fails to log in, and how often, whatever a user's name says:"
printf "  failed='%s'\n" "$failed"
echo '  extract-ip --regex "$failed" examples/dovecot.log | count-ip'
extract-ip --regex "$failed" examples/dovecot.log | count-ip | expand -t 20

say "Who does so five times within ten minutes is banned for an hour:"
cat <<'END'
  extract-ip --time --regex "$failed" examples/dovecot.log |
    count-ip --threshold 5 --within 10m | ban-ip | unban-at 'now + 1 hour'
END
extract-ip --time --regex "$failed" examples/dovecot.log |
    count-ip --threshold 5 --within 10m |
    ban-ip --backend "$backend" |
    unban-at 'now + 1 hour' >/dev/null || true # 127.0.0.1 is refused, which is an error to a script

say "Banned now, since when and until when:"
echo "  ban-ip --list | cut -f 1,2,6,7"
ban-ip --list --backend "$backend" | cut -f 1,2,6,7 | expand -t 20,30,64
