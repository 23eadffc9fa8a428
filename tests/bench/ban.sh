#!/bin/sh
# Bans in bulk, one at a time and in a live pipe, beside nft and ipset doing the same without a ledger. Runs as root,
# in a network namespace of its own (in a user namespace nft may not send as much at once). Needs hyperfine, nft,
# ipset, perl and GNU time.
set -eu
cd "$(dirname "$0")/../.."
if [ "${1-}" != inside ]; then
    cargo build --release --quiet
    exec unshare -n sh tests/bench/ban.sh inside
fi
PATH=$PWD/target/release:$PATH:/usr/sbin:/sbin
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
PIPEBAN_STATE=$work/state.db
export PATH PIPEBAN_STATE
cd "$work"

# Addresses all over, each once: a step that has no factor in common with the range.
perl -e 'for (1..1e6) { $n = 0x0b000000 + $_ * 2654435 % 1610612741; print join(".", unpack "C4", pack "N", $n), "\n" }' >million
head -100000 million >many
perl -ne 'BEGIN { print "add table inet t\nadd set inet t s { type ipv4_addr; flags timeout; }\n" }
    chomp; push @a, "$_ timeout 1h"; if (@a == 1000) { print "add element inet t s { ", join(", ", @a), " }\n"; @a = () }' many >many.nft
clean='nft flush ruleset; rm -f state.db*'

echo "## 100,000 from one pipe"
hyperfine --runs 7 --warmup 1 --style basic --prepare "$clean" \
    --command-name 'ban-ip, with its ledger' 'ban-ip --for 1h <many >out' \
    --command-name 'nft -f -, no ledger' 'nft -f - <many.nft'

echo "## a million from one pipe: seconds, peak KiB"
sh -c "$clean"
command time -f '%e %M' ban-ip --for 1h <million >out

echo "## with 100,000 bans: --list, and --sync after a flush"
sh -c "$clean"
ban-ip --for 1d <many >out
hyperfine --runs 5 --style basic --command-name 'ban-ip --list' 'ban-ip --list >out'
hyperfine --runs 5 --style basic --prepare 'nft flush ruleset' --command-name 'ban-ip --sync' 'ban-ip --sync >out'

echo "## one ban, process start included"
sh -c "$clean"
ipset create s hash:ip timeout 0
# The shell's process number makes each address another one.
hyperfine --shell=none --runs 300 --warmup 20 --style basic \
    --command-name 'ban-ip' "sh -c 'exec ban-ip --for 1h 198.18.\$((\$\$ / 250 % 250)).\$((\$\$ % 250))'" \
    --command-name 'ipset add' "sh -c 'exec ipset -exist add s 198.18.\$((\$\$ / 250 % 250)).\$((\$\$ % 250)) timeout 3600'" \
    --command-name '/bin/true' "sh -c 'exec /bin/true 198.18.\$((\$\$ / 250 % 250)).\$((\$\$ % 250))'"

echo "## a live pipe: microseconds from a record in to its record out"
sh -c "$clean"
perl -MIPC::Open2 -MTime::HiRes=time -e '
    open2(my $out, my $in, "ban-ip", "--for", "1h");
    $in->autoflush(1);
    for (1..3000) {
        my $start = time;
        printf $in "198.18.%d.%d\n", $_ / 250, $_ % 250;
        <$out>;
        push @t, 1e6 * (time - $start);
    }
    @t = sort { $a <=> $b } @t;
    printf "median %d, 95 %% under %d\n", @t[@t / 2, @t * 0.95]'
