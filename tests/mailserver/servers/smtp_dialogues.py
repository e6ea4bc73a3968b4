"""Transcripts of SMTP, in the form of IMAP's (``tests.mailserver.imap.dialogues``).

``service`` names who is called; ``ehlo`` says EHLO, and hears the answer, whatever it is; ``tls`` makes the handshake.
``⟨cr⟩``, ``⟨lf⟩`` and ``⟨nul⟩`` are octets that a line of a file cannot hold.  They are played over a port, and against
a session whose transport is in memory.
"""

from __future__ import annotations

import queue
from pathlib import Path

from mailserver.servers import lmtp, mx, submission
from tests.mailserver.imap.dialogues import Dialogue
from tests.mailserver.mailroom import Talk

FOLDER = Path(__file__).parents[2] / "dialogues" / "smtp"


def names():
    return sorted(path.stem for path in FOLDER.glob("*.txt"))


def is_clear(name):
    """Without a handshake in it."""
    return "\ntls\n" not in (FOLDER / f"{name}.txt").read_text(encoding="utf-8")


class SmtpDialogue(Dialogue):
    def __init__(self, name, connect):
        super().__init__(name, lambda: connect(self.service), FOLDER)
        self.known |= {"cr": "\r", "lf": "\n", "nul": "\0"}
        self.service = ""

    def command(self, line):
        word, _, rest = line.partition(" ")
        if word == "service":
            self.service = rest
        elif word == "tls":
            self.client("").start_tls()
        elif word == "ehlo":
            client = self.client("")
            client.say(b"EHLO client.example\r\n")
            while client.read_line().startswith(b"250-"):
                pass
        else:
            return False
        return True


class OverPort(Talk):
    """A client of a live port."""

    def __init__(self, room, service):
        super().__init__(room, service, greeted=False)

    def say(self, octets):
        self.send(octets)

    def read_line(self):
        while b"\r\n" not in self.buffer:
            octets = self.socket.recv(65536)
            if not octets:
                return None
            self.buffer += octets
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        return line

    def start_tls(self):
        self.socket = self._context().wrap_socket(self.socket, server_hostname="127.0.0.1")

    def close(self):
        self.socket.close()


class InMemory:
    """A client of a session on the room's loop; what it sends arrives in pieces of ``step`` octets."""

    def __init__(self, room, service, step):
        self.room, self.step = room, step
        self.buffer = b""
        self.transport = MemoryTransport(secured=service == "submissions")
        factory = {
            "smtp": lambda: mx.protocol_factory(room.services),
            "lmtp": lambda: lmtp.protocol_factory(room.services),
            "submission": lambda: submission.protocol_factory(room.services, tls=False),
            "submissions": lambda: submission.protocol_factory(room.services, tls=True),
        }[service]()
        self.protocol = room.call(factory)
        self.transport.protocol = self.protocol
        room.call(self.protocol.connection_made, self.transport)

    def say(self, octets):
        for at in range(0, len(octets), self.step):
            self.room.call(self.protocol.data_received, octets[at : at + self.step])

    def read_line(self):
        while b"\r\n" not in self.buffer:
            octets = self.transport.written.get(timeout=20)
            if octets is None:
                return None
            self.buffer += octets
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        return line

    def close(self):
        self.room.call(self.transport.abort)


class MemoryTransport:
    def __init__(self, secured):
        self.written = queue.Queue()
        self.secured = secured
        self.closing = False
        self.protocol = None

    def get_extra_info(self, name, default=None):
        return {"peername": ("127.0.0.1", 5), "sslcontext": self.secured or None}.get(name, default)

    def write(self, octets):
        self.written.put(bytes(octets))

    def is_closing(self):
        return self.closing

    def get_write_buffer_size(self):
        return 0

    def close(self):
        if not self.closing:
            self.closing = True
            self.written.put(None)
            self.protocol.loop.call_soon(self.protocol.connection_lost, None)

    abort = close

    def pause_reading(self):
        pass

    def resume_reading(self):
        pass
