"""swaks: SMTP as other servers and simple programs speak it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.interop.conftest import Letter, Official
from tests.interop.programs import run
from tests.interop.sink import Sink
from tests.live import LiveServer

# swaks' own exit statuses, by what was refused
REFUSED_SENDER, REFUSED_RECIPIENTS, REFUSED_MESSAGE, REFUSED_LOGIN = 23, 24, 26, 28

Swaks = Callable[..., str]


@pytest.fixture
def swaks(server: LiveServer, tmp_path: Path) -> Swaks:
    def call(service: str, *arguments: str, octets: bytes | None = None, status: int = 0) -> str:
        data = tmp_path / "message.eml"
        if octets is not None:
            data.write_bytes(octets.replace(b"\r\n", b"\n").removesuffix(b"\n"))  # swaks ends the last line itself
            arguments += ("--data", f"@{data}")
        return run(
            "swaks",
            *("--server", "127.0.0.1", "--port", str(server.ports[service]), "--helo", "may.ngoai.example"),
            *("--timeout", "20", "--suppress-data", *arguments),
            home=tmp_path,
            status=status,
        )

    return call


def verified(server: LiveServer) -> tuple[str, ...]:
    return ("--tls-verify", "--tls-ca-path", str(server.ca_file))


def credentials(official: Official, mechanism: str = "PLAIN") -> tuple[str, ...]:
    return ("--auth", mechanism, "--auth-user", official.address, "--auth-password", official.password)


def test_mail_from_outside_arrives_with_its_trace(swaks: Swaks, official: Official, letter: Letter) -> None:
    octets = letter("khach@ngoai.example", official.address, "Giấy mời họp từ bên ngoài")
    swaks("smtp", "--from", "khach@ngoai.example", "--to", official.address, octets=octets)
    (got,) = official.messages()
    head, _, body = got.partition(b"\r\n\r\n")
    assert head.startswith(b"Return-Path: <khach@ngoai.example>\r\nReceived: from may.ngoai.example")
    assert got.endswith(octets)
    assert body == octets.partition(b"\r\n\r\n")[2]


def test_mail_from_outside_under_tls(swaks: Swaks, server: LiveServer, official: Official, letter: Letter) -> None:
    octets = letter("khach@ngoai.example", official.address, "TLS")
    said = swaks(
        *("smtp", "--tls", *verified(server), "--from", "khach@ngoai.example", "--to", official.address),
        octets=octets,
    )
    assert "TLS started" in said
    (got,) = official.messages()
    assert b" with ESMTPS " in got or b" with ESMTPS\r\n" in got


def test_mail_from_outside_pipelined(swaks: Swaks, official: Official, colleague: Official, letter: Letter) -> None:
    octets = letter("khach@ngoai.example", official.address, "Nhiều người nhận")
    recipients = f"{official.address},{colleague.address},khong.co.ai@thanhpho.example"
    said = swaks("smtp", "--pipeline", "--from", "khach@ngoai.example", "--to", recipients, octets=octets)
    assert "550 5.1.1" in said
    assert len(official.messages()) == len(colleague.messages()) == 1


def test_lmtp_answers_for_each_recipient(swaks: Swaks, official: Official, colleague: Official, letter: Letter) -> None:
    octets = letter("khach@ngoai.example", official.address, "LMTP")
    said = swaks(
        *("lmtp", "--protocol", "LMTP", "--from", "khach@ngoai.example"),
        *("--to", f"{official.address},{colleague.address}"),
        octets=octets,
    )
    assert said.count("<-  250 2.0.0") == 2 or said.count("<-  250 2.1.5") >= 2
    assert len(official.messages()) == len(colleague.messages()) == 1


def test_a_null_reverse_path_is_taken(swaks: Swaks, official: Official, letter: Letter) -> None:
    octets = letter("mailer-daemon@ngoai.example", official.address, "Delivery report")
    swaks("smtp", "--from", "<>", "--to", official.address, octets=octets)
    (got,) = official.messages()
    assert got.startswith(b"Return-Path: <>\r\n")


@pytest.mark.parametrize("service", ["submission", "submissions"])
@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_submission(
    swaks: Swaks,
    server: LiveServer,
    official: Official,
    colleague: Official,
    letter: Letter,
    service: str,
    mechanism: str,
) -> None:
    octets = letter(official.address, colleague.address, f"{service} {mechanism}")
    tls = "--tls" if service == "submission" else "--tls-on-connect"
    said = swaks(
        *(service, tls, *verified(server), *credentials(official, mechanism)),
        *("--from", official.address, "--to", colleague.address),
        octets=octets,
    )
    assert "235 2.7.0" in said
    (got,) = colleague.messages()
    assert f"Return-Path: <{official.address}>".encode() in got
    assert f"Subject: {service} {mechanism}".encode() in got


def test_a_stranger_cannot_relay(swaks: Swaks, sink: Sink, letter: Letter) -> None:
    octets = letter("ai.do@ngoai.example", "nguoi.khac@ngoai.example", "relay")
    said = swaks(
        *("smtp", "--from", "ai.do@ngoai.example", "--to", "nguoi.khac@ngoai.example"),
        octets=octets,
        status=REFUSED_RECIPIENTS,
    )
    assert "550 5.7.1" in said
    assert not any("nguoi.khac@ngoai.example" in taken.forward_paths for taken in sink.taken)


@pytest.mark.parametrize("address", ["khong.co.ai@thanhpho.example", "khong.co.ai+x@thanhpho.example"])
def test_an_unknown_recipient_is_refused_in_the_session(swaks: Swaks, address: str, letter: Letter) -> None:
    said = swaks(
        *("smtp", "--from", "khach@ngoai.example", "--to", address),
        octets=letter("khach@ngoai.example", address, "?"),
        status=REFUSED_RECIPIENTS,
    )
    assert "550 5.1.1" in said


@pytest.mark.parametrize("service", ["submission", "smtp"])
def test_no_password_is_taken_without_tls(swaks: Swaks, official: Official, service: str) -> None:
    swaks(service, *credentials(official), "--to", official.address, "--quit-after", "AUTH", status=REFUSED_LOGIN)


def test_submission_without_login_is_refused(swaks: Swaks, server: LiveServer, official: Official) -> None:
    said = swaks(
        *("submission", "--tls", *verified(server), "--from", official.address, "--to", official.address),
        status=REFUSED_SENDER,
    )
    assert "530 5.7.0" in said


def test_a_wrong_password_is_refused(swaks: Swaks, server: LiveServer, official: Official) -> None:
    said = swaks(
        *("submission", "--tls", *verified(server), "--auth", "PLAIN", "--auth-user", official.address),
        *("--auth-password", "sai", "--to", official.address, "--quit-after", "AUTH"),
        status=REFUSED_LOGIN,
    )
    assert "535 5.7.8" in said


def test_another_ones_name_cannot_be_used(
    swaks: Swaks, server: LiveServer, official: Official, colleague: Official, letter: Letter
) -> None:
    said = swaks(
        *("submission", "--tls", *verified(server), *credentials(official)),
        *("--from", colleague.address, "--to", official.address),
        octets=letter(colleague.address, official.address, "Giả mạo"),
        status=REFUSED_SENDER,
    )
    assert "5.7.1" in said
    assert official.messages() == []


def test_another_ones_name_in_the_header_cannot_be_used(
    swaks: Swaks, server: LiveServer, official: Official, colleague: Official, letter: Letter
) -> None:
    swaks(
        *("submission", "--tls", *verified(server), *credentials(official)),
        *("--from", official.address, "--to", official.address),
        octets=letter(colleague.address, official.address, "Giả mạo"),
        status=REFUSED_MESSAGE,
    )
    assert official.messages() == []


def test_too_large_a_message_is_refused(swaks: Swaks, official: Official, letter: Letter) -> None:
    said = swaks(
        *("smtp", "--from", "khach@ngoai.example", "--to", official.address),
        octets=letter("khach@ngoai.example", official.address, "Lớn", "x" * 70 * 36_000),
        status=REFUSED_MESSAGE,
    )
    assert "552 5.3.4" in said
    assert official.messages() == []


def test_a_large_message_arrives_whole(swaks: Swaks, official: Official, letter: Letter) -> None:
    octets = letter("khach@ngoai.example", official.address, "Khá lớn", ("số liệu " * 8 + "\n") * 10_000)
    swaks("smtp", "--from", "khach@ngoai.example", "--to", official.address, octets=octets)
    (got,) = official.messages()
    assert got.endswith(octets)
