#!/bin/sh
# Boots a fresh Debian with the package under real systemd, and attacks its sshd: install, start,
# ban, reboot, upgrade, remove, purge. Run by tests/long.sh, as root: boot.sh [SUITE]
# [PACKAGE.deb] [LOGGER]. LOGGER is rsyslog, or "none": then the journal is all there is. Ends
# with status 77 where systemd-nspawn can't boot.
set -eu
cd "$(dirname "$0")/.."
suite=${1:-$(. /etc/os-release && echo "$VERSION_CODENAME")}
deb=${2:-$(ls -t target/debian/*.deb | head -n 1)}

logger=${3:-rsyslog}
packages=systemd,systemd-sysv,dbus,openssh-server,openssh-client,iproute2,nftables,procps
[ "$logger" = none ] || packages=$packages,$logger

root=$(mktemp -d)
chmod 755 "$root"
trap 'rm -rf --one-file-system "$root"' EXIT
echo "== a fresh Debian $suite, logger: $logger"
debootstrap --variant=minbase --include="$packages" "$suite" "$root" >"$root.log" 2>&1 || { tail "$root.log" >&2; exit 1; }
rm "$root.log"
cp "$deb" "$root/pipeban.deb"

cat >"$root/etc/systemd/system/trial.service" <<'END'
[Unit]
After=multi-user.target ssh.service
[Service]
Type=oneshot
StandardOutput=append:/trial.out
StandardError=append:/trial.out
ExecStart=/bin/sh /trial
END
mkdir -p "$root/etc/systemd/system/graphical.target.wants"
ln -s ../trial.service "$root/etc/systemd/system/graphical.target.wants/trial.service"
cp tests/common/boot-trial.sh "$root/trial"
cp tests/common/smtp.pl "$root"
echo "$logger" >"$root/logger"

echo "== boots"
# systemd from version 256 on wants cgroups of the second version, which a host may have beside others.
export UNIFIED_CGROUP_HIERARCHY=1
# At a reboot the container ends with status 133.
status=133
while [ $status = 133 ]; do
    status=0
    timeout 600 systemd-nspawn --quiet --register=no --keep-unit --boot --private-network \
        --console=pipe --directory "$root" </dev/null >>"$root/console" 2>&1 || status=$?
    echo "systemd-nspawn: status $status"
done
if [ ! -e "$root/trial.out" ]; then
    tail -n 5 "$root/console" >&2
    echo "systemd-nspawn can't boot here (status $status)" >&2
    exit 77
fi
cat "$root/trial.out"
[ "$(tail -n 1 "$root/trial.out")" = "all is well" ]
