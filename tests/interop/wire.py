"""A client that says exactly what it is told: for the recorded manners of programs that cannot run here."""

from __future__ import annotations

import re
import socket
import ssl
from dataclasses import dataclass

from tests.live import LiveServer

_LITERAL = re.compile(rb"\{(\d+)\}\r\n$")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came between a command and its end, and the end."""

    untagged: list[bytes]
    tagged: bytes

    def find(self, pattern: bytes) -> re.Match[bytes]:
        """The one untagged response that matches."""
        found = [match for each in self.untagged if (match := re.search(pattern, each, re.DOTALL))]
        if len(found) != 1:
            raise AssertionError(f"{len(found)} responses match {pattern!r} in {self.untagged}")
        return found[0]

    def all(self, pattern: bytes) -> list[re.Match[bytes]]:
        return [match for each in self.untagged if (match := re.search(pattern, each, re.DOTALL))]


class Wire:
    """One IMAP connection, under TLS with the certificate verified."""

    def __init__(self, server: LiveServer, *, starttls: bool = False, source: str = "127.0.0.1") -> None:
        self._context = ssl.create_default_context(cafile=str(server.ca_file))
        port = server.ports["imap" if starttls else "imaps"]
        self._line: socket.socket = socket.create_connection(("127.0.0.1", port), 20, (source, 0))
        if not starttls:
            self._line = self._context.wrap_socket(self._line, server_hostname="localhost")
        self._stream = self._line.makefile("rb")
        self._number = 0
        self.greeting = self.read_response()
        if starttls:
            self.command("STARTTLS")
            self._stream.close()
            self._line = self._context.wrap_socket(self._line, server_hostname="localhost")
            self._stream = self._line.makefile("rb")

    def close(self) -> None:
        self._stream.close()
        self._line.close()

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read_response(self) -> bytes:
        """One response, its literals included, without the last line end."""
        octets = self._read_line()
        while literal := _LITERAL.search(octets):
            octets += self._stream.read(int(literal[1])) + self._read_line()
        return octets.removesuffix(b"\r\n")

    def _read_line(self) -> bytes:
        line = self._stream.readline()
        if not line.endswith(b"\r\n"):
            raise AssertionError(f"the connection ended after {line!r}")
        return line

    def tag(self) -> bytes:
        self._number += 1
        return b"%d" % self._number

    def send(self, octets: bytes) -> None:
        self._line.sendall(octets)

    def command(self, *parts: str | bytes, end: str | None = "OK") -> Answer:
        """Parts between which the server is waited for with literals: ``"APPEND Sent {5}", b"Hello"``.

        ``end`` is how it must end; None takes any end.
        """
        tag = self.tag()
        pieces = [part.encode() if isinstance(part, str) else part for part in parts]
        self.send(tag + b" " + pieces[0] + (b"\r\n" if len(pieces) > 1 else b""))
        for number, piece in enumerate(pieces[1:], 1):
            ready = self.read_response()
            if not ready.startswith(b"+"):
                raise AssertionError(f"no invitation for a literal, but {ready!r}")
            self.send(piece if number == len(pieces) - 1 else piece + b"\r\n")
        self.send(b"\r\n")
        return self.until(tag, end)

    def until(self, tag: bytes, end: str | None = "OK") -> Answer:
        untagged = []
        while True:
            response = self.read_response()
            if response.startswith(tag + b" "):
                word = response.split(b" ")[1].decode()
                if end is not None and word != end:
                    raise AssertionError(f"{response!r} is not {end}; before it: {untagged}")
                return Answer(untagged, response)
            untagged.append(response)

    def log_in(self, address: str, password: str) -> Answer:
        return self.command(f'LOGIN "{address}" "{password}"')

    def idle(self) -> bytes:
        """Begin IDLE; the tag to end it with."""
        tag = self.tag()
        self.send(tag + b" IDLE\r\n")
        ready = self.read_response()
        if not ready.startswith(b"+"):
            raise AssertionError(f"no idling, but {ready!r}")
        return tag

    def hear(self, pattern: bytes) -> re.Match[bytes]:
        """Wait for an untagged response that matches."""
        while True:
            if match := re.search(pattern, self.read_response(), re.DOTALL):
                return match

    def done(self, tag: bytes) -> Answer:
        self.send(b"DONE\r\n")
        return self.until(tag)
