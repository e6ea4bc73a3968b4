"""Several scanners: asked in turn, over real sockets; who is down is not waited for."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mailserver.config import Scanners
from mailserver.delivery.scanning import graver, verdict_of
from mailserver.delivery.verdict import Action as Verdicts
from mailserver.delivery.verdict import Verdict
from mailserver.scanning.asking import Panel, gravest
from mailserver.scanning.opinion import Action, Letter, Opinion

LETTER = Letter(b"From: a@b.example\r\n\r\nbody\r\n", "REF")


@contextmanager
def listening(path: Path, serve: Callable[[socket.socket], None]) -> Iterator[list[int]]:
    """Something that answers the door; how often."""
    calls: list[int] = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def run() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                calls.append(1)
                with connection:
                    serve(connection)

        thread = threading.Thread(target=run)
        thread.start()
        yield calls
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def clamd_says(answer: bytes) -> Callable[[socket.socket], None]:
    def serve(connection: socket.socket) -> None:
        heard = b""
        while not heard.endswith(bytes(4)):
            heard += connection.recv(65536)
        connection.sendall(answer)

    return serve


def panel(clock: Callable[[], float] = time.monotonic, **settings: object) -> Panel:
    return Panel(Scanners(**settings), our_name="mail.city.vn", monotonic=clock)  # type: ignore[arg-type]


def test_nobody_is_asked_where_nobody_is_named() -> None:
    assert not panel()
    assert panel().ask(LETTER) == ()


@pytest.mark.parametrize(("on_virus", "action"), [("refuse", Action.REFUSE), ("quarantine", Action.QUARANTINE)])
def test_what_becomes_of_a_virus(tmp_path: Path, on_virus: str, action: Action) -> None:
    with listening(tmp_path / "clamd", clamd_says(b"stream: Evil FOUND\0")):
        opinions = panel(clamav=str(tmp_path / "clamd"), on_virus=on_virus).ask(LETTER)
    assert opinions == (Opinion("clamav", action, "Evil"),)


def test_nobody_is_asked_behind_a_refusal(tmp_path: Path) -> None:
    with (
        listening(tmp_path / "clamd", clamd_says(b"stream: Evil FOUND\0")),
        listening(tmp_path / "rspamd", lambda connection: None) as calls,
    ):
        asked = panel(clamav=str(tmp_path / "clamd"), rspamd=str(tmp_path / "rspamd"))
        assert [opinion.scanner for opinion in asked.ask(LETTER)] == ["clamav"]
    assert calls == []


@pytest.mark.parametrize(("if_it_fails", "action"), [("defer", Action.DEFER), ("accept", Action.CLEAN)])
def test_a_scanner_that_fails_counts_as_configured(tmp_path: Path, if_it_fails: str, action: Action) -> None:
    with listening(tmp_path / "clamd", clamd_says(b"no such command\0")):
        (opinion,) = panel(clamav=str(tmp_path / "clamd"), if_it_fails=if_it_fails).ask(LETTER)
    assert opinion.action is action
    assert opinion.detail.startswith("failed")


def test_who_is_down_is_not_waited_for_by_every_message(tmp_path: Path) -> None:
    now = [100.0]
    asked = panel(lambda: now[0], clamav=str(tmp_path / "clamd"), if_it_fails="accept")
    assert asked.ask(LETTER)[0].detail.startswith("failed")
    with listening(tmp_path / "clamd", clamd_says(b"stream: OK\0")) as calls:
        assert asked.ask(LETTER)[0].detail.startswith("failed")
        assert calls == []
        now[0] += 11
        assert asked.ask(LETTER) == (Opinion("clamav", Action.CLEAN),)


def test_a_scanner_that_is_silent_has_its_time(tmp_path: Path) -> None:
    done = threading.Event()
    with listening(tmp_path / "clamd", lambda connection: (clamd_says(b"")(connection), done.wait(20))[0]):
        (opinion,) = panel(clamav=str(tmp_path / "clamd"), seconds=1).ask(LETTER)
        done.set()
    assert opinion.action is Action.DEFER
    assert "too long" in opinion.detail


def test_what_is_too_large_is_not_shown(tmp_path: Path) -> None:
    (opinion,) = panel(clamav=str(tmp_path / "clamd"), max_size=10).ask(LETTER)
    assert (opinion.action, opinion.is_blind) == (Action.CLEAN, True)


@pytest.mark.parametrize(("if_it_fails", "action"), [("defer", Action.DEFER), ("accept", Action.CLEAN)])
def test_what_has_waited_too_long_is_not_shown_any_more(tmp_path: Path, if_it_fails: str, action: Action) -> None:
    now = [100.0]
    asked = panel(lambda: now[0], clamav=str(tmp_path / "clamd"), seconds=30, if_it_fails=if_it_fails)
    with listening(tmp_path / "clamd", clamd_says(b"stream: OK\0")) as calls:
        now[0] += 30
        assert asked.ask(LETTER, since=100.0) == (Opinion("clamav", Action.CLEAN),)
        now[0] += 1
        (opinion,) = asked.ask(LETTER, since=100.0)
    assert (opinion.action, opinion.is_blind, calls) == (action, True, [1])


def test_that_nobody_has_looked_is_told_where_it_changes_nothing() -> None:
    blind = Opinion("clamav", Action.CLEAN, "failed: no", is_blind=True)
    assert verdict_of([blind, Opinion("rspamd", Action.CLEAN, "1.0/15.0")]) == Verdict(
        Verdicts.ACCEPT, "not scanned: clamav: failed: no"
    )
    assert verdict_of([blind, Opinion("rspamd", Action.JUNK, "9.0/6.0")]).reason == "rspamd: 9.0/6.0"
    assert graver(Verdict(Verdicts.ACCEPT), verdict_of([blind])).reason == "not scanned: clamav: failed: no"
    junk = Verdict(Verdicts.JUNK, "SPF fails")
    assert graver(junk, verdict_of([blind])) == junk


def test_the_gravest_opinion_decides() -> None:
    clean, junk, deferred = (Opinion("x", action) for action in (Action.CLEAN, Action.JUNK, Action.DEFER))
    assert gravest([]) is None
    assert gravest([clean, deferred, junk]) is deferred
