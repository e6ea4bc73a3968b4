"""Answers that are too large for the memory go out through a file, and arrive whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailserver.servers import web_bridge
from tests.mailserver.servers.test_web import Client
from tests.webmail.town_hall import PASSWORD, letter, live_webmail


@pytest.mark.parametrize("most", [0, 1000, 10_000_000])
def test_a_large_answer_arrives_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    monkeypatch.setattr(web_bridge, "IN_ANSWER", most)
    monkeypatch.setattr(web_bridge, "_PIECE", 7000)
    with live_webmail(tmp_path) as live:
        for number in range(3):
            live.hall.put("an", letter(subject=f"thư {number}", text="x" * 200_000))
        client = Client(live.port)
        assert client.sign_in() == 303
        client.ask("GET", "/mailboxes")
        box = live.hall.mailbox("an").id
        status, headers, content = client.post("/export", all=f"box={box}&upto=3", format="mbox", password=PASSWORD)
        assert status == 200
        assert int(headers["content-length"]) == len(content)
        assert content.count(b"Subject: ") == 3
