"""The texts that a hostile client writes where it may choose the text.

They are made of the presets' own examples, so that they grow with the presets: whole lines of
each service, what follows the client's text in them, and the exceptions (`but`), all of them with
the victim's address.
"""

import glob
import ipaddress
import os
import re

VICTIM = "198.51.100.66"
FOLDER = "/presets"
ADDRESS = re.compile(r"(?<![\w.:])[0-9a-fA-F.:]*[.:][0-9a-fA-F.:]*[0-9a-fA-F](?!\w)")
HEAD = re.compile(r"^(?:\w{3} [ \d]\d [\d:]{8}|\d{4}-\d\d-\d\dT\S+) \S+ [^:]*: ")
BREAKS = ["\n", "\r\n", "\r", "%0A", "%0D%0A", "\\n", "#012", "\0", "\v", "\f", "\u0085", "\u2028"]


def presets():
    return sorted(os.path.basename(path)[:-4] for path in glob.glob(f"{FOLDER}/*.txt"))


def text_of(preset):
    """The lines of a preset's file; none where there is no such preset yet."""
    try:
        with open(f"{FOLDER}/{preset}.txt", encoding="utf-8") as file:
            return file.read().splitlines()
    except FileNotFoundError:
        return []


def rows(preset, sign):
    return [row[len(sign) + 1 :] for row in text_of(preset) if row.startswith(sign + " ")]


def forged(line):
    """A line with the victim's address and without marks."""

    def address(match):
        try:
            ipaddress.ip_address(match.group())
        except ValueError:
            host, colon, port = match.group().rpartition(":")
            return f"{VICTIM}:{port}" if colon and host.count(".") == 3 else match.group()
        return VICTIM

    return ADDRESS.sub(address, re.sub("[«»‹›⟨⟩⟪⟫]", "", line))


def lines(preset):
    """The first line that each rule of the preset finds, or a line of PAM's."""
    found, wanted = [], False
    for row in text_of(preset):
        if row.startswith(("rule ", "later ")):
            wanted = True
        elif wanted and row.startswith("+ "):
            found.append(row.split(" ", 2)[2])
            wanted = False
    return found or lines("pam-generic")


def tails(preset):
    """What follows the client's own text in the lines of the preset."""
    found = [
        forged(re.split("[»›⟩⟫]", row)[-1]) for row in rows(preset, "+") if re.search("[»›⟩⟫]", row)
    ]
    return list(dict.fromkeys(text for text in found if text)) or [f" from {VICTIM}"]


def sample(pattern):
    """The shortest text that a pattern matches."""

    def of(tree):
        text = ""
        for op, value in tree:
            name = str(op)
            if name == "LITERAL":
                text += chr(value)
            elif name == "IN":
                kind, first = value[0]
                text += {"LITERAL": lambda: chr(first), "RANGE": lambda: chr(first[0])}.get(
                    str(kind), lambda: "x"
                )()
            elif name in ("MAX_REPEAT", "MIN_REPEAT"):
                text += of(value[2]) * value[0]
            elif name == "SUBPATTERN":
                text += of(value[3])
            elif name == "BRANCH":
                text += of(value[1][0])
            elif name == "ANY":
                text += "x"
        return text

    return of(re._parser.parse(re.sub(r"<\w[^>]*>", VICTIM, pattern)))


def few(preset, *own):
    """The main kinds, for a place that is like another one. `own` are lines of a service that has
    no preset yet."""
    line = forged([*own, *lines(preset)][0])
    return list(
        dict.fromkeys(
            [
                VICTIM,
                f'a\' "b" [c] (d) <e> {{f}} `g` \\ {VICTIM}',
                f"[{VICTIM}]",
                f"x{tails(preset)[0]}",
                f"x\n{line}",
                f"x\n{line}\n",
                f"x\r\n{line}",
                f"x%0A{line}",
                f"x\u2028{line}",
                f"x\0\n{line}",
            ]
        )
    )


def all_of(preset, *own):
    """Every kind: for the place where it matters most."""
    texts = few(preset, *own) + [sample(row) for row in rows(preset, "but")]
    texts += ["x" + tail for tail in tails(preset)]
    for line in [*own, *lines(preset), *rows(preset, ">")]:
        texts += [HEAD.sub("", forged(line)), f"x\n{forged(line)}\n"]
    texts += [f"x{end}{forged([*own, *lines(preset)][0])}" for end in BREAKS]
    others = [forged(lines(other)[0]) for other in presets() if other != preset]
    texts += ["x\n" + "\n".join(others[at : at + 6]) + "\n" for at in range(0, len(others), 6)]
    return list(dict.fromkeys(texts))


def long(preset, size):
    """A text of a size that says the victim at each place: a cut leaves a tail of it."""
    tail = tails(preset)[0]
    return (tail * (size // len(tail) + 1))[:size]


def cut(tail, size):
    """A text that ends with a tail at a size, and goes on: for a writer that cuts there."""
    return "x" * (size - len(tail)) + tail + "y" * 64
