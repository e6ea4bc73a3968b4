"""Debian's Postfix as the peer, in both directions, and its load tools against our port and our relay."""

from __future__ import annotations

import re
import smtplib
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from security.tls import client_context
from tests.interop.conftest import Letter, Official
from tests.interop.postfix import BO, Postfix, running
from tests.interop.programs import find
from tests.live import LiveServer, free_ports

pytestmark = pytest.mark.interop

MARKS = {"-p": "without PIPELINING", "-8": "without 8BITMIME", "-e": "without ESMTP"}


@pytest.fixture(scope="module")
def sink_port() -> int:
    return free_ports(1)[0]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, sink_port: int) -> Iterator[tuple[LiveServer, Postfix]]:
    """A CityMail and a Postfix that send to each other."""
    folder = tmp_path_factory.mktemp("house")
    to_them = free_ports(1)[0]
    server = LiveServer(
        folder,
        ["an", "binh"],
        {
            "workers": {"mail": 1, "web": 0},
            "dns": {"resolvers": ["127.0.0.1:1"], "timeout": 1},
            "sending": {"unlimited": ["an@thanhpho.example"]},
            "relay": {"routes": {BO: f"127.0.0.1:{to_them}", "sink.example": f"127.0.0.1:{sink_port}"}},
        },
    )
    with running(server.ports["smtp"], port=to_them) as postfix:
        server.start()
        try:
            yield server, postfix
        finally:
            server.stop()


@pytest.fixture
def server(house: tuple[LiveServer, Postfix]) -> LiveServer:
    return house[0]


@pytest.fixture
def postfix(house: tuple[LiveServer, Postfix]) -> Postfix:
    return house[1]


@pytest.fixture
def official(server: LiveServer) -> Official:
    return Official(server, "an")


def submit(
    official: Official, recipient: str, octets: bytes, mail_options: tuple[str, ...] = (), rcpt: tuple[str, ...] = ()
) -> None:
    with smtplib.SMTP("127.0.0.1", official.server.ports["submission"], timeout=30) as line:
        line.starttls(context=client_context(verify=False))
        line.login(official.address, official.server.password)
        line.sendmail(official.address, [recipient], octets, mail_options, rcpt)


def test_our_mail_reaches_postfix_over_tls_and_in_chunks(official: Official, postfix: Postfix, letter: Letter) -> None:
    text = "Kính gửi Bộ.\n.\n..dòng chấm\n" + "x" * 300 + "\n"
    octets = letter(official.address, f"tan@{BO}", "den bo", text)
    submit(official, f"tan@{BO}", octets)
    came = postfix.wait_for("tan", "den bo")
    assert came.endswith(octets.partition(b"\r\n\r\n")[2])
    assert b"using TLSv1" in came
    assert b"Return-Path: <an@thanhpho.example>" in came


def test_a_large_message_arrives_whole(official: Official, postfix: Postfix, letter: Letter) -> None:
    octets = letter(official.address, f"tan@{BO}", "thu lon", "y" * 70 + "\n" + "dòng dài\n" * 60_000)
    submit(official, f"tan@{BO}", octets)
    assert postfix.wait_for("tan", "thu lon").endswith(octets.partition(b"\r\n\r\n")[2])


def test_eight_bits_and_an_address_outside_ascii(official: Official, postfix: Postfix) -> None:
    octets = (
        f"From: {official.address}\r\nTo: nguyễn.văn@{BO}\r\nSubject: chữ quốc ngữ\r\nMIME-Version: 1.0\r\n"
        "Date: Mon, 23 Nov 2026 08:00:00 +0700\r\nMessage-ID: <utf8@thanhpho.example>\r\n"
        "Content-Type: text/plain; charset=UTF-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nXin chào\r\n"
    ).encode()
    submit(official, f"nguyễn.văn@{BO}", octets, ("SMTPUTF8", "BODY=8BITMIME"))
    assert "Subject: chữ quốc ngữ".encode() in postfix.wait_for("nguyễn.văn", "Xin chào")


def test_who_is_not_there_comes_back_as_a_report(official: Official, letter: Letter) -> None:
    submit(official, f"khong.ai@{BO}", letter(official.address, f"khong.ai@{BO}", "vao khong trung"))
    report = official.wait_for_mail("vao khong trung")
    assert b"Action: failed\r\nStatus: 5.1.1\r\n" in report
    assert b"User unknown" in report


def test_postfix_tells_of_success_because_we_passed_the_wish_on(
    official: Official, postfix: Postfix, letter: Letter
) -> None:
    octets = letter(official.address, f"xuan@{BO}", "bao phat")
    submit(
        official,
        f"xuan@{BO}",
        octets,
        ("RET=HDRS", "ENVID=so-17"),
        ("NOTIFY=SUCCESS,FAILURE", f"ORCPT=rfc822;xuan@{BO}"),
    )
    postfix.wait_for("xuan", "bao phat")
    report = official.wait_for_mail("Action: delivered")
    assert b"Reporting-MTA: dns; mail.bo.example" in report
    assert b"Original-Envelope-Id: so-17" in report
    assert f"Original-Recipient: rfc822;xuan@{BO}".encode() in report


def test_postfix_mail_reaches_us(server: LiveServer, postfix: Postfix, letter: Letter) -> None:
    octets = letter(f"tan@{BO}", "binh@thanhpho.example", "tu bo", "Chào thành phố\n.\n" + "z" * 500 + "\n")
    with smtplib.SMTP("127.0.0.1", postfix.port, timeout=30) as line:
        line.sendmail(f"tan@{BO}", ["binh@thanhpho.example"], octets)
    came = Official(server, "binh").wait_for_mail("tu bo")
    assert came.endswith(octets.partition(b"\r\n\r\n")[2])
    assert b"with ESMTPS" in came


def test_postfix_hears_our_refusal_and_tells_its_own(postfix: Postfix, letter: Letter) -> None:
    with smtplib.SMTP("127.0.0.1", postfix.port, timeout=30) as line:
        line.sendmail(
            f"tan@{BO}",
            ["khong.ai@thanhpho.example"],
            letter(f"tan@{BO}", "khong.ai@thanhpho.example", "hoi vao khong"),
        )
    report = postfix.wait_for("tan", "hoi vao khong")
    assert b"Status: 5.1.1" in report
    assert b"Diagnostic-Code: smtp; 550 5.1.1" in report


def test_smtp_source_puts_load_on_our_port(server: LiveServer) -> None:
    """Twenty sessions, every message in a connection of its own or many on one."""
    binh = Official(server, "binh")
    before = len(binh.messages())
    for arguments in (("-s", "20", "-m", "150"), ("-d", "-s", "20", "-m", "150")):
        subprocess.run(
            [
                *(find("smtp-source"), *arguments, "-l", "2000", "-f", f"tan@{BO}"),
                *("-t", "binh@thanhpho.example", f"127.0.0.1:{server.ports['smtp']}"),
            ],
            check=True,
            timeout=120,
        )
    with binh.imap() as client:
        (count,) = client.select("INBOX")[1]
    assert int(count) - before == 300


@pytest.mark.parametrize("mark", ["", *MARKS], ids=["as it is", *MARKS.values()])
def test_the_relay_to_smtp_sink(official: Official, letter: Letter, tmp_path: Path, sink_port: int, mark: str) -> None:
    """Many messages, whatever the far side can do; one message a line of its dump."""
    tmp_path.chmod(0o777)
    dump = tmp_path / "taken"
    arguments = [
        find("smtp-sink"),
        "-u",
        "root",
        "-D",
        str(dump),
        *([mark] if mark else []),
        f"127.0.0.1:{sink_port}",
        "100",
    ]
    with subprocess.Popen(arguments) as sink:
        try:
            wait_until(lambda: is_open(sink_port))
            for number in range(30):
                octets = letter(official.address, "x@sink.example", f"so {number}.", "Văn bản\n")
                submit(official, "x@sink.example", octets)
            wait_until(
                lambda: dump.exists() and len(re.findall(rb"^Subject: so \d+\.", dump.read_bytes(), re.MULTILINE)) == 30
            )
        finally:
            sink.terminate()
    taken = dump.read_bytes()
    assert len(set(re.findall(rb"^Subject: (so \d+)\.", taken, re.MULTILINE))) == 30


def is_open(port: int) -> bool:
    import socket

    with socket.socket() as trial:
        return trial.connect_ex(("127.0.0.1", port)) == 0


def wait_until(condition: object, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.05)
