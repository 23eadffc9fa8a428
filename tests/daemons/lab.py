"""A laboratory: one real daemon, clients that each have an address of their own, and what it logs.

A service's script makes a Lab, starts the daemon, tries things by the addresses that `fail`,
`attack`, `ok` and `other` hand out, and calls `keep`. See README.md.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import names

# It never connects: whatever preset prints it was forged.
VICTIM = "198.51.100.66"
SERVER4, SERVER6 = "192.0.2.1", "2001:db8::1"
HERE = os.path.dirname(os.path.abspath(__file__))


def run(*command, **more):
    """Runs a command of the set-up; the laboratory ends where it fails."""
    return subprocess.run(command, check=True, stdout=subprocess.DEVNULL, **more)


def put(path, text, mode=0o644):
    """Writes a file of the root."""
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(text)
    os.chmod(path, mode)


def edit(path, *changes):
    """Replaces text in a configuration file; each piece must be there."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    for old, new in changes:
        if old not in text:
            raise SystemExit(f"{path}: no {old!r}")
        text = text.replace(old, new)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


class Lab:
    """One daemon. `logs` are its files by the name under which they are kept."""

    def __init__(self, package, logs, host="host.example.org"):
        self.package = package
        self.logs = logs
        self.tries = []
        self.children = []
        self.at = 0
        self.version = subprocess.run(
            ["dpkg-query", "-W", "-f", "${Version}", package],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        put("/etc/hosts", f"127.0.0.1 localhost\n{SERVER4} {host} host\n{SERVER6} {host} host\n")
        put("/etc/resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
        put("/etc/mailname", f"{host}\n")
        # Only the pause after a wrong password is left out.
        edit("/etc/pam.d/common-auth", ("pam_unix.so nullok", "pam_unix.so nullok nodelay"))
        self.network()
        self.names = names.Names()
        self.names.hosts[host.encode()] = [SERVER4, SERVER6]
        self.names.start()

    @staticmethod
    def network():
        """All of 10.9/16 and fd00:9::/64 is at the loopback: a client may have any of them."""
        for name in ("ipv4/ip_nonlocal_bind", "ipv6/ip_nonlocal_bind"):
            with open(f"/proc/sys/net/{name}", "w", encoding="ascii") as file:
                file.write("1")
        run("ip", "link", "set", "lo", "up")
        run("ip", "address", "add", f"{SERVER4}/32", "dev", "lo")
        run("ip", "address", "add", f"{SERVER6}/128", "dev", "lo")
        run("ip", "address", "add", "10.9.0.1/16", "dev", "lo")
        run("ip", "-6", "route", "add", "local", "fd00:9::/64", "dev", "lo")

    def syslog(self):
        """Debian's syslog daemon with its own configuration; only the kernel's log is not read."""
        edit("/etc/rsyslog.conf", ('module(load="imklog")', '#module(load="imklog")'))
        self.start("rsyslogd", "-n")
        self.until(lambda: os.path.exists("/dev/log"))

    def start(self, *command, **more):
        """Starts a daemon that stays in the foreground."""
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=more.pop("stdout", subprocess.DEVNULL),
            stderr=more.pop("stderr", subprocess.DEVNULL),
            **more,
        )
        self.children.append(child)
        return child

    def until(self, true, seconds=30):
        """Waits for the daemon; the laboratory ends with its last words where it does not come."""
        end = time.monotonic() + seconds
        while not true():
            if time.monotonic() > end:
                subprocess.run(
                    ["tail", "-n", "20", "/var/log/syslog", *self.logs.values()], check=False
                )
                raise SystemExit("the daemon does not answer")
            time.sleep(0.05)

    def wait(self, *ports):
        """Waits until something listens on these TCP ports; a probe would be in the log."""

        def open_ports():
            found = set()
            for name in ("tcp", "tcp6"):
                with open(f"/proc/net/{name}", encoding="ascii") as file:
                    rows = [row.split() for row in file][1:]
                found |= {int(row[1].split(":")[1], 16) for row in rows if row[3] == "0A"}
            return found

        self.until(lambda: open_ports() >= set(ports))

    def fail(self, words, count=1, v=4):
        """A client that fails `count` times: its address. Where the logs of one service differ, it
        is a dictionary with the count in each log, without those in which the client is not."""
        return self.client("fail", count, words, v)

    def attack(self, words, count=1, v=4):
        """A client that fails `count` times and writes hostile text: its address."""
        return self.client("attack", count, words, v)

    def ok(self, words, count=0, v=4):
        """A client that is let in."""
        return self.client("ok", count, words, v)

    def other(self, words, count="-", v=4):
        """A client that fails at no login: whether it is found is the preset's choice."""
        return self.client("other", count, words, v)

    def client(self, kind, count, words, v):
        self.at += 1
        high, low = divmod(self.at, 250)
        address = f"10.9.{high}.{low + 1}" if v == 4 else f"fd00:9::{high + 1:x}:{low + 1:x}"
        if isinstance(words, bytes):
            words = words.decode("utf-8", "backslashreplace")
        if len(words) > 300:
            words = f"{words[:100]}… ({len(words)}) …{words[-60:]}"
        words = words.encode("unicode_escape").decode()
        self.tries.append((kind, count, address, words))
        return address

    @staticmethod
    def at_once(jobs, **more):
        """Ten clients at a time, where the server pauses after a failure."""
        with ThreadPoolExecutor(10) as pool:
            for done in [pool.submit(*job, **more) for job in jobs]:
                done.result()

    def keep(self):
        """Waits until the logs are quiet, ends the daemons and keeps what they wrote."""

        def size():
            return [os.path.getsize(p) if os.path.exists(p) else 0 for p in self.logs.values()]

        seen, since = size(), time.monotonic()
        while time.monotonic() - since < 2:
            time.sleep(0.1)
            if size() != seen:
                seen, since = size(), time.monotonic()
        for child in reversed(self.children):
            child.send_signal(signal.SIGTERM)
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        version = re.sub(r"^\d+:|-[^-]*$", "", self.version)
        version = re.sub(r"[+~].*|\.?dfsg.*|-\D.*", "", version)
        folder = f"{HERE}/logs"
        for name, path in self.logs.items():
            for old in os.listdir(folder):
                if re.fullmatch(re.escape(name) + r"-[\d.][^-]*\.(log|tries)", old):
                    os.remove(f"{folder}/{old}")
            shutil.copyfile(path, f"{folder}/{name}-{version}.log")
            with open(f"{folder}/{name}-{version}.tries", "w", encoding="ascii") as file:
                file.write(f"# {self.package} {self.version}\n")
                for kind, count, address, words in self.tries:
                    if isinstance(count, dict):
                        count = count.get(name)
                    if count is None:
                        continue
                    file.write(f"{kind}\t{count}\t{address}\t{words}\n")


# The last line of a reply by SMTP, FTP, IMAP, POP3 or ManageSieve.
DONE = re.compile(rb"(?:^|\n)(?:\d{3}[ \r]|\+|-ERR|(?:[\w*]+ )?(?:OK|NO|BAD|BYE)\b)[^\n]*\n$")


def connect(address, port, to=None, seconds=5):
    """A TCP connection from a client's address. An IPv4 client of a server that listens on :: is
    v4-mapped to it."""
    to = to or (SERVER6 if ":" in address else SERVER4)
    return socket.create_connection((to, port), seconds, (address, 0))


def hear(stream, seconds=2, end=None):
    """Reads until a whole reply has come: by default a line that does not say that more follow."""
    end = end or DONE
    stream.settimeout(seconds)
    text = b""
    try:
        while not end.search(text):
            part = stream.recv(65536)
            if not part:
                break
            text += part
    except OSError:
        pass
    return text


def talk(address, port, *lines, to=None, seconds=2, greeting=True, tls=None, eol=b"\r\n"):
    """Says lines, each after the reply to the one before, and returns all that came back."""
    said = b""
    try:
        stream = connect(address, port, to)
        if tls:
            stream = tls.wrap_socket(stream)
        with stream:
            if greeting:
                said += hear(stream, seconds)
            for line in lines:
                if isinstance(line, str):
                    line = line.encode("utf-8", "surrogateescape")
                stream.sendall(line + eol)
                said += hear(stream, seconds)
    except OSError as error:
        said += f"({error})".encode()
    return said


def reset(stream):
    """Ends a connection by RST."""
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    stream.close()
