#!/bin/sh
# keep.sh FILE FORM [COMMAND…]: keeps the list of this host's bans in FILE, and runs COMMAND after
# each change of it. FORM is a line as printf(1) has it, with %s for the address or network. Bans of
# single ports are left out.
set -eu
file=$1 form=$2
shift 2
{
    # The first line comes also where nobody is banned.
    echo
    exec ban-ip --list --follow
} | while read -r _; do
    # All changes of these seconds are one; each that comes later begins the next round.
    timeout "${PAUSE:-2}" cat >/dev/null || [ $? = 124 ]
    # Status 1: nobody is banned. After any other the file stays as it is.
    list=$(ban-ip --list </dev/null) || [ $? = 1 ]
    echo "$list" | grep -v "$(printf '\t')port=" | cut -f 1 | sort -u |
        while read -r address; do
            # shellcheck disable=SC2059
            [ ! "$address" ] || printf "$form\n" "$address"
        done >"$file.new"
    if ! cmp -s "$file.new" "$file"; then
        mv "$file.new" "$file"
        # A server that does not take it is asked again after the next change.
        [ $# = 0 ] || "$@" </dev/null || echo "keep.sh: $*: status $?" >&2
    fi
done
