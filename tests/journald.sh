#!/bin/sh
# follow-log on a real systemd-journald of its own: entries through 50 rotations and a vacuum, the follower killed and
# started again in between: in the first half amid its work, where it may repeat the lines of its last moment, which are
# told; in the second half when it had nothing to do, where each entry must come once. Run by tests/long.sh, as root: journald.sh [ROTATIONS].
set -eu
cd "$(dirname "$0")/.."
if [ "${1-}" != inside ]; then
    cargo build --quiet --bin follow-log
    exec unshare --mount --pid --fork --kill-child --mount-proc sh tests/journald.sh inside "$PWD/target/debug/follow-log" "${1:-50}"
fi
follow=$2
rotations=$3
mount -t tmpfs none /run
mount -t tmpfs none /var/log
mkdir -p /run/systemd/journal /run/log/journal
# A host without systemd may have no machine id.
if [ ! -s /etc/machine-id ]; then
    echo 0123456789abcdef0123456789abcdef >/run/machine-id
    [ -e /etc/machine-id ] || { echo "no /etc/machine-id to stand on" >&2; exit 77; }
    mount --bind /run/machine-id /etc/machine-id
fi
daemon=$(ls /usr/lib/systemd/systemd-journald /lib/systemd/systemd-journald 2>/dev/null | head -n 1)
"$daemon" 2>/dev/null &
journald=$!
until_true() {
    tries=0
    until "$@"; do
        tries=$((tries + 1))
        [ $tries -lt 600 ] || { echo "never: $*"; tail -n 3 /run/out /run/err; exit 1; }
        sleep 0.1
    done
}
until_true test -S /run/systemd/journal/dev-log
files() { ls /run/log/journal/*/*.journal | wc -l; }
more_than() { [ "$(files)" -gt "$1" ]; }
printed() { [ "$(grep -o 'trial[^ ]*: n=[0-9]*$' /run/out | sort -u | wc -l)" -ge "$1" ]; }
start() {
    # By its path: nothing of the caller's is on the way.
    "$follow" --journal --from resume --state-file /run/state.db >>/run/out 2>>/run/err &
    follower=$!
}
: >/run/out
: >/run/err
start
n=0
write() {
    i=0
    while [ $i -lt "$1" ]; do
        echo "n=$n"
        n=$((n + 1))
        i=$((i + 1))
    done >/run/lines
    logger -u /run/systemd/journal/dev-log -t trial </run/lines
}
for rotation in $(seq "$rotations"); do
    write 30
    before=$(files)
    kill -USR2 $journald
    until_true more_than "$before"
    write 30
    case $((rotation % 10)) in
    3)
        if [ $rotation -gt $((rotations / 2)) ]; then
            until_true printed $n
            # The position is kept by now.
            sleep 1.5
        fi
        kill -9 $follower
        write 20
        start
        ;;
    7)
        kill -TERM $follower
        wait $follower || true
        write 20
        start
        ;;
    esac
    if [ $rotation = $((rotations / 2)) ]; then
        until_true printed $n
        journalctl --quiet --vacuum-files=3 --directory "$(ls -d /run/log/journal/*)" 2>/dev/null
        [ "$(files)" -le 5 ]
        half=$n
    fi
done
until_true printed $n
kill $follower
wait $follower || true
kill $journald
twice() { grep -o 'trial[^ ]*: n=[0-9]*$' /run/out | sed 's/.*=//' | sort -n | uniq -d | awk -v from="$1" '$1 >= from' | wc -l; }
echo "$n entries, $rotations rotations, $((rotations / 10)) kills: 0 missed, $(twice 0) twice, $(twice "$half") of them in the second half"
cat /run/err
[ "$(twice "$half")" = 0 ]
