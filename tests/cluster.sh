#!/bin/sh
# The commands of examples/cluster.md that go over ssh, as they stand there: a real sshd on
# loopback, with keys and a configuration of its own, and logins that have no tools of ours. The
# same bytes as one run. In namespaces of its own. Run by tests/long.sh, as root.
set -eu
if [ "${1-}" != inside ]; then
    cd "$(dirname "$0")/.."
    sh tests/common/install.sh <<END
sshd openssh-server
ssh openssh-client
rsync rsync
parallel parallel
perl perl
END
    cargo build --quiet --bins
    work=$(mktemp -d)
    trap 'rm -r "$work"' EXIT
    unshare --net --mount --uts --pid --fork --kill-child --mount-proc \
        sh tests/cluster.sh inside "$work" "$PWD"
    exit
fi

work=$2 top=$3
sshd=$(command -v sshd || echo /usr/sbin/sshd)
ip link set lo up
hostname here
mount -t tmpfs -o mode=755 run /run
mkdir /run/sshd
printf '127.0.0.1 localhost web1 web2\n' >"$work/hosts"
mount --bind "$work/hosts" /etc/hosts
mkdir "$work/cluster"
cp "$top"/examples/cluster/* "$top/target/debug/extract-ip" \
    "$top/target/debug/count-ip" "$work/cluster"
mount -t tmpfs -o mode=700 home /root
export HOME=/root
cd "$work"
ssh-keygen -q -t ed25519 -N '' -f host
ssh-keygen -q -t ed25519 -N '' -f key
cat >sshd_config <<END
ListenAddress 127.0.0.1:22
HostKey $work/host
AuthorizedKeysFile $work/key.pub
PermitRootLogin yes
StrictModes no
UsePAM no
PidFile none
MaxStartups 100
END
"$sshd" -f sshd_config -D -e 2>sshd.log &
mkdir -m 700 /root/.ssh
cat >/root/.ssh/config <<END
Host *
IdentityFile $work/key
StrictHostKeyChecking no
UserKnownHostsFile /dev/null
LogLevel ERROR
END
cd cluster
# Two lines of one try, the first of them at the end of a file.
perl -e '
    for (0 .. 29999) {
        my $head = sprintf "Mar %2d %02d:%02d:%02d web1 sshd[%d]:",
            1 + $_ / 3000, $_ / 200 % 24, $_ % 60, $_ % 60, $_;
        my $from = sprintf "from 203.0.%d.%d port 9", $_ * $_ % 7, $_ % 250;
        print "$head Invalid user x $from\n$head Failed password for invalid user x $from ssh2\n";
    }' | split -l 15001 - auth.log.
./extract-ip --preset sshd auth.log.* | ./count-ip >"$work/one"
[ "$(wc -l <"$work/one")" -gt 500 ]
tries=0
until ssh web2 true; do
    tries=$((tries + 1))
    [ $tries -lt 50 ] || { cat "$work/sshd.log" >&2 && exit 1; }
    sleep 0.2
done
# There, no tool of ours is found.
! ssh web1 command -v extract-ip || exit 1

# The block of the page with these words.
block() {
    awk -v words="$1" '
        BEGIN { RS = "```" }
        NR % 2 == 0 && index($0, words) { sub(/^sh\n/, ""); print }' "$top/examples/cluster.md"
}
block '--transferfile' >command
grep -q sshlogin command
PATH=$PWD:$PATH sh ./command | cmp - "$work/one"
# Two hosts, which are one here: each counts the same log.
mkdir "$work/logs"
cat auth.log.* >"$work/logs/auth.log"
mount --bind "$work/logs" /var/log
block '--nonall' >command
grep -q sshlogin command
PATH=$PWD:$PATH sh ./command >twice
[ "$(awk -F = '{ n += $NF } END { print n }' twice)" = 60000 ]
# The directory there is removed.
[ ! -e /root/pipeban ]
# A tool that was not sent is a failure.
rm extract-ip
grep -v '^$' command | sed 's/--basefile extract-ip //; s/ | count-ip --merge//' >short
! sh ./short >"$work/short" 2>&1 || exit 1
grep -q 'step: no extract-ip' "$work/short"
echo "all is well"
