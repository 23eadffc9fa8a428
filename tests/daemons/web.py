"""A client of HTTP/1.1 that says any bytes, and the tries that every web server gets."""

import base64
import re
import socket

import hostile
from lab import connect, hear

END = re.compile(rb"\r\n\r\n")
# What scanners ask for.
SCANS = (
    "/.env",
    "/.git/config",
    "/wp-config.php.bak",
    "/phpmyadmin/index.php",
    "/cgi-bin/luci",
    "/vendor/phpunit/phpunit/src/Util/PHP/eval-stdin.php",
    "/actuator/health",
    "/HNAP1",
    "/manager/html",
    "/boaform/admin/formLogin",
    "/owa/auth/logon.aspx",
    "/server-status",
    "/solr/admin/info/system",
    "/_ignition/execute-solution",
    "/telescope/requests",
    "/.aws/credentials",
    "/wlwmanifest.xml",
    "/shell.php",
    "/cgi-bin/.%2e/.%2e/bin/sh",
)


def raw(text):
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")


def coded(text):
    """Percent-encoding of all but letters, digits and slashes: Apache refuses coded ones."""
    return "".join(
        chr(c) if chr(c).isalnum() and c < 128 or c == 47 else f"%{c:02X}" for c in raw(text)
    )


def basic(user, password="wrong"):
    return {"Authorization": b"Basic " + base64.b64encode(raw(user) + b":" + raw(password))}


def ask(
    address,
    port,
    target="/",
    headers=None,
    method="GET",
    version="HTTP/1.1",
    tls=None,
    name=None,
):
    """One request; the headers are as given, but for a Host. `name` is the server's one in TLS."""
    lines = [raw(method) + b" " + raw(target) + b" " + raw(version)]
    headers = {"Host": "host.example.org", **(headers or {}), "Connection": "close"}
    lines += [raw(name) + b": " + raw(value) for name, value in headers.items()]
    return say(address, port, b"\r\n".join(lines) + b"\r\n\r\n", tls, name)


def say(address, port, request, tls=None, name=None):
    """A request as it is."""
    try:
        with connect(address, port) as stream:
            if tls:
                stream = tls.wrap_socket(stream, server_hostname=name)
            stream.sendall(request)
            said = hear(stream, 2, END)
            stream.shutdown(socket.SHUT_WR)
            return said
    except OSError as error:
        return str(error).encode()


def spoof(text):
    """The headers in which a client may say who it is, and the ones that are logged."""
    return {
        "X-Forwarded-For": text,
        "X-Real-IP": text,
        "Forwarded": f"for={text}",
        "CF-Connecting-IP": text,
        "True-Client-IP": text,
        "X-Client-IP": text,
    }


def one_line(text):
    """A text for a header: a newline ends it, and not each server takes a NUL."""
    return re.sub(r"[\r\n]+", " ", text).replace("\0", "\1")


def plain(text):
    """Apache refuses a request with control characters before it asks for a password."""
    return not re.search(r"[\0-\x1f\x7f]", text)


def attacks(preset, attack, port, secret, *own):
    """Attacks on a web server whose `secret` asks for a password: `attack` gives an address for
    words and, by `login`, the knowledge whether a login fails. `own` as in hostile.few."""
    for text in hostile.all_of(preset, *own):
        line = one_line(text)
        ask(attack(f"path {text}"), port, "/" + coded(text))
        # lighttpd reads at most 1,024 bytes of a name and a password.
        ask(attack(f"user {text}", len(text) < 900), port, secret, basic(text))
        ask(
            attack(f"Referer {line}", plain(line)),
            port,
            secret,
            {**basic("alice"), "Referer": line},
        )
    for text in hostile.few(preset, *own):
        line = one_line(text)
        ask(attack(f"path of a scan {line}", scan=True), port, "/.env" + coded(line))
        ask(
            attack(f"agent {line}", plain(line)),
            port,
            secret,
            {**basic("alice"), "User-Agent": line},
        )
        ask(attack(f"path and query, raw {line}"), port, f"/{line}?{line}")
        ask(attack(f"query {text}", plain(text)), port, f"{secret}?{coded(text)}", basic("alice"))
        ask(
            attack(f"path of the secret {text}", plain(text)),
            port,
            f"{secret}{coded(text)}",
            basic("alice"),
        )
        ask(attack(f"Host {line}"), port, "/missing", {"Host": line})
        ask(attack(f"host of the target {line}"), port, f"http://{line}/missing")
        ask(
            attack(f"who it is {line}", plain(line)),
            port,
            secret,
            {**basic("alice"), **spoof(line)},
        )
        ask(attack(f"method {line}"), port, "/missing", method=line)
        ask(attack(f"version {line}"), port, "/missing", version=line)
        ask(attack(f"header's name {line}"), port, "/missing", {line: "x"})
        ask(
            attack(f"Digest {line}"),
            port,
            secret,
            {
                "Authorization": f'Digest username="{line}", realm="x", nonce="x", uri="/", '
                'response="x"'
            },
        )
        ask(attack(f"Authorization {line}"), port, secret, {"Authorization": line})
        say(attack(f"no request {text}"), port, raw(text) + b"\r\n\r\n")
        say(
            attack(f"PROXY {line}"),
            port,
            b"PROXY TCP4 198.51.100.66 192.0.2.1 1 80\r\nGET /" + raw(line) + b" HTTP/1.0\r\n\r\n",
        )
    for size in (1000, 8000):
        text = hostile.long(preset, size)
        ask(attack(f"path {text}"), port, "/" + coded(text)[:size])
        ask(attack(f"user {text}"), port, secret, basic(text))
        ask(attack(f"agent {text}"), port, "/missing", {"User-Agent": text})
