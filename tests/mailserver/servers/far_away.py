"""Other people's servers, for the relay to send to: an SMTP server that answers as told, and a name server."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

EHLO = "250-far.example\r\n250-PIPELINING\r\n250-SIZE 500000\r\n250-8BITMIME\r\n250 SMTPUTF8"


@dataclass
class Received:
    """One message that the far server took."""

    sender: str
    recipients: list[str]
    octets: bytes
    secured: bool
    lines: list[str] = field(default_factory=list)


class FarServer:
    """Answers by line, by verb, or as usual; ``"EOF"`` hangs up.  ``messages`` are those it said 250 to."""

    def __init__(
        self, answers: Mapping[str, str] | None = None, *, context: ssl.SSLContext | None = None, port: int = 0
    ) -> None:
        self.answers = dict(answers or {})
        self.context = context
        self.messages: list[Received] = []
        self.lines: list[str] = []
        self.connections = 0
        self.open = 0
        self.most_open = 0
        self.pause = threading.Event()
        self.pause.set()
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port = self._listener.getsockname()[1]
        self._threads: list[threading.Thread] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.pause.set()
        if self._listener.fileno() < 0:
            return
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)
        for connection in list(self._connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self.connections += 1
                self.open += 1
                self.most_open = max(self.most_open, self.open)
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(30)
        self._connections.add(connection)
        with contextlib.ExitStack() as stack:
            stack.callback(connection.close)
            with contextlib.suppress(OSError, EOFError):
                self._talk(connection, stack)
        self._connections.discard(connection)
        with self._lock:
            self.open -= 1

    def _talk(self, connection: socket.socket, stack: contextlib.ExitStack) -> None:
        stream = stack.enter_context(connection.makefile("rb"))
        secured = False
        sender: str | None = None
        recipients: list[str] = []
        lines: list[str] = []

        def say(text: str) -> None:
            self.pause.wait(30)
            if text == "EOF":
                raise EOFError
            connection.sendall(text.encode() + b"\r\n")

        say(self.answers.get("greeting", "220 far.example ESMTP"))
        while line := stream.readline():
            text = line.rstrip(b"\r\n").decode()
            verb = text.split(" ")[0].split(":")[0].upper()
            with self._lock:
                self.lines.append(text)
            lines.append(text)
            usual = {"EHLO": EHLO, "DATA": "354 go on", "QUIT": "221 bye", "HELO": "250 far.example"}.get(
                verb, "250 2.0.0 ok"
            )
            if verb == "EHLO" and self.context and not secured:
                usual = usual.replace("250 SMTPUTF8", "250-SMTPUTF8\r\n250 STARTTLS")
            answer = self.answers.get(text) or self.answers.get(verb) or usual
            if verb == "STARTTLS" and verb not in self.answers:
                say("220 go")
                if self.context is None:
                    raise EOFError
                connection = stack.enter_context(self.context.wrap_socket(connection, server_side=True))
                self._connections.add(connection)
                stream = stack.enter_context(connection.makefile("rb"))
                secured = True
                continue
            if verb == "MAIL":
                sender = None
            if verb == "RCPT" and sender is None:
                answer = "503 5.5.1 mail first"
            if verb == "DATA" and not recipients and answer.startswith("354"):
                answer = "503 5.5.1 no recipients"
            say(answer)
            if verb == "MAIL" and answer.startswith("2"):
                sender, recipients = text, []
            elif verb == "RCPT" and answer.startswith("2"):
                recipients.append(text.split("<")[1].split(">")[0])
            elif verb == "DATA" and answer.startswith("354"):
                octets = b""
                while (data := stream.readline()) != b".\r\n":
                    if not data:
                        return
                    octets += data[1:] if data.startswith(b".") else data
                final = self.answers.get(".", "250 2.0.0 taken")
                if final.startswith("2"):
                    with self._lock:
                        self.messages.append(Received(sender or "", recipients, octets, secured, lines))
                    lines = []
                say(final)
            elif verb == "QUIT":
                return


class NameServer:
    """Records by (name, type): lists of texts, ``"NXDOMAIN"``, ``"SERVFAIL"``; what is not there is no data.

    It calls answers about ``secure`` names and those below them validated.
    """

    def __init__(self, records: Mapping[tuple[str, str], list[str] | str], *, secure: Sequence[str] = ()) -> None:
        self.records = dict(records)
        self.secure = tuple(secure)
        self.questions: list[tuple[str, str]] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
            end.sendto(b"", self._socket.getsockname())
        self._thread.join(10)
        self._socket.close()

    def _serve(self) -> None:
        while True:
            octets, peer = self._socket.recvfrom(4096)
            if not octets:
                return
            query = dns.message.from_wire(octets)
            question = query.question[0]
            name = question.name.to_text(omit_final_dot=True).lower()
            kind = dns.rdatatype.to_text(question.rdtype)
            self.questions.append((name, kind))
            response = dns.message.make_response(query)
            response.flags |= dns.flags.RA
            if any(name == each or name.endswith(f".{each}") for each in self.secure):
                response.flags |= dns.flags.AD
            found = self.records.get((name, kind), [])
            if isinstance(found, str):
                response.set_rcode(dns.rcode.from_text(found))
            elif found:
                response.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, *found))
            self._socket.sendto(response.to_wire(), peer)
