"""``citymail index`` beside a running server, whose searches go on."""

from __future__ import annotations

import imaplib
import json

import pytest
from click.testing import CliRunner

from mailserver.cli import main
from tests.live import LiveServer


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    live = LiveServer(tmp_path_factory.mktemp("live"), ["an", "binh"])
    live.start()
    yield live
    live.kill()


@pytest.fixture
def citymail(server):
    def run(*arguments):
        environment = {"CITYMAIL_CONFIG": str(server.config_path), "CITYMAIL_LANG": "en"}
        return CliRunner().invoke(main, ["index", *arguments], env=environment)

    return run


def search(connection, word):
    connection.literal = word.encode()
    _, found = connection.search("UTF-8", "TEXT")
    return found[0].split()


def test_status_and_rebuild(server, citymail):
    address = server.address("an")
    assert "made at the first search" in citymail("status", address).output
    assert citymail("status", "nobody@nowhere.example").exit_code == 3
    assert citymail("status").exit_code == 2
    with imaplib.IMAP4("127.0.0.1", server.ports["imap"]) as an:
        an.login(address, server.password)
        for number in range(3):
            an.append("INBOX", None, None, f"Subject: {number}\r\n\r\nNgân sách quý {number}\r\n".encode())
        an.select("INBOX")
        assert search(an, "ngan sach quy 1") == [b"2"]
        assert "3 messages" in citymail("status", address).output
        an.append("INBOX", None, None, "Subject: x\r\n\r\nngân sách\r\n".encode())
        assert json.loads(citymail("status", "--all", "--json").output) != {}
        figures = json.loads(citymail("rebuild", address, "--json").output)[address]
        assert (figures["messages"], figures["behind"]) == (4, 0)
        an.noop()
        assert search(an, "ngân sách") == [b"1", b"2", b"3", b"4"]
    assert "no mailbox" in citymail("rebuild", "nobody@nowhere.example").output
