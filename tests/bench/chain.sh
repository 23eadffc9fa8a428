#!/bin/sh
# One event as swatch handles it: sh -c starts the chain of four tools for one line on its input. Beside it, in turns,
# four times /bin/true in the same way, which is what starting four processes costs. Needs perl.
set -eu
cd "$(dirname "$0")/../.."
if [ "${1-}" != inside ]; then
    cargo build --release --quiet
    exec unshare -rn sh tests/bench/chain.sh inside
fi
PATH=$PWD/target/release:$PATH
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
PIPEBAN_STATE=$work/state.db
export PATH PIPEBAN_STATE

perl -MTime::HiRes=time -e '
    use strict;
    sub chain { "extract-ip --field 14 | count-ip --threshold $_[0] --state | ban-ip | unban-at now+1hour" }
    my @commands = (
        ["an event that is counted", chain(5)],
        ["an event that bans", chain(1)],
        ["four times /bin/true", join " | ", ("/bin/true") x 4],
    );
    my (@times, $event);
    $SIG{PIPE} = "IGNORE";
    for my $round (1 .. 320) {
        for my $i (0 .. $#commands) {
            # Each event has another address.
            my $address = sprintf "198.18.%d.%d", ++$event / 250, $event % 250;
            my $begun = time;
            open my $chain, "|-", "sh", "-c", "$commands[$i][1] >/dev/null" or die;
            print $chain "Mar 30 02:16:17 trippyboy dovecot-auth: pam_unix(dovecot:auth): authentication failure; ",
                "logname= uid=0 euid=0 tty=dovecot ruser= rhost=::ffff:$address\n";
            close $chain;
            push @{$times[$i]}, time - $begun if $round > 20;
        }
    }
    for my $i (0 .. $#commands) {
        my @sorted = sort { $a <=> $b } @{$times[$i]};
        printf "%-26s median %.2f ms, 9 of 10 within %.2f ms\n", $commands[$i][0], map { 1000 * $sorted[$_ * @sorted] } 0.5, 0.9;
    }
'
