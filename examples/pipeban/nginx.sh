# Twenty requests in a minute that nginx refused, or that look for well-known holes: banned for ten
# minutes.
#
# After a restart it goes on where it stopped. Windows are made whole again from the lines before
# that, counted by their own time stamps; nobody is banned twice.
. /usr/lib/pipeban/parts

reads follow-log --from resume --replay 2m \
    --state-file "${PIPEBAN_STATE%/*}/nginx.db" '/var/log/nginx/*access.log' |
    sifts extract-ip --preset nginx --time |
    sifts count-ip --threshold 20 --within 1m |
    bans ban-ip --for 10m
