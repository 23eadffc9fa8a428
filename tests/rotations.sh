#!/bin/sh
# follow-log and `tail -F` side by side, both as user nobody in group adm, through 200 rotations by the real logrotate
# and 50 of a real rsyslog: the lines that each missed, and those that it printed twice. Run by tests/long.sh, as root:
# rotations.sh [ROUNDS]. Needs logrotate, python3, and rsyslogd (unpacked, not installed, where it is not there).
set -eu
cd "$(dirname "$0")/.."
cargo build --quiet --bin follow-log
rounds=${1:-40}
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
chmod 755 "$work"
cp target/debug/follow-log "$work"
if ! command -v rsyslogd >/dev/null; then
    # Debian would start it; so its files alone are taken.
    mkdir "$work/rsyslog"
    (cd "$work/rsyslog" && chmod 777 . && apt-get download -qq rsyslog libestr0 libfastjson4 liblognorm5 && for deb in *.deb; do dpkg -x "$deb" .; done)
    PATH=$PATH:$work/rsyslog/usr/sbin
    LD_LIBRARY_PATH=$(dirname "$(find "$work/rsyslog" -name 'libestr.so.0')")
    RSYSLOG_MODDIR=$(dirname "$(find "$work/rsyslog" -name 'lmnet.so')")
    export PATH LD_LIBRARY_PATH RSYSLOG_MODDIR
fi

python3 - "$work" "$rounds" <<'TRIAL'
import collections, os, shutil, socket, subprocess, sys, time

work, rounds = sys.argv[1], int(sys.argv[2])
ADM = 4
KINDS = {
    "create": "create 0640 root adm",
    "copytruncate": "copytruncate",
    "dateext": "create 0640 root adm\n dateext\n dateformat -%Y%m%d-%s",
    "delaycompress": "create 0640 root adm\n compress\n delaycompress",
    "olddir": f"create 0640 root adm\n olddir {work}/old",
}
os.mkdir(f"{work}/old")
logs = {kind: f"{work}/{kind}.log" for kind in [*KINDS, "rsyslog"]}
for path in logs.values():
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o640))
    os.chown(path, 0, ADM)


def configure(kind, more):
    with open(f"{work}/{kind}.conf", "w") as file:
        file.write(f"{logs[kind]} {{\n size 1\n rotate 400\n {more}\n}}\n")


for kind, more in KINDS.items():
    configure(kind, more)
configure("rsyslog", f"create 0640 root adm\n postrotate\n kill -HUP $(cat {work}/rsyslog.pid)\n endscript")


def rotate(kind):
    subprocess.run(["logrotate", "-s", f"{work}/{kind}.state", f"{work}/{kind}.conf"], check=True)


# Both followers, as somebody who may read the logs and nothing else.
os.mkdir(f"{work}/nobody")
os.chown(f"{work}/nobody", 65534, 65534)
nobody = ["setpriv", "--reuid=65534", "--regid=65534", f"--groups={ADM}"]
commands = {
    "follow-log": [f"{work}/follow-log", "--from", "start", "--state-file", f"{work}/nobody/state.db"],
    "tail -F": ["tail", "-q", "-n", "+1", "-F"],
}
followers, printed = [], {}
for name, command in commands.items():
    printed[name] = f"{work}/{name.replace(' ', '')}.out"
    with open(printed[name], "wb") as out, open(printed[name] + ".err", "wb") as errors:
        env = dict(os.environ, LD_LIBRARY_PATH="")
        followers.append(subprocess.Popen(nobody + command + list(logs.values()), stdout=out, stderr=errors, env=env))

with open(f"{work}/rsyslogd.conf", "w") as file:
    file.write(
        f'module(load="imuxsock" SysSock.Use="off")\ninput(type="imuxsock" Socket="{work}/log.sock")\n'
        f'$FileCreateMode 0640\n$FileOwner root\n$FileGroup adm\n$Umask 0022\n*.* {logs["rsyslog"]}\n'
    )
modules = ["-M", os.environ["RSYSLOG_MODDIR"]] if "RSYSLOG_MODDIR" in os.environ else []
rsyslog = subprocess.Popen(
    ["rsyslogd", "-n", "-f", f"{work}/rsyslogd.conf", "-i", f"{work}/rsyslog.pid", *modules])
while not os.path.exists(f"{work}/log.sock") or not os.path.exists(f"{work}/rsyslog.pid"):
    time.sleep(0.1)
    assert rsyslog.poll() is None, "rsyslogd has ended"
syslog = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
syslog.connect(f"{work}/log.sock")

written = collections.defaultdict(list)
files = {kind: open(logs[kind], "a", buffering=1) for kind in KINDS}


def write(kind, number):
    for _ in range(number):
        word = f"{kind}={len(written[kind])};"
        written[kind].append(word)
        if kind == "rsyslog":
            syslog.send(f"<13>trial: {word}".encode())
        else:
            files[kind].write(word + "\n")


for n in range(rounds):
    for kind in KINDS:
        write(kind, 20)
        rotate(kind)
        if kind != "copytruncate":
            # The writer is told a moment later.
            write(kind, 3)
            files[kind].close()
            files[kind] = open(logs[kind], "a", buffering=1)
        write(kind, 20)
    # dateext has one name for each second.
    time.sleep(1.05)
for n in range(rounds * 5 // 4):
    write("rsyslog", 20)
    time.sleep(0.05)
    rotate("rsyslog")
    write("rsyslog", 20)
    time.sleep(0.1)


def counts(name):
    with open(printed[name], errors="replace") as file:
        words = (word for line in file for word in line.split() if "=" in word and word.endswith(";"))
        return collections.Counter(words)


# A last line may be told late; then nothing more comes.
total = sum(map(len, written.values()))
for _ in range(100):
    if all(sum(counts(name).values()) >= total for name in printed):
        break
    time.sleep(0.2)
for process in [*followers, rsyslog]:
    process.terminate()
    process.wait()

failed = False
print(f"{'':14} {'rotations':>9} {'lines':>6}   follow-log: missed twice   tail -F: missed twice")
for kind in logs:
    row = []
    for name in printed:
        found = counts(name)
        missed = sum(found[word] == 0 for word in written[kind])
        twice = sum(found[word] > 1 for word in written[kind])
        row += [missed, twice]
    number = rounds * 5 // 4 if kind == "rsyslog" else rounds
    print(f"{kind:14} {number:9} {len(written[kind]):6}   {row[0]:18} {row[1]:5}   {row[2]:15} {row[3]:5}")
    failed |= row[0] > 0 or row[1] > 0
with open(printed["follow-log"] + ".err") as errors:
    print(errors.read(), end="")
sys.exit(failed)
TRIAL
