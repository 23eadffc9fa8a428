# Five failed logins in ten minutes at sshd: banned for an hour, longer each time.
#
# After a restart it goes on where it stopped. Windows are made whole again from the lines before
# that, counted by their own time stamps; nobody is banned twice.
. /usr/lib/pipeban/parts

reads follow-log --from resume --replay 11m \
    --state-file "${PIPEBAN_STATE%/*}/sshd.db" \
    $(log_of 'ssh sshd ssh@* sshd@*' /var/log/auth.log /var/log/secure /var/log/messages) |
    sifts extract-ip --preset sshd --time |
    sifts count-ip --threshold 5 --within 10m |
    bans ban-ip --for 1h --escalate 2 --max 1w
