"""Several clients at once on one account, over connections to two processes; `crowd` says how they are judged."""

from __future__ import annotations

from tests.interop.conftest import Official
from tests.interop.crowd import run
from tests.live import LiveServer


def test_every_picture_stays_true(server: LiveServer, official: Official) -> None:
    assert run(server, official.login, members=6, commands=40, seed=20_251) == []
