#!/bin/sh
# Makes the evidence of the presets anew: real daemons, attacked, and the logs that they write.
#
#     sh tests/daemons/run.sh [SERVICE…]      (all of them without operands)
#     sh tests/daemons/run.sh --table         (what the presets find in the logs that are kept)
#
# Needs root, debootstrap, util-linux and, the first time, Debian's mirror. Nothing is installed on
# the host: each service has a root of its own (an overlay over one Debian 12) under the user's
# cache, and runs in network, mount, process and host name namespaces of its own.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/pipeban-daemons
base=$cache/base
suite=bookworm
# Their examples make the hostile texts.
presets=$(cd "$here/../../lib" && find "$PWD" -type d -name presets | head -n 1)
# What each root has beside the service: the language of these scripts and a syslog daemon.
common=python3,iproute2,rsyslog,openssl,ca-certificates
PATH=$PATH:/usr/sbin:/sbin

if [ "${1-}" = --table ]; then
    shift
    exec sh "$here/table.sh" "$@"
fi
[ "$(id -u)" = 0 ] || { echo "run.sh: needs root (debootstrap, unshare)" >&2; exit 2; }

make_base() {
    [ -e "$base/done" ] && return
    rm -rf "$base"
    mkdir -p "$base"
    debootstrap --variant=minbase --include=$common $suite "$base"
    # Beside the mirror that debootstrap took, its updates.
    mirror=$(sed -n 's/^deb \([^ ]*\) .*/\1/p' "$base/etc/apt/sources.list" | head -n 1)
    cat >>"$base/etc/apt/sources.list" <<END
deb $mirror $suite-updates main
deb ${mirror%/debian*}/debian-security $suite-security main
END
    # No package starts its service.
    printf '#!/bin/sh\nexit 101\n' >"$base/usr/sbin/policy-rc.d"
    chmod 755 "$base/usr/sbin/policy-rc.d"
    touch "$base/done"
}

# A /dev of its own for a root: nothing there reaches the host.
# shellcheck disable=SC2016
make_dev='make_dev() {
    mount -t tmpfs -o mode=755 dev "$1/dev"
    for node in null zero full random urandom tty; do
        touch "$1/dev/$node"
        mount --bind "/dev/$node" "$1/dev/$node"
    done
    mkdir -p "$1/dev/pts" "$1/dev/shm" "$1/dev/net"
    [ ! -e /dev/net/tun ] || {
        touch "$1/dev/net/tun"
        mount --bind /dev/net/tun "$1/dev/net/tun"
    }
    mount -t devpts -o newinstance,ptmxmode=0666 devpts "$1/dev/pts"
    mount -t tmpfs -o mode=1777 shm "$1/dev/shm"
    ln -s pts/ptmx "$1/dev/ptmx"
    ln -s /proc/self/fd "$1/dev/fd"
}
'

# The root of a service: `# packages: …` in its script names the packages.
make_root() {
    packages=$(sed -n 's/^# packages: //p' "$here/$1")
    root=$cache/$1
    [ "$(cat "$root/done" 2>/dev/null)" = "$packages" ] && return
    rm -rf "$root"
    mkdir -p "$root/upper" "$root/scratch" "$root/root"
    # shellcheck disable=SC2016
    unshare --mount --uts --ipc --pid --fork --kill-child sh -euc "$make_dev"'
        root=$1 base=$2 packages=$3
        hostname host
        mount -t overlay -o "lowerdir=$base,upperdir=$root/upper,workdir=$root/scratch" \
            lab "$root/root"
        cp /etc/resolv.conf "$root/root/etc/resolv.conf"
        mount -t proc proc "$root/root/proc"
        make_dev "$root/root"
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
    unshare --mount --net --uts --ipc --pid --fork --kill-child sh -euc "$make_dev"'
        service=$1 root=$2 base=$3 here=$4 presets=$5
        hostname host
        mkdir -p "$root/scratch"
        mount -t tmpfs lab "$root/scratch"
        mkdir "$root/scratch/upper" "$root/scratch/work"
        mount -t overlay -o \
            "lowerdir=$root/upper:$base,upperdir=$root/scratch/upper,workdir=$root/scratch/work" \
            lab "$root/root"
        mkdir "$root/root/lab" "$root/root/presets"
        mount --bind "$here" "$root/root/lab"
        mount --bind "$presets" "$root/root/presets"
        mount -t proc proc "$root/root/proc"
        make_dev "$root/root"
        mount -t tmpfs -o mode=1777 tmp "$root/root/tmp"
        # A session of its own: a daemon that ends its process group ends nothing outside.
        exec setsid chroot "$root/root" env -i PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin \
            HOME=/root LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1 "/lab/$service"
    ' sh "$1" "$root" "$base" "$here" "$presets"
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
