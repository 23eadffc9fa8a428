#!/bin/sh
# Draws README's terminal from a real run: sudo sh examples/picture.sh >examples/demo.svg
#
# sshd(8) runs in a network namespace, and others, in one of their own, guess passwords by ssh(1).
# The tools are those in BIN. It needs root, openssh-server, nft and script(1); this host's network
# and firewall stay as they are.
set -eu
cd "$(dirname "$0")/.."
BIN=${BIN:-$PWD/target/release}
COLUMNS_SHOWN=96

PATH=$BIN:$PATH:/usr/sbin
for program in sshd ssh nft script extract-ip; do
    command -v "$program" >/dev/null || { echo "picture.sh: there is no $program" >&2 && exit 1; }
done

if [ "${1-}" != inside ]; then
    directory=$(mktemp -d)
    trap 'rm -rf "$directory"' EXIT
    unshare -n sh examples/picture.sh inside "$directory" >&2
    awk -v columns=$COLUMNS_SHOWN '
        {
            gsub(/\r/, ""); gsub(/&/, "\\&amp;"); gsub(/</, "\\&lt;"); gsub(/>/, "\\&gt;")
            line[NR] = $0
        }
        END {
            size = 13; step = 18; width = columns * 7.83 + 40; height = NR * step + 60
            printf "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" ",
                width, height
            printf "width=\"%d\" height=\"%d\">\n", width, height
            print "<rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#1d2129\"/>"
            printf "<g fill=\"#5b6270\">"
            for (x = 20; x <= 56; x += 18) printf "<circle cx=\"%d\" cy=\"18\" r=\"5\"/>", x
            print "</g>"
            printf "<g font-family=\"DejaVu Sans Mono, Menlo, Consolas, monospace\" "
            printf "font-size=\"%d\" xml:space=\"preserve\">\n", size
            for (i = 1; i <= NR; i++) {
                colour = "#c9d1d9"
                if (line[i] ~ /^# /) colour = "#8b949e"
                else if (line[i] ~ /^\$ / || line[i] ~ /^    [a-z]/) colour = "#7ee787"
                gsub(/\033\[36m/, "<tspan fill=\"#79c0ff\">", line[i])
                gsub(/\033\[0m/, "</tspan>", line[i])
                if (line[i] != "")
                    printf "<text x=\"20\" y=\"%d\" fill=\"%s\">%s</text>\n",
                        40 + i * step, colour, line[i]
            }
            print "</g>\n</svg>"
        }' "$directory/screen"
    exit
fi

work=$2
PIPEBAN_STATE=$work/pipeban.db PIPEBAN_NEVER=/dev/null TERM=xterm LC_ALL=C.UTF-8
export PATH PIPEBAN_STATE PIPEBAN_NEVER TERM LC_ALL
trap 'kill $(cat "$work"/*.pid) 2>/dev/null' EXIT

# The attackers' side, behind a cable.
unshare -n sleep 600 &
echo $! >"$work/others.pid"
others=$!
sleep 1
ip link add cable type veth peer name far netns "$others"
ip link set lo up
ip address add 198.51.100.1/24 dev cable
ip link set cable up
ip route add 203.0.113.0/24 dev cable
there() { nsenter -t "$others" -n "$@"; }
there ip address add 203.0.113.7/24 dev far
there ip address add 203.0.113.50/24 dev far
there ip link set far up
there ip route add 198.51.100.0/24 dev far

# The server. Its words go to a log with the head that syslog writes.
mkdir -p /run/sshd
ssh-keygen -q -t ed25519 -N '' -f "$work/key"
printf '%s\n' 'ListenAddress 198.51.100.1' "HostKey $work/key" 'UsePAM no' 'UseDNS no' \
    'PidFile none' 'MaxAuthTries 4' >"$work/sshd.conf"
mkfifo "$work/words"
while read -r words; do
    echo "$(date '+%b %d %H:%M:%S') web sshd[4242]: $words"
done <"$work/words" >"$work/auth.log" &
"$(command -v sshd)" -D -e -f "$work/sshd.conf" 2>"$work/words" &
echo $! >"$work/sshd.pid"
sleep 1

# A guess: FROM USER [TRIES].
printf '#!/bin/sh\necho guess\n' >"$work/ask"
chmod 755 "$work/ask"
guess() {
    there env SSH_ASKPASS="$work/ask" SSH_ASKPASS_REQUIRE=force ssh -b "$1" \
        -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o ConnectTimeout=2 \
        -T -o PubkeyAuthentication=no -o LogLevel=ERROR \
        -o NumberOfPasswordPrompts="${3:-3}" "$2@198.51.100.1" 2>&1 |
        tr -d '\r'
}
for user in root admin oracle; do
    guess 203.0.113.7 "$user" >/dev/null
done
guess 203.0.113.50 alice 2 >/dev/null

# The terminal. A command that begins a line goes on in those behind it.
cd "$work"
shown() {
    printf '$ %s\n' "$1"
    script -qc "stty cols 96 rows 40; $1" /dev/null </dev/null || true
}
{
    echo '# Somebody guesses passwords. Who, and how often?'
    shown 'extract-ip --preset sshd auth.log | count-ip'
    echo
    echo '# Five failures within ten minutes: banned for an hour.'
    shown 'extract-ip --preset sshd --time auth.log |
    count-ip --threshold 5 --within 10m |
    ban-ip --for 1h'
    echo
    echo '# He goes on.'
    echo '$ ssh root@198.51.100.1'
    guess 203.0.113.7 root
    echo
    echo '# His packets end in the kernel.'
    shown 'ban-ip --list'
} >"$work/screen"
