#!/bin/sh
# name-ip beside libmaxminddb, the library of mmdblookup: the same country for a million addresses;
# then its speed on one CPU. Databases of real size are yours to bring, for example npm's
# @ip-location-db/geo-whois-asn-country-mmdb and @ip-location-db/asn. Needs python3 and
# libmaxminddb0, which comes with Debian's mmdb-bin.
#
#     sh tests/bench/name.sh COUNTRY.mmdb TABLE… [-n MILLIONS]     default 5
#
# COUNTRY.mmdb has `country_code` or `country.iso_code`; TABLEs are read together, for speed only.
set -eu
cd "$(dirname "$0")/../.."
millions=5
tables=
mmdb=
while [ $# -gt 0 ]; do
    case $1 in
    -n) millions=$2; shift ;;
    *) if [ -z "$mmdb" ]; then mmdb=$1; else tables="$tables --db $1"; fi ;;
    esac
    shift
done
[ -n "$mmdb" ] || { echo "usage: name.sh COUNTRY.mmdb TABLE… [-n MILLIONS]" >&2; exit 2; }
cargo build --release --quiet --bin name-ip
name=$PWD/target/release/name-ip
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
rustc -O --edition 2024 -o "$work/addresses" tests/bench/addresses.rs

# Half of the addresses from all of IPv4, half from the parts of IPv6 that are given out.
python3 -c '
import ipaddress, random
random.seed(19)
for i in range(500_000):
    print(ipaddress.IPv4Address(random.getrandbits(32)))
    top = random.choice([0x2001, 0x2400, 0x2600, 0x2800, 0x2a00, 0x2c00]) + random.getrandbits(4)
    low = random.getrandbits(random.choice([16, 28, 112])) << random.choice([0, 64, 84])
    print(ipaddress.IPv6Address((top << 112 | low) & (1 << 128) - 1))
' >"$work/million"
"$name" --db "$mmdb" "$work/million" |
    awk -F'\t' '{
        code = "-"
        for (i = 2; i <= NF; i++) if ($i ~ /^country=/) code = substr($i, 9)
        print code
    }' >"$work/named"
python3 - "$mmdb" "$work/million" "$work/named" <<'PYTHON'
import ctypes as c
import sys

lib = c.CDLL("libmaxminddb.so.0")


class Entry(c.Structure):
    _fields_ = [("mmdb", c.c_void_p), ("offset", c.c_uint32)]


class Result(c.Structure):
    _fields_ = [("found", c.c_bool), ("entry", Entry), ("netmask", c.c_uint16)]


class Data(c.Structure):
    # A union of 16 bytes, aligned to 16, follows the first.
    _fields_ = [("has", c.c_bool), ("gap", c.c_char * 15), ("text", c.c_void_p)]
    _fields_ += [("rest", c.c_uint64), ("offset", c.c_uint32), ("next", c.c_uint32)]
    _fields_ += [("size", c.c_uint32), ("type", c.c_uint32)]


lib.MMDB_lookup_string.restype = Result
database = c.create_string_buffer(4096)
assert lib.MMDB_open(sys.argv[1].encode(), 0, database) == 0
wrong, errors = c.c_int(), c.c_int()
data = Data()
different = found = number = 0
for address, named in zip(open(sys.argv[2]), open(sys.argv[3])):
    number += 1
    text = address.strip().encode()
    result = lib.MMDB_lookup_string(database, text, c.byref(wrong), c.byref(errors))
    code = "-"
    if result.found:
        for path in ([b"country", b"iso_code"], [b"country_code"]):
            status = lib.MMDB_get_value(c.byref(result.entry), c.byref(data), *path, None)
            if status == 0 and data.has:
                code = c.string_at(data.text, data.size).decode()
                found += 1
                break
    if code != named.strip():
        different += 1
        if different <= 10:
            print(f"  {address.strip()}: {named.strip()}, libmaxminddb: {code}")
print(f"{number} addresses, {found} with a country, {different} different")
sys.exit(different > 0)
PYTHON

# CPU seconds of a command, less those of its start.
speed() {
    /usr/bin/time -o "$work/start" -f '%U %S' taskset -c 0 "$@" </dev/null >/dev/null || true
    /usr/bin/time -o "$work/all" -f '%U %S %M' taskset -c 0 "$@" <"$work/in" >/dev/null
    tail -qn 1 "$work/start" "$work/all" | xargs | awk -v n="$millions" '{
        printf "  %.1f million/s, %.2f s to start, %.1f million/s with it, %d KB\n",
            n / ($3 + $4 - $1 - $2), $1 + $2, n / ($3 + $4), $5
    }'
}
for kind in v4 mixed; do
    "$work/addresses" $kind "${millions}000000" 1000000 >"$work/in"
    echo "$millions million records of a million addresses ($kind): MMDB, then the tables"
    speed "$name" --db "$mmdb"
    # shellcheck disable=SC2086 # several words
    [ -z "$tables" ] || speed "$name" $tables
done
