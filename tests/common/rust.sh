#!/bin/sh
# Ends with status 1, and says why in a line, where cargo is missing or older than Cargo.toml wants.
top=$(dirname "$0")/../..
wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$top/Cargo.toml")
# From a directory without a manifest, which an old cargo could not read.
found=$(cd / && cargo --version 2>/dev/null | cut -d ' ' -f 2)
older=$(printf '%s\n' "$wanted" "${found:-0}" | sort -V | head -n 1)
[ "$older" = "$wanted" ] || {
    echo "pipeban needs Rust $wanted or newer, here is ${found:-none}: see https://rustup.rs" >&2
    exit 1
}
