#!/bin/sh
# Kills ban-ip, unban-at and the process that waits at every system call, on each firewall that
# each of them knows, and looks whether the same command finishes the work. Run by hand; it takes
# some minutes.
set -eu
cd "$(dirname "$0")/.."
export PIPEBAN_TEST_KILLS=all
exec cargo test --quiet --test ban_ip -- killed
