#!/bin/sh
# Prints what the presets find in the kept logs, as a table: sh tests/daemons/table.sh [EXTRACT-IP]
#
# A client is found where its address is printed as often as it failed. Wrong is an address that is
# no client's, from this preset and from all that no remote party can forge together.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
release=$here/../../target/release/extract-ip
[ -x "$release" ] || release=extract-ip
extract=${1:-$release}
export LC_ALL=C

# The events of a log that presets find: number and address.
events() {
    "$extract" --preset "$1" "$here/logs/$2.log" 2>/dev/null | cut -f 1 | sort | uniq -c
}

# Clients of a kind, those found, and addresses that are no client's.
count() {
    awk '
        FILENAME == "-" { n[$2] = $1; next }
        /^#/ { next }
        { split($0, column, "\t"); known[column[3]] = 1 }
        column[1] == "ok" { let_in += n[column[3]] > 0 }
        column[2] == "-" { next }
        { tries[column[1]]++; found[column[1]] += n[column[3]] == column[2] }
        END {
            for (address in n) wrong += !(address in known)
            printf "%d %d %d %d %d %d\n", tries["fail"], found["fail"],
                tries["attack"], found["attack"], let_in, wrong
        }
    ' - "$here/logs/$1.tries"
}

columns="log | version | preset | tries | found | attacks | found | let in, but found"
echo "| $columns | wrong | wrong by all |"
echo "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
while IFS='	' read -r log presets; do
    case $log in '#'*) continue ;; esac
    # shellcheck disable=SC2046
    set -- $(events "$presets" "$log" | count "$log") $(events all "$log" | count "$log")
    echo "| ${log%-*} | ${log##*-} | $presets | $1 | $2 | $3 | $4 | $5 | $6 | ${12} |"
done <"$here/presets.tsv"
