#!/bin/sh
# The pipeline for sshd under real runit, OpenRC and the SysV script, in a Debian without systemd: an attack in the log
# is banned, a part that is killed comes back, stop leaves no process, and a missing user is told. Run by tests/long.sh,
# as root: inits.sh [SUITE].
set -eu
cd "$(dirname "$0")/.."
suite=${1:-$(. /etc/os-release && echo "$VERSION_CODENAME")}
cargo build --quiet

root=$(mktemp -d)
chmod 755 "$root"
trap 'rm -rf --one-file-system "$root"' EXIT
echo "== a fresh Debian $suite without systemd"
debootstrap --variant=minbase --include=runit,openrc,procps,iproute2 "$suite" "$root" >"$root.log" 2>&1 || {
    tail "$root.log" >&2
    exit 1
}
rm "$root.log"
for tool in follow-log extract-ip count-ip ban-ip unban-at; do
    cp "target/debug/$tool" "$root/usr/bin"
done
mkdir -p "$root/etc/pipeban" "$root/etc/sv/pipeban-sshd"
cp examples/pipeban/parts examples/pipeban/run examples/pipeban/sshd.sh "$root/etc/pipeban"
cp examples/init/runit/run "$root/etc/sv/pipeban-sshd/run"
cp examples/init/openrc "$root/etc/init.d/pipeban"
ln -s pipeban "$root/etc/init.d/pipeban.sshd"
cp examples/init/sysv "$root/pipeban-all"

cat >"$root/trial" <<'TRIAL'
set -eu
export PIPEBAN_STATE=/var/lib/pipeban/pipeban.db
until_true() {
    tries=0
    until "$@" >/dev/null 2>&1; do
        tries=$((tries + 1))
        if [ $tries -gt 300 ]; then
            echo "never: $*"
            ps -ef
            tail -n 5 /run/*.err /run/pipeban/*.err /out 2>/dev/null
            exit 1
        fi
        sleep 0.1
    done
}
refute() {
    if "$@"; then
        echo "should fail: $*"
        exit 1
    fi
}
gone() { ! pgrep -r D,R,S -x 'follow-log|extract-ip|count-ip|ban-ip'; }
banned() { ban-ip --list | grep -q "^203.0.113.$1	"; }
parts() { pgrep -x extract-ip; }
attack() {
    for i in 1 2 3 4 5; do
        echo "$(date '+%b %e %H:%M:%S') host sshd[$1$i]: Failed password for root from 203.0.113.$1 port 4022$i ssh2"
    done >>/var/log/auth.log
}
# With a start, a stop, and the number of an attacker.
try() {
    echo "== $1"
    $2
    until_true parts
    attack "$4"
    until_true banned "$4"
    before=$(parts)
    kill -9 "$before"
    another() { pgrep -x extract-ip | grep -vx "$before"; }
    until_true another
    attack "${4}1"
    until_true banned "${4}1"
    $3
    until_true gone
}

ip link set lo up
touch /var/log/auth.log
runsvdir -P /etc/service >/out 2>&1 &
start_runit() { ln -s /etc/sv/pipeban-sshd /etc/service/; }
until_true test -d /etc/service
echo "== without a user"
start_runit
until_true grep 'no user pipeban' /out
rm /etc/service/pipeban-sshd
useradd --system pipeban
try runit start_runit "sv down pipeban-sshd" 1

mkdir -p /run/openrc
touch /run/openrc/softlevel
try OpenRC "rc-service --quiet pipeban.sshd start" "rc-service --quiet pipeban.sshd stop" 2
refute rc-service pipeban.sshd status
refute rc-service pipeban start

try SysV "/pipeban-all start" "/pipeban-all stop" 3
userdel pipeban
/pipeban-all start
until_true sh -c '/pipeban-all status | grep "sshd fails: pipeban: there is no user pipeban"'
refute /pipeban-all status
/pipeban-all stop
echo "all is well"
TRIAL
unshare --mount --net --pid --fork --kill-child --mount-proc="$root/proc" chroot "$root" sh /trial
