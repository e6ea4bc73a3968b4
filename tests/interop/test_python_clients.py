"""Python's own clients: smtplib and imaplib, and aioimaplib."""

from __future__ import annotations

import asyncio
import imaplib
import re
import smtplib
import ssl
from collections.abc import Iterator
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTPUTF8

import aioimaplib
import pytest

from tests.interop.conftest import Letter, Official
from tests.interop.sink import Sink
from tests.live import LiveServer


@pytest.fixture
def trust(server: LiveServer) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(server.ca_file))


@pytest.fixture(params=["submission", "submissions"])
def smtp(
    request: pytest.FixtureRequest, server: LiveServer, trust: ssl.SSLContext, official: Official
) -> Iterator[smtplib.SMTP]:
    """A conversation with the submission service, logged in."""
    port = server.ports[request.param]
    client: smtplib.SMTP
    if request.param == "submissions":
        client = smtplib.SMTP_SSL("localhost", port, timeout=20, context=trust)
    else:
        client = smtplib.SMTP("localhost", port, timeout=20)
        client.starttls(context=trust)
    with client:
        client.login(official.address, official.password)
        yield client


def test_smtplib_sends_and_names_who_was_refused(
    smtp: smtplib.SMTP, official: Official, colleague: Official, letter: Letter
) -> None:
    octets = letter(official.address, colleague.address, "smtplib")
    refused = smtp.sendmail(official.address, [colleague.address, "khong.co.ai@thanhpho.example"], octets)
    assert list(refused) == ["khong.co.ai@thanhpho.example"]
    assert refused["khong.co.ai@thanhpho.example"][0] == 550
    assert colleague.messages()[0].endswith(octets)
    # The same connection takes another one.
    assert smtp.sendmail(official.address, [colleague.address], octets) == {}
    assert len(colleague.messages()) == 2


def test_smtplib_sends_vietnamese_addresses_outside(smtp: smtplib.SMTP, official: Official, sink: Sink) -> None:
    message = EmailMessage(policy=SMTPUTF8)
    message["From"] = official.address
    message["To"] = "nguyễn@ngoai.example"
    message["Subject"] = "Địa chỉ tiếng Việt"
    message.set_content("Xin chào")
    smtp.send_message(message)  # asks for SMTPUTF8 and 8BITMIME by itself
    taken = sink.wait_for_recipient("nguyễn@ngoai.example")
    assert taken.under_tls
    assert "Địa chỉ tiếng Việt".encode() in taken.octets


def test_smtplib_verifies_the_certificate(server: LiveServer) -> None:
    with smtplib.SMTP("localhost", server.ports["submission"], timeout=20) as client:
        with pytest.raises(ssl.SSLCertVerificationError):
            client.starttls(context=ssl.create_default_context())
        client.close()
    with pytest.raises(ssl.SSLCertVerificationError):
        smtplib.SMTP_SSL("localhost", server.ports["submissions"], context=ssl.create_default_context())


def test_smtplib_wants_delivery_reports(
    smtp: smtplib.SMTP, official: Official, colleague: Official, letter: Letter
) -> None:
    octets = letter(official.address, colleague.address, "Xin báo đã nhận")
    smtp.sendmail(official.address, [colleague.address], octets, rcpt_options=["NOTIFY=SUCCESS"])
    report = official.wait_for_mail("multipart/report")
    assert report.startswith(b"Return-Path: <>\r\n")
    assert b"Action: delivered" in report
    assert re.search(rb"(?i)Final-Recipient: rfc822; ?" + re.escape(colleague.address.encode()), report)


@pytest.fixture(params=["imap", "imaps"])
def imap(
    request: pytest.FixtureRequest, server: LiveServer, trust: ssl.SSLContext, official: Official
) -> Iterator[imaplib.IMAP4]:
    client: imaplib.IMAP4
    if request.param == "imaps":
        client = imaplib.IMAP4_SSL("localhost", server.ports["imaps"], ssl_context=trust, timeout=20)
    else:
        client = imaplib.IMAP4("localhost", server.ports["imap"], timeout=20)
        assert "LOGINDISABLED" in client.capabilities
        client.starttls(ssl_context=trust)
    with client:
        client.login(official.address, official.password)
        yield client


def test_imaplib_goes_through_a_mailbox_life(imap: imaplib.IMAP4, official: Official, letter: Letter) -> None:
    def ok(answer: tuple[str, list[object]]) -> list[object]:
        assert answer[0] == "OK", answer
        return answer[1]

    ok(imap.create('"Du an/2026"'))
    ok(imap.subscribe('"Du an/2026"'))
    names = b" ".join(each for each in ok(imap.list()) if isinstance(each, bytes))
    assert b'"Du an/2026"' in names
    for number in range(5):
        octets = letter("khach@ngoai.example", official.address, f"Thư {number}")
        ok(imap.append('"Du an/2026"', r"(\Seen)" if number % 2 else "", '"02-Mar-2026 08:00:00 +0700"', octets))
    assert ok(imap.select('"Du an/2026"')) == [b"5"]
    assert ok(imap.uid("SEARCH", "UNSEEN")) == [b"1 3 5"]
    ok(imap.uid("STORE", "1:2", "+FLAGS", r"(\Flagged $Viec)"))
    assert ok(imap.uid("SEARCH", "FLAGGED", "KEYWORD", "$viec")) == [b"1 2"]
    ((head, octets), _) = ok(imap.uid("FETCH", "3", "(FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])"))  # type: ignore[misc]
    assert b'INTERNALDATE "02-Mar-2026 ' in head
    assert f"RFC822.SIZE {len(octets)}".encode() in head
    assert message_from_bytes(octets, policy=SMTPUTF8)["Subject"] == "Thư 2"
    ok(imap.uid("COPY", "1", "INBOX"))
    ok(imap.uid("MOVE", "2", "INBOX"))
    ok(imap.uid("STORE", "4", "+FLAGS", r"(\Deleted)"))
    ok(imap.expunge())
    assert ok(imap.uid("SEARCH", "ALL")) == [b"1 3 5"]
    ok(imap.close())
    ok(imap.rename('"Du an/2026"', '"Du an/Da xong"'))
    assert ok(imap.status('"Du an/Da xong"', "(MESSAGES UNSEEN)")) == [b'"Du an/Da xong" (MESSAGES 3 UNSEEN 3)']
    assert ok(imap.select()) == [b"2"]
    ok(imap.unselect())
    ok(imap.delete('"Du an/Da xong"'))
    assert imap.select('"Du an/Da xong"')[0] == "NO"
    root = ok(imap.getquotaroot("INBOX"))
    assert root


def test_imaplib_authenticates_by_sasl(server: LiveServer, trust: ssl.SSLContext, official: Official) -> None:
    with imaplib.IMAP4_SSL("localhost", server.ports["imaps"], ssl_context=trust, timeout=20) as client:
        secret = f"\0{official.address}\0{official.password}".encode()
        assert client.authenticate("PLAIN", lambda _: secret)[0] == "OK"
        assert client.state == "AUTH"


def test_imaplib_is_refused_with_a_wrong_password(
    server: LiveServer, trust: ssl.SSLContext, official: Official
) -> None:
    with imaplib.IMAP4_SSL("localhost", server.ports["imaps"], ssl_context=trust, timeout=20) as client:
        with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
            client.login(official.address, "sai")
        client.login(official.address, official.password)


def test_imaplib_reads_names_in_utf8(server: LiveServer, trust: ssl.SSLContext, official: Official) -> None:
    with imaplib.IMAP4_SSL("localhost", server.ports["imaps"], ssl_context=trust, timeout=20) as client:
        client.login(official.address, official.password)
        assert client.enable("UTF8=ACCEPT")[0] == "OK"
        assert client.create('"Đề án/Quý Ⅳ"')[0] == "OK"
        assert '"Đề án/Quý Ⅳ"'.encode() in b" ".join(each for each in client.list()[1] if isinstance(each, bytes))


def test_aioimaplib_idles_until_mail_comes(
    server: LiveServer, trust: ssl.SSLContext, official: Official, colleague: Official, letter: Letter
) -> None:
    octets = letter(colleague.address, official.address, "Mới đến")

    async def watch() -> list[bytes]:
        client = aioimaplib.IMAP4_SSL("localhost", server.ports["imaps"], ssl_context=trust, timeout=20)
        await client.wait_hello_from_server()
        assert (await client.login(official.address, official.password)).result == "OK"
        assert (await client.select("INBOX")).result == "OK"
        assert client.has_capability("IDLE")
        idle = await client.idle_start(timeout=30)
        with smtplib.SMTP("localhost", server.ports["smtp"], timeout=20) as sender:
            sender.sendmail(colleague.address, [official.address], octets)
        pushed = await client.wait_server_push()
        client.idle_done()
        await asyncio.wait_for(idle, 20)
        fetched = await client.uid("fetch", "1:*", "(UID FLAGS BODY.PEEK[])")
        assert fetched.result == "OK"
        assert any(isinstance(line, bytearray) and line.endswith(octets) for line in fetched.lines)
        assert (await client.logout()).result == "OK"
        client.protocol.transport.abort()
        await asyncio.sleep(0)
        return list(pushed)

    pushed = asyncio.run(watch())
    assert b"1 EXISTS" in pushed
