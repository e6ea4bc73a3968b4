"""An IMAP client that does nothing but wait: what a step costs is the server's cost.

Answers are never parsed: the client looks for the tagged line, whose tag cannot occur in mail, and keeps or counts
the octets before it.  So it moves several hundred MB/s and is not what limits a measurement.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import socket
import time
from collections.abc import Sequence

from tests.benchmarks.refused import RefusedByServer

_TAG = ("Z" + secrets.token_hex(3)).encode()

# (flags, internal date, message)
Appending = tuple[bytes, bytes, bytes]


class BlockingImap:
    def __init__(self, port: int, login: str = "", password: str = "", timeout: float = 300.0) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = bytearray(1 << 20)
        self._view = memoryview(self._buffer)
        self._count = 0
        self._socket.recv(4096)
        self.capabilities = b""
        if login:
            self.command(f'LOGIN "{login}" "{password}"')
            self.capabilities = self.command("CAPABILITY").upper()

    def offers(self, capability: str) -> bool:
        return capability.encode() in self.capabilities.split()

    def command(self, text: str | bytes, *, check: bool = True) -> bytes:
        """The whole answer."""
        return b"".join(self._exchange(text, keep=True, check=check)[1])

    def count(self, text: str | bytes) -> int:
        """How many octets the answer has."""
        return self._exchange(text, keep=False, check=True)[0]

    def timed(self, text: str | bytes) -> float:
        """Milliseconds until the whole answer was there."""
        start = time.perf_counter()
        self.count(text)
        return 1e3 * (time.perf_counter() - start)

    def append(self, mailbox: str, items: Sequence[Appending]) -> None:
        """All in one command (MULTIAPPEND, RFC 3502), or one after the other where it is only one."""
        pieces = [f'APPEND "{mailbox}"'.encode()]
        for flags, date, octets in items:
            pieces.append(b' (%s) "%s" {%d+}\r\n%s' % (flags, date, len(octets), octets))
        self.count(b"".join(pieces))

    def status(self, mailbox: str, item: str = "MESSAGES") -> int:
        found = re.search(item.encode() + rb" (\d+)", self.command(f'STATUS "{mailbox}" ({item})'))
        if found is None:
            raise RefusedByServer(f"no {item} for {mailbox}")
        return int(found[1])

    def close(self) -> None:
        with contextlib.suppress(OSError, EOFError):
            self.command("LOGOUT", check=False)
        self._socket.close()

    def abort(self) -> None:
        self._socket.close()

    def _exchange(self, text: str | bytes, *, keep: bool, check: bool) -> tuple[int, list[bytes]]:
        self._count += 1
        tag = b"%s%d " % (_TAG, self._count)
        self._socket.sendall(tag + (text if isinstance(text, bytes) else text.encode()) + b"\r\n")
        pieces: list[bytes] = []
        total = 0
        tail = b""
        while True:
            received = self._socket.recv_into(self._buffer)
            if not received:
                raise EOFError(f"the server closed the connection: {tail[-200:]!r}")
            total += received
            if keep:
                pieces.append(bytes(self._view[:received]))
            # The tagged line is short and comes last.
            end = tail + bytes(self._view[max(0, received - 2048) : received])
            if end.endswith(b"\r\n"):
                found = end.rfind(tag)
                if found == 0 or (found > 0 and end[found - 1 : found] == b"\n"):
                    line = end[found + len(tag) :]
                    if check and not line.upper().startswith(b"OK"):
                        raise RefusedByServer(line.decode("utf-8", "replace").strip())
                    return total, pieces
            tail = end[-2048:]
