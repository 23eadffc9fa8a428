"""The tries that every FTP server gets."""

import time

import hostile
from lab import connect, reset, talk


def login(address, user, password="wrong", port=21, **more):
    talk(address, port, b"USER " + raw(user), b"PASS " + raw(password), "QUIT", seconds=10, **more)


def raw(text):
    """A line cannot hold CR LF; a lone one of them it can."""
    text = text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
    return text.replace(b"\r\n", b"\r")


def times(count, number):
    """A count of several failures, in each log."""
    if isinstance(count, dict):
        return {name: times(one, number) for name, one in count.items()}
    if not number:
        return 0
    return count * number if isinstance(count, int) else count


def tries(lab, count=1, empty="-"):
    """Failures; the users alice (password `right`) and locked are there. `count` is the number of
    findings of one failure, `empty` that of a login without a password."""
    none = times(count, 0)
    other = {name: "-" for name in count} if isinstance(count, dict) else "-"
    empty = {name: empty for name in count} if isinstance(count, dict) else empty
    for v in (4, 6):
        login(lab.fail("wrong password", count, v), "alice")
        login(lab.fail("unknown user", count, v), "nobody-here")
        login(lab.ok("right password", none, v), "alice", "right")
    login(lab.fail("locked account", count), "locked", "right")
    login(lab.fail("root", count), "root")
    login(lab.fail("anonymous", count), "anonymous", "a@example.net")
    login(lab.fail("an empty password", empty), "alice", "")
    login(lab.fail("an empty user", empty), "", "x")
    once = ["USER alice", "PASS wrong"]
    talk(lab.fail("three wrong passwords", times(count, 3)), 21, *once * 3, "QUIT", seconds=10)
    talk(
        lab.fail("wrong, then right password", count),
        21,
        *once,
        "USER alice",
        "PASS right",
        "QUIT",
        seconds=10,
    )
    talk(lab.other("twenty wrong passwords", other), 21, *once * 20, "QUIT")
    talk(lab.other("closed after USER", other), 21, "USER alice")
    talk(lab.other("PASS alone", other), 21, "PASS x", "QUIT")
    talk(
        lab.other("commands without a login", other),
        21,
        "LIST",
        "RETR x",
        "STOR x",
        "CWD /",
        "QUIT",
    )
    talk(lab.other("unknown commands", other), 21, *["garbage"] * 20, "QUIT")
    talk(lab.other("HTTP", other), 21, "GET / HTTP/1.1", "Host: x", "")
    talk(lab.other("TLS", other), 21, b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" * 9)
    talk(lab.other("AUTH TLS, then garbage", other), 21, "AUTH TLS", "garbage" * 20)
    talk(lab.other("connected and gone", other), 21)
    reset(connect(lab.other("connected, reset", other), 21))
    address = lab.fail("wrong password, reset at once", count)
    stream = connect(address, 21)
    stream.sendall(b"USER alice\r\nPASS wrong\r\n")
    time.sleep(0.3)
    reset(stream)


def attacks(lab, preset, count=1, longest=500):
    """Attacks by the user's name, the password, a command and the name of the address. A name that
    is longer than `longest` may be no login."""
    other = {name: "-" for name in count} if isinstance(count, dict) else "-"
    jobs = []
    for text in hostile.all_of(preset):
        address = lab.attack(f"user {text}", count if len(text) < longest else other)
        jobs.append((login, address, text))
    for text in hostile.few(preset):
        jobs.append((login, lab.attack(f"password {text}", count), "alice", text))
        jobs.append(
            (
                talk,
                lab.attack(f"command {text}", other),
                21,
                raw(text),
                raw("SITE " + text),
                raw("CWD " + text),
                "QUIT",
            )
        )
        jobs.append((login, lab.attack(f"anonymous with {text}", count), "anonymous", text))
        jobs.append(
            (
                talk,
                lab.attack(f"HOST {text}", count),
                21,
                raw("HOST " + text),
                raw("CLNT " + text),
                "USER alice",
                "PASS wrong",
                "QUIT",
            )
        )
    for length in (200, 500, 1000, 4000):
        for text in (hostile.long(preset, length), hostile.cut(f" from {hostile.VICTIM}", length)):
            jobs.append((login, lab.attack(f"user {text}", other), text))
    for name in (
        b"198.51.100.66",
        [b"198.51.100.66"],
        b"198.51.100.66.example.net",
        [b"x [198.51.100.66]"],
        [b"x\n198.51.100.66"],
        b"client.example.net",
        b"198-51-100-66.example.net",
    ):
        for forward in (True, False):
            address = lab.attack(
                f"PTR {name}, {'with' if forward else 'without'} an address", count
            )
            lab.names.name(address, name, forward)
            jobs.append((login, address, "alice"))
    lab.at_once(jobs)
