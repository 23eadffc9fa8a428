#!/bin/sh
# from-crowdsec.sh CONFIG [URL]: bans here all that CrowdSec decides, and lifts it when CrowdSec
# does. CONFIG is a file of curl's with the key of `cscli bouncers add`, mode 0600:
#     header = "X-Api-Key: KEY"
set -eu
config=$1
url=${2:-http://127.0.0.1:8080}/v1/decisions/stream
program=$(dirname "$0")/from-crowdsec.jq
# All at first, then the changes. Where one answer is lost, curl ends this, and the unit begins it
# again.
startup=true
while :; do
    curl --silent --show-error --fail --max-time 60 --config "$config" "$url?startup=$startup"
    # jq reads whole lines.
    echo
    startup=false
    sleep "${PAUSE:-10}"
done | jq --unbuffered --raw-output --from-file "$program" | ban-ip --origin crowdsec --max 1w
