"""The webmail's shell: what it takes in, how it answers, its event streams, and how it ends.

The application behind it is the real one, on the town hall of the webmail's tests.
"""

from __future__ import annotations

import asyncio
import gzip
import http.client
import json
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from html import unescape
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import urlencode

import pytest
import uvloop

from mailserver.servers.web import serve_web
from security.authority import ensure_certificate
from security.tls import server_context
from tests.webmail.town_hall import PASSWORD, LiveWebmail, TownHall, build, letter, live_webmail


@pytest.fixture
def live(tmp_path: Path) -> Iterator[LiveWebmail]:
    with live_webmail(tmp_path) as webmail:
        yield webmail


class Client:
    """A small HTTP client that keeps the cookie, and shows headers as they came."""

    def __init__(self, port: int, context: ssl.SSLContext | None = None) -> None:
        self.port = port
        self.context = context
        self.cookie = ""
        self.token = ""

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        connection: http.client.HTTPConnection
        if self.context is None:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        else:
            connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=20, context=self.context)
        given = {"Cookie": self.cookie, **(headers or {})} if self.cookie else dict(headers or {})
        try:
            connection.request(method, path, body, given)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        found = {name.lower(): value for name, value in answer.getheaders()}
        if "set-cookie" in found:
            self.cookie = found["set-cookie"].split(";")[0]
        token = re.search(rb'name="csrf[-_]token" (?:content|value)="([^"]+)"', content)
        if token:
            self.token = unescape(token[1].decode())
        return answer.status, found, content

    def post(self, path: str, **form: str) -> tuple[int, dict[str, str], bytes]:
        body = urlencode({"csrf_token": self.token, **form}).encode()
        return self.ask("POST", path, body, {"Content-Type": "application/x-www-form-urlencoded"})

    def sign_in(self, login: str = "an", password: str = PASSWORD) -> int:
        self.ask("GET", "/login")
        return self.post("/login", login=f"{login}@thanhpho.example", password=password)[0]


def test_pages_come_compressed_to_those_who_take_it(live: LiveWebmail) -> None:
    client = Client(live.port)
    assert client.sign_in() == 303
    _, plain_headers, plain = client.ask("GET", "/settings")
    _, headers, packed = client.ask("GET", "/settings", headers={"Accept-Encoding": "gzip, br"})
    assert "content-encoding" not in plain_headers
    assert headers["content-encoding"] == "gzip"
    assert "Accept-Encoding" in headers["vary"]
    assert int(headers["content-length"]) == len(packed) < len(plain) / 2
    assert gzip.decompress(packed)[:15] == plain[:15] == b"<!doctype html>"
    assert "server" not in headers


def test_assets_may_be_kept_for_ever_under_names_that_tell_their_content(live: LiveWebmail) -> None:
    client = Client(live.port)
    _, _, page = client.ask("GET", "/login")
    path = re.search(rb'href="(/assets/style-[0-9A-Z]{8}\.css)"', page)
    assert path is not None
    status, headers, _ = client.ask("GET", path[1].decode())
    assert status == 200
    assert "immutable" in headers["cache-control"]
    assert headers["content-type"].startswith("text/css")
    assert client.ask("GET", "/assets/style-00000000.css")[1]["cache-control"] == "no-cache"
    for wrong in ("/assets/..%2f__init__.py", "/assets/../app.py", "/assets/..", "/assets/no.css", "/static/style.css"):
        assert client.ask("GET", wrong)[0] in (303, 404)


def test_a_body_that_is_too_large_is_refused_before_it_is_read(live: LiveWebmail) -> None:
    with socket.create_connection(("127.0.0.1", live.port), timeout=10) as line:
        line.sendall(b"POST /compose HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n")
        assert line.recv(4096).startswith(b"HTTP/1.1 413")


def test_a_large_file_comes_in_from_whoever_is_signed_in_and_goes_out_to_anybody(live: LiveWebmail) -> None:
    client = Client(live.port)
    client.sign_in()
    client.ask("GET", "/compose")
    _, headers, _ = client.post("/compose", action="link", text="Kính gửi", author="")
    draft = headers["location"].rpartition("=")[2]
    octets = b"\0\1\2\3" * 3_000_000  # more than the bridge holds in memory, and than any other form may bring
    parts = (("csrf_token", client.token.encode()), ("draft", draft.encode()), ('file"; filename="a.bin', octets))
    body = b"".join(
        b'--x\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n' % (name.encode(), value)
        for name, value in parts
    )
    form = {"Content-Type": "multipart/form-data; boundary=x"}
    stranger = Client(live.port)
    with socket.create_connection(("127.0.0.1", live.port), timeout=10) as line:
        line.sendall(b"POST /links HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body))
        assert line.recv(4096).startswith(b"HTTP/1.1 413")
    status, headers, _ = client.ask("POST", "/links", body + b"--x--\r\n", form)
    assert status == 303
    page = client.ask("GET", headers["location"])[2].decode()
    found = re.search(r"/files/[\w-]{43}", page)
    assert found
    status, headers, content = stranger.ask("GET", found[0])
    assert (status, headers["content-length"], content == octets) == (200, str(len(octets)), True)
    status, headers, content = stranger.ask("HEAD", found[0])
    assert (status, headers["content-length"], content) == (200, str(len(octets)), b"")


def test_a_body_without_a_length_is_cut_off_at_the_limit(live: LiveWebmail) -> None:
    with socket.create_connection(("127.0.0.1", live.port), timeout=20) as line:
        line.sendall(b"POST /compose HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
        line.settimeout(0.01)
        answer = b""
        for _ in range(200):
            try:
                line.sendall(chunk)
                answer = line.recv(4096)
            except TimeoutError:
                continue
            except OSError:
                break
            if answer:
                break
        assert answer.startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize(
    "request_octets",
    [
        b"GET /%ff%fe/%00 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /login HTTP/1.1\r\nHost: x\r\nCookie: citymail=\xff\xfe; citymail\r\n\r\n",
        b'GET /login HTTP/1.1\r\nHost: a b"<c\r\n\r\n',
        b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data\r\nContent-Length: 3\r\n\r\nabc",
        b"GET //evil.example/ HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /login?next=%0d%0aX:%20y HTTP/1.1\r\nHost: x\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"EHLO x\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"y" * 200_000 + b"\r\n\r\n",
    ],
)
def test_strange_requests_get_an_answer_and_hurt_nobody(live: LiveWebmail, request_octets: bytes) -> None:
    with socket.create_connection(("127.0.0.1", live.port), timeout=10) as line:
        line.sendall(request_octets)
        line.shutdown(socket.SHUT_WR)
        answer = b""
        with_time = time.monotonic() + 10
        while time.monotonic() < with_time:
            try:
                piece = line.recv(65536)
            except ConnectionResetError:
                break
            if not piece:
                break
            answer += piece
    assert answer == b"" or answer.startswith(b"HTTP/1.1 ")
    assert not answer.startswith(b"HTTP/1.1 5")
    assert b"\r\nX: y" not in answer
    assert Client(live.port).ask("GET", "/login")[0] == 200


def test_clients_that_send_slowly_hold_no_thread(live: LiveWebmail) -> None:
    """More stalled uploads than there are threads, and pages are served as before."""
    lines = []
    try:
        for _ in range(40):
            line = socket.create_connection(("127.0.0.1", live.port), timeout=10)
            line.sendall(b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc")
            lines.append(line)
        assert Client(live.port).ask("GET", "/login")[0] == 200
    finally:
        for line in lines:
            line.close()


def test_a_slowed_guesser_holds_no_thread(tmp_path: Path) -> None:
    hall = build(tmp_path, login={"never_slowed": ()})
    live = LiveWebmail(hall)
    try:
        answers: list[int] = []
        clients = [Client(live.port) for _ in range(20)]
        for each in clients:
            each.ask("GET", "/login")
        guessers = [
            threading.Thread(target=lambda one=one: answers.append(one.sign_in(password="sai")), daemon=True)
            for one in clients
        ]
        for guesser in guessers:
            guesser.start()
        status, headers, _ = Client(live.port).ask("GET", "/login")
        assert status == 200
        assert "x-answer-after" not in headers
        assert len(answers) < len(clients), "the guessers were not made to wait"
        for guesser in guessers:
            guesser.join(30)
        assert set(answers) <= {401, 429}
    finally:
        live.close()
        hall.close()


class Stream:
    """An open event stream."""

    def __init__(self, port: int, cookie: str, headers: dict[str, str] | None = None) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        self.connection.request("GET", "/events", headers={"Cookie": cookie, **(headers or {})})
        self.answer = self.connection.getresponse()
        self.status = self.answer.status

    def event(self) -> tuple[str, dict[str, object]]:
        """The next event; comments and the retry line are passed over."""
        name, data = "", ""
        while True:
            line = self.answer.readline().decode().rstrip("\n")
            if not line and name:
                return name, json.loads(data)
            if not line and self.answer.isclosed():
                return "closed", {}
            if line.startswith("event: "):
                name = line[7:]
            elif line.startswith("data: "):
                data = line[6:]

    def close(self) -> None:
        self.connection.close()


def test_news_arrive_over_the_stream(live: LiveWebmail) -> None:
    client = Client(live.port)
    client.sign_in()
    inbox = live.hall.mailbox("an").id
    stream = Stream(live.port, client.cookie)
    assert stream.status == 200
    assert stream.answer.getheader("Content-Type") == "text/event-stream; charset=utf-8"
    page = client.ask("GET", "/mailboxes")[2].decode()
    assert stream.event() == ("state", {"state": state_shown(page)})
    live.hall.put("an", letter())
    name, told = stream.event()
    page = client.ask("GET", f"/mail/{inbox}")[2].decode()
    assert (name, told) == (
        "change", {"mailboxes": [inbox], "arrived": 1, "unseen": 1, "state": state_shown(page)}
    )  # fmt: skip
    live.hall.put("binh", letter())
    made = live.hall.make_mailbox("an", "Mới")
    live.hall.put("an", letter(), "INBOX")
    heard: set[object] = set()
    while heard != {inbox, made.id}:  # in one event or in two
        heard |= set(stream.event()[1]["mailboxes"])  # type: ignore[call-overload]
        assert heard <= {inbox, made.id}
    live.hall.put("an", letter(), "Mới")
    _, told = stream.event()
    assert told["mailboxes"] == [made.id]
    stream.close()


def state_shown(page: str) -> str:
    """The one state that all parts of a page show."""
    [state] = set(re.findall(r'data-state="([0-9a-f]+)"', page))
    return str(state)


def test_the_stream_ends_with_the_session(live: LiveWebmail) -> None:
    client = Client(live.port)
    client.sign_in()
    client.ask("GET", "/settings")
    stream = Stream(live.port, client.cookie)
    before = client.cookie
    assert stream.event()[0] == "state"
    client.post("/logout")
    live.hall.put("an", letter())
    assert stream.event()[0] == "signed-out"
    stream.close()
    for cookie in (before, "", "citymail=made.up", "citymail="):
        late = Stream(live.port, cookie)
        assert late.event()[0] == "signed-out"
        late.close()


def test_streams_are_for_our_own_pages_and_not_too_many(live: LiveWebmail) -> None:
    client = Client(live.port)
    client.sign_in()
    foreign = Stream(live.port, client.cookie, {"Sec-Fetch-Site": "cross-site"})
    assert foreign.status == 403
    foreign.close()
    streams = [Stream(live.port, client.cookie) for _ in range(14)]
    assert [stream.status for stream in streams] == [200] * 12 + [429] * 2
    streams[0].close()
    deadline = time.monotonic() + 10
    while (again := Stream(live.port, client.cookie)).status != 200:
        again.close()
        assert time.monotonic() < deadline
        time.sleep(0.1)
    for stream in [*streams, again]:
        stream.close()


def test_many_streams_hold_no_thread(live: LiveWebmail) -> None:
    streams = []
    for login in ("an", "binh", "chi"):
        client = Client(live.port)
        client.sign_in(login)
        streams += [Stream(live.port, client.cookie) for _ in range(12)]
    before = threading.active_count()
    assert Client(live.port).ask("GET", "/login")[0] == 200
    assert threading.active_count() <= before + 1
    for stream in streams:
        stream.close()


def test_streams_end_when_the_server_does(tmp_path: Path) -> None:
    hall = build(tmp_path)
    live = LiveWebmail(hall)
    client = Client(live.port)
    client.sign_in()
    stream = Stream(live.port, client.cookie)
    assert stream.event()[0] == "state"
    live.close()
    assert not live._thread.is_alive()
    assert stream.event()[0] == "closed"
    stream.close()
    hall.close()


class BothDoors:
    """The webmail over HTTP and HTTPS."""

    def __init__(self, hall: TownHall, folder: Path) -> None:
        from datetime import UTC, datetime

        files = ensure_certificate(folder / "tls", ["mail.thanhpho.example", "127.0.0.1"], datetime.now(UTC))
        self.client_context = ssl.create_default_context(cafile=files.ca_file)
        self.plain = socket.create_server(("127.0.0.1", 0))
        self.secure = socket.create_server(("127.0.0.1", 0))
        self._loop = uvloop.new_event_loop()
        self._ready = threading.Event()
        self._ending: asyncio.Event | None = None
        context = server_context(files.certificate, files.key)
        self._thread = threading.Thread(target=self._run, args=(hall, context), daemon=True)
        self._thread.start()
        assert self._ready.wait(20)

    def _run(self, hall: TownHall, context: ssl.SSLContext) -> None:
        asyncio.set_event_loop(self._loop)
        self._ending = asyncio.Event()
        self._loop.run_until_complete(
            serve_web(hall.services, self.plain, self.secure, context, self._ending, on_ready=self._ready.set)
        )
        self._loop.close()

    def close(self) -> None:
        assert self._ending is not None
        self._loop.call_soon_threadsafe(self._ending.set)
        self._thread.join(20)
        self.plain.close()
        self.secure.close()


@pytest.fixture
def doors(tmp_path: Path) -> Iterator[BothDoors]:
    hall = build(
        tmp_path,
        plain_http=False,
        listen={"https": 8443, "host": "127.0.0.1"},
        tls={"certificate": "tls/server.pem", "key": "tls/server.key"},
    )
    both = BothDoors(hall, tmp_path)
    yield both
    both.close()
    hall.close()


def test_without_tls_there_is_only_the_way_to_tls(doors: BothDoors) -> None:
    client = Client(doors.plain.getsockname()[1])
    for host, sent_to in (
        ("mail.thanhpho.example", "mail.thanhpho.example"),
        ("127.0.0.1:8080", "127.0.0.1"),
        ("evil.example", "mail.thanhpho.example"),
        ("evil.example/x?", "mail.thanhpho.example"),
    ):
        status, headers, body = client.ask("GET", "/login?next=/x%0d%0aY", headers={"Host": host})
        assert status == 308
        assert headers["location"] == f"https://{sent_to}:8443/login?next=/x%0d%0aY"
        assert "set-cookie" not in headers
        assert body == b""
    assert client.ask("GET", "/events")[0] == 308


def test_what_certificates_point_to_needs_no_tls(tmp_path: Path) -> None:
    hall = build(
        tmp_path,
        plain_http=False,
        listen={"https": 8443, "host": "127.0.0.1"},
        tls={"certificate": "tls/server.pem", "key": "tls/server.key"},
        pki={"host": "pki.city.gov.vn"},
    )
    both = BothDoors(hall, tmp_path)
    try:
        client = Client(both.plain.getsockname()[1])
        ours = {"Host": f"pki.city.gov.vn:{both.plain.getsockname()[1]}"}
        assert client.ask("GET", "/pki/0123456789abcdef.crl", headers=ours)[0] == 404
        asked = {**ours, "Content-Type": "application/ocsp-request"}
        status, headers, answer = client.ask("POST", "/ocsp", b"\x30\x00", headers=asked)
        assert (status, headers["content-type"]) == (200, "application/ocsp-response")
        assert answer == b"\x30\x03\x0a\x01\x01"  # malformedRequest
        for path in ("/", "/login", "/pki"):
            assert client.ask("GET", path, headers=ours)[0] == 308
        assert client.ask("GET", "/pki/0123456789abcdef.crl")[0] == 308
    finally:
        both.close()
        hall.close()


def test_over_tls_everything_works_and_the_cookie_is_bound_to_it(doors: BothDoors) -> None:
    client = Client(doors.secure.getsockname()[1], doors.client_context)
    assert client.sign_in() == 303
    assert client.cookie.startswith("__Host-citymail=")
    status, headers, page = client.ask("GET", "/settings")
    assert status == 200
    assert "Nguyễn Thị Hoài An".encode() in page
    assert "strict-transport-security" not in headers  # an address, not a name


def test_networks_that_may_do_without_tls(tmp_path: Path) -> None:
    hall = build(tmp_path, webmail={"plain_http": (ip_network("10.0.0.0/8"),)})
    live = LiveWebmail(hall)
    try:
        assert Client(live.port).ask("GET", "/login")[0] == 403
    finally:
        live.close()
        hall.close()
