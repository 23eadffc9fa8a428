#!/bin/sh
# Finding and counting beside databases that use all processors: DuckDB, ClickHouse (chdb) and
# Polars, from Python's package index into an environment of its own. The ten highest counts are
# compared (of equal ones each has its own order); then all run in turns, start-up included, and
# the least seconds by the clock and of the CPU are printed with the ratio to ours.
#
#     sh tests/bench/databases.sh [-m MEGABYTES] [-n MILLIONS] [-r ROUNDS]     default 500, 20 and 3
#
# Jobs: find, the first address of each line of a log and how often each occurs; count, the same
# of records. Left out is what can't be installed. $VENV is an environment to use and keep.
set -eu
cd "$(dirname "$0")/../.."
megabytes=500
millions=20
rounds=3
while [ $# -gt 0 ]; do
    case $1 in
    -m) megabytes=$2 ;;
    -n) millions=$2 ;;
    -r) rounds=$2 ;;
    *) echo "usage: databases.sh [-m MEGABYTES] [-n MILLIONS] [-r ROUNDS]" >&2; exit 2 ;;
    esac
    shift 2
done
cargo build --release --quiet --bin extract-ip --bin count-ip
PATH=$PWD/target/release:$PATH
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
LC_ALL=C
export PATH LC_ALL
rustc -O --edition 2024 -o "$work/addresses" tests/bench/addresses.rs
venv=${VENV:-$work/venv}
[ -d "$venv" ] || python3 -m venv "$venv"

cat >"$work/run-duckdb.py" <<'PYTHON'
import sys, duckdb
file = sys.argv[2]
lines = f"read_csv('{file}', header=false, columns={{'l': 'VARCHAR'}}, delim='\\1', quote='', escape='')"
found = r"regexp_extract(l, '(?:[0-9]{1,3}\.){3}[0-9]{1,3}')" if sys.argv[1] == "find" else "l"
query = f"select a, count(*) n from (select {found} a from {lines}) where a <> '' group by a order by n desc, a limit 10"
for address, n in duckdb.sql(query).fetchall():
    print(n, address)
PYTHON
cat >"$work/run-chdb.py" <<'PYTHON'
import sys, chdb
file = sys.argv[2]
found = r"extract(line, '(?:[0-9]{1,3}\\.){3}[0-9]{1,3}')" if sys.argv[1] == "find" else "line"
query = f"select count() n, {found} a from file('{file}', 'LineAsString') where a <> '' group by a order by n desc, a limit 10"
print(str(chdb.query(query, "TSV")).replace("\t", " "), end="")
PYTHON
cat >"$work/run-polars.py" <<'PYTHON'
import sys, polars as pl
lines = pl.scan_csv(sys.argv[2], has_header=False, new_columns=["l"], separator="\1", quote_char=None)
found = pl.col("l").str.extract(r"((?:[0-9]{1,3}\.){3}[0-9]{1,3})") if sys.argv[1] == "find" else pl.col("l")
totals = lines.select(found.alias("a")).drop_nulls().group_by("a").len("n")
for address, n in totals.sort(["n", "a"], descending=[True, False]).head(10).collect(engine="streaming").rows():
    print(n, address)
PYTHON

# name, TAB, command for the job, the first ours
commands() {
    if [ "$1" = find ]; then
        printf 'ours\textract-ip -4 --first %s | count-ip --plain --top 10\n' "$work/log"
    else
        printf 'ours\tcount-ip --plain --top 10 %s\n' "$work/log"
    fi
    for name in duckdb chdb polars; do
        if "$venv/bin/python" -c "import $name" 2>/dev/null ||
            "$venv/bin/pip" --quiet install "$name" >/dev/null 2>&1; then
            printf '%s\t%s %s %s %s\n' \
                "$name" "$venv/bin/python" "$work/run-$name.py" "$1" "$work/log"
        else
            echo "  left out, can't be installed: $name" >&2
        fi
    done
}

race() {
    commands "$1" >"$work/commands"
    sh -c "$(head -n 1 "$work/commands" | cut -f 2)" | awk '{ print $1 }' >"$work/expected"
    while IFS='	' read -r name command; do
        [ "$name" = ours ] ||
            sh -c "$command" </dev/null | cut -d ' ' -f 1 | cmp -s - "$work/expected" ||
            echo "  other answers: $name"
    done <"$work/commands"
    for round in $(seq "$rounds"); do
        while IFS='	' read -r name command; do
            /usr/bin/time -o "$work/time" -f '%e %U %S' sh -c "$command" </dev/null >/dev/null
            echo "$name $(tail -n 1 "$work/time")"
        done <"$work/commands"
    done | awk '
        {
            cpu = $3 + $4
            if (!($1 in clock)) order[++last] = $1
            if (!($1 in clock) || $2 < clock[$1]) clock[$1] = $2
            if (!($1 in least) || cpu < least[$1]) least[$1] = cpu
        }
        END {
            for (i = 1; i <= last; i++) {
                n = order[i]
                printf "  %-8s %7.2f s, %6.2f times ours; %7.2f CPU seconds, %6.2f times ours\n",
                    n, clock[n], clock[n] / clock["ours"], least[n], least[n] / least["ours"]
            }
        }'
}

grep -m 1 'model name' /proc/cpuinfo || :
echo "$(nproc) processors, load $(cut -d ' ' -f 1 /proc/loadavg)"
perl -e '
    srand 7;
    my $part = "";
    for my $i (0 .. 99_999) {
        my $ip = join ".", 10, map { int rand 256 } 1 .. 3;
        my $pid = 1000 + int rand 60000;
        $part .= "Mar 30 02:16:17 host sshd[$pid]: "
            . ($i % 10 ? "Failed password for root from $ip port $pid ssh2\n" : "session closed for user root\n");
    }
    for (1 .. $ARGV[0] / length($part) + 1) { print $part }' "$((megabytes * 1000000))" >"$work/log"
echo "find, $megabytes MB:"
race find
"$work/addresses" v4 "$((millions * 1000000))" 1000000 >"$work/log"
echo "count, $millions million:"
race count
