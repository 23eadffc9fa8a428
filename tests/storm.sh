#!/bin/sh
# Sixteen processes ban, lift, sync and list, for each of nft, ipset and iptables, while they are
# killed, the ruleset is flushed and loaded anew, the disk is full for a second and the clock is
# set: after each round and one further ban the firewall holds the bans of the ledger. For this
# number of seconds, by default five minutes; an hour is 3600. With a seed, which a storm prints,
# the same commands come again.
set -eu
cd "$(dirname "$0")/.."
PIPEBAN_TEST_STORM=${1:-300}
export PIPEBAN_TEST_STORM
[ -z "${2-}" ] || export PIPEBAN_TEST_STORM_SEED="$2"
exec cargo test --quiet --test ban_ip -- --nocapture sixteen_on
