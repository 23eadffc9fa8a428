#!/bin/sh
# The tools of an older release beside those of today, in turns: the ratio of today's figure to the
# old one. Figures are CPU seconds on one CPU, each the least of its rounds; for `chain` and `live`
# the median time of an event. Runs as root, in a network namespace of its own. Needs perl and python3.
#
#     sh tests/bench/old.sh DIRECTORY [-r ROUNDS] [-n LINES] [JOB…]
#
# A job is a word of the table below, or a part of one: `extract`, `count`, `ban`, …; all, if none
# is named.
set -eu
cd "$(dirname "$0")/../.."
if [ "${1-}" != inside ]; then
    [ -x "${1-}/extract-ip" ] || { echo "usage: old.sh DIRECTORY [-r ROUNDS] [-n LINES] [JOB…]" >&2; exit 2; }
    cargo build --release --quiet
    exec unshare -n sh tests/bench/old.sh inside "$@"
fi
shift
old=$(cd "$1" && pwd)
shift
rounds=5
lines=1000000
jobs=
while [ $# -gt 0 ]; do
    case $1 in
    -r) rounds=$2; shift ;;
    -n) lines=$2; shift ;;
    *) jobs="$jobs $1" ;;
    esac
    shift
done
new=$PWD/target/release
PATH=$PATH:/usr/sbin:/sbin
work=$(mktemp -d)
trap "rm -r $work" EXIT
PIPEBAN_STATE=$work/state.db
LC_ALL=C
export LC_ALL PATH PIPEBAN_STATE
cd "$work"

perl -e '
    srand 7;
    my @users = qw(root admin oracle ubuntu deploy);
    my $lines = shift;
    open my $auth, ">", "auth.log"; open my $docker, ">", "docker.log";
    open my $records, ">", "records"; open my $timed, ">", "timed";
    for my $i (0 .. $lines - 1) {
        my $second = int($i * 86000 / $lines);
        my $clock = sprintf "%02d:%02d:%02d", $second / 3600, $second / 60 % 60, $second % 60;
        my $ip = join ".", 198, 18 + int rand 2, int rand 256, int rand 256;
        my $port = 1024 + int rand 64000;
        my $user = $users[rand 5];
        my $kind = rand 100;
        my $pid = 1000 + int rand 60000;
        my $line = "Mar 30 $clock host " . (
              $kind < 30 ? "sshd[$pid]: Failed password for invalid user $user from $ip port $port ssh2"
            : $kind < 45 ? "sshd[$pid]: Invalid user $user from $ip port $port"
            : $kind < 60 ? "sshd[$pid]: Connection closed by invalid user $user $ip port $port [preauth]"
            : $kind < 75 ? "sshd[$pid]: pam_unix(sshd:session): session closed for user $user"
            : $kind < 85 ? "dovecot: imap-login: Disconnected (auth failed, 1 attempts in 2 secs): user=<$user>, method=PLAIN, rip=$ip, lip=192.0.2.1"
            : "CRON[$pid]: pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)");
        print $auth "$line\n";
        print $docker "{\"log\":\"$line\\n\",\"stream\":\"stdout\",\"time\":\"2026-03-30T${clock}.123456789Z\"}\n";
        print $records "$ip\n";
        print $timed "$ip\tat=2026-03-30T${clock}Z\n";
    }
    open my $many, ">", "many";
    # Addresses all over, each once: a step that has no factor in common with the range.
    for (1 .. 100_000) {
        my $n = 0x0b000000 + $_ * 2654435 % 1610612741;
        print $many join(".", unpack "C4", pack "N", $n), "\n";
    }' "$lines"

cat >table <<'TABLE'
extract-plain	:	extract-ip auth.log
extract-field	:	extract-ip --field 11 auth.log
extract-regex	:	extract-ip --regex 'Failed password .* from <IP> port' auth.log
extract-time	:	extract-ip --time auth.log
extract-preset	:	extract-ip --preset sshd auth.log
extract-preset-time	:	extract-ip --preset sshd --time auth.log
extract-preset-all	:	extract-ip --preset all auth.log
extract-not	:	extract-ip --not 198.18.0.0/16 --global auth.log
count-totals	:	count-ip records
count-window	:	count-ip --threshold 5 --within 10m records
count-window-at	:	count-ip --threshold 5 --within 10m timed
count-state	rm -f state.db*	head -20000 records | count-ip --threshold 5 --within 10m --state
follow	rm -f state.db*	follow-log --once --from start auth.log
ban-bulk	nft flush ruleset; rm -f state.db*	ban-ip --for 1h <many
ban-known	nft flush ruleset; rm -f state.db*; ban-ip --for 1h <many	ban-ip --for 1h <many
ban-longer	nft flush ruleset; rm -f state.db*; ban-ip --for 1h <many	ban-ip --for 2h <many
ban-list	nft flush ruleset; rm -f state.db*; ban-ip --for 1h <many	ban-ip --list
ban-sync	nft flush ruleset; rm -f state.db*; ban-ip --for 1h <many; nft flush ruleset	ban-ip --sync
ban-lift	nft flush ruleset; rm -f state.db*; ban-ip --for 1h <many	unban-at now <many
TABLE

# In turns, so that a busy machine is busy for both.
python3 - "$old" "$new" "$rounds" $jobs <<'DRIVER'
import os, resource, statistics, subprocess, sys, time

old, new, rounds, *wanted = sys.argv[1:]
rounds = int(rounds)
base = os.environ["PATH"]


def is_wanted(name):
    return not wanted or any(job in name for job in wanted)


def environment(which, job):
    tools = (old, new)[which]
    return dict(os.environ, PATH=f"{tools}:{base}", PIPEBAN_STATE=f"{job}{which}.db")


def cpu():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def tell(name, figures, unit):
    before, today = figures
    print(f"{name:22} {before:8.3f} {today:8.3f} {unit}  {today / before:.2f}", flush=True)


print(f"{'job':22} {'old':>8} {'today':>8}     today/old")
for row in open("table"):
    name, prepare, command = row.rstrip("\n").split("\t")
    if not is_wanted(name):
        continue
    seconds = [[], []]
    for _ in range(rounds):
        for which in (0, 1):
            env = environment(which, "table")
            steps = prepare.replace("state.db", f"table{which}.db")
            subprocess.run(["sh", "-c", f"{{ {steps}; }} >out 2>&1"], env=env)
            begin = cpu()
            subprocess.run(["taskset", "-c", "0", "sh", "-c", f"{{ {command}; }} >out 2>errors"], env=env)
            seconds[which].append(cpu() - begin)
    tell(name, map(min, seconds), "s ")

event = 0
if is_wanted("chain"):
    times = [[], []]
    chain = "extract-ip --field 14 | count-ip --threshold 1 --state | ban-ip | unban-at now+1hour"
    for _ in range(40 * rounds):
        for which in (0, 1):
            event += 1
            line = (
                "Mar 30 02:16:17 trippyboy dovecot-auth: pam_unix(dovecot:auth): authentication failure;"
                f" logname= uid=0 euid=0 tty=dovecot ruser= rhost=::ffff:198.18.{event // 250}.{event % 250}\n"
            )
            begin = time.perf_counter()
            subprocess.run(
                ["sh", "-c", chain], input=line.encode(), env=environment(which, "chain"),
                stdout=subprocess.DEVNULL,
            )
            times[which].append(1000 * (time.perf_counter() - begin))
    tell("chain", map(statistics.median, times), "ms")

if is_wanted("live"):
    times = [[], []]
    for _ in range(rounds):
        for which in (0, 1):
            ban = subprocess.Popen(
                ["ban-ip", "--for", "1h"], env=environment(which, "live"),
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0,
            )
            for _ in range(500):
                event += 1
                begin = time.perf_counter()
                ban.stdin.write(f"198.19.{event // 250 % 250}.{event % 250}\n".encode())
                ban.stdout.readline()
                times[which].append(1000 * (time.perf_counter() - begin))
            ban.stdin.close()
            ban.wait()
    tell("live", map(statistics.median, times), "ms")
DRIVER
