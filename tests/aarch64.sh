#!/bin/sh
# Builds the static programs for aarch64 on a machine of another kind, with Debian's cross compiler
# and the headers of its musl, and runs them by qemu: static.sh. Run by tests/long.sh, as root. Ends
# with status 77 where something for it is missing.
set -eu
cd "$(dirname "$0")/.."
sh tests/common/install.sh <<END_OF_TABLE
aarch64-linux-gnu-gcc gcc-aarch64-linux-gnu
/usr/lib/gcc-cross/aarch64-linux-gnu gcc-aarch64-linux-gnu
qemu-aarch64-static qemu-user-static
busybox busybox-static
END_OF_TABLE
rustup target list --installed 2>/dev/null | grep -qx aarch64-unknown-linux-musl || {
    echo "no target aarch64-unknown-linux-musl (rustup target add)" >&2
    exit 77
}

# The package of another machine is unpacked, not installed; apt's own lists stay as they are.
# It has one place: with another compiler all of C would be built again.
cross=$PWD/target/package/cross
mkdir -p "$cross/lists/partial" "$cross/archives/partial"
apt() {
    apt-get -qq -o APT::Architectures::=arm64 -o APT::Sandbox::User=root \
        -o "Dir::State::lists=$cross/lists" -o "Dir::Cache=$cross" "$@"
}
apt update
(cd "$cross" && apt download musl-dev:arm64 && dpkg-deb -x musl-dev_*_arm64.deb musl)
cat >"$cross/musl-gcc" <<END_OF_COMPILER
#!/bin/sh
exec aarch64-linux-gnu-gcc -nostdinc -isystem "$cross/musl/usr/include/aarch64-linux-musl" \\
    -isystem "$(aarch64-linux-gnu-gcc -print-file-name=include)" "\$@"
END_OF_COMPILER
chmod 755 "$cross/musl-gcc"

export CC_aarch64_unknown_linux_musl="$cross/musl-gcc"
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER=rust-lld
archive=$(package/tarball.sh aarch64)
sh tests/static.sh "$archive"
