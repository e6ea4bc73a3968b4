"""ClamAV, rspamd and a milter as Debian packs them: what they think arrives as an opinion."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mailserver.config import Scanners
from mailserver.scanning.asking import Panel, connect
from mailserver.scanning.opinion import Action, Letter
from tests.interop.programs import find, run
from tests.live import free_ports

# A signature of our own: nothing that anybody else's scanner would stumble over.
VIRUS = b"CITYMAIL-TEST-SIGNATURE-7f3a9c"
SPAM = b"citymail-test-spam-5d2e"

CLAMD = """\
LocalSocket {folder}/clamd.sock
DatabaseDirectory {folder}/signatures
Foreground yes
LogFile {folder}/clamd.log
User root
"""
RSPAMD = """\
options {{
  pidfile = "{folder}/rspamd.pid"; tempdir = "{folder}"; cache_file = "{folder}/symbols"; hs_cache_dir = "{folder}";
  history_file = "{folder}/history"; filters = "regexp"; local_addrs = [];
  dns {{ nameserver = ["127.0.0.1:1"]; timeout = 0.1s; retransmits = 0; }}
}}
logging {{ type = "file"; filename = "{folder}/rspamd.log"; }}
worker "normal" {{ bind_socket = "127.0.0.1:{port}"; count = 1; }}
actions {{ reject = 15; add_header = 6; }}
group "test" {{ symbols {{ "TEST_SPAM" {{ weight = 8.0; }} }} }}
regexp {{ "TEST_SPAM" {{ re = "/citymail-test-spam-5d2e/{{body}}"; score = 8.0; }} }}
"""
OPENDKIM = """\
Mode sv
Domain city.example
Selector s1
KeyFile {folder}/key.pem
Socket inet:{port}@127.0.0.1
InternalHosts 127.0.0.1
Nameservers 127.0.0.1
RequireSafeKeys no
"""


def message(body: bytes) -> bytes:
    return (
        b"From: A <a@ngoai.example>\r\nTo: an@city.example\r\nSubject: =?utf-8?q?Ch=C3=A0o?=\r\n"
        b"Date: Mon, 23 Nov 2026 10:00:00 +0700\r\nMessage-ID: <1@ngoai.example>\r\n\r\n" + body + b"\r\n"
    )


def letter(body: bytes, octets: bytes = b"") -> Letter:
    octets = octets or message(body)
    return Letter(octets, "REF1", "192.0.2.1", "mx.ngoai.example", "", "a@ngoai.example", ("an@city.example",))


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., None]]:
    """Start a program and wait until it answers at an address."""
    started: list[subprocess.Popen[bytes]] = []

    def run_until_it_answers(address: str, program: str, *arguments: str) -> None:
        process = subprocess.Popen([find(program), *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
        started.append(process)
        until = time.monotonic() + 90
        while True:
            try:
                connect(address, 1).close()
                return
            except OSError:
                assert process.poll() is None, f"{program} ended with {process.returncode}"
                assert time.monotonic() < until, f"{program} does not answer"
                time.sleep(0.05)

    yield run_until_it_answers
    for process in started:
        process.terminate()
    for process in started:
        process.wait(30)


@pytest.fixture(scope="module")
def clamd(start: Callable[..., None], tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("clamd")
    (folder / "signatures").mkdir()
    (folder / "signatures" / "city.ndb").write_text(f"City.Test:0:*:{VIRUS.hex()}\n")
    (folder / "clamd.conf").write_text(CLAMD.format(folder=folder))
    start(f"{folder}/clamd.sock", "clamd", "-c", f"{folder}/clamd.conf")
    return f"{folder}/clamd.sock"


@pytest.fixture(scope="module")
def rspamd(start: Callable[..., None], tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("rspamd")
    folder.chmod(0o777)  # its workers are another user's
    (port,) = free_ports(1)
    (folder / "rspamd.conf").write_text(RSPAMD.format(folder=folder, port=port))
    address = f"127.0.0.1:{port}"
    start(address, "rspamd", "-f", "--insecure", "-c", f"{folder}/rspamd.conf")
    return address


@pytest.fixture(scope="module")
def milter(start: Callable[..., None], tmp_path_factory: pytest.TempPathFactory) -> str:
    """opendkim, which puts a field of its own into what it looks at."""
    folder = tmp_path_factory.mktemp("milter")
    (port,) = free_ports(1)
    run("openssl", "genrsa", "-out", "key.pem", "2048", home=folder)
    (folder / "opendkim.conf").write_text(OPENDKIM.format(folder=folder, port=port))
    start(f"127.0.0.1:{port}", "opendkim", "-f", "-x", f"{folder}/opendkim.conf")
    return f"127.0.0.1:{port}"


def panel(**settings: object) -> Panel:
    return Panel(Scanners(**settings), our_name="mail.city.example", monotonic=time.monotonic)  # type: ignore[arg-type]


def test_clamd(clamd: str, tmp_path: Path) -> None:
    asked = panel(clamav=clamd)
    assert [opinion.action for opinion in asked.ask(letter(b"nothing"))] == [Action.CLEAN]
    (found,) = asked.ask(letter(b"x" * 300_000 + VIRUS))
    assert (found.action, found.detail.removesuffix(".UNOFFICIAL")) == (Action.REFUSE, "City.Test")
    path = tmp_path / "message"
    path.write_bytes(message(VIRUS))
    assert asked.ask(Letter(path, "REF2"))[0].action is Action.REFUSE


def test_rspamd(rspamd: str) -> None:
    asked = panel(rspamd=rspamd)
    assert [opinion.action for opinion in asked.ask(letter(b"nothing"))] == [Action.CLEAN]
    (found,) = asked.ask(letter(SPAM))
    assert found.action is Action.JUNK
    assert "TEST_SPAM" in found.detail


def test_milter(milter: str) -> None:
    asked = panel(milters=(milter,))
    (thought,) = asked.ask(letter(b"from elsewhere"))
    assert thought.action is Action.CLEAN
    own = message(b"ours").replace(b"a@ngoai.example", b"an@city.example")
    signed = Letter(own, "REF3", "127.0.0.1", "here", "an@city.example", "an@city.example", ("x@ngoai.example",))
    (thought,) = asked.ask(signed)
    assert [name for name, _ in thought.fields] == ["DKIM-Signature"]
    assert "d=city.example" in thought.fields[0][1]


def test_all_of_them(clamd: str, rspamd: str, milter: str) -> None:
    asked = panel(clamav=clamd, rspamd=rspamd, milters=(milter,))
    assert [opinion.action for opinion in asked.ask(letter(SPAM))] == [Action.CLEAN, Action.JUNK, Action.CLEAN]
    assert [opinion.action for opinion in asked.ask(letter(SPAM + VIRUS))] == [Action.REFUSE]
