"""Pictures from elsewhere: fetched for who asked, from nowhere near us, and only if they are pictures."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from directory.mail.picture_senders import MOST, distrust, senders_of, trust
from mailserver.message.attachments.readers import AttachmentReaders
from mailserver.servers import pictures, web_pictures
from mailserver.servers.pictures import Fetcher, FetchingThread, NotFetched, place_of
from tests.mailserver.message.attachments.picture_files import plain
from tests.mailserver.servers.test_web import Client
from tests.webmail.town_hall import LiveWebmail, letter, live_webmail
from webmail import create_app
from webmail.reading.pictures import PATH, _signer

PNG = plain("PNG", 1, 1)
_readers = AttachmentReaders()
DRAWN = _readers.picture(PNG)
HERE = "127.0.0.1"


class Elsewhere:
    """A server of strangers: says what it was told to say, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answers: dict[str, bytes] = {}
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.asked.append(head)
        answer = self.answers.get(head.split(" ")[1])
        if answer is None:  # never says anything
            await reader.read()
        else:
            writer.write(answer)
            await writer.drain()
        writer.close()


def ok(body: bytes, kind: str = "image/png") -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def moved(to: str) -> bytes:
    return f"HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n".encode("latin-1")


async def only_here(_host: str) -> Sequence[str]:
    return (HERE,)


def visit(
    monkeypatch: pytest.MonkeyPatch,
    answers: dict[str, bytes],
    errand: Callable[[Fetcher, Elsewhere], Awaitable[Any]],
    **settings: Any,
) -> Any:
    """Run an errand with a fetcher for which the stranger's port is that of http, and his address is allowed."""

    async def run() -> Any:
        elsewhere = Elsewhere()
        elsewhere.answers = answers
        server = await asyncio.start_server(elsewhere.serve, HERE, 0)
        elsewhere.port = server.sockets[0].getsockname()[1]
        monkeypatch.setattr(pictures, "_PORTS", {"http": elsewhere.port, "https": 1})
        given = {
            "resolve": only_here,
            "context": None,
            "draw": _readers.picture,
            "is_allowed": lambda each: each == HERE,
        }
        try:
            return await errand(Fetcher(**{**given, **settings}), elsewhere)
        finally:
            server.close()

    return asyncio.run(run())


def test_a_picture_comes_without_a_word_about_who_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    async def errand(fetcher: Fetcher, elsewhere: Elsewhere) -> None:
        first, second = await asyncio.gather(*[fetcher.fetch("http://pic.example/a.png?x=1") for _ in range(2)])
        assert first is not None
        assert (first.media_type, first.octets) == ("image/png", DRAWN)
        assert second == first
        assert await fetcher.fetch("http://pic.example/a.png?x=1") == first
        [head] = elsewhere.asked  # once for all
        names = {line.partition(":")[0].lower() for line in head.split("\r\n")[1:] if line}
        assert names == {"host", "connection", "user-agent"}

    visit(monkeypatch, {"/a.png?x=1": ok(PNG, "text/html")}, errand)


@pytest.mark.parametrize(
    "answer",
    [
        ok(b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml"),
        ok(b"<html><script>alert(1)</script>", "image/png"),
        ok(b""),
        ok(PNG[:8] + bytes(40)),
        ok(plain("TIFF"), "image/tiff"),
        ok(PNG).replace(b"200", b"404"),
        ok(PNG).replace(b"200", b"206"),
        moved("http://pic.example/"),  # for ever
        moved("file:///etc/passwd"),
        moved("http://pic.example:22/"),
        moved("//169.254.169.254/latest"),
        moved("http://[::ffff:10.0.0.1]/"),
        moved("//[::1"),
        moved("http://a b\xff/"),
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n" + PNG,
        b"SSH-2.0-OpenSSH\r\n",
        b"",
    ],
)
def test_what_is_no_picture(monkeypatch: pytest.MonkeyPatch, answer: bytes) -> None:
    async def errand(fetcher: Fetcher, elsewhere: Elsewhere) -> None:
        assert await fetcher.fetch("http://pic.example/") is None
        count = len(elsewhere.asked)
        assert 1 <= count <= pictures.REDIRECTS + 1
        assert await fetcher.fetch("http://pic.example/") is None
        assert len(elsewhere.asked) == count  # not asked again so soon

    visit(monkeypatch, {"/": answer}, errand)


def test_a_picture_that_moved_is_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def errand(fetcher: Fetcher, _elsewhere: Elsewhere) -> None:
        found = await fetcher.fetch("http://pic.example/")
        assert found is not None
        assert found.media_type == "image/png"
        assert b"GIF" not in found.octets

    visit(monkeypatch, {"/": moved("/there"), "/there": ok(plain("GIF", comment=b"=alert(1)"))}, errand)


def test_too_large_and_too_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "LARGEST", 100)
    monkeypatch.setattr(pictures, "SECONDS", 0.2)

    async def errand(fetcher: Fetcher, _elsewhere: Elsewhere) -> None:
        assert await fetcher.fetch("http://pic.example/large") is None
        assert await fetcher.fetch("http://pic.example/silent") is None
        assert await fetcher.fetch("http://pic.example/small") is not None

    visit(monkeypatch, {"/large": ok(PNG + bytes(100)), "/small": ok(PNG)}, errand)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
        "192.0.2.1", "224.0.0.1", "255.255.255.255", "240.0.0.1", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1",
        "fec0::1",
        "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::10.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b:1::1",
        "2002:0a00:0001::1", "2001:0:a00:1::1", "2001:db8::1", "no address",
    ],
)  # fmt: skip
def test_nobody_is_led_into_our_networks(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """Not by a name, not beside an address that would do, not after a redirect."""

    async def resolve(host: str) -> Sequence[str]:
        return (HERE,) if host == "pic.example" else ("8.8.8.8", address) if host == "both.example" else (address,)

    async def errand(fetcher: Fetcher, elsewhere: Elsewhere) -> None:
        assert await fetcher.fetch("http://inside.example/") is None
        assert await fetcher.fetch("http://both.example/") is None
        assert elsewhere.asked == []
        assert await fetcher.fetch("http://pic.example/") is None
        assert len(elsewhere.asked) == 1

    def is_allowed(each: str) -> bool:
        return (each == HERE and address != HERE) or pictures.is_public(each)

    if address == HERE:
        assert not pictures.is_public(address)
        return
    visit(monkeypatch, {"/": moved("http://inside.example/")}, errand, resolve=resolve, is_allowed=is_allowed)


def test_a_name_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection goes to the address that was looked at: a second answer would be another's word."""
    answers = iter([(HERE,), ("10.0.0.1",)])

    async def resolve(_host: str) -> Sequence[str]:
        return next(answers)

    async def errand(fetcher: Fetcher, _elsewhere: Elsewhere) -> None:
        assert await fetcher.fetch("http://pic.example/") is not None
        assert next(answers) == ("10.0.0.1",)

    visit(monkeypatch, {"/": ok(PNG)}, errand, resolve=resolve)


@pytest.mark.parametrize("address", ["8.8.8.8", "2001:4860:4860::8888", "203.205.0.1"])
def test_public_addresses(address: str) -> None:
    assert pictures.is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "", "x", "ftp://a.example/", "file:///etc/passwd", "gopher://a.example/", "http://", "http://a.example:8080/",
        "https://a.example:80/", "http://user@a.example/", "http://user:secret@a.example/", "http://a.example:x/",
        "http://a.example/ b", "http://a.example/\r\nHost: b", "http://[::1", "http://a.example/" + "x" * 5000,
        "http://é" + "x" * 70 + ".example/",
    ],
)  # fmt: skip
def test_addresses_that_are_not_followed(url: str) -> None:
    with pytest.raises(NotFetched):
        place_of(url)


@pytest.mark.parametrize("host", ["localhost", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "mail", "[::1]"])
def test_ways_to_write_this_machine(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    async def errand(fetcher: Fetcher, elsewhere: Elsewhere) -> None:
        assert await fetcher.fetch(f"http://{host}/") is None
        assert elsewhere.asked == []

    visit(monkeypatch, {"/": ok(PNG)}, errand, is_allowed=pictures.is_public)


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MEMORY", 3 * (len(DRAWN) + 600))

    async def errand(fetcher: Fetcher, elsewhere: Elsewhere) -> None:
        for number in (1, 2, 3, 4, 4, 1):
            assert await fetcher.fetch(f"http://pic.example/{number}") is not None
        assert [head.split(" ")[1] for head in elsewhere.asked] == ["/1", "/2", "/3", "/4", "/1"]

    visit(monkeypatch, {f"/{number}": ok(PNG) for number in range(9)}, errand)


# The door


@pytest.fixture
def live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LiveWebmail]:
    monkeypatch.setattr(web_pictures, "_fetcher", lambda given: Fetcher(_nowhere, None, given.attachments.picture))
    with live_webmail(tmp_path) as webmail:
        yield webmail


async def _nowhere(_host: str) -> Sequence[str]:
    return ()


def test_only_who_was_shown_the_message_gets_its_pictures(live: LiveWebmail, monkeypatch: pytest.MonkeyPatch) -> None:
    async def found(self: FetchingThread, url: str) -> pictures.Picture:
        return pictures.Picture("image/png", url.encode())

    monkeypatch.setattr(FetchingThread, "fetch", found)
    hall = live.hall
    uid = hall.put("an", letter(html='<img src="https://pic.example/a.png?x=1&amp;y=2">'))
    box = hall.mailbox("an").id
    an, binh = Client(live.port), Client(live.port)
    for who, login in ((an, "an"), (binh, "binh")):
        assert who.sign_in(login) == 303
    _, _, plain = an.ask("GET", f"/mail/{box}/{uid}/body")
    assert PATH.encode() not in plain
    _, headers, body = an.ask("GET", f"/mail/{box}/{uid}/body?pictures=1")
    [address] = re.findall(r'src="(/picture/[^"]+)"', body.decode())
    assert "https:" not in headers["content-security-policy"]
    status, headers, octets = an.ask("GET", address)
    assert (status, octets) == (200, b"https://pic.example/a.png?x=1&y=2")
    assert headers["content-type"] == "image/png"
    assert "sandbox" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert binh.ask("GET", address)[0] == 404
    assert Client(live.port).ask("GET", address)[0] == 404
    assert an.ask("GET", address + "x")[0] == 404
    assert an.ask("GET", address, headers={"Sec-Fetch-Site": "cross-site"})[0] == 403
    forged = _signer(hall.services).dumps([hall.account("binh").id, "https://pic.example/"])
    assert an.ask("GET", PATH + forged)[0] == 404


def test_what_cannot_be_had_is_a_picture_missing(live: LiveWebmail) -> None:
    an = Client(live.port)
    an.sign_in("an")
    token = _signer(live.hall.services).dumps([live.hall.account("an").id, "https://pic.example/"])
    status, headers, _ = an.ask("GET", PATH + token)
    assert status == 404
    assert "sandbox" in headers["content-security-policy"]


def test_trusted_senders_are_bounded(live: LiveWebmail) -> None:
    services, an = live.hall.services, live.hall.account("an").id
    with services.directory.write() as conn:
        for number in range(MOST + 2):
            trust(conn, an, f"N{number}@tin.example")
        distrust(conn, an, "n7@TIN.example")
        kept = senders_of(conn, an)
    assert len(kept) == MOST - 1
    assert "n7@tin.example" not in kept


def test_the_application_alone_serves_none(live: LiveWebmail) -> None:
    client = create_app(live.hall.services).test_client()
    assert client.get(PATH + "x").status_code in (303, 404)
