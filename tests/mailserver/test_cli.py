"""``citymail`` as a newcomer meets it: set up, look after, and mistakes said in one line."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from directory.sqlite_driver import connect
from mailserver.cli import main
from mailserver.cli.health import ask_all
from mailserver.config import load
from mailserver.store import open_store


@dataclass(frozen=True, slots=True)
class Said:
    stdout: str
    stderr: str


Citymail = Callable[..., Said]


@pytest.fixture
def citymail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Citymail:
    """The command line in an empty folder, for somebody who has configured nothing."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("CITYMAIL"):
            monkeypatch.delenv(name)

    def run(*arguments: object, status: int = 0, **more: str) -> Said:
        done = CliRunner().invoke(main, [str(each) for each in arguments], env=more, catch_exceptions=False)
        assert done.exit_code == status, done.output
        return Said(done.stdout, done.stderr)

    return run


def in_a_process(*arguments: object, status: int = 0, **more: str) -> Said:
    """What forks or is decided when modules are imported is tried where nothing of the tests is."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "mailserver.cli", *map(str, arguments)],
        env={**os.environ, **more},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode == status, done.stdout + done.stderr
    return Said(done.stdout, done.stderr)


@pytest.fixture
def config(citymail: Citymail, tmp_path: Path) -> Path:
    citymail("init", "--domain", "thanhpho.example", "--data", "data", "citymail.toml")
    return tmp_path / "citymail.toml"


def test_help_names_every_command_and_imports_no_database(citymail: Citymail) -> None:
    said = citymail("--help").stdout
    for command in (
        "alias",
        "check",
        "demo",
        "group",
        "health",
        "init",
        "mailbox",
        "official",
        "queue",
        "serve",
        "trace",
        "unit",
    ):
        assert f"\n  {command} " in said
    loaded = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; from mailserver.cli import main; main(['--help'], standalone_mode=False);"
            "sys.exit(' '.join({'sqlalchemy', 'flask', 'alembic', 'cryptography', 'asyncio'} & set(sys.modules)))",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (loaded.returncode, loaded.stderr) in ((0, ""), (1, "\n"))


def test_version(citymail: Citymail) -> None:
    assert citymail("--version").stdout.startswith("citymail, version ")


def test_init_makes_an_installation_that_others_cannot_read(citymail: Citymail, config: Path, tmp_path: Path) -> None:
    loaded = load(config)
    assert loaded.city.domain == "thanhpho.example"
    assert loaded.city.hostname == "mail.thanhpho.example"
    assert loaded.data == tmp_path / "data"
    for path in (config, loaded.data, loaded.resolve(loaded.tls.key), loaded.data / "secret.key"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    assert citymail("check", "--config", config).stdout == "All is well.\n"
    assert json.loads(citymail("check", "--config", config, "--json").stdout) == {"ok": True, "problems": []}


def test_init_touches_no_installation_that_is_there(citymail: Citymail, config: Path) -> None:
    before = config.read_bytes(), (config.parent / "data" / "secret.key").read_bytes()
    said = citymail("init", "--domain", "khac.example", "--data", "data", "citymail.toml", status=1)
    assert "exists already" in said.stderr
    assert (config.read_bytes(), (config.parent / "data" / "secret.key").read_bytes()) == before


@pytest.mark.parametrize(
    ("arguments", "reason", "status"),
    [
        (("--domain", "hai từ", "--data", "data"), "[city] domain: must be a domain name", 2),
        (("--domain", "thanhpho.example", "--data", "/proc/nope"), "/proc/nope", 1),
        (("--domain", "thanhpho.example", "--data", "d", "--database", "mysql://x"), "[storage] database: must be", 2),
        (
            ("--domain", "thanhpho.example", "--data", "d", "--database", "postgresql+psycopg://u:p@127.0.0.1:1/n"),
            "the database cannot be used: connection failed",
            1,
        ),
    ],
)
def test_an_init_that_fails_may_be_tried_again(
    citymail: Citymail, tmp_path: Path, arguments: tuple[str, ...], reason: str, status: int
) -> None:
    assert reason in citymail("init", *arguments, "citymail.toml", status=status).stderr
    assert not (tmp_path / "citymail.toml").exists()
    citymail("init", "--domain", "thanhpho.example", "--data", "data", "citymail.toml")


def test_without_a_configuration_the_way_to_one_is_named(citymail: Citymail) -> None:
    for command in (("serve",), ("check",), ("health",), ("official", "list"), ("queue", "list")):
        said = citymail(*command, "--config", "none.toml", status=2).stderr
        assert said == "none.toml: No such file or directory. `citymail init` makes one.\n"


def test_every_mistake_of_the_configuration_is_named_with_its_line(citymail: Citymail, tmp_path: Path) -> None:
    (tmp_path / "wrong.toml").write_text('[listen]\nsmtp = "25"\nimap = -1\n', encoding="utf-8")
    for command in (("serve",), ("check",), ("unit", "list")):
        said = citymail(*command, "--config", "wrong.toml", status=2).stderr
        assert said == (
            "wrong.toml:2: [listen] smtp: must be a whole number, not '25'\n"
            "wrong.toml:3: [listen] imap: must be at least 0, not -1\n"
        )


def test_the_configuration_may_be_named_by_the_environment(citymail: Citymail, config: Path) -> None:
    for command in (("check",), ("official", "list"), ("queue", "list")):
        citymail(*command, CITYMAIL_CONFIG=str(config))


def test_a_data_folder_without_tables_is_named(citymail: Citymail, tmp_path: Path) -> None:
    (tmp_path / "bare.toml").write_text('[storage]\ndata = "nothing"\n', encoding="utf-8")
    for command in (("check",), ("queue", "list")):
        said = citymail(*command, "--config", "bare.toml", status=1).stderr
        assert said.startswith("Error: the database cannot be used: no such table")
        assert "citymail init" in said


def test_a_certificate_that_cannot_be_used_keeps_it_from_starting(config: Path) -> None:
    key = load(config).resolve("data/tls/server.key")
    key.write_text("no key\n")
    said = in_a_process("serve", "--config", config, status=1).stderr
    assert said.startswith(f"Error: [tls] {key.with_suffix('.pem')} and {key} cannot be used")


def test_a_port_that_cannot_be_had_is_named(config: Path) -> None:
    text = config.read_text(encoding="utf-8").replace('#host = "0.0.0.0"', 'host = "192.0.2.1"')
    config.write_text(text, encoding="utf-8")
    said = in_a_process("serve", "--config", config, status=1).stderr
    assert "cannot listen on 192.0.2.1:25: " in said


def test_what_is_broken_is_found_and_told(citymail: Citymail, config: Path) -> None:
    store = open_store(load(config).store_url, load(config).data)
    store.maildrop("an")
    store.close()
    with connect(load(config).data / "mail.db") as database:
        database.execute("UPDATE mailbox SET messages = 7 WHERE name = 'INBOX'")
    database.close()
    said = citymail("check", "--config", config, status=1).stdout
    assert said.startswith("store: ")
    answer = json.loads(citymail("check", "--config", config, "--json", status=1).stdout)
    assert answer["ok"] is False
    assert len(answer["problems"]) == len(said.splitlines()) == 1


def test_health_names_every_service_that_does_not_answer(citymail: Citymail, config: Path) -> None:
    text = config.read_text(encoding="utf-8")
    ports = {"smtp": 25, "submission": 587, "submissions": 465, "imap": 143, "imaps": 993, "http": 80, "https": 443}
    for name, port in ports.items():
        text = text.replace(f"#{name} = {port}\n", f"{name} = {20000 + port}\n")
    config.write_text(text.replace('#host = "0.0.0.0"', 'host = "127.0.0.1"'), encoding="utf-8")
    said = citymail("health", "--config", config, status=1)
    assert said.stdout == "Some services do not answer.\n"
    assert {line.partition(":")[0] for line in said.stderr.splitlines()} == set(ports)
    assert set(ask_all(load(config))) == set(ports)


def test_help_is_in_the_language_of_the_environment() -> None:
    assert "Cán bộ" in in_a_process("official", "--help", LC_ALL="vi_VN.UTF-8").stdout
    assert "Officials" in in_a_process("official", "--help", LC_ALL="en_US.UTF-8").stdout


@pytest.mark.parametrize(
    ("greeting", "is_silent"),
    [
        (b"220 mail.thanhpho.example LMTP\r\n", False),
        (b"554 5.7.1 LMTP is not for your network\r\n", False),
        (b"421 4.3.2 Going down\r\n", True),
    ],
)
def test_a_service_that_is_for_others_answers_all_the_same(config: Path, greeting: bytes, is_silent: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        listening = dict.fromkeys(("smtp", "submission", "submissions", "imap", "imaps", "http", "https"), 0)
        loaded = load(config)
        loaded = replace(loaded, listen=replace(loaded.listen, host="127.0.0.1", lmtp=port, **listening))

        def greet() -> None:
            client, _ = server.accept()
            with client:
                client.sendall(greeting)

        greeter = threading.Thread(target=greet)
        greeter.start()
        assert ("lmtp" in ask_all(loaded)) is is_silent
        greeter.join(10)
