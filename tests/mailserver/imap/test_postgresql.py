"""The same sessions on PostgreSQL, where every command runs on a thread and IDLE polls there too."""

from __future__ import annotations

import shutil
from ipaddress import ip_network

import pytest

from directory.database import open_directory
from mailserver.delivery.post_office import PostOffice
from mailserver.store import Store
from tests.mailserver.imap.dialogues import Dialogue, names
from tests.mailserver.imap.talk import Live
from tests.mailserver.mailroom import make_config


@pytest.fixture
def live_on_postgresql(city_template, postgres_store_url, tmp_path, clock):
    shutil.copy(city_template, tmp_path / "directory.db")
    directory = open_directory(f"sqlite:///{tmp_path / 'directory.db'}", clock=clock, notice_within=0.0)
    store = Store(postgres_store_url, tmp_path, clock=clock)
    config = make_config(
        tmp_path,
        login={"plaintext_networks": (ip_network("127.0.0.0/8"),)},
        imap={"append_limit": 3_000_000},
        city={"timezone": "UTC"},
    )
    office = PostOffice(store=store, directory=directory, config=config, clock=clock, random=lambda: 0.5)
    server = Live(office)
    try:
        yield server
        assert store.check_consistency() == []
    finally:
        server.close()
        store.close()
        directory.close()


@pytest.mark.parametrize("name", names())
def test_dialogue(name, live_on_postgresql):
    Dialogue(name, lambda: live_on_postgresql.connect("imap")).play()


def test_a_large_message_there_and_back(live_on_postgresql):
    octets = b"Subject: x\r\n\r\n" + b"0123456789abcdef" * 80_000
    with live_on_postgresql.connect() as client:
        client.log_in()
        assert client.ask(b"APPEND INBOX {%d+}\r\n%b" % (len(octets), octets))[-1].startswith("t OK")
        client.ask("SELECT INBOX")
        assert "".join(client.ask("FETCH 1 BODY.PEEK[]")[:-1]).endswith(octets[-100:].decode() + ")")
        assert client.ask("SEARCH BODY abcdef0123")[0] == "* SEARCH 1"
