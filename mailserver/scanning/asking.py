"""Asks the scanners that the configuration names, one after the other, and says the worst that any of them thinks.

It blocks, so the shells run it on threads.  A scanner that is down is not waited for by every message: for some seconds
after it failed to answer the door it is not tried.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mailserver.config import Scanners
from mailserver.scanning import clamd, milter, rspamd
from mailserver.scanning.opinion import Action, Conversation, Letter, Opinion, ScannerFailed

log = logging.getLogger("citymail.scanning")

_CONNECT_SECONDS = 5.0
_NOT_TRIED_SECONDS = 10.0
_READ = 64 * 1024


@dataclass(frozen=True, slots=True)
class _Scanner:
    name: str
    address: str
    scan: Callable[[Letter], Conversation]
    takes_files: bool = False  # and not messages alone


class Panel:
    """All scanners of the installation.  ``monotonic`` gives seconds; ``our_name`` is what milters are told."""

    def __init__(self, settings: Scanners, *, our_name: str, monotonic: Callable[[], float]) -> None:
        self._settings: Scanners = settings
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._down_until: dict[str, float] = {}
        on_virus = {"refuse": Action.REFUSE, "quarantine": Action.QUARANTINE}[settings.on_virus]
        self._scanners: list[_Scanner] = []
        if settings.clamav:
            self._scanners.append(
                _Scanner(clamd.NAME, settings.clamav, lambda letter: clamd.scan(letter, on_virus=on_virus), True)
            )
        if settings.rspamd:
            host = "localhost" if settings.rspamd.startswith("/") else settings.rspamd
            self._scanners.append(_Scanner(rspamd.NAME, settings.rspamd, lambda letter: rspamd.scan(letter, host=host)))
        for address in settings.milters:
            self._scanners.append(_milter(address, our_name))

    def __bool__(self) -> bool:
        return bool(self._scanners)

    def now(self) -> float:
        """For ``since`` of ``ask``."""
        return self._monotonic()

    def ask(self, letter: Letter, *, since: float | None = None) -> tuple[Opinion, ...]:
        """What each thinks; those behind one that refuses are not asked.  Whoever fails counts as configured.

        ``since``: when the message's turn could have come.  One that has waited longer than a scanner may take is not
        shown to any: its sender would be gone before it is done, and come again.
        """
        return self._ask(self._scanners, letter, since)

    def ask_about_file(self, letter: Letter) -> tuple[Opinion, ...]:
        """The same of those that take files which are no messages."""
        return self._ask([each for each in self._scanners if each.takes_files], letter, None)

    def _ask(self, scanners: Sequence[_Scanner], letter: Letter, since: float | None) -> tuple[Opinion, ...]:
        if scanners and letter.size > self._settings.max_size:
            log.warning("reference=%s is too large to be scanned: %d octets", letter.reference, letter.size)
            return (Opinion("scanners", Action.CLEAN, f"{letter.size} octets are too many for them", is_blind=True),)
        is_late = since is not None and self._monotonic() - since > self._settings.seconds
        opinions = []
        for scanner in scanners:
            opinion = self._ask_one(scanner, letter) if not is_late else self._failed(scanner, letter, "too much waits")
            opinions.append(opinion)
            if opinion.action is Action.REFUSE:
                break
        return tuple(opinions)

    def _ask_one(self, scanner: _Scanner, letter: Letter) -> Opinion:
        try:
            return self._converse(scanner, letter)
        except (ScannerFailed, OSError) as fault:
            return self._failed(scanner, letter, str(fault))

    def _failed(self, scanner: _Scanner, letter: Letter, fault: str) -> Opinion:
        log.warning("reference=%s %s failed: %s", letter.reference, scanner.name, fault)
        failed = Action.DEFER if self._settings.if_it_fails == "defer" else Action.CLEAN
        return Opinion(scanner.name, failed, f"failed: {fault}", is_blind=True)

    def _converse(self, scanner: _Scanner, letter: Letter) -> Opinion:
        with self._lock:
            down_until = self._down_until.get(scanner.address, 0.0)
        if self._monotonic() < down_until:
            raise ScannerFailed("it was down a moment ago")
        try:
            connection = connect(scanner.address, _CONNECT_SECONDS)
        except OSError:
            with self._lock:
                self._down_until[scanner.address] = self._monotonic() + _NOT_TRIED_SECONDS
            raise
        with connection:
            until = self._monotonic() + self._settings.seconds
            return hold(scanner.scan(letter), connection, lambda: until - self._monotonic())


def _milter(address: str, our_name: str) -> _Scanner:
    name = f"milter {address}"
    return _Scanner(name, address, lambda letter: milter.scan(letter, name=address, our_name=our_name))


def gravest(opinions: Sequence[Opinion]) -> Opinion | None:
    """The one that decides; the first of equals."""
    return max(opinions, key=lambda opinion: opinion.action, default=None)


def connect(address: str, seconds: float) -> socket.socket:
    """``host:port``, ``[v6]:port`` or ``/path``.  Raises OSError."""
    if address.startswith("/"):
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(seconds)
        try:
            connection.connect(address)
        except OSError:
            connection.close()
            raise
        return connection
    host, _, port = address.rpartition(":")
    return socket.create_connection((host.strip("[]"), int(port)), seconds)


def hold(conversation: Conversation, connection: socket.socket, seconds_left: Callable[[], float]) -> Opinion:
    """Hold a conversation over a connected socket.  Raises ScannerFailed, OSError."""
    try:
        step = next(conversation)
        while True:
            left = seconds_left()
            if left <= 0:
                raise ScannerFailed("it took too long")
            connection.settimeout(left)
            heard = b""
            if step is None:
                heard = connection.recv(_READ)
            elif step:
                connection.sendall(step)
            step = conversation.send(heard)
    except StopIteration as end:
        opinion: Opinion = end.value
        return opinion
    except TimeoutError:
        raise ScannerFailed("it took too long") from None
    finally:
        conversation.close()
