"""Transcripts with holes: ``C:`` lines are sent, ``S:`` lines must come, in this order and no others.

- ``C2:``/``S2:`` is a second connection, ``C3:`` a third.
- ``…`` in an ``S`` line stands for anything; ``⟨name⟩`` for a word that is remembered, and must be the same at its
  next place, also in ``C`` lines; ``KNOWN`` is known from the start.
- ``C~`` is a line without its CRLF; ``#`` begins a comment line.
- ``wake`` (or ``wake2``) lets an idling client hear what is new.
"""

from __future__ import annotations

import re
from base64 import b64encode
from pathlib import Path

from tests.mailserver.imap.talk import LOGIN
from tests.mailserver.mailroom import CHIS_PASSWORD, PASSWORD

FOLDER = Path(__file__).parents[2] / "dialogues" / "imap"
_LINE = re.compile(r"(?P<who>[CS])(?P<number>[1-9]?)(?P<mark>[:~]) ?(?P<text>.*)", re.DOTALL)
_HOLE = re.compile(r"⟨(\w+)⟩|…")


KNOWN = {
    "login": LOGIN,
    "password": PASSWORD,
    "plain64": b64encode(f"\0{LOGIN}\0{PASSWORD}".encode()).decode(),
    "login64": b64encode(LOGIN.encode()).decode(),
    "password64": b64encode(PASSWORD.encode()).decode(),
    "chis_password": CHIS_PASSWORD,
    "chis_size": str(len(CHIS_PASSWORD.encode())),
}


def names():
    return sorted(path.stem for path in FOLDER.glob("*.txt"))


class Dialogue:
    def __init__(self, name, connect, folder=FOLDER):
        self.lines = (folder / f"{name}.txt").read_text(encoding="utf-8").split("\n")
        self.connect = connect
        self.clients = {}
        self.known = dict(KNOWN)

    def client(self, number):
        if number not in self.clients:
            self.clients[number] = self.connect()
        return self.clients[number]

    def play(self):
        for place, line in enumerate(self.lines, 1):
            if not line or line.startswith("#"):
                continue
            where = f"line {place}: {line}"
            if self.command(line):
                continue
            match = _LINE.fullmatch(line)
            assert match, where
            client = self.client(match["number"])
            if match["who"] == "C":
                text = _HOLE.sub(lambda hole: self.known[hole[1]], match["text"])
                client.say(text.encode() + (b"" if match["mark"] == "~" else b"\r\n"))
            else:
                self.expect(client, match["text"], where)
        for client in self.clients.values():
            assert client.buffer == b"", f"unexpected: {client.buffer!r}"
            client.close()

    def command(self, line):
        """Whether the line is no part of the transcript, but tells the players what to do."""
        if line.startswith("wake"):
            self.client(line[4:]).poll()
            return True
        return False

    def expect(self, client, text, where):
        octets = client.read_line()
        assert octets is not None, f"{where}\nnothing came"
        came = octets.decode("utf-8", "surrogateescape")
        pattern, position, new = "", 0, []
        for hole in _HOLE.finditer(text):
            pattern += re.escape(text[position : hole.start()])
            name = hole[1]
            if name is None:
                pattern += ".*?"
            elif name in self.known:
                pattern += re.escape(self.known[name])
            elif name in new:
                pattern += f"(?P={name})"
            else:
                pattern += f"(?P<{name}>[A-Za-z0-9_-]+)"
                new.append(name)
            position = hole.end()
        pattern += re.escape(text[position:])
        match = re.fullmatch(pattern, came)
        assert match, f"{where}\ncame: {came}"
        self.known.update(match.groupdict())
