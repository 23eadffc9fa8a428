# Tells what a list of bans stops of a flood, and which people it hits, for flood.md.
#
#     awk -f judge.awk users BANS named
#
# A request of the flood is stopped if its address, or its network of 24 or 16 bits, was banned
# before. A person is hit whose address or network is banned at all.
BEGIN { FS = "\t" }

function field(key,    i) {
    for (i = 2; i <= NF; i++)
        if (index($i, key "=") == 1) return substr($i, length(key) + 2)
}

FILENAME == ARGV[1] { user[$1]; people++; next }
FILENAME == ARGV[2] { if (!($1 in since)) { since[$1] = field("last"); bans++ }; next }

{
    split($1, part, ".")
    is_stopped = is_banned = 0
    at = field("at")
    for (i = 4; i >= 2; i--) {
        net = i == 4 ? $1 : part[1] "." part[2] (i == 3 ? "." part[3] ".0/24" : ".0.0/16")
        if (net in since) { is_banned = 1; if (since[net] < at) is_stopped = 1 }
    }
    if (!($1 in user)) { flood++; stopped += is_stopped }
    else if (is_banned) hit[$1]
}

END {
    for (address in hit) hits++
    printf "%s: %d bans, %.1f %% of the flood stopped, %d of %d users hit\n", \
        ARGV[2], bans, 100 * stopped / flood, hits, people
}
