"""The rehearsal before the fork: it tries everything and leaves nothing behind."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from directory.sqlite_driver import connect
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
                "workers": {"web": 0},
                "tls": {"certificate": "data/tls/server.pem", "key": "data/tls/server.key"},
            }
        ),
        encoding="utf-8",
    )
    config = load(path)
    install(config)
    return config


def rows(config: Config) -> dict[str, int]:
    with closing(connect(config.data / "mail.db")) as connection:
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


# What a mail server on SQLite never uses: the database's, the pages', the command line's and the administration's own.
UNUSED = {
    *("sqlalchemy.dialects.postgresql", "psycopg", "alembic", "mako"),
    *("flask", "jinja2", "webmail", "uvicorn", "click", "mailserver.cli", "mailserver.importing", "mailserver.doctor"),
    *("pypdf", "docx", "openpyxl", "xml.etree", "mailserver.servers.ldap", "mailserver.servers.reporting"),
    *("mailserver.certifying", "mailserver.key_process", "security.authority", "security.cms", "security.paths"),
}
_LOAD = """
import sys
from pathlib import Path
import mailserver.processes
from mailserver.config import load
from mailserver.rehearsal import share_memory

share_memory(load(Path(sys.argv[1])))
print(*sys.modules)
"""


def test_what_every_process_has_in_memory(config: Config) -> None:
    """Megabytes each, for months."""
    loaded = subprocess.run(
        [sys.executable, "-c", _LOAD, str(config.path)], capture_output=True, text=True, check=False, timeout=60
    )
    assert (loaded.returncode, loaded.stderr) == (0, "")
    names = set(loaded.stdout.split())
    assert "mailserver.servers.imap" in names
    assert names & UNUSED == set()


def test_it_never_fails(config: Config, caplog: pytest.LogCaptureFixture) -> None:
    (config.data / "mail.db").unlink()
    rehearse(config)
    assert "rehearsal was broken off" in caplog.text
