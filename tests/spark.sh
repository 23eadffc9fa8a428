#!/bin/sh
# A real Spark over the tools, by the files of examples/cluster: the same bytes as one run; nothing
# installed on the workers; a missing tool is a failure, and no match is none. Run by tests/long.sh.
# Spark is PyPI's pyspark (PYSPARK: an archive or directory of it that is here already). Ends with
# status 77 where it can't be had.
set -eu
cd "$(dirname "$0")/.."
sh tests/common/install.sh <<END
java openjdk-17-jre-headless
pip3 python3-pip
tar tar
perl perl
gzip gzip
awk mawk
END
cargo build --quiet --bins
top=$PWD
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
SPARK_HOME=${PYSPARK:-}
if [ ! "$SPARK_HOME" ]; then
    timeout 900 pip3 download --quiet --no-deps --dest "$work" pyspark==3.5.6 >"$work/pip" 2>&1 || {
        tail -n 2 "$work/pip" >&2
        echo "PyPI has no pyspark here" >&2
        exit 77
    }
    SPARK_HOME=$(ls "$work"/pyspark-*.tar.gz)
fi
if [ -f "$SPARK_HOME" ]; then
    tar -xzf "$SPARK_HOME" -C "$work"
    SPARK_HOME=$(echo "$work"/pyspark-*/deps)
fi
export SPARK_HOME SPARK_LOCAL_IP=127.0.0.1

mkdir "$work/cluster"
cd "$work/cluster"
cp "$top"/examples/cluster/* "$top/target/debug/extract-ip" "$top/target/debug/count-ip" .
# Attackers that come back each few minutes, out of order by seconds; a line with another's address
# behind a carriage return; some bytes that are no text; and the lines of days without an attack. In
# files that end within a connection.
perl -e '
    for my $i (0 .. 29999) {
        my $t = 86400 + $i * 40 - $i % 7;
        my $from = sprintf "203.0.113.%d", int($i / 30) * 7 % 40 + ($i % 400 == 0 ? 100 : 0);
        my $head = sprintf "Mar %2d %02d:%02d:%02d web1 sshd[%d]:",
            1 + $t / 86400, $t / 3600 % 24, $t / 60 % 60, $t % 60, $i;
        my $failed = "$head Failed password for";
        my $other = "\xff\r$failed root from 198.51.100.7 port 1 ssh2\rx";
        my $user = $i % 5 ? "root" : "invalid user $other";
        print $i % 3 ? "$head Connection closed by $from port 9\n"
            : "$head Invalid user x from $from port 22\n$failed $user from $from port 22 ssh2\n";
    }' >"$work/all"
mkdir "$work/auth"
(cd "$work/auth" && awk -v name=a '
    { print >name }
    NR % 8000 > 7900 && / Invalid user x from / && NR > last + 8000 {
        name = name "a"
        last = NR
    }' \
    "$work/all")
set -- "$work"/auth/*
[ $# -gt 3 ]
gzip "$1"
PATH=$PWD:$PATH
totals() { extract-ip --preset "$1" "$work"/auth/* | count-ip; }
totals sshd >"$work/totals"
extract-ip --preset sshd --time "$work"/auth/* |
    count-ip --threshold 5 --within 10m | sort >"$work/bans"
[ "$(wc -l <"$work/totals")" -gt 30 ] && [ "$(wc -l <"$work/bans")" -gt 30 ] || {
    echo "the log is not what it should be" >&2
    exit 1
}
! grep 198.51.100.7 "$work/totals" || exit 1

# As the page has it.
one_file='--conf spark.sql.files.maxPartitionBytes=1t --conf spark.sql.files.openCostInBytes=1t'
grep -q -e "^  $one_file" "$top/examples/cluster.md"
# The tools are the files that are sent, and none of those in the path.
spark() {
    rm -rf metastore_db
    PATH=/usr/bin:/bin timeout 500 "$SPARK_HOME/bin/spark-sql" --silent --master 'local[2]' \
        $one_file --conf spark.ui.enabled=false --conf spark.sql.catalogImplementation=in-memory \
        --hiveconf log="$work/auth" "$@" 2>"$work/err"
}
files=extract-ip,count-ip,step,totals
must() { "$@" || { tail -n 5 "$work/err" >&2 && exit 1; }; }
# Fails in the programs of the query, and nowhere else, and prints nothing.
must_fail() {
    ! spark "$@" >"$work/out" && grep -q ScriptTransformation "$work/err" &&
        [ ! -s "$work/out" ] || {
        echo "this has not failed as it should: spark-sql $*" >&2
        tail -n 5 "$work/err" >&2
        exit 1
    }
}
must spark --files $files -f totals.sql >"$work/out"
# Several parts, which are added up.
must [ "$(wc -l <"$work/out")" -gt "$(wc -l <"$work/totals")" ]
count-ip --merge "$work/out" | cmp - "$work/totals"
must spark --files $files -f bans.sql >"$work/out"
sort "$work/out" | cmp - "$work/bans"
# Nothing matched.
sed 's/--preset sshd/--preset nginx/' bans.sql >nginx.sql
must spark --files $files -f nginx.sql >"$work/out"
must [ ! -s "$work/out" ]
# Without step that is a failure; and so is a tool that is missing.
sed 's/sh step //' nginx.sql >bare.sql
must_fail --files $files -f bare.sql
must_fail --files count-ip,step,totals -f totals.sql
must_fail --files count-ip,step,totals -f bans.sql
# Without lineSep a client's carriage return would begin a line.
sed "s/, lineSep '.n'//" totals.sql >cut.sql
must spark --files $files -f cut.sql >"$work/out"
must grep -q '^198.51.100.7	' "$work/out"
echo "all is well"
