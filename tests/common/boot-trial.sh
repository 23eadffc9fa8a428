# Runs in the system that tests/boot.sh boots, once for each boot; /stage counts them.
set -eu
export DEBIAN_FRONTEND=noninteractive
stage=$(cat /stage 2>/dev/null || echo 1)
trap 'status=$?; [ $status = 0 ] || { systemctl --no-pager status pipeban@sshd || true; journalctl --no-pager -n 30 -u pipeban-sync -u pipeban@sshd || true; echo "failed at stage $stage"; systemctl poweroff; }' EXIT

until_true() {
    tries=0
    until "$@" >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ $tries -lt 300 ] || { echo "never: $*"; exit 1; }
        sleep 0.2
    done
}
# `!` before a command would not end this script.
refute() {
    if "$@"; then
        echo "should fail: $*"
        exit 1
    fi
}
# A command of the transcript, as an administrator types it.
typed() {
    echo "# $*"
    "$@"
}
# What pipeban-status says of the pipeline: at least five failures in the window, and one ban.
status_tells() {
    pipeban-status | awk '$1 == "sshd" && $4 >= 5 && $6 == 1 && $NF == "sees" { seen = 1 } END { exit !seen }'
}
banned() { ban-ip --list | grep -q '^192\.0\.2\.66	'; }
banned_in_kernel() { nft list table inet pipeban | grep -q '192\.0\.2\.66 '; }
main_pid() { systemctl show --property MainPID --value pipeban@sshd; }
export PIPEBAN_STATE=/var/lib/pipeban/pipeban.db

case $stage in
1)
    ip link set lo up
    echo "== install"
    typed dpkg -i /pipeban.deb
    [ -f /etc/pipeban/never ]
    # There are no manual pages in a small Debian.
    systemd-analyze verify --man=no pipeban@sshd.service pipeban-sync.service \
        pipeban-clock.service pipeban-sync.timer 2>&1 | grep pipeban && exit 1
    if [ "$(cat /logger)" = none ]; then
        [ ! -e /var/log/auth.log ]
    else
        touch /var/log/auth.log
    fi
    echo "== set up"
    typed pipeban-setup --dry-run sshd
    [ ! -e /etc/pipeban/sshd.sh ]
    typed pipeban-setup sshd | tee /setup.out
    grep -q 'lines arrive' /setup.out
    echo "== with mail, as examples/mail.md has it"
    mkdir -p /etc/systemd/system/pipeban@sshd.service.d
    cp /usr/share/doc/pipeban/examples/mail/mail.conf /etc/systemd/system/pipeban@sshd.service.d
    sed -i 's/^    bans ban-ip .*/& |\n    mails mail-ban --to root --smtp 127.0.0.1:25 --whois none/' /etc/pipeban/sshd.sh
    tail -n 2 /etc/pipeban/sshd.sh
    perl /smtp.pl >/mail 2>&1 &
    typed pipeban-setup sshd | tee /setup.out
    grep -q 'is not as it was shipped' /setup.out
    until_true systemctl is-active pipeban@sshd
    systemctl is-active pipeban@sshd
    systemctl is-active pipeban-sync
    echo "== five failed logins by ssh, from another network namespace"
    ip netns add attacker
    ip link add v0 type veth peer name v1 netns attacker
    ip addr add 192.0.2.1/24 dev v0
    ip link set v0 up
    ip -n attacker addr add 192.0.2.66/24 dev v1
    ip -n attacker link set v1 up
    printf '#!/bin/sh\necho wrong\n' >/tmp/ask
    chmod 755 /tmp/ask
    login() {
        SSH_ASKPASS=/tmp/ask SSH_ASKPASS_REQUIRE=force ip netns exec attacker timeout 20 \
            ssh -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o NumberOfPasswordPrompts=1 \
            -o ConnectTimeout=5 root@192.0.2.1 true 2>&1 | tail -n 1
    }
    for i in 1 2 3 4 5; do
        login
        sleep 1
    done
    until_true banned
    login | grep 'timed out'
    echo "== the mail"
    until_true grep -q 192.0.2.66 /mail
    grep -v '^$' /mail
    typed ban-ip --list
    nft list table inet pipeban | grep 192.0.2.66
    typed pipeban-status
    until_true status_tells
    typed pipeban-status --prometheus
    typed systemctl --no-pager --lines=0 status pipeban@sshd
    echo 2 >/stage
    echo "== reboot"
    typed systemctl reboot
    ;;
2)
    until_true banned
    nft list table inet pipeban | grep 192.0.2.66
    until_true systemctl is-active pipeban@sshd
    systemctl is-active pipeban-sync
    # The window is counted anew, and the bans of before the reboot are its own.
    until_true status_tells
    typed pipeban-status
    echo "== the clock is set"
    nft flush set inet pipeban ipv4_32
    refute banned_in_kernel
    systemctl start pipeban-clock
    until_true banned_in_kernel
    echo "== upgrade"
    before=$(main_pid)
    typed dpkg -i /pipeban.deb
    until_true systemctl is-active pipeban@sshd
    [ "$(main_pid)" != "$before" ]
    banned
    echo "== remove"
    typed dpkg -r pipeban
    refute pgrep -x follow-log
    refute systemctl is-active pipeban@sshd
    [ -z "$(find /etc/systemd/system -type l -name 'pipeban*')" ]
    echo "== purge"
    typed dpkg -P pipeban
    refute nft list table inet pipeban
    [ ! -e /var/lib/pipeban ] && [ ! -e /var/lib/private/pipeban ]
    find /etc/pipeban
    echo "all is well"
    systemctl poweroff
    ;;
esac
