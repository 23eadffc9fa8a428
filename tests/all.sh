#!/bin/sh
# Installs what the tests need besides cargo, then runs all of them. Any words are handed to `cargo test`.
set -eu
cd "$(dirname "$0")/.."

# program of each Debian package
packages=$(while read -r program package; do
    PATH=$PATH:/usr/sbin:/sbin command -v "$program" >/dev/null || echo "$package"
done <<END
cc gcc
unshare util-linux
ip iproute2
nft nftables
ipset ipset
iptables iptables
swatchdog swatch
perl perl
at at
faketime faketime
fail2ban-regex fail2ban
logrotate logrotate
mandoc mandoc
zsh zsh
fish fish
END
)
if [ -n "$packages" ]; then
    as_root=
    [ "$(id -u)" = 0 ] || as_root=sudo
    echo "installing:" $packages
    # A test whose program is missing all the same says so and is left out.
    { $as_root apt-get update -qq &&
        DEBIAN_FRONTEND=noninteractive $as_root apt-get install -qq --no-install-recommends $packages; } >/dev/null ||
        echo "could not install:" $packages
fi

PATH=$PATH:/usr/sbin:/sbin cargo test --quiet "$@"
