#!/bin/sh
# Makes the evidence of the presets anew: real daemons, attacked, and the logs that they write.
#
#     sh tests/daemons/run.sh [SERVICE…]      (all of them without operands)
#
# Needs root, debootstrap, util-linux and, the first time, Debian's mirror. Nothing is installed on
# the host: each service has a root of its own (an overlay over one Debian 12) under the user's
# cache, and runs in network, mount, process and host name namespaces of its own.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/pipeban-daemons
base=$cache/base
suite=bookworm
# What each root has beside the service: the language of these scripts and a syslog daemon.
common=python3,iproute2,rsyslog,openssl,ca-certificates
PATH=$PATH:/usr/sbin:/sbin

[ "$(id -u)" = 0 ] || { echo "run.sh: needs root (debootstrap, unshare)" >&2; exit 2; }

make_base() {
    [ -e "$base/done" ] && return
    rm -rf "$base"
    mkdir -p "$base"
    debootstrap --variant=minbase --include=$common $suite "$base"
    cat >"$base/etc/apt/sources.list" <<END
deb http://deb.debian.org/debian $suite main
deb http://deb.debian.org/debian $suite-updates main
deb http://deb.debian.org/debian-security $suite-security main
END
    # No package starts its service.
    printf '#!/bin/sh\nexit 101\n' >"$base/usr/sbin/policy-rc.d"
    chmod 755 "$base/usr/sbin/policy-rc.d"
    touch "$base/done"
}

# The root of a service: `# packages: …` in its script names the packages.
make_root() {
    packages=$(sed -n 's/^# packages: //p' "$here/$1")
    root=$cache/$1
    [ "$(cat "$root/done" 2>/dev/null)" = "$packages" ] && return
    rm -rf "$root"
    mkdir -p "$root/upper" "$root/work" "$root/root"
    # shellcheck disable=SC2016
    unshare --mount --uts --ipc --pid --fork --kill-child sh -euc '
        root=$1 base=$2 packages=$3
        hostname host
        mount -t overlay -o "lowerdir=$base,upperdir=$root/upper,workdir=$root/work" lab "$root/root"
        cp /etc/resolv.conf "$root/root/etc/resolv.conf"
        mount -t proc proc "$root/root/proc"
        mount --bind /dev "$root/root/dev"
        export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
        chroot "$root/root" apt-get -q update
        chroot "$root/root" apt-get -q -y --no-install-recommends install $packages
        rm -rf "$root/root/var/lib/apt/lists" "$root/root/var/cache/apt"
    ' sh "$root" "$base" "$packages" >"$root/log" 2>&1 || { tail -n 20 "$root/log" >&2; exit 2; }
    echo "$packages" >"$root/done"
}

# Runs the script of a service in a copy of its root that is gone afterwards.
run() {
    root=$cache/$1
    # shellcheck disable=SC2016
    unshare --mount --net --uts --ipc --pid --fork --kill-child sh -euc '
        service=$1 root=$2 base=$3 here=$4
        hostname host
        mount -t tmpfs lab "$root/work"
        mkdir "$root/work/upper" "$root/work/work"
        mount -t overlay -o \
            "lowerdir=$root/upper:$base,upperdir=$root/work/upper,workdir=$root/work/work" \
            lab "$root/root"
        mkdir "$root/root/lab" "$root/root/presets"
        mount --bind "$here" "$root/root/lab"
        mount --bind "$here/../../lib/presets" "$root/root/presets"
        mount -t proc proc "$root/root/proc"
        mount -t tmpfs -o mode=755 dev "$root/root/dev"
        mount -t tmpfs -o mode=1777 tmp "$root/root/tmp"
        for node in null zero full random urandom tty; do
            touch "$root/root/dev/$node"
            mount --bind "/dev/$node" "$root/root/dev/$node"
        done
        mkdir -p "$root/root/dev/pts" "$root/root/dev/shm" "$root/root/dev/net"
        [ ! -e /dev/net/tun ] || {
            touch "$root/root/dev/net/tun"
            mount --bind /dev/net/tun "$root/root/dev/net/tun"
        }
        mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/root/dev/pts"
        mount -t tmpfs -o mode=1777 shm "$root/root/dev/shm"
        ln -s pts/ptmx "$root/root/dev/ptmx"
        ln -s /proc/self/fd "$root/root/dev/fd"
        exec chroot "$root/root" env -i PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin \
            HOME=/root LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1 "/lab/$service"
    ' sh "$1" "$root" "$base" "$here"
}

make_base
if [ $# = 0 ]; then
    # Each script names its packages.
    set -- $(cd "$here" && grep -l '^# packages: ' -- * 2>/dev/null)
fi
for service; do
    make_root "$service"
    echo "$service" >&2
    run "$service"
done
