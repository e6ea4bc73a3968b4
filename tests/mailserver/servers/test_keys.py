"""The key process's socket and its process: who reaches it, what it keeps to itself, and what its death leaves."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from directory.keys.answering import Answering
from directory.keys.vault import Vault
from directory.pki import consistency, enrolment
from mailserver.cli.health import ask_all
from mailserver.key_process import at_hand, key_process, make_installation_key, socket_path
from mailserver.servers import keys as key_servers
from mailserver.servers.keys import KeyServer, listen
from security.authority.key_kinds import KeyFault
from security.keys import wire
from security.keys.client import KeyProcess
from security.keys.wire import Refusal
from security.keys.wrapping import new_key
from tests.directory.authorities import found_pki
from tests.webmail import town_hall
from tests.webmail.town_hall import TownHall


@pytest.fixture
def hall(tmp_path: Path) -> TownHall:
    return town_hall.build(tmp_path, pki={"enrol": True, "key": "p256"})


@pytest.fixture
def path(hall: TownHall, tmp_path: Path) -> Iterator[Path]:
    """Where a key process answers, in a thread."""
    vault = Vault(hall.services.directory, new_key(), monotonic=hall.clock)
    server = KeyServer(listen(tmp_path / "keys.sock"), Answering(vault).answer)
    running = threading.Thread(target=server.run)
    running.start()
    yield tmp_path / "keys.sock"
    server.end()
    running.join()


@contextlib.contextmanager
def connected(path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(30.0)
        line.connect(str(path))
        yield line


def answer_to(line: socket.socket, *fields: bytes) -> list[bytes]:
    line.sendall(wire.pack(fields))
    return wire.unpack(wire.exactly(line, wire.body_length(wire.exactly(line, wire.LENGTH))))


def test_only_its_owner_reaches_the_socket(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    monkeypatch.setattr(os, "geteuid", lambda: 12345)  # the other end is root, which is let in
    assert KeyProcess(path).is_there()
    monkeypatch.setattr(key_servers, "_CREDENTIALS", _Strangers())
    with connected(path) as line:
        assert line.recv(1) == b""


class _Strangers:
    """As the kernel tells of a process of somebody else's."""

    size = key_servers._CREDENTIALS.size

    def unpack(self, octets: bytes) -> tuple[int, int, int]:
        pid, _, gid = key_servers.struct.Struct("iII").unpack(octets)
        return pid, 4711, gid


def test_what_is_no_request_is_refused_and_the_line_goes_on(path: Path) -> None:
    with connected(path) as line:
        for fields in ([], [b"nothing"], [b"sign"], [b"open", b"\xff", b"", b""], [b"keys", b"a", b"b", b"c", b"d"]):
            assert answer_to(line, *fields) == [b"not-understood"]
        assert answer_to(line, b"make", b"nobody", b"ocsp", b"p256") == [b"not-understood"]
        assert answer_to(line, b"make", b"nobody", b"signing", b"p1024") in ([b"not-understood"], [b"failed"])
        assert answer_to(line, b"close", b"made up") == [b""]


def test_a_message_without_end_ends_the_line(path: Path) -> None:
    with connected(path) as line:
        line.sendall(b"\xff\xff\xff\xff")
        assert line.recv(1) == b""
    with connected(path) as line:
        line.sendall(b"\0\0\0\x05\0\0\0\x09x")
        assert line.recv(1) == b""
    assert KeyProcess(path).is_there()


def test_any_octets_leave_it_alive(hall: TownHall) -> None:
    answering = Answering(Vault(hall.services.directory, new_key(), monotonic=hall.clock))
    names = st.sampled_from([b"open", b"sign", b"unwrap", b"agree", b"keys", b"take", b"export", b"rewrap", b"close"])

    @settings(max_examples=60, deadline=None)
    @given(names, st.lists(st.binary(max_size=40), max_size=9))
    def try_it(name: bytes, arguments: list[bytes]) -> None:
        found = answering.answer([name, *arguments])
        assert isinstance(found, Refusal) or name == b"close"

    try_it()


def test_its_process_keeps_its_memory_to_itself(hall: TownHall) -> None:
    config = hall.services.config
    make_installation_key(config)
    assert not key_process(config).is_there()
    with at_hand(config) as keys:
        assert keys.is_there()
        (pid,) = _children()
        limits = Path(f"/proc/{pid}/limits").read_text()
        assert [line.split()[4:6] for line in limits.splitlines() if line.startswith("Max core")] == [["0", "0"]]
        status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        assert status["NoNewPrivs"].strip() == "1"
    assert _children() == []
    assert not socket_path(config).exists()


def test_health_tells_whether_it_answers(hall: TownHall) -> None:
    config = hall.services.config
    assert ask_all(config)["keys"] == "nothing is signed or decrypted"
    server = KeyServer(listen(socket_path(config)), lambda fields: [])
    running = threading.Thread(target=server.run)
    running.start()
    assert "keys" not in ask_all(config)
    server.end()
    running.join()


def test_nobody_may_trace_what_has_hardened_itself() -> None:
    asked = "import ctypes; from mailserver.servers.keys import harden; harden(); print(ctypes.CDLL(None).prctl(3))"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout == "0\n"  # PR_GET_DUMPABLE


def test_a_key_that_is_handed_over_is_there_for_the_key_process_alone(hall: TownHall, tmp_path: Path) -> None:
    key = tmp_path / "handed"
    key.write_bytes(bytes(32))
    asked = """
import dataclasses, sys
from mailserver import key_process
from mailserver.config import Config
from mailserver.servers import keys
config = Config(pki=dataclasses.replace(Config().pki, wrapping_key="stdin"))
def opened():
    return key_process._open(config, config.pki.wrapping_key).octets
keys.guard_handed_key(config.pki.wrapping_key)
assert opened() == opened() == bytes(32)
keys.leave_handed_key()
try:
    opened()
except Exception as fault:
    print(fault)
"""
    with key.open("rb") as handed:
        done = subprocess.run([sys.executable, "-c", asked], stdin=handed, capture_output=True, text=True, check=True)
    assert "no key of 32 octets" in done.stdout


def _children() -> list[int]:
    found = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    names = {int(pid): Path(f"/proc/{pid}/cmdline").read_bytes() for pid in found}
    return [pid for pid, name in names.items() if name == Path("/proc/self/cmdline").read_bytes()]


@pytest.mark.parametrize("after", [0, 1, 3])
def test_killed_in_the_middle_of_enrolment_it_leaves_everything_consistent(hall: TownHall, after: int) -> None:
    directory, config = hall.services.directory, hall.services.config
    make_installation_key(config)
    pki = found_pki(directory, config.data / "pki")
    with at_hand(config) as keys:
        pki.keys = _Killing(keys, _children()[0], after)  # type: ignore[assignment]
        with contextlib.suppress(KeyFault):
            enrolment.reconcile(directory, pki.open(directory))
    with directory.read() as conn:
        assert list(consistency.problems(conn)) == []
    with at_hand(config) as keys:
        pki.keys = keys  # type: ignore[assignment]
        assert enrolment.reconcile(directory, pki.open(directory)).reached == ""
        assert enrolment.reconcile(directory, pki.open(directory)).issued == 0
    with directory.read() as conn:
        assert list(consistency.problems(conn)) == []


class _Killing:
    """Asks a key process, which is killed after so many keys."""

    def __init__(self, keys: KeyProcess, pid: int, after: int) -> None:
        self._keys, self._pid, self._left = keys, pid, after

    def prepare(self, account_ids: list[str]) -> None:
        self._keys.prepare(account_ids)

    def make(self, account_id: str, purpose: str, kind: str) -> object:
        if self._left == 0:
            os.kill(self._pid, signal.SIGKILL)
        self._left -= 1
        return self._keys.make(account_id, purpose, kind)
