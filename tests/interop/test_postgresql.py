"""The whole system on PostgreSQL: the same processes, another engine below."""

from __future__ import annotations

import contextlib
import smtplib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop import crowd
from tests.interop.conftest import Letter
from tests.interop.wire import Wire
from tests.live import LiveServer


@pytest.fixture
def on_postgresql(postgres_url: str, tmp_path: Path) -> Iterator[LiveServer]:
    live = LiveServer(tmp_path / "citymail", settings={"storage": {"database": postgres_url}})
    live.add_accounts(["an", "binh"])
    live.start()
    yield live
    if live.process is not None:
        assert live.stop() == 0
    assert "Traceback" not in live.log_path.read_text(encoding="utf-8")
    assert live.citymail("check").strip() == "All is well."


def test_mail_is_taken_pushed_read_moved_and_there_after_a_restart(on_postgresql: LiveServer, letter: Letter) -> None:
    live = on_postgresql
    assert not (live.config.data / "mail.db").exists()
    assert not (live.config.data / "directory.db").exists()
    with contextlib.ExitStack() as connections:
        readers = [connections.enter_context(Wire(live)) for _ in range(4)]  # among several processes
        idling = []
        for reader in readers:
            reader.log_in(live.address("binh"), live.password)
            reader.command("SELECT INBOX")
            idling.append(reader.idle())
        octets = letter(live.address("an"), live.address("binh"), "PostgreSQL", "Nội dung\n" * 30_000)
        with smtplib.SMTP("localhost", live.ports["smtp"], timeout=20) as sender:
            for _ in range(3):
                sender.sendmail(live.address("an"), [live.address("binh"), live.address("an")], octets)
        for reader, tag in zip(readers, idling, strict=True):
            reader.hear(rb"^\* 3 EXISTS")
            reader.done(tag)
        first, second = readers[:2]
        assert octets in first.command("UID FETCH 2 BODY.PEEK[]").find(rb"BODY\[\]").string
        first.command('CREATE "Du an"')
        first.command('UID MOVE 1:2 "Du an"')
        assert second.command("NOOP").all(rb"^\* \d EXPUNGE")
        first.command(r"UID STORE 3 +FLAGS (\Seen $Viec)").find(rb"FETCH .*\$Viec")
        assert first.command('SEARCH CHARSET UTF-8 BODY "noi dung"').find(rb"^\* SEARCH(.*)")[1] == b" 1"

    assert live.stop() == 0
    live.start()
    with Wire(live) as reader:
        reader.log_in(live.address("binh"), live.password)
        reader.command("SELECT INBOX").find(rb"^\* 1 EXISTS")
        reader.command("UID FETCH 3 FLAGS").find(rb"\\Seen (\\Recent )?\$Viec")
        reader.command('STATUS "Du an" (MESSAGES)').find(rb"\(MESSAGES 2\)")


def test_a_crowd_on_one_account(on_postgresql: LiveServer) -> None:
    """Several writers at once, each on a connection of its own: what `test_crowd` asks, of the other engine."""
    assert crowd.run(on_postgresql, "an", members=4, commands=40, seed=20_251) == []
