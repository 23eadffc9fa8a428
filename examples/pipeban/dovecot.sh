# Five failed logins in ten minutes at dovecot: banned for an hour.
#
# After a restart it goes on where it stopped. Windows are made whole again from the lines before
# that, counted by their own time stamps; nobody is banned twice.
. /usr/lib/pipeban/parts

reads follow-log --from resume --replay 11m \
    --state-file "${PIPEBAN_STATE%/*}/dovecot.db" \
    $(log_of dovecot /var/log/mail.log /var/log/maillog /var/log/messages) |
    sifts extract-ip --preset dovecot --time |
    sifts count-ip --threshold 5 --within 10m |
    bans ban-ip --for 1h
