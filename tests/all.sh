#!/bin/sh
# Installs what the tests need besides cargo, then runs all of them. Any words are handed to `cargo test`.
# A test that can't do its work fails here, where `cargo test` alone would leave it out.
set -eu
cd "$(dirname "$0")/.."
export PATH="$PATH:/usr/sbin:/sbin"
sh tests/common/rust.sh

# A program, or a file, and the Debian package that brings it.
sh tests/common/install.sh <<END
cc gcc
unshare util-linux
script bsdutils
flock util-linux
pgrep procps
pkill procps
setcap libcap2-bin
chown coreutils
curl curl
setpriv util-linux
ip iproute2
nft nftables
ipset ipset
iptables iptables
iptables-save iptables
swatchdog swatch
perl perl
at at
faketime faketime
fail2ban-regex fail2ban
sqlite3 sqlite3
strace strace
logrotate logrotate
sqlite3 sqlite3
strace strace
strace strace
systemd-analyze systemd
mandoc mandoc
mmdblookup mmdb-bin
mosquitto mosquitto
mosquitto_pub mosquitto-clients
jq jq
nsenter util-linux
openssl openssl
nginx nginx-light
haproxy haproxy
mawk mawk
parallel parallel
rclone rclone
groff groff-base
grepcidr grepcidr
bgzip tabix
pixz pixz
pzstd zstd
zstd zstd
xz xz-utils
zsh zsh
fish fish
/usr/share/zoneinfo/Asia/Tokyo tzdata
$([ "$(id -u)" = 0 ] || echo newuidmap uidmap)
END

# The pipe would hide cargo's status, so awk is told it.
{ PIPEBAN_TEST_ALL=1 cargo test --quiet --no-fail-fast "$@" || echo "cargo test: status $?"; } | awk '
    /^cargo test: status / { status = $4; next }
    { print; fflush() }
    /^test result: / { passed += $4; failed += $6; ignored += $8 }
    END {
        print passed + 0 " tests passed, " failed + 0 " failed, " ignored + 0 " ignored"
        exit status
    }'
