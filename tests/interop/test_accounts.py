"""Accounts that are made and changed while the system runs, and people who guess at passwords."""

from __future__ import annotations

import imaplib
import smtplib
import ssl
import time
from pathlib import Path

import pytest

from tests.interop.conftest import NOTICED, Official, administer
from tests.interop.wire import Wire
from tests.live import LiveServer

LETTER = b"From: khach@ngoai.example\r\nSubject: th\xc6\xb0\r\n\r\n" + b"x" * 500 + b"\r\n"


def can_log_in(server: LiveServer, login: str, password: str) -> bool:
    context = ssl.create_default_context(cafile=str(server.ca_file))
    with imaplib.IMAP4_SSL("localhost", server.ports["imaps"], ssl_context=context, timeout=20) as client:
        try:
            client.login(login, password)
        except imaplib.IMAP4.error:
            return False
        return client.select()[0] == "OK"


def test_an_account_from_the_command_line_works_at_once(server: LiveServer) -> None:
    assert not can_log_in(server, "nguoi.moi@thanhpho.example", server.password)
    server.add_account("nguoi.moi")
    time.sleep(NOTICED)  # it was asked for above, and known not to be there
    assert can_log_in(server, "nguoi.moi@thanhpho.example", server.password)
    assert can_log_in(server, "nguoi.moi", server.password)  # the bare name, of the city's first domain
    assert not can_log_in(server, "nguoi.moi", server.password + "x")


def test_accounts_from_a_csv_file_work_at_once(server: LiveServer, tmp_path: Path) -> None:
    path = tmp_path / "Cán bộ.csv"
    path.write_text(
        "họ và tên,địa chỉ thư,mật khẩu\n"
        "Trần Thị Bưởi,tran.thi.buoi@thanhpho.example,mat-khau-cua-buoi\n"
        "Lê Văn Sấu,le.van.sau@thanhpho.example,mat-khau-cua-sau\n",
        encoding="utf-8-sig",
    )
    administer(server, "official", "import", str(path), "--dry-run")
    assert not can_log_in(server, "tran.thi.buoi", "mat-khau-cua-buoi")
    administer(server, "official", "import", str(path))
    assert can_log_in(server, "tran.thi.buoi", "mat-khau-cua-buoi")
    assert can_log_in(server, "le.van.sau", "mat-khau-cua-sau")
    assert not can_log_in(server, "le.van.sau", "mat-khau-cua-buoi")
    # The same file again changes nothing.
    administer(server, "official", "import", str(path))
    assert can_log_in(server, "le.van.sau", "mat-khau-cua-sau")


def test_a_new_password_counts_at_once_and_the_old_one_no_more(server: LiveServer, official: Official) -> None:
    assert can_log_in(server, official.address, official.password)
    administer(server, "official", "passwd", official.address, "--password", "mat-khau-khac-han")
    assert can_log_in(server, official.address, "mat-khau-khac-han")
    assert not can_log_in(server, official.address, official.password)


def test_who_is_locked_cannot_log_in(server: LiveServer, official: Official) -> None:
    assert can_log_in(server, official.address, official.password)
    administer(server, "official", "lock", official.address)
    assert not can_log_in(server, official.address, official.password)
    administer(server, "official", "unlock", official.address)
    assert can_log_in(server, official.address, official.password)


def test_who_is_locked_sends_no_more_on_an_open_connection(server: LiveServer, official: Official) -> None:
    context = ssl.create_default_context(cafile=str(server.ca_file))
    with smtplib.SMTP_SSL("localhost", server.ports["submissions"], context=context, timeout=20) as client:
        client.login(official.address, official.password)
        assert client.mail(official.address)[0] == 250
        client.rset()
        administer(server, "official", "lock", official.address)
        code, text = client.mail(official.address)
        assert 400 <= code < 600, text
    administer(server, "official", "unlock", official.address)


def test_a_new_quota_counts_at_once(server: LiveServer, official: Official) -> None:
    def deliver() -> int:
        with smtplib.SMTP("localhost", server.ports["smtp"], timeout=20) as client:
            client.ehlo()
            client.mail("khach@ngoai.example", [f"SIZE={len(LETTER)}"])
            code = client.rcpt(official.address)[0]
            return code if code != 250 else client.data(LETTER)[0]

    assert deliver() == 250
    administer(server, "mailbox", "quota", official.address, "100")
    assert deliver() in (452, 552)
    administer(server, "mailbox", "quota", official.address, "0")
    assert deliver() == 250


def test_who_guesses_is_slowed_and_others_are_not(server: LiveServer, official: Official) -> None:
    """127.0.0.9 is not among the networks that are never slowed, 127.0.0.1 is."""
    guessers = [Wire(server, source="127.0.0.9") for _ in range(14)]
    try:
        refused = []
        for attempt in range(2):
            # All at once: each answer is held back a second, and each worker process counts for itself.
            tags = []
            for number, wire in enumerate(guessers):
                tags.append(wire.tag())
                wire.send(tags[-1] + f' LOGIN "{official.address}" "doan-mo-{attempt}-{number}"\r\n'.encode())
            refused = [wire.until(tag, "NO").tagged for wire, tag in zip(guessers, tags, strict=True)]
        assert sum(b"Too many wrong passwords" in answer for answer in refused) >= 7
    finally:
        for wire in guessers:
            wire.close()
    # Many more wrong ones from here, and the right one is taken all the same.
    for number in range(12):
        assert not can_log_in(server, official.address, f"sai-{number}")
    assert can_log_in(server, official.address, official.password)


def test_guessing_at_nobody_looks_like_guessing_at_somebody(server: LiveServer, official: Official) -> None:
    with Wire(server) as wire:
        somebody = wire.command(f'LOGIN "{official.address}" "sai"', end="NO").tagged.split(b" ", 1)[1]
        nobody = wire.command('LOGIN "khong.co.ai@thanhpho.example" "sai"', end="NO").tagged.split(b" ", 1)[1]
    assert somebody == nobody


def test_imap_takes_no_password_in_the_clear(server: LiveServer, official: Official) -> None:
    with imaplib.IMAP4("localhost", server.ports["imap"], timeout=20) as client:
        assert "LOGINDISABLED" in client.capabilities
        with pytest.raises(imaplib.IMAP4.error):
            client.login(official.address, official.password)
        with pytest.raises(imaplib.IMAP4.error):
            client.authenticate("PLAIN", lambda _: f"\0{official.address}\0{official.password}".encode())
