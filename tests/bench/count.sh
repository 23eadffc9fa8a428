#!/bin/sh
# count-ip beside its peers, on one CPU, over generated addresses in the page cache. The answers
# are compared first; then all run in turn, and the medians of CPU seconds and the ratios to
# count-ip are printed. Peers that are not installed are left out (mawk; hist: cargo install
# hist-rs; cuniq: cargo install cuniq).
#
#     sh tests/bench/count.sh JOB… [-m MILLIONS] [-r ROUNDS]     default 100 and 3
#
# Jobs: totals, of 1 million distinct addresses, and mixed, of 10 million, a fifth IPv6; peers and
# peers-mixed, the same beside other programs; window; distinct, values of a field; bound, memory
# under distinct IPv6 addresses without end. Without a job: all. With OLD=FILE, another count-ip
# runs beside this one. Input is kept in $BENCH, if that is set, for the next job.
set -eu
cd "$(dirname "$0")/../.."
jobs=
millions=100
rounds=3
while [ $# -gt 0 ]; do
    case $1 in
    -m) millions=$2; shift ;;
    -r) rounds=$2; shift ;;
    *) jobs="$jobs $1" ;;
    esac
    shift
done
cargo build --release --quiet --bin count-ip
count=$PWD/target/release/count-ip
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
kept=${BENCH:-$work}
LC_ALL=C
export LC_ALL
rustc -O --edition 2024 -o "$work/addresses" tests/bench/addresses.rs

# The file of so many addresses of a kind.
input() {
    name=$kept/$1-$2-$3
    [ -e "$name" ] || { "$work/addresses" "$1" "$2" "$3" >"$name.part"; mv "$name.part" "$name"; }
    cat "$name" >/dev/null
    echo "$name"
}

# CPU seconds of a command.
seconds() {
    /usr/bin/time -o "$work/time" -f '%U %S' taskset -c 0 sh -c "$1" </dev/null >/dev/null
    awk 'END { print $1 + $2 }' "$work/time"
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
        median=$(grep "^$name|" "$work/figures" | cut -d'|' -f2 | sort -n |
            sed -n "$(((rounds + 1) / 2))p")
        base=${base:-$median}
        awk -v name="$name" -v t="$median" -v base="$base" -v n="$millions" \
            'BEGIN {
                printf "  %-44s %8.2f s  %7.1f million/s  %6.2f times\n", name, t, n / t, t / base
            }'
    done <"$work/commands"
}

# The other count-ip with these arguments, if there is one.
old() {
    [ -z "${OLD:-}" ] || echo "before $1|$OLD $1 $2" >>"$work/commands"
}

has() {
    command -v "$1" >/dev/null || { echo "  left out, not installed: $1" >&2; return 1; }
}

# Totals: kind, distinct addresses, and "peers" to run those too.
totals() {
    in=$(input "$1" "$((millions * 1000000))" "$2")
    echo "$millions million addresses, $2 distinct ($1)"
    /usr/bin/time -f '  %M KB at most' "$count" --plain "$in" >"$work/out"
    echo "count-ip|$count $in" >"$work/commands"
    old "" "$in"
    if [ "$3" ]; then
        if has mawk; then
            mawk '{ c[$1]++ } END { for (a in c) printf "%7d %s\n", c[a], a }' "$in" |
                sort >"$work/expected"
            sort "$work/out" | cmp - "$work/expected"
            echo "  the same counts as mawk's: $(wc -l <"$work/out") lines"
            program='{ c[$1]++ } END { for (a in c) print c[a], a }'
            echo "mawk, sort|mawk '$program' $in | sort -rn" >>"$work/commands"
        fi
        sorted="sort -S4G --parallel=2 $in | uniq -c | sort -rn"
        echo "sort, uniq -c, sort -rn|$sorted" >>"$work/commands"
        if has hist; then echo "hist|hist $in" >>"$work/commands"; fi
        if has cuniq; then
            echo "cuniq, sort|cuniq -c $in | sort -rn" >>"$work/commands"
            echo "cuniq alone, which does not sort by count|cuniq -c $in" >>"$work/commands"
        fi
    fi
    compare
}

for job in ${jobs:-totals mixed peers peers-mixed window distinct bound}; do
    case $job in
    totals) totals v4 1000000 '' ;;
    mixed) totals mixed 10000000 '' ;;
    peers) totals v4 1000000 peers ;;
    peers-mixed) totals mixed 10000000 peers ;;
    window)
        echo "a window: --threshold 5 --within 10m, $millions million records of 1000000 addresses"
        bare=$(input v4 "$((millions * 1000000))" 1000000)
        timed=$(input at "$((millions * 1000000))" 1000000)
        window="--threshold 5 --within 10m"
        echo "without at=|$count $window $bare" >"$work/commands"
        old "$window" "$bare"
        compare
        echo "with at=|$count $window $timed" >"$work/commands"
        old "$window" "$timed"
        compare
        ;;
    distinct)
        echo "--distinct user, --threshold 5, $millions million records of 1000000 addresses"
        bare=$(input user "$((millions * 1000000))" 1000000)
        timed=$(input user-at "$((millions * 1000000))" 1000000)
        distinct="--threshold 5 --distinct user"
        echo "without at=|$count $distinct $bare" >"$work/commands"
        old "$distinct" "$bare"
        compare
        window="--threshold 5 --within 10m"
        spray="--by user --distinct address $window"
        echo "a window of events|$count $window $timed" >"$work/commands"
        echo "a window of distinct users|$count --distinct user $window $timed" >>"$work/commands"
        old "--distinct user $window" "$timed"
        echo "--by user --distinct address|$count $spray $timed" >>"$work/commands"
        old "$spray" "$timed"
        compare
        ;;
    bound)
        echo "$millions million distinct IPv6 addresses; one attacks once in 100,000 of them"
        "$work/addresses" flood "$((millions * 1000000))" 100000 |
            /usr/bin/time -f '  %M KB at most, %U + %S s' \
                taskset -c 0 "$count" --threshold 5 --within 1w >"$work/reached"
        cut -f1 "$work/reached" | sort | uniq -c
        ;;
    *)
        echo "count.sh: no such job: $job" >&2
        exit 2
        ;;
    esac
done
