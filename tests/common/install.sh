#!/bin/sh
# Reads lines of a program, or a file, and the Debian package that brings it, and installs the packages of those that
# are missing. Ends with status 1, and says why, if something is missing after that.
# Services that a package brings are neither started nor left enabled.
set -eu
policy=/usr/sbin/policy-rc.d
mark='# while the tests of pipeban install'

enabled() {
    find /etc/systemd/system /etc/rc[2-5].d -type l -name '[!K]*' 2>/dev/null | sed 's/.*\///; s/^S[0-9][0-9]//' | sort -u
}

restore() {
    grep -qs "$mark" "$policy" && rm "$policy"
    [ ! -e "$policy.kept" ] || mv "$policy.kept" "$policy"
}

finish() {
    restore
    new=$(enabled | comm -13 "$before" -)
    rm "$before"
    [ ! "$new" ] || systemctl --quiet disable $new
}

# Called by itself, as root, with packages.
if [ $# -gt 0 ]; then
    # What a killed run left.
    restore || true
    before=$(mktemp)
    enabled >"$before"
    trap finish EXIT
    trap 'exit 1' INT TERM HUP
    [ ! -e "$policy" ] || mv "$policy" "$policy.kept"
    printf '#!/bin/sh\n%s\nexit 101\n' "$mark" >"$policy"
    chmod 755 "$policy"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends "$@" >/dev/null
    exit
fi

table=$(grep .)
# Those that are missing, and their packages.
missing() {
    echo "$table" | while read -r program package; do
        command -v "$program" >/dev/null || [ -e "$program" ] || echo "$program" "$package"
    done
}
missing=$(missing)
[ "$missing" ] || exit 0
packages=$(echo "$missing" | cut -d ' ' -f 2 | sort -u)
echo "installing:" $packages
as_root=
[ "$(id -u)" = 0 ] || as_root=sudo
$as_root sh "$0" $packages || echo "$0: could not install:" $packages >&2
missing=$(missing)
[ ! "$missing" ] || {
    echo "$missing" | sed "s|\([^ ]*\) \(.*\)|$0: missing: \1, of Debian's package \2|" >&2
    exit 1
}
