"""Proxies and filters in front of a running server, as swaks plays them, and Postfix's own clients."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.programs import run
from tests.interop.test_swaks import Swaks
from tests.live import LiveServer

PROXY, FILTER = "127.0.0.2", "127.0.0.3"
ADDRESS = "hoa.mai@thanhpho.example"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A running CityMail that believes a proxy and a filter."""
    live = LiveServer(
        tmp_path_factory.mktemp("fronted"),
        ["hoa.mai"],
        settings={
            "workers": {"web": 0},
            "login": {"never_slowed": ("127.0.0.0/8",)},
            "reception": {"proxy_networks": (f"{PROXY}/32",), "xclient_networks": (f"{FILTER}/32",)},
        },
    )
    live.start()
    yield live
    assert live.stop() == 0
    assert "Traceback" not in live.log_path.read_text(encoding="utf-8")


@pytest.fixture
def swaks(server: LiveServer, tmp_path: Path) -> Swaks:
    def call(service: str, *arguments: str, octets: bytes | None = None, status: int = 0) -> str:
        assert octets is None
        return run(
            "swaks",
            *("--server", "127.0.0.1", "--port", str(server.ports[service]), "--helo", "may.ngoai.example"),
            *("--from", "khach@ngoai.example", "--to", ADDRESS, "--timeout", "20", *arguments),
            home=tmp_path,
            status=status,
        )

    return call


V1 = ("--proxy-version", "1", "--proxy-family", "TCP4", "--proxy-dest", "198.51.100.1", "--proxy-dest-port", "25")
V2 = (
    *("--proxy-version", "2", "--proxy-family", "AF_INET", "--proxy-protocol", "STREAM", "--proxy-command", "PROXY"),
    *("--proxy-dest", "198.51.100.1", "--proxy-dest-port", "25"),
)


@pytest.mark.parametrize("version", [V1, V2], ids=["1", "2"])
@pytest.mark.parametrize("tls", [(), ("--tls",)], ids=["clear", "starttls"])
def test_a_proxy_says_who_the_client_is(
    swaks: Swaks, server: LiveServer, version: tuple[str, ...], tls: tuple[str, ...]
) -> None:
    source = ("--proxy-source", "192.0.2.77", "--proxy-source-port", "4321")
    swaks("smtp", "--local-interface", PROXY, *version, *source, *tls)
    assert "client=192.0.2.77 received" in server.log_path.read_text(encoding="utf-8")


def test_a_proxy_before_tls(swaks: Swaks) -> None:
    source = ("--proxy-source", "192.0.2.78", "--proxy-source-port", "4321")
    said = swaks("submissions", "--local-interface", PROXY, *V1, *source, "--tlsc", "--quit-after", "EHLO")
    assert "250-REQUIRETLS" in said


def test_others_are_served_as_who_they_are(swaks: Swaks, server: LiveServer) -> None:
    swaks("smtp", "--local-interface", "127.0.0.4")
    assert "client=127.0.0.4 received" in server.log_path.read_text(encoding="utf-8")


def test_a_filter_says_for_whom_it_speaks(swaks: Swaks, server: LiveServer) -> None:
    said = swaks("smtp", "--local-interface", FILTER, "--xclient-addr", "192.0.2.79", "--xclient-name", "far.example")
    assert "XCLIENT NAME ADDR" in said
    assert "client=192.0.2.79 received" in server.log_path.read_text(encoding="utf-8")


def test_imap_behind_a_proxy(server: LiveServer) -> None:
    context = ssl.create_default_context(cafile=str(server.ca_file))
    context.check_hostname = False
    for service, secured in (("imaps", True), ("imap", False)):
        with socket.create_connection(("127.0.0.1", server.ports[service]), 20, (PROXY, 0)) as plain:
            plain.sendall(b"PROXY TCP6 2001:db8::77 2001:db8::1 4321 993\r\n")
            talk = context.wrap_socket(plain, server_hostname="127.0.0.1") if secured else plain
            with talk:
                assert talk.recv(4096).startswith(b"* OK ")
                if secured:
                    talk.sendall(f"a LOGIN {ADDRESS} wrong\r\n".encode())
                    assert talk.recv(4096).startswith(b"a NO ")
    assert "2001:db8::77" in server.log_path.read_text(encoding="utf-8")


def test_postfix_sends_many(server: LiveServer, tmp_path: Path) -> None:
    where = f"127.0.0.1:{server.ports['smtp']}"
    run(
        "smtp-source",
        *("-s", "3", "-m", "30", "-l", "3000", "-f", "a@ngoai.example", "-t", ADDRESS, where),
        home=tmp_path,
    )
    run("smtp-source", *("-d", "-m", "20", "-f", "a@ngoai.example", "-t", ADDRESS, where), home=tmp_path)


def test_postfix_looks_at_our_tls(server: LiveServer, tmp_path: Path) -> None:
    where = f"[127.0.0.1]:{server.ports['smtp']}"
    said = run("posttls-finger", "-c", "-l", "encrypt", "-t", "20", where, home=tmp_path)
    assert "TLSv1.3" in said
