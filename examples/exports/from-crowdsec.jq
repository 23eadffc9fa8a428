# The answer of CrowdSec's decisions/stream as records. Our own decisions, which came from here, are
# left out.
def seconds:
    [scan("([0-9.]+)(h|ms|m|s)")]
    | map((.[0] | tonumber) * {h: 3600, m: 60, s: 1, ms: 0}[.[1]])
    | add // 0;
def wanted:
    select(.type == "ban" and .scenario != "pipeban")
    | select(.scope | ascii_downcase | IN("ip", "range"));
((.deleted // [])[] | wanted | "\(.value)\tlifted=\(now | todate)"),
((.new // [])[] | wanted | select(.duration | startswith("-") | not)
    | "\(.value)\tsince=\(now | todate)\tuntil=\(now + (.duration | seconds) | todate)"
        + "\trule=\(.scenario | gsub("[^!-~]"; "_"))")
