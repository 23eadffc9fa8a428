#!/bin/sh
# The tests that need a Debian system of their own or a boot: half a gigabyte, root and some minutes. Run by hand, as
# root. What can't be done here is left out, which is told; with PIPEBAN_TEST_ALL set it fails.
set -eu
cd "$(dirname "$0")/.."
export PATH="$PATH:/usr/sbin:/sbin"

[ "$(id -u)" = 0 ] || { echo "$0: needs root" >&2; exit 2; }
sh tests/common/install.sh <<END
debootstrap debootstrap
systemd-nspawn systemd-container
END

passed=0 left=0 failed=0
# One part: its script ends with 77 where it can't be done here, and has told why.
part() {
    echo "== $*"
    status=0
    sh "$@" || status=$?
    case $status in
    0) passed=$((passed + 1)) ;;
    77)
        left=$((left + 1))
        echo "left out: $*"
        [ -z "${PIPEBAN_TEST_ALL:-}" ] || failed=$((failed + 1))
        ;;
    *)
        failed=$((failed + 1))
        echo "FAILED: $*"
        ;;
    esac
}

part tests/package.sh
part tests/static.sh
part tests/aarch64.sh
part tests/boot.sh bookworm
part tests/boot.sh trixie '' none
part tests/rotations.sh
part tests/journald.sh
part tests/inits.sh
part tests/daemons/run.sh
part tests/fire.sh
part tests/storm.sh
part tests/crowdsec.sh
part tests/cluster.sh
part tests/spark.sh
part tests/kills.sh

echo "$passed long tests passed, $failed failed, $left left out"
[ $failed = 0 ]
