#!/bin/sh
# Bans come one by one while others load their ruleset a hundred times, at any moment, over 50,000
# bans: none is missing afterwards. Run by hand; it takes some minutes.
set -eu
cd "$(dirname "$0")/.."
export PIPEBAN_TEST_BANS=50000 PIPEBAN_TEST_LOADS=50
exec cargo test --quiet --test ban_ip -- bans_are_restored_under_fire
