"""The rest of the internet, as one server on loopback that takes mail for ngoai.example."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from security.tls import server_context
from tests.live import free_ports

DOMAIN = "ngoai.example"


@dataclass(frozen=True, slots=True)
class Taken:
    reverse_path: str
    forward_paths: tuple[str, ...]
    octets: bytes
    under_tls: bool


class Sink:
    """Takes everything, but for recipients whose name says otherwise: ``cham…`` (slow) is put off at the first try,
    ``khong…`` (no) does not exist."""

    def __init__(self, certificate: Path, key: Path) -> None:
        self.taken: list[Taken] = []
        self._put_off: set[str] = set()
        self._changed = threading.Condition()
        self.port = free_ports(1)[0]
        self._controller = Controller(
            self,
            hostname="127.0.0.1",
            port=self.port,
            tls_context=server_context(certificate, key),
            server_hostname=f"mx.{DOMAIN}",
            enable_SMTPUTF8=True,
            ready_timeout=20,
        )

    def start(self) -> None:
        self._controller.start()

    def stop(self) -> None:
        self._controller.stop()

    async def handle_RCPT(  # noqa: N802 - named by aiosmtpd
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if address.startswith("khong"):
            return "550 5.1.1 No such person here"
        if address.startswith("cham") and address not in self._put_off:
            self._put_off.add(address)
            return "451 4.7.1 Greylisted, come back later"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        content: Any = envelope.original_content
        taken = Taken(envelope.mail_from or "", tuple(envelope.rcpt_tos), content, session.ssl is not None)
        with self._changed:
            self.taken.append(taken)
            self._changed.notify_all()
        return "250 2.0.0 Taken"

    def wait_for(self, wanted: Callable[[Taken], bool]) -> Taken:
        """The first message that is wanted, when it has come."""

        def found() -> Taken | None:
            return next((taken for taken in self.taken if wanted(taken)), None)

        with self._changed:
            taken = self._changed.wait_for(found, timeout=30)
        if taken is None:
            raise AssertionError(f"never came; but {[(each.reverse_path, each.forward_paths) for each in self.taken]}")
        return taken

    def wait_for_recipient(self, address: str) -> Taken:
        return self.wait_for(lambda taken: address in taken.forward_paths)
