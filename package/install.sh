#!/bin/sh
# Installs what this archive has: ./install.sh [--uninstall] [PREFIX]     (PREFIX: /usr/local)
# DESTDIR, if set, goes before each path. What is in /etc and /var stays at --uninstall.
set -eu
cd "$(dirname "$0")"
action=install
[ "${1:-}" != --uninstall ] || { action=uninstall; shift; }
case ${1:-} in
-*)
    echo "usage: install.sh [--uninstall] [PREFIX]" >&2
    exit 2
    ;;
esac
where=${1:-/usr/local}
prefix=${DESTDIR:-}$where

# Lines of mode, file of the archive, and place.
files() {
    echo "755 sbin/pipeban-setup sbin/pipeban-setup"
    echo "755 sbin/pipeban-status sbin/pipeban-status"
    for file in examples/pipeban/*; do
        echo "644 $file lib/pipeban/${file##*/}"
    done
    for file in openrc sysv runit/run; do
        echo "755 examples/init/$file lib/pipeban/init/$file"
    done
    for tool in bin/*; do
        name=${tool##*/}
        echo "755 $tool bin/$name"
        echo "644 completions/bash share/bash-completion/completions/$name"
        echo "644 completions/fish share/fish/vendor_completions.d/$name.fish"
    done
    echo "644 completions/zsh share/zsh/site-functions/_pipeban"
    for page in man/*; do
        echo "644 $page share/man/man${page##*.}/${page##*/}"
    done
    for unit in examples/systemd/*; do
        echo "644 $unit lib/systemd/system/${unit##*/}"
    done
    find examples -type f | while read -r example; do
        echo "644 $example share/doc/pipeban/$example"
    done
    echo "644 README.md share/doc/pipeban/README.md"
}

# Pipelines that run on this system by what is installed here: restart, or remove.
services() {
    if [ -z "${DESTDIR:-}" ] && [ "$(id -u)" = 0 ] && [ -e "$prefix/lib/pipeban/services" ]; then
        sh "$prefix/lib/pipeban/services" "$1"
    fi
}
[ $action = install ] || services remove
bans=0
if [ $action = uninstall ] && [ -z "${DESTDIR:-}" ] && [ -x "$prefix/bin/ban-ip" ]; then
    bans=$("$prefix/bin/ban-ip" --list 2>/dev/null | grep -c .) || true
fi
files | while read -r mode file place; do
    place=$prefix/$place
    if [ $action = uninstall ]; then
        rm -f "$place"
        continue
    fi
    mkdir -p "${place%/*}"
    # A program that runs can't be written over, but it can be replaced.
    case $file in
    sbin/* | examples/*) sed "s|/usr/lib/pipeban|$where/lib/pipeban|g" "$file" >"$place.new" ;;
    *) cp "$file" "$place.new" ;;
    esac
    chmod "$mode" "$place.new"
    mv "$place.new" "$place"
done
if [ $action = uninstall ]; then
    find "$prefix/share/doc/pipeban" "$prefix/lib/pipeban" -depth -type d -exec rmdir {} + \
        2>/dev/null || true
    echo "removed from $prefix"
    [ "$bans" = 0 ] ||
        echo "bans that stay in the firewall: $bans" \
            "(with nft, \`nft delete table inet pipeban\` ends all)"
    exit
fi
services restart
etc=${DESTDIR:-}/etc/pipeban
mkdir -p "$etc"
if [ ! -e "$etc/never" ]; then
    cp never "$etc/never"
    chmod 644 "$etc/never"
fi
echo "installed under $prefix; to begin: pipeban-setup sshd, man pipeban"
