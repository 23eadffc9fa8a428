# Six failed logins in ten minutes at all hosts together: banned for an hour. /etc/pipeban/fleet.sh
# on one host, with fleet.conf beside its unit. pipeban-share hands the bans on.
#
# mosquitto_sub writes each message as one object, whatever bytes it has, and jq makes a record of
# it. Its host= is the topic's, which the broker lets that host alone write; of the message itself
# only the address and the time are taken. One host may lie: with
#     count-ip --distinct host --threshold 2 --within 10m
# an address is banned when two hosts have seen it.
. /usr/lib/pipeban/parts

broker=broker.example.org
files=${CREDENTIALS_DIRECTORY:-/etc/pipeban/share}
mails mosquitto_sub -V 5 -q 1 -h "$broker" -p 8883 -k 10 --cafile "$files/ca.pem" \
    --cert "$files/host.pem" --key "$files/host.key" -t pipeban/event/+ -F %J |
    sifts jq -R -c --unbuffered 'fromjson? |
        {address: .payload.address, at: .payload.at, host: (.topic / "/")[-1]}?' |
    sifts count-ip --threshold 6 --within 10m |
    bans ban-ip --for 1h --max-prefix4 32 --max-prefix6 128
