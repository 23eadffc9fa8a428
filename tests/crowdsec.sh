#!/bin/sh
# A real CrowdSec, both ways, by the scripts of examples/exports: bans of this host become its
# decisions, and its decisions bans; none comes back. In a network namespace of its own; the package
# is unpacked, not installed. Run by tests/long.sh. Ends with status 77 where the package can't be
# had.
set -eu
if [ "${1-}" != inside ]; then
    cd "$(dirname "$0")/.."
    sh tests/common/install.sh <<END
jq jq
curl curl
END
    cargo build --quiet --bins
    work=$(mktemp -d)
    trap 'rm -r "$work"' EXIT
    chmod 755 "$work"
    (cd "$work" && timeout 300 apt-get download crowdsec >/dev/null 2>&1) || {
        echo "apt has no package crowdsec here" >&2
        exit 77
    }
    dpkg -x "$work"/crowdsec_*.deb "$work/root"
    PATH=$PWD/target/debug:$PATH unshare --map-root-user --net --pid --fork --kill-child \
        sh tests/crowdsec.sh inside "$work" "$PWD/examples/exports"
    exit
fi

work=$2 examples=$3
ip link set lo up
export PIPEBAN_STATE="$work/state.db" PAUSE=1
mkdir "$work/bin" "$work/data" "$work/hub" "$work/plugins"
echo '{}' >"$work/hub/.index.json"
cp -r "$work/root/etc/crowdsec" "$work/etc"
sed -e "s|/etc/crowdsec/|$work/etc/|; s|/var/lib/crowdsec/|$work/|; s|/var/log/|$work/|" \
    -e "s|/usr/lib/crowdsec/plugins/|$work/plugins/|" \
    -e 's|daemonize: true|daemonize: false|; s|log_media: file|log_media: stdout|' \
    -e '/online_client/,/online_api/d; s|enabled: true|enabled: false|' \
    "$work/root/etc/crowdsec/config.yaml" >"$work/config.yaml"
cat >"$work/bin/cscli" <<END
#!/bin/sh
exec $work/root/usr/bin/cscli -c $work/config.yaml "\$@"
END
chmod 755 "$work/bin/cscli"
export PATH="$work/bin:$PATH"
credentials=$work/etc/local_api_credentials.yaml
echo "url: http://127.0.0.1:8080" >"$credentials"
url=http://127.0.0.1:8080
cscli machines add host --password secret --file "$credentials" --url "$url" 2>/dev/null
key=$(cscli bouncers add pipeban --output raw 2>/dev/null)
printf 'header = "X-Api-Key: %s"\n' "$key" >"$work/curl"
"$work/root/usr/bin/crowdsec" -c "$work/config.yaml" -no-cs >"$work/log" 2>&1 &

# Waits until a command prints a line that matches.
until_it_says() {
    pattern=$1
    shift
    tries=0
    until "$@" 2>&1 | grep -q "$pattern"; do
        tries=$((tries + 1))
        [ $tries -lt 120 ] || {
            echo "never \"$pattern\": $*" >&2
            "$@" >&2 || true
            tail -n 5 "$work/log" "$work/to" "$work/from" >&2
            exit 1
        }
        sleep 0.5
    done
}

until_it_says 'No active decisions' cscli decisions list
cd "$examples"
sh to-crowdsec.sh >"$work/to" 2>&1 &
to=$!
sh from-crowdsec.sh "$work/curl" >"$work/from" 2>&1 &
ban-ip --for 1h 198.51.100.7 203.0.113.0/24 2001:db8::7 >/dev/null
ban-ip --for 1h --port 22 198.51.100.22 >/dev/null
cscli decisions add --ip 192.0.2.9 --duration 2h30m --reason bad 2>/dev/null
for address in 198.51.100.7 203.0.113.0/24 2001:db8::7; do
    until_it_says "cscli,.*:$address,pipeban,ban" cscli decisions list --output raw
done
until_it_says '^192.0.2.9	.*rule=bad' ban-ip --list --origin crowdsec
# It holds for as long as it was said.
minutes=$(ban-ip --list --origin crowdsec | sed 's/.*since=\([^	]*\).*until=\([^	]*\).*/\1 \2/' | {
    read -r since until
    echo $((($(date -d "$until" +%s) - $(date -d "$since" +%s)) / 60))
})
case $minutes in 149 | 150) ;; *) echo "150 minutes, not $minutes" >&2 && exit 1 ;; esac
unban-at now 198.51.100.7 >/dev/null
cscli decisions delete --ip 192.0.2.9 2>/dev/null
# Lifts go both ways, too.
without() {
    pattern=$1
    shift
    "$@" 2>/dev/null | grep -q "$pattern" || echo without
}
until_it_says without without ':198.51.100.7,' cscli decisions list --output raw
until_it_says without without . ban-ip --list --origin crowdsec
# No ban of a single port went, and the others are still there.
cscli decisions list --output raw >"$work/decisions" 2>/dev/null
grep -q ':203.0.113.0/24,pipeban' "$work/decisions"
! grep ':198.51.100.22,' "$work/decisions" || exit 1
# A ban that was lifted while nothing ran is taken back at the next start.
kill "$to"
unban-at now 203.0.113.0/24 >/dev/null
sh to-crowdsec.sh >"$work/to" 2>&1 &
until_it_says without without ':203.0.113.0/24,' cscli decisions list --output raw
until_it_says ':2001:db8::7,pipeban' cscli decisions list --output raw
echo "all is well"
