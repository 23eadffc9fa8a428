#!/bin/sh
# Builds static programs and packs them with pages, completions, units and install.sh:
#     package/tarball.sh [x86_64|aarch64]
# Needs `rustup target add ARCH-unknown-linux-musl`, and a C compiler for musl in
# CC_ARCH_unknown_linux_musl (Debian's musl-tools bring musl-gcc, for the machine's own kind;
# tests/aarch64.sh makes one for another kind).
set -eu
cd "$(dirname "$0")/.."
target=${1:-$(uname -m)}-unknown-linux-musl
version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)
name=pipeban-$version-$target

# On x86_64 musl copies and compares short memory slowly. LLVM's libc (Debian: libllvmlibc-19-dev)
# has the same functions, which need nothing else of it: they are linked first, if it is there.
llvm=$(find /usr/lib/llvm-*/lib/libllvmlibc.a 2>/dev/null | sort -V | tail -n 1)
case $target in
x86_64-*)
    if [ -n "$llvm" ]; then
        memory=$PWD/target/package/memory
        mkdir -p "$memory"
        (cd "$memory" && ar x "$llvm" memcpy.cpp.o memmove.cpp.o memset.cpp.o memcmp.cpp.o bcmp.cpp.o)
        printf '#!/bin/sh\nexec cc "%s"/*.o "$@"\n' "$memory" >"$memory/cc"
        chmod 755 "$memory/cc"
        export CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_LINKER="$memory/cc"
    else
        echo "without LLVM's libc (libllvmlibc-19-dev) the programs are slower" >&2
    fi
    ;;
esac
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
