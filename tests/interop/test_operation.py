"""Looking after a running system: certificates, configuration, the end, the next start, a process that dies."""

from __future__ import annotations

import contextlib
import imaplib
import os
import signal
import smtplib
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mailserver.cli.health import ask_all
from security.authority import ensure_certificate
from tests.interop.conftest import Letter
from tests.interop.wire import Wire
from tests.live import LiveServer


@pytest.fixture(scope="module")
def _installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A system of these tests' own, with the webmail."""
    server = LiveServer(tmp_path_factory.mktemp("operation") / "citymail")
    server.add_accounts(["an", "binh", "chi"])
    yield server
    if server.process is not None:
        assert server.stop() == 0
    assert "Traceback" not in server.log_path.read_text(encoding="utf-8")
    assert server.citymail("check").strip() == "All is well."


@pytest.fixture
def live(_installation: LiveServer) -> LiveServer:
    """It is running, whatever the test before did to it."""
    if _installation.process is None:
        _installation.start()
    return _installation


def wait_until(true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.02)


def signal_to(server: LiveServer, number: int) -> None:
    assert server.process is not None
    server.process.send_signal(number)


def children(server: LiveServer) -> dict[int, str]:
    """Processes of the system below the supervisor: pid → name."""
    assert server.process is not None
    listed = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
    names: dict[int, str] = {}
    for pid in listed:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # gone since the list was read
            names[int(pid)] = Path(f"/proc/{pid}/comm").read_text().strip()
    return names


def serial_number(server: LiveServer, service: str) -> str:
    context = ssl.create_default_context(cafile=str(server.ca_file))
    with (
        socket.create_connection(("127.0.0.1", server.ports[service]), 20) as line,
        context.wrap_socket(line, server_hostname="localhost") as secured,
    ):
        found = secured.getpeercert()
        assert found
        return str(found["serialNumber"])


def test_a_renewed_certificate_is_served_after_sighup_and_nobody_is_cut_off(live: LiveServer) -> None:
    with Wire(live) as wire:
        wire.log_in(live.address("an"), live.password)
        before = {service: serial_number(live, service) for service in ("imaps", "submissions", "https")}
        assert len(set(before.values())) == 1
        running = children(live)
        (live.config.data / "tls" / "server.pem").unlink()
        ensure_certificate(live.config.data / "tls", ["mail.thanhpho.example"], datetime.now(UTC))
        signal_to(live, signal.SIGHUP)
        for service, old in before.items():
            # More than once: each of several processes has its own.
            wait_until(
                lambda service=service, old=old: all(serial_number(live, service) != old for _ in range(8)),  # type: ignore[misc]
                f"a new certificate at {service}",
            )
        wire.command("NOOP")
        assert children(live) == running


def test_a_broken_certificate_does_not_replace_a_good_one(live: LiveServer) -> None:
    before = serial_number(live, "imaps")
    path = live.config.data / "tls" / "server.pem"
    good = path.read_text()
    path.write_text("no certificate\n")
    signal_to(live, signal.SIGHUP)
    wait_until(
        lambda: live.log_path.read_text(encoding="utf-8").count("the old one stays") >= live.config.workers.mail,
        "the fault in the log",
    )
    assert serial_number(live, "imaps") == before
    path.write_text(good)


def test_a_changed_configuration_is_obeyed_after_sighup(live: LiveServer) -> None:
    settled = sorted(children(live).values())
    text = live.config_path.read_text(encoding="utf-8")
    assert "#max_message_size = 52428800" in text
    live.config_path.write_text(text.replace("#max_message_size = 52428800", "max_message_size = 65536"))
    signal_to(live, signal.SIGHUP)

    def size() -> str:
        try:
            with smtplib.SMTP("localhost", live.ports["smtp"], timeout=20) as client:
                client.ehlo()
                return client.esmtp_features.get("size", "")  # nothing: 421 from a process on its way out
        except smtplib.SMTPResponseException as refused:  # came to a process on its way out
            return str(refused.smtp_code)

    wait_until(lambda: all(size() == "65536" for _ in range(8)), "the new limit")
    assert ask_all(live.config) == {}
    live.config_path.write_text(text, encoding="utf-8")
    signal_to(live, signal.SIGHUP)
    wait_until(lambda: all(size() == "52428800" for _ in range(8)), "the old limit")
    wait_until(lambda: sorted(children(live).values()) == settled, "none but the newest processes")


def test_a_wrong_configuration_is_named_and_not_obeyed(live: LiveServer) -> None:
    running = children(live)
    text = live.config_path.read_text(encoding="utf-8")
    live.config_path.write_text(text + "\n[nonsense]\n", encoding="utf-8")
    try:
        signal_to(live, signal.SIGHUP)
        wait_until(
            lambda: "unknown section [nonsense]" in live.log_path.read_text(encoding="utf-8"), "the fault in the log"
        )
        assert children(live) == running
        assert ask_all(live.config) == {}
    finally:
        live.config_path.write_text(text, encoding="utf-8")


def test_every_kind_of_process_is_replaced_when_it_dies(live: LiveServer, letter: Letter) -> None:
    before = children(live)
    assert {"citymail mail", "citymail web"} < set(before.values())
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not set(children(live)) & set(before), "the old ones gone")
    wait_until(lambda: sorted(children(live).values()) == sorted(before.values()), "all processes again")
    wait_until(lambda: ask_all(live.config) == {}, "all services again")
    with smtplib.SMTP("localhost", live.ports["smtp"], timeout=20) as client:
        client.sendmail("k@ngoai.example", [live.address("binh")], letter("k@ngoai.example", live.address("binh"), "?"))


def test_sigterm_says_goodbye_and_the_next_start_has_everything(live: LiveServer, letter: Letter) -> None:
    octets = letter("k@ngoai.example", live.address("an"), "Trước khi tắt")
    with smtplib.SMTP("localhost", live.ports["smtp"], timeout=20) as client:
        client.sendmail("k@ngoai.example", [live.address("an")], octets)
    idler = Wire(live)
    idler.log_in(live.address("an"), live.password)
    uid_validity = idler.command("SELECT INBOX").find(rb"UIDVALIDITY (\d+)")[1]
    idler.command("SEARCH TEXT x")
    idler.idle()
    with (
        socket.create_connection(("127.0.0.1", live.ports["smtp"]), 20) as waiting,
        # Half open: it connected and never says a word.
        socket.create_connection(("127.0.0.1", live.ports["imaps"]), 20),
        socket.create_connection(("127.0.0.1", live.ports["https"]), 20),
    ):
        waiting.recv(1000)
        pids = children(live)
        assert live.stop() == 0
        assert waiting.recv(1000).startswith(b"421 4.3.2 ")
        idler.hear(rb"^\* BYE ")
        idler.close()
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
    # Nobody was busy: nobody had to be cut off, not even those who say nothing.
    assert "cut off" not in live.log_path.read_text(encoding="utf-8")
    assert "did not end" not in live.log_path.read_text(encoding="utf-8")
    for service in live.ports:
        with pytest.raises(ConnectionError):
            socket.create_connection(("127.0.0.1", live.ports[service]), 20)

    live.start()
    with Wire(live) as wire:
        wire.log_in(live.address("an"), live.password)
        selected = wire.command("SELECT INBOX")
        selected.find(rb"^\* 1 EXISTS")
        assert selected.find(rb"UIDVALIDITY (\d+)")[1] == uid_validity
        assert octets in wire.command("UID FETCH 1 BODY.PEEK[]").find(rb"BODY\[\]").string
    # An account has an index: whoever keeps it up comes, and is one of those who may be killed below.
    wait_until(lambda: "citymail index" in children(live).values(), "the indexer")


def test_a_message_on_its_way_when_the_end_comes_is_either_kept_or_not_acknowledged(
    live: LiveServer, letter: Letter
) -> None:
    octets = letter("k@ngoai.example", live.address("chi"), "Giữa chừng")
    with socket.create_connection(("127.0.0.1", live.ports["smtp"]), 20) as line:
        stream = line.makefile("rwb")
        stream.readline()
        for command in (
            b"HELO may.example",
            b"MAIL FROM:<k@ngoai.example>",
            f"RCPT TO:<{live.address('chi')}>".encode(),
        ):
            stream.write(command + b"\r\n")
            stream.flush()
            assert stream.readline().startswith(b"250")
        stream.write(b"DATA\r\n")
        stream.flush()
        assert stream.readline().startswith(b"354")
        stream.write(octets[:50])
        stream.flush()
        signal_to(live, signal.SIGTERM)
        wait_until(lambda: _is_refused(live.ports["smtp"]), "no new connections")
        stream.write(octets[50:] + b".\r\n")
        stream.flush()
        answer = stream.readline()
        stream.close()
    assert live.process is not None
    assert live.process.wait(30) == 0
    live.start()
    with imaplib.IMAP4_SSL(
        "localhost", live.ports["imaps"], ssl_context=ssl.create_default_context(cafile=str(live.ca_file)), timeout=20
    ) as client:
        client.login("chi", live.password)
        assert client.select() == ("OK", [b"1" if answer.startswith(b"250") else b"0"])
    # The command in progress is finished; the end comes after it.
    assert answer.startswith(b"250")


def _is_refused(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 20).close()
    except ConnectionError:
        return True
    return False


def test_a_port_that_is_taken_is_named(live: LiveServer) -> None:
    with pytest.raises(AssertionError, match=r"cannot listen on 127\.0\.0\.1:\d+: Address already in use"):
        live.citymail("serve")


def test_the_system_ends_when_only_the_supervisor_is_killed(live: LiveServer) -> None:
    pids = children(live)
    assert live.process is not None
    live.process.kill()
    live.process.wait(20)
    live.process = None
    wait_until(lambda: not [pid for pid in pids if Path(f"/proc/{pid}").exists()], "no child is left")
    live.start()


def test_health_and_version_answer(live: LiveServer) -> None:
    assert live.citymail("health").strip() == "All services answer."
    assert live.citymail("--version").startswith("citymail, version ")
    assert live.stop() == 0
    with pytest.raises(AssertionError, match=r"imaps: nothing listens on port"):
        live.citymail("health")


def test_nothing_secret_is_readable_by_others(live: LiveServer) -> None:
    found = subprocess.run(
        ["find", str(live.config.data), "-perm", "/o+rwx", "-not", "-type", "l"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    exposed = [path for path in found if _all_folders_open(Path(path), live.config.data)]
    assert exposed == []


def _all_folders_open(path: Path, top: Path) -> bool:
    """Whether others can get to it: every folder on the way lets them pass."""
    while True:
        if path.is_dir() and not path.stat().st_mode & 0o001:
            return False
        if path == top:
            return True
        path = path.parent
