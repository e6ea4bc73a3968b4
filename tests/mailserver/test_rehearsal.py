"""The rehearsal before the fork: it tries everything and leaves nothing behind."""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from mailserver.config import Config, load, render
from mailserver.installation import install
from mailserver.rehearsal import rehearse
from mailserver.wiring import build


@pytest.fixture
def config(tmp_path: Path) -> Config:
    path = tmp_path / "citymail.toml"
    path.write_text(
        render(
            {
                "city": {"domain": "thanhpho.example", "hostname": "mail.thanhpho.example"},
                "storage": {"data": "data"},
                "tls": {"certificate": "data/tls/server.pem", "key": "data/tls/server.key"},
            }
        ),
        encoding="utf-8",
    )
    config = load(path)
    install(config)
    return config


def rows(config: Config) -> dict[str, int]:
    with closing(sqlite3.connect(config.data / "mail.db")) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in names}


def test_it_leaves_nothing_behind(config: Config, caplog: pytest.LogCaptureFixture) -> None:
    system = build(config)
    system.store.check_consistency()  # whoever looks first since the machine was started says so in the store
    system.close()
    before = rows(config)
    threads, files = threading.enumerate(), os.listdir("/proc/self/fd")
    rehearse(config)
    assert caplog.records == []
    assert rows(config) == before
    # Nothing that a fork would tear apart: no thread, no open database.
    assert threading.enumerate() == threads
    assert len(os.listdir("/proc/self/fd")) == len(files)
    system = build(config)
    try:
        assert system.store.check_consistency() == []
    finally:
        system.close()


def test_it_never_fails(config: Config, caplog: pytest.LogCaptureFixture) -> None:
    (config.data / "mail.db").unlink()
    rehearse(config)
    assert "rehearsal was broken off" in caplog.text
