"""msmtp: the sendmail of many a small machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.interop.conftest import Letter, Official
from tests.interop.programs import run
from tests.live import LiveServer

REFUSED, NO_PERMISSION = 65, 77


def configure(
    folder: Path, server: LiveServer, official: Official, service: str, mechanism: str, password: str = ""
) -> Path:
    path = folder / "msmtprc"
    path.write_text(
        f"""\
defaults
tls on
tls_starttls {"on" if service == "submission" else "off"}
tls_trust_file {server.ca_file}
timeout 20
account thanhpho
host localhost
port {server.ports[service]}
auth {mechanism}
user {official.address}
password {password or official.password}
from {official.address}
account default : thanhpho
""",
        encoding="utf-8",
    )
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("service", ["submission", "submissions"])
@pytest.mark.parametrize("mechanism", ["plain", "login", "on"])
def test_sends(
    server: LiveServer,
    official: Official,
    colleague: Official,
    letter: Letter,
    tmp_path: Path,
    service: str,
    mechanism: str,
) -> None:
    path = configure(tmp_path, server, official, service, mechanism)
    octets = letter(official.address, colleague.address, f"msmtp {service} {mechanism}", "Một dòng\n.\n..hai chấm\n")
    run("msmtp", "--file", path, colleague.address, home=tmp_path, octets=octets)
    (got,) = colleague.messages()
    assert got.endswith(octets)


def test_takes_recipients_from_the_message(
    server: LiveServer, official: Official, colleague: Official, third: Official, letter: Letter, tmp_path: Path
) -> None:
    path = configure(tmp_path, server, official, "submission", "plain")
    octets = letter(official.address, f"{colleague.address}, {third.address}", "Hai người", Bcc=official.address)
    run("msmtp", "--file", path, "--read-recipients", home=tmp_path, octets=octets)
    for reader in (official, colleague, third):
        (got,) = reader.messages()
        assert b"Bcc:" not in got


def test_understands_what_the_server_can(server: LiveServer, official: Official, tmp_path: Path) -> None:
    path = configure(tmp_path, server, official, "submission", "plain")
    said = run("msmtp", "--file", path, "--serverinfo", home=tmp_path)
    for capability in ("SIZE", "PIPELINING", "AUTH", "PLAIN", "LOGIN"):
        assert capability in said
    path = configure(tmp_path, server, official, "submissions", "plain")
    assert "TLS session parameters" in run("msmtp", "--file", path, "--serverinfo", home=tmp_path)


def test_says_why_a_recipient_is_refused(
    server: LiveServer, official: Official, letter: Letter, tmp_path: Path
) -> None:
    path = configure(tmp_path, server, official, "submission", "plain")
    unknown = "khong.co.ai@thanhpho.example"
    said = run(
        *("msmtp", "--file", path, unknown),
        home=tmp_path,
        octets=letter(official.address, unknown, "?"),
        status=REFUSED,
    )
    assert "550" in said


def test_says_that_the_password_is_wrong(
    server: LiveServer, official: Official, letter: Letter, tmp_path: Path
) -> None:
    path = configure(tmp_path, server, official, "submissions", "plain", password="sai")
    said = run(
        *("msmtp", "--file", path, official.address),
        home=tmp_path,
        octets=letter(official.address, official.address, "?"),
        status=NO_PERMISSION,
    )
    assert "535" in said
