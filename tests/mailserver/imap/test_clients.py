"""Python's own clients against a live port: imaplib and aioimaplib."""

from __future__ import annotations

import asyncio
import imaplib
import ssl

import aioimaplib
import pytest

from tests.mailserver.imap.talk import LOGIN
from tests.mailserver.mailroom import PASSWORD

MESSAGE = "From: An <an@city.vn>\r\nTo: binh@city.vn\r\nSubject: Họp\r\n\r\nNội dung\r\n".encode()


@pytest.fixture
def tls(certificate):
    context = ssl.create_default_context(cafile=str(certificate.ca_file))
    context.check_hostname = False
    return context


def round_trip(client):
    assert client.list()[0] == "OK"
    assert client.create("viec")[0] == "OK"
    status, data = client.append("viec", "(\\Flagged $Mark)", imaplib.Time2Internaldate(1_767_225_600), MESSAGE)
    assert (status, data[0].startswith(b"[APPENDUID ")) == ("OK", True)
    assert client.select("viec") == ("OK", [b"1"])
    status, data = client.fetch("1", "(UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])")
    assert status == "OK"
    assert data[0][1] == MESSAGE
    head = data[0][0]
    assert b"FLAGS (\\Flagged \\Recent $Mark)" in head
    assert b'INTERNALDATE "01-Jan-2026 00:00:00 +0000"' in head
    assert b"RFC822.SIZE %d" % len(MESSAGE) in head
    assert imaplib.ParseFlags(head) == (b"\\Flagged", b"\\Recent", b"$Mark")
    assert client.search("UTF-8", "SUBJECT", "hop")[1] == [b"1"]
    assert client.store("1", "+FLAGS", "\\Seen")[0] == "OK"
    assert client.copy("1", "Archive")[0] == "OK"
    assert client.uid("MOVE", "1", "Trash")[0] == "OK"
    assert client.status("viec", "(MESSAGES)")[1] == [b'"viec" (MESSAGES 0)']
    assert client.getquotaroot("INBOX")[0] == "OK"
    assert client.rename("viec", "viec cu".replace(" ", "-"))[0] == "OK"
    assert client.subscribe("viec-cu")[0] == "OK"
    assert b'() "/" "viec-cu"' in client.lsub()[1]
    assert client.close()[0] == "OK"
    assert client.delete("viec-cu")[0] == "OK"
    assert client.logout()[0] == "BYE"


def test_imaplib(live):
    client = imaplib.IMAP4("127.0.0.1", live.ports["imap"], timeout=20)
    assert client.login(LOGIN, PASSWORD)[0] == "OK"
    round_trip(client)


def test_imaplib_over_tls(live, tls):
    client = imaplib.IMAP4_SSL("127.0.0.1", live.ports["imaps"], ssl_context=tls, timeout=20)
    client.authenticate("PLAIN", lambda _: f"\0{LOGIN}\0{PASSWORD}".encode())
    round_trip(client)


def test_imaplib_with_starttls(live, tls):
    client = imaplib.IMAP4("127.0.0.1", live.ports["imap"], timeout=20)
    assert client.starttls(tls)[0] == "OK"
    assert client.login(LOGIN, PASSWORD)[0] == "OK"
    # UTF-8 names, once they are enabled.
    assert client.enable("UTF8=ACCEPT")[0] == "OK"
    assert client.create('"Dự án"')[0] == "OK"
    assert '(\\HasNoChildren) "/" "Dự án"'.encode() in client.list()[1]
    assert client.select('"Dự án"') == ("OK", [b"0"])
    client.logout()


def test_imaplib_is_told_why_not(live):
    client = imaplib.IMAP4("127.0.0.1", live.ports["imap"], timeout=20)
    with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
        client.login(LOGIN, "wrong")
    client.login(LOGIN, PASSWORD)
    assert client.select("nowhere")[0] == "NO"
    client.logout()


def test_aioimaplib(live):
    async def converse():
        client = aioimaplib.IMAP4("127.0.0.1", live.ports["imap"], timeout=20)
        await client.wait_hello_from_server()
        assert (await client.login(LOGIN, PASSWORD)).result == "OK"
        assert {"IDLE", "MOVE", "UIDPLUS", "NAMESPACE"} <= client.protocol.capabilities
        assert (await client.select()).result == "OK"
        assert (await client.append(MESSAGE, flags="\\Seen")).result == "OK"
        result, lines = await client.uid("fetch", "1", "(UID RFC822)")
        assert result == "OK"
        assert bytes(lines[1]) == MESSAGE
        assert (await client.uid("store", "1", "+FLAGS (\\Flagged)")).result == "OK"
        assert (await client.search("FLAGGED")).lines[0] == b"1"
        idle = await client.idle_start(timeout=20)
        other = aioimaplib.IMAP4("127.0.0.1", live.ports["imap"], timeout=20)
        await other.wait_hello_from_server()
        await other.login(LOGIN, PASSWORD)
        await other.append(MESSAGE)
        assert b"2 EXISTS" in await client.wait_server_push()
        client.idle_done()
        await asyncio.wait_for(idle, 20)
        assert (await client.uid("move", "1:2", "Trash")).result == "OK"
        assert (await client.getquotaroot("INBOX")).result == "OK"
        for each in (other, client):
            await each.logout()
            each.protocol.transport.close()  # it waits for the server to, and this loop does not
        await asyncio.sleep(0)

    asyncio.run(converse())
