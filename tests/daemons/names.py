"""A name server on 127.0.0.1 that knows the names that the laboratory gives it."""

import ipaddress
import socket
import struct
import threading

A, PTR, AAAA = 1, 12, 28


def labels(name):
    """The wire form of a name; a name given as a list has its labels as they are."""
    parts = name if isinstance(name, list) else name.split(b".")
    return b"".join(bytes([len(part)]) + part for part in parts if part) + b"\0"


class Names(threading.Thread):
    """`pointers`: the name of an address; `hosts`: the addresses of a name."""

    def __init__(self):
        super().__init__(daemon=True)
        self.pointers = {}
        self.hosts = {}
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 53))

    def name(self, address, name, forward=True):
        """Gives an address a name, and by default the name this address."""
        pointer = ipaddress.ip_address(address).reverse_pointer
        self.pointers[pointer.encode()] = name
        if forward:
            key = b".".join(name) if isinstance(name, list) else name
            self.hosts.setdefault(key.lower(), []).append(address)

    def answers(self, name, kind):
        if kind == PTR and name in self.pointers:
            return [labels(self.pointers[name])]
        family = {A: socket.AF_INET, AAAA: socket.AF_INET6}.get(kind)
        found = self.hosts.get(name, []) if family else []
        return [
            socket.inet_pton(family, a) for a in found if (":" in a) == (family == socket.AF_INET6)
        ]

    def run(self):
        while True:
            query, peer = self.socket.recvfrom(4096)
            at, parts = 12, []
            while query[at]:
                parts.append(query[at + 1 : at + 1 + query[at]])
                at += 1 + query[at]
            question = query[12 : at + 5]
            kind = struct.unpack(">H", query[at + 1 : at + 3])[0]
            name = b".".join(parts).lower()
            known = name in self.pointers or name in self.hosts
            answers = self.answers(name, kind)
            head = struct.pack(
                ">2sHHHHH", query[:2], 0x8580 if known else 0x8583, 1, len(answers), 0, 0
            )
            body = b"".join(
                struct.pack(">HHHIH", 0xC00C, kind, 1, 60, len(data)) + data for data in answers
            )
            self.socket.sendto(head + question + body, peer)
