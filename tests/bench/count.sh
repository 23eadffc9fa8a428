#!/bin/sh
# count-ip beside its peers, on one CPU, over generated addresses in the page cache. The answers are compared first;
# then they run in turn, and the medians of CPU seconds and the ratios to count-ip are printed. Left out is what is
# not installed (mawk; hist: cargo install hist-rs; cuniq: cargo install cuniq).
#
#     sh tests/bench/count.sh [MILLIONS [ROUNDS]]       default 100 and 3
#     sh tests/bench/count.sh bound [MILLIONS]          memory under distinct IPv6 addresses without end
set -eu
cd "$(dirname "$0")/../.."
cargo build --release --quiet --bin count-ip
count=$PWD/target/release/count-ip
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
LC_ALL=C
export LC_ALL

# Peak memory and CPU seconds of a command, whose output goes to a file.
measured() {
    /usr/bin/time -f '%M KB, %U + %S s' "$@"
}

if [ "${1-}" = bound ]; then
    millions=${2:-100}
    echo "$millions million distinct IPv6 addresses, and one that attacks once in 100,000 of them"
    mawk -v n="$millions" 'BEGIN {
        for (i = 0; i < n * 1000000; i++) {
            printf "2001:db8::%x:%x\n", i / 65536, i % 65536
            if (i % 100000 == 0) print "203.0.113.7"
        }
    }' | measured "$count" --threshold 5 --within 1w >"$work/reached"
    sort "$work/reached" | cut -f1 | uniq -c
    exit
fi

millions=${1:-100}
rounds=${2:-3}

# So many addresses, drawn from so many distinct ones; each fifth is IPv6 if "mixed".
addresses() {
    mawk -v n="$millions" -v distinct="$1" -v kind="$2" 'BEGIN {
        srand(1)
        for (i = 0; i < n * 1000000; i++) {
            k = int(rand() * distinct)
            # Spread over all numbers, the same for the same k.
            h = (k * 429496717) % 4294967296
            if (kind == "mixed" && k % 5 == 0)
                printf "2001:db8:%x:%x::%x\n", h / 65536, h % 65536, k % 65536
            else
                printf "%d.%d.%d.%d\n", h / 16777216, h / 65536 % 256, h / 256 % 256, h % 256
        }
    }'
}

seconds() {
    /usr/bin/time -o "$work/time" -f '%U %S' taskset -c 0 sh -c "$1" >/dev/null
    awk '{ print $1 + $2 }' "$work/time"
}

# Each command of the list in turn, so that a slow moment of the machine meets all.
compare() {
    : >"$work/figures"
    for round in $(seq "$rounds"); do
        while IFS='|' read -r name command; do
            echo "$name|$(seconds "$command")" >>"$work/figures"
        done <"$work/commands"
    done
    base=
    while IFS='|' read -r name _; do
        median=$(grep "^$name|" "$work/figures" | cut -d'|' -f2 | sort -n | sed -n "$(((rounds + 1) / 2))p")
        base=${base:-$median}
        awk -v name="$name" -v t="$median" -v base="$base" -v n="$millions" \
            'BEGIN { printf "  %-44s %8.2f s  %7.1f million/s  %6.1f times\n", name, t, n / t, t / base }'
    done <"$work/commands"
}

has() {
    command -v "$1" >/dev/null || { echo "  left out, not installed: $1"; return 1; }
}

for kind in '1000000 v4' '10000000 mixed'; do
    set -- $kind
    echo "$millions million addresses, $1 distinct ($2)"
    addresses "$1" "$2" >"$work/in"
    sort -S4G --parallel=2 "$work/in" | uniq -c | sort -rn | sed 's/^ *//' | sort >"$work/expected"
    measured "$count" --plain "$work/in" >"$work/out"
    sed 's/^ *//' "$work/out" | sort | cmp - "$work/expected" && echo "  the same as sort | uniq -c | sort -rn: $(wc -l <"$work/out") lines"
    {
        echo "count-ip|$count $work/in"
        echo "sort, uniq -c, sort -rn|sort -S4G --parallel=2 $work/in | uniq -c | sort -rn"
        if has mawk >&2; then echo "mawk, sort|mawk '{ c[\$1]++ } END { for (a in c) print c[a], a }' $work/in | sort -rn"; fi
        if has hist >&2; then echo "hist|hist $work/in"; fi
        if has cuniq >&2; then
            echo "cuniq, sort|cuniq -c $work/in | sort -rn"
            echo "cuniq alone, which does not sort by count|cuniq -c $work/in"
        fi
    } >"$work/commands"
    compare
done

echo "a window: --threshold 5 --within 10m"
addresses 1000000 v4 >"$work/in"
awk '{ s = int(NR / 5000); printf "%s\tat=2026-03-30T%02d:%02d:%02d+09:00\n", $0, s / 3600 % 24, s / 60 % 60, s % 60 }' "$work/in" >"$work/at"
{
    echo "without at=|$count --threshold 5 --within 10m $work/in"
    echo "with at=|$count --threshold 5 --within 10m $work/at"
} >"$work/commands"
compare
