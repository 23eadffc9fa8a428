#!/bin/sh
# The archive of static programs in a system that has busybox and nothing else, as Alpine's:
# installs, finds, counts, bans in a network namespace of its own, and is uninstalled without a
# trace. Run by tests/long.sh, as root: static.sh [ARCHIVE]. Programs for another kind of machine
# are run by qemu, which knows no netfilter: there no firewall is told. Ends with status 77 where
# programs for musl can't be built.
set -eu
cd "$(dirname "$0")/.."
archive=${1:-}
if [ -z "$archive" ]; then
    machine=$(uname -m)
    rustup target list --installed 2>/dev/null | grep -qx "$machine-unknown-linux-musl" &&
        command -v musl-gcc >/dev/null || {
        echo "no target $machine-unknown-linux-musl (rustup target add), or no musl-gcc" >&2
        exit 77
    }
    archive=$(env "CC_${machine}_unknown_linux_musl=musl-gcc" package/tarball.sh)
fi
busybox=$(command -v busybox)
if ldd "$busybox" >/dev/null 2>&1; then
    echo "busybox is not static here: busybox-static" >&2
    exit 77
fi

root=$(mktemp -d)
trap 'rm -rf --one-file-system "$root"' EXIT
mkdir -p "$root/bin" "$root/dev" "$root/tmp" "$root/proc" "$root/var/log"
cp "$busybox" "$root/bin/busybox"
mkdir "$root/etc"
echo 'root:x:0:0::/:/bin/sh
pipeban:x:100:100::/:/bin/false' >"$root/etc/passwd"
echo 'root:x:0:' >"$root/etc/group"
mknod -m 666 "$root/dev/null" c 1 3
tar -xzf "$archive" -C "$root/tmp"
machine=$(basename "$archive" | sed 's/.*-\([^-]*\)-unknown-linux-musl.*/\1/')
[ "$machine" = "$(uname -m)" ] || cp "$(command -v "qemu-$machine-static")" "$root/tmp/qemu"
cat >"$root/tmp/trial" <<'END'
set -e
/bin/busybox --install -s /bin
ip link set lo up
find / -path /proc -prune -o -path /tmp -prune -o ! -type d -print | sort >/tmp/before
cd /tmp/pipeban-*
./install.sh
export PATH=/usr/local/sbin:/usr/local/bin:$PATH
backend=nft
if [ -e /tmp/qemu ]; then
    backend=none
    for tool in /usr/local/bin/*; do
        mv "$tool" /tmp
        printf '#!/bin/sh\nexec /tmp/qemu "/tmp/%s" "$@"\n' "${tool##*/}" >"$tool"
        chmod 755 "$tool"
    done
fi
extract-ip --preset dovecot --time examples/dovecot.log |
    count-ip --threshold 5 --within 10m | cut -f 1 | grep -v '^127\.' | ban-ip --for 1h --backend $backend
[ "$(ban-ip --list --backend $backend | wc -l)" = 5 ]
[ $backend = none ] || ban-ip --verify 2>/tmp/verify || cat /tmp/verify
# A log that grows, in the form of busybox's syslogd, read by the installed pipeline.
for i in 1 2 3 4 5; do
    stamp=$(date '+%b %e %H:%M:%S')
    failed="Failed password for root from 203.0.113.77 port 4022$i ssh2"
    echo "$stamp host auth.info sshd[$i]: $failed"
done >/var/log/messages
grep '^\. /usr/local/lib/pipeban/parts' /usr/local/lib/pipeban/sshd.sh
follow-log --once --from resume --replay 11m --state-file /tmp/position /var/log/messages |
    extract-ip --preset sshd --time | count-ip --threshold 5 --within 10m |
    ban-ip --for 1h --backend $backend
ban-ip --list --backend $backend | grep '^203\.0\.113\.77'
# Without util-linux, the setup says what to do.
! pipeban-setup sshd >/tmp/told 2>&1
cat /tmp/told
grep -q 'no setpriv of util-linux' /tmp/told
./install.sh --uninstall
rm -rf /var/lib /var/log/messages
find / -path /proc -prune -o -path /tmp -prune -o ! -type d -print | sort >/tmp/after
left=$(sort /tmp/before /tmp/after | uniq -u)
echo "left:" $left
[ "$left" = /etc/pipeban/never ]
echo "all is well"
END
unshare --net --mount --pid --fork --kill-child chroot "$root" /bin/busybox sh -c '
    mount -t proc proc /proc 2>/dev/null || /bin/busybox mount -t proc proc /proc
    exec /bin/busybox sh /tmp/trial'
