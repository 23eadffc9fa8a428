# Failed logins at this host's sshd to the broker, for fleet.sh: /etc/pipeban/attempts.sh, with
# fleet.conf beside its unit. Edit the names of the broker and of this host.
#
# Each mosquitto_pub sends the attempts of a second: one that stayed would not notice for ever that
# the broker was away. Attempts that can't be sent are not counted.
. /usr/lib/pipeban/parts

broker=broker.example.org host=web1
files=${CREDENTIALS_DIRECTORY:-/etc/pipeban/share}
reads follow-log --from resume --state-file "${PIPEBAN_STATE%/*}/attempts.db" \
    $(log_of 'ssh sshd ssh@* sshd@*' /var/log/auth.log /var/log/secure /var/log/messages) |
    sifts extract-ip --preset sshd --time --json |
    mails sh -c 'while read -r attempt; do
            { printf "%s\\n" "$attempt"; timeout 1 cat; } | timeout 20 mosquitto_pub -l "$@"
        done' send -V 5 -q 1 -h "$broker" -p 8883 --cafile "$files/ca.pem" \
        --cert "$files/host.pem" --key "$files/host.key" -t "pipeban/event/$host"
