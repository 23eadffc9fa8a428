#!/bin/sh
# The address by its key out of lines that are objects, beside jq: CPU seconds on one CPU, each the
# least of its rounds, with the program's start. First both must print the same. Three made-up logs
# of a web server: nginx's short lines with many numbers, the same as its manual's example has
# them, and Caddy's long ones.
#
#     sh tests/bench/json.sh [LINES [ROUNDS]]
set -eu
cd "$(dirname "$0")/../.."
lines=${1:-1000000}
rounds=${2:-3}
cargo build --release --quiet --bin extract-ip
PATH=$PWD/target/release:$PATH
export PATH LC_ALL=C
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT

log() {
    awk -v lines="$lines" -v form="$1" '
    function r(n) { return int(rand() * n) }
    BEGIN {
        srand(5)
        paths = split("/ /login /wp-login.php /static/app.js /api/v1/items?id=%d", path, " ")
        agent[0] = "curl/8.5.0"
        agent[1] = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
        agent[2] = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) " \
            "Chrome/126.0 Safari/537.36"
        code = split("200 404 401 302", status, " ")
        for (i = 0; i < lines; i++) {
            ip = (1 + r(223)) "." r(256) "." r(256) "." r(256)
            get = sprintf(path[1 + r(paths)], r(10000))
            time = sprintf("2026-11-%02dT%02d:%02d:%02d+00:00", 1 + i * 28 / lines, r(24), r(60), r(60))
            if (form == "short")
                printf "{\"time\":\"%s\",\"remote_addr\":\"%s\",\"request\":\"GET %s HTTP/1.1\"," \
                    "\"status\":%d,\"bytes\":%d,\"referer\":\"\",\"ua\":\"%s\",\"rt\":0.%03d}\n",
                    time, ip, get, status[1 + r(code)], r(100000), agent[r(3)], r(1000)
            else if (form == "strings")
                printf "{\"time\":\"%s\",\"remote_addr\":\"%s\",\"request\":\"GET %s HTTP/1.1\"," \
                    "\"status\":\"%d\",\"bytes\":%d,\"ref\":\"-\",\"agent\":\"%s\"}\n",
                    time, ip, get, status[1 + r(code)], r(100000), agent[2]
            else
                printf "{\"level\":\"info\",\"ts\":%d.%d,\"logger\":\"http.log.access.log0\"," \
                    "\"msg\":\"handled request\",\"request\":{\"remote_ip\":\"%s\"," \
                    "\"remote_port\":\"%d\",\"client_ip\":\"%s\",\"proto\":\"HTTP/2.0\"," \
                    "\"method\":\"GET\",\"host\":\"example.com\",\"uri\":\"%s\",\"headers\":" \
                    "{\"User-Agent\":[\"%s\"],\"Accept\":[\"*/*\"],\"Accept-Encoding\":[\"gzip\"]}," \
                    "\"tls\":{\"resumed\":false,\"version\":772,\"cipher_suite\":4865," \
                    "\"proto\":\"h2\",\"server_name\":\"example.com\"}},\"bytes_read\":0," \
                    "\"user_id\":\"\",\"duration\":0.000%d,\"size\":%d,\"status\":%d}\n",
                    1774836977 + i, r(10), ip, r(65536), ip, get, agent[r(3)], r(1000), r(100000),
                    status[1 + r(code)]
        }
    }' </dev/null
}

# The least CPU seconds of a command.
cpu() {
    for round in $(seq "$rounds"); do
        python3 - "$@" <<'END'
import resource, subprocess, sys
def used():
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return children.ru_utime + children.ru_stime
# A wrapper that has started this Python leaves its own children's time.
before = used()
subprocess.run(["taskset", "-c", "0", *sys.argv[1:]], stdout=subprocess.DEVNULL)
print("%.3f" % (used() - before))
END
    done | sort -n | head -n 1
}

compare() {
    log "$1" >"$work/log"
    extract-ip --key "$2" "$work/log" >"$work/ours"
    jq -r ".$2" "$work/log" | cmp - "$work/ours"
    ours=$(cpu extract-ip --key "$2" "$work/log")
    theirs=$(cpu jq -r ".$2" "$work/log")
    bytes=$(wc -c <"$work/log")
    awk -v form="$1" -v bytes="$bytes" -v lines="$lines" -v ours="$ours" -v theirs="$theirs" 'BEGIN {
        printf "%-8s %4d bytes a line   extract-ip %.3f s, %.2f GB/s   jq %.3f s   %.1f times\n",
            form, bytes / lines, ours, bytes / ours / 1e9, theirs, theirs / ours
    }'
}

jq --version
compare short remote_addr
compare strings remote_addr
compare caddy request.remote_ip
