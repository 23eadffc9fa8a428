#!/bin/sh
# share.sh CONFIG: bans of this host to the others, and theirs into this host's firewall.
set -eu
config=$1
# What is listed first are the bans of others that an earlier run has left here: those that were
# lifted since then are lifted here too.
{
    for host in $(sed -n 's/^[[:blank:]]*from[[:blank:]]//p' "$config"); do
        ban-ip --list --origin "$host" || [ $? = 1 ]
    done
    exec ban-ip --list --follow --origin .
} |
    share-ban --config "$config" |
    ban-ip --origin '*' --max 1d >/dev/null
