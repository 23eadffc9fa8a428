#!/bin/sh
# The pipeline for sshd under real runit, OpenRC and the SysV script, in a Debian without systemd,
# as pipeban-setup starts it: an attack in the log is banned, pipeban-status tells it, a part that
# is killed comes back, stop leaves no process, a start with something missing fails and says so,
# an upgrade begins it anew, and the removal of the package leaves nothing of it. Run by
# tests/long.sh, as root: inits.sh [SUITE].
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
mkdir -p "$root/etc/pipeban" "$root/usr/lib/pipeban"
cp examples/pipeban/* "$root/usr/lib/pipeban"
cp -r examples/init "$root/usr/lib/pipeban"
cp package/pipeban-setup package/pipeban-status "$root/usr/sbin"
cp package/debian/prerm "$root/prerm"

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
# Not those that have ended, and that nobody has waited for yet.
parts() { pgrep -r D,R,S -x extract-ip; }
attack() {
    for i in 1 2 3 4 5; do
        echo "$(date '+%b %e %H:%M:%S') host sshd[$1$i]: Failed password for root from 203.0.113.$1 port 4022$i ssh2"
    done >>/var/log/auth.log
}
# Its figures are read: five failures at least, one ban.
tell() {
    pipeban-status
    pipeban-status | awk '$1 == "sshd" && $3 >= 5 && $5 == 1 && $NF == "sees" { seen = 1 } END { exit !seen }'
}
# The package is upgraded and removed.
upgraded() {
    until_true parts
    before=$(parts)
    sh /usr/lib/pipeban/services restart
    until_true another
}
removed() {
    sh /prerm remove
    until_true gone
    left=$(find /etc -name '*pipeban[.-]*' -o -path '/etc/init.d/pipeban' -o -name '[SK]??pipeban')
    [ -z "$left" ] || { echo "left: $left"; exit 1; }
    [ ! -e /run/pipeban ]
    [ -e /etc/pipeban/sshd.sh ]
}
# With a start, a stop, and the number of an attacker.
try() {
    echo "== $1"
    $2
    until_true parts
    attack "$4"
    until_true banned "$4"
    tell
    before=$(parts)
    kill -9 "$before"
    another() { parts | grep -vx "$before"; }
    until_true another
    attack "${4}1"
    until_true banned "${4}1"
    $3
    until_true gone
}

# Each fault is told by a start, which fails.
faults() {
    echo "== $1 with something missing"
    userdel pipeban
    ! $2 >/told 2>&1 || { cat /told; exit 1; }
    grep 'no user pipeban' /told
    $3
    useradd --system pipeban
    mv /var/log/auth.log /gone
    ! $2 >/told 2>&1 || { cat /told; exit 1; }
    grep 'no log' /told
    $3
    mv /gone /var/log/auth.log
    mv /usr/lib/pipeban/parts /gone
    ! $2 >/told 2>&1 || { cat /told; exit 1; }
    grep 'no /usr/lib/pipeban/parts' /told
    $3
    mv /gone /usr/lib/pipeban/parts
    until_true gone
}
ip link set lo up

echo "== without a log, and without an init system"
pipeban-setup sshd 2>&1 | grep 'no log'
[ ! -e /etc/pipeban/sshd.sh ]
touch /var/log/auth.log
getent passwd pipeban >/dev/null

runsvdir -P /etc/service >/out 2>&1 &
until_true test -d /etc/service
setup() {
    pipeban-setup sshd >/setup.out 2>&1 &
    # The lines that it waits for.
    while kill -s 0 $! 2>/dev/null; do
        echo "$(date '+%b %e %H:%M:%S') host sshd[9]: Connection closed by 127.0.0.1 port 1" \
            >>/var/log/auth.log
        sleep 1
    done
    cat /setup.out
    grep -q 'lines arrive' /setup.out
}
try runit setup "sv down pipeban-sshd" 1
sv up pipeban-sshd
upgraded
removed

mkdir -p /run/openrc
touch /run/openrc/softlevel
try OpenRC setup "rc-service --quiet pipeban.sshd stop" 2
refute rc-service pipeban.sshd status
refute rc-service pipeban start
faults OpenRC "rc-service pipeban.sshd start" true
rc-service --quiet pipeban.sshd start
upgraded
removed
rm -r /run/openrc

mv /usr/bin/sv /usr/bin/sv.gone
try SysV setup "/etc/init.d/pipeban stop" 3
faults SysV "/etc/init.d/pipeban start" "/etc/init.d/pipeban stop"
userdel pipeban
refute /etc/init.d/pipeban start
until_true sh -c '/etc/init.d/pipeban status | grep "sshd fails: pipeban: there is no user pipeban"'
refute /etc/init.d/pipeban status
/etc/init.d/pipeban stop
useradd --system pipeban
/etc/init.d/pipeban start
upgraded
removed
echo "all is well"
TRIAL
unshare --mount --net --pid --fork --kill-child --mount-proc="$root/proc" chroot "$root" sh /trial
