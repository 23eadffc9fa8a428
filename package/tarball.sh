#!/bin/sh
# Builds static programs and packs them with pages, completions, units and install.sh:
#     package/tarball.sh [x86_64|aarch64]
# Needs `rustup target add ARCH-unknown-linux-musl`, and a C compiler for musl in CC_ARCH_unknown_linux_musl
# (Debian's musl-tools bring musl-gcc, for the machine's own kind).
set -eu
cd "$(dirname "$0")/.."
target=${1:-$(uname -m)}-unknown-linux-musl
version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)
name=pipeban-$version-$target

cargo build --release --locked --target "$target"

built=target/$target/release
out=target/package/$name
rm -rf "$out"
mkdir -p "$out/bin" "$out/sbin"
for tool in $(sed -n '/^\[\[bin\]\]/{n;s/^name = "\(.*\)"/\1/p}' Cargo.toml); do
    cp "$built/$tool" "$out/bin"
done
cp -r man examples package/completions package/install.sh package/never README.md LICENSE-* "$out"
cp package/pipeban-setup package/pipeban-status "$out/sbin"
# The same files give the same archive.
date=$(git log -1 --format=%cd --date=unix 2>/dev/null || echo 0)
tar -C target/package --sort=name --owner=0 --group=0 --numeric-owner --mode=go-w --mtime="@$date" \
    -cf - "$name" | gzip -9n >"$out.tar.gz"
rm -rf "$out"
(cd target/package && sha256sum "$name.tar.gz" >"$name.tar.gz.sha256")
echo "$out.tar.gz"
