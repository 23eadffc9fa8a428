#!/bin/sh
# to-crowdsec.sh: makes each ban of this host a decision of CrowdSec, and takes it back when it is
# lifted.
set -eu
# Bans that were lifted while this did not run are gone with the others.
cscli decisions delete --scenario pipeban
ban-ip --list --follow --origin . | while read -r address fields; do
    case $address in
    '#') continue ;;
    */*) scope=--range ;;
    *) scope=--ip ;;
    esac
    case "$fields " in
    *port=*) continue ;;
    *lifted=*)
        cscli decisions delete "$scope" "$address" --scenario pipeban </dev/null
        continue
        ;;
    esac
    # CrowdSec's bans have an end: a year, where ours has none.
    seconds=31536000
    until=$(echo "$fields" | sed -n 's/.*until=\([0-9][^[:blank:]]*\).*/\1/p')
    [ ! "$until" ] || seconds=$(($(date -d "$until" +%s) - $(date +%s)))
    [ "$seconds" -gt 0 ] || continue
    cscli decisions add "$scope" "$address" --duration "${seconds}s" --reason pipeban </dev/null
done
