#!/bin/sh
# Builds the Debian package, and tries it in a fresh Debian: install, main job, demo, manual, completion, remove.
# Run by hand, as root: it makes a small Debian system in a temporary directory, which takes some minutes.
set -eu
cd "$(dirname "$0")/.."

suite=${1:-$(. /etc/os-release && echo "$VERSION_CODENAME")}
command -v cargo-deb >/dev/null || [ -x target/tools/bin/cargo-deb ] ||
    cargo install --quiet --root target/tools cargo-deb
PATH=$PWD/target/tools/bin:$PATH

echo "== building the package"
deb=$(cargo deb --quiet)
dpkg-deb --info "$deb" | sed -n '/Package:/,$p'
echo "$(wc -c <"$deb") bytes, $(dpkg-deb --contents "$deb" | wc -l) files and directories"

root=$(mktemp -d)
chmod 755 "$root" # man-db reads its database as user man
trap 'umount -q "$root/proc" "$root/dev/null" || true; rm -rf --one-file-system "$root"' EXIT
echo "== a fresh Debian $suite"
debootstrap --variant=minbase --include=man-db,bash-completion,iproute2 "$suite" "$root" >"$root.log" 2>&1 ||
    { tail "$root.log" >&2; exit 1; }
rm "$root.log"
mount -t proc proc "$root/proc"
[ -c "$root/dev/null" ] || mknod -m 666 "$root/dev/null" c 1 3
cp "$deb" "$root/tmp/pipeban.deb"
inside() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root "$@"; }
files() { (cd "$root" && find . -xdev -path ./proc -prune -o -path ./tmp -prune -o -path ./var/log -prune -o -path ./var/lib/dpkg -prune -o -path ./var/cache/man -prune -o -print | sort); }
files >"$root/tmp/before"

echo "== install"
inside dpkg -i /tmp/pipeban.deb >/dev/null
[ "$(ls -A "$root/etc/pipeban")" = never ]

echo "== the main job, from the installed files, in a network namespace of its own"
inside unshare -n sh -ec '
    ip link set lo up
    log=/usr/share/doc/pipeban/examples/dovecot.log
    extract-ip $log --regex \
        "^.{15} \S+ dovecot-auth: \S+ authentication failure;( \S+){5} rhost=<IP> *(user=\S+)?\$" |
        count-ip --threshold 5 --within 10m | ban-ip | unban-at "now + 1 hour" >/dev/null || true
    ban-ip --list
    [ "$(ban-ip --list | wc -l)" = 5 ]'

echo "== demo"
inside unshare -n sh /usr/share/doc/pipeban/examples/demo.sh | tail -n 8

echo "== manual"
for page in follow-log extract-ip count-ip ban-ip unban-at mail-ban merge-ip name-ip share-ban pipeban pipeban-record; do
    text=$(inside man -P cat $page)
    echo "$text" | sed -n '/^NAME/{n;p;q}'
done

echo "== completion"
inside bash -c '
    . /usr/share/bash-completion/bash_completion
    _completion_loader ban-ip
    COMP_WORDS=(ban-ip --ver) COMP_CWORD=1
    _clap_complete_ban_ip ban-ip --ver ban-ip
    echo "ban-ip --ver: ${COMPREPLY[*]}"
    [ "${COMPREPLY[*]}" = "--verify --version" ]'

echo "== remove"
inside dpkg -r pipeban >/dev/null
files >"$root/tmp/after"
echo "left behind:"
diff "$root/tmp/before" "$root/tmp/after" | tee "$root/tmp/left" || true
if grep -v '^> ./var/lib/pipeban\|^> ./etc/pipeban\|^[0-9]' "$root/tmp/left"; then
    exit 1
fi
echo "== purge"
inside dpkg -P pipeban >/dev/null
files | diff "$root/tmp/before" -
echo "all is well"
