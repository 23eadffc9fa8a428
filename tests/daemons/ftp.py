"""The tries that every FTP server gets."""

import re
import time

import hostile
from lab import connect, reset, talk


def login(address, user, password="wrong", port=21, **more):
    talk(address, port, b"USER " + raw(user), b"PASS " + raw(password), "QUIT", **more)


def raw(text):
    """A line cannot hold CR LF; a lone one of them it can."""
    text = text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
    return text.replace(b"\r\n", b"\r")


def tries(lab, tls=None, count=1, empty="-"):
    """Failures; the users alice (password `right`) and locked are there."""
    for v in (4, 6):
        login(lab.fail("wrong password", count, v), "alice")
        login(lab.fail("unknown user", count, v), "nobody-here")
        login(lab.ok("right password", v=v), "alice", "right")
    login(lab.fail("locked account", count), "locked", "right")
    login(lab.fail("root", count), "root")
    login(lab.fail("anonymous", count), "anonymous", "a@example.net")
    login(lab.client("fail", empty, "an empty password", 4), "alice", "")
    login(lab.client("fail", empty, "an empty user", 4), "", "x")
    once = ["USER alice", "PASS wrong"]
    talk(lab.fail("three wrong passwords", 3 if isinstance(count, int) else count), 21, *once * 3, "QUIT")
    talk(lab.fail("wrong, then right password", count), 21, *once, "USER alice", "PASS right", "QUIT")
    if tls:
        talk(lab.fail("wrong password, TLS", count), 990, *once, "QUIT", tls=tls)
    talk(lab.other("twenty wrong passwords"), 21, *once * 20, "QUIT")
    talk(lab.other("closed after USER"), 21, "USER alice")
    talk(lab.other("PASS alone"), 21, "PASS x", "QUIT")
    talk(lab.other("commands without a login"), 21, "LIST", "RETR x", "STOR x", "CWD /", "QUIT")
    talk(lab.other("unknown commands"), 21, *["garbage"] * 20, "QUIT")
    talk(lab.other("HTTP"), 21, "GET / HTTP/1.1", "Host: x", "")
    talk(lab.other("TLS"), 21, b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" * 9)
    talk(lab.other("AUTH TLS, then garbage"), 21, "AUTH TLS", "garbage" * 20)
    talk(lab.other("connected and gone"), 21)
    reset(connect(lab.other("connected, reset"), 21))
    address = lab.fail("wrong password, reset at once", count)
    stream = connect(address, 21)
    stream.sendall(b"USER alice\r\nPASS wrong\r\n")
    time.sleep(0.3)
    reset(stream)


def attacks(lab, preset, count=1, size=(200, 500, 1000, 4000), ptr=True):
    """Attacks by the user's name, the password, a command and the name of the address."""
    for text in hostile.all_of(preset):
        login(lab.attack(f"user {text}", count), text)
    for text in hostile.few(preset):
        login(lab.attack(f"password {text}", count), "alice", text)
        talk(lab.attack(f"command {text}", "-"), 21, raw(text), raw("SITE " + text), raw("CWD " + text),
             "QUIT")
        login(lab.attack(f"anonymous with {text}", count), "anonymous", text)
        talk(lab.attack(f"HOST {text}", count), 21, raw("HOST " + text), raw("CLNT " + text),
             "USER alice", "PASS wrong", "QUIT")
    for length in size:
        text = hostile.long(preset, length)
        login(lab.attack(f"user {text}", "-"), text)
        text = hostile.cut(f" from {hostile.VICTIM}", length)
        login(lab.attack(f"user {text}", "-"), text)
    if not ptr:
        return
    for name in (b"198.51.100.66", [b"198.51.100.66"], b"198.51.100.66.example.net",
                 [b"x [198.51.100.66]"], [b"x\n198.51.100.66"], b"client.example.net",
                 b"198-51-100-66.example.net"):
        for forward in (True, False):
            address = lab.attack(f"PTR {name}, {'with' if forward else 'without'} an address", count)
            lab.names.name(address, name, forward)
            login(address, "alice")
