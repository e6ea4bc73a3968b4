"""unbound: a validating resolver as an administrator sets it up, and mail from outside judged by what it says."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import dns.dnssec
import dns.name
import dns.rdataset
import dns.zone
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from mailserver.servers.dns import Dns
from security.dkim import Signer, read_message, sign
from security.dkim.keys import render_record
from security.dkim.signing import make_key
from security.dns import Answer, Question, Status, Tlsa
from tests.interop.programs import find, run
from tests.live import LiveServer, free_ports

KEY = make_key("rsa")
SIGNED = """
@ 300 SOA ns hostmaster 1 3600 600 86400 300
@ 300 NS ns
ns 300 A 127.0.0.1
@ 300 MX 10 mx
mx 300 A 192.0.2.1
_25._tcp.mx 300 TLSA 3 1 1 abababababababababababababababababababababababababababababababab
alias 300 CNAME mx
"""
MAIL = """
@ 300 SOA ns hostmaster 1 3600 600 86400 300
@ 300 NS ns
ns 300 A 127.0.0.1
@ 300 TXT "v=spf1 include:_spf.%(origin)s -all"
_spf 300 TXT "v=spf1 ip4:192.0.2.0/24 ip4:127.0.0.1 ~all"
_dmarc 300 TXT "v=DMARC1; p=reject; rua=mailto:d@%(origin)s"
s._domainkey 300 TXT %(key)s
"""


def signed_zone(origin: str, *, records: str = SIGNED, changed: bool = False) -> tuple[str, str]:
    """(the zone's file, its trust anchor); ``changed`` after it was signed."""
    zone = dns.zone.from_text(records, origin=origin, relativize=False)
    private = ec.generate_private_key(ec.SECP256R1())
    key = dns.dnssec.make_dnskey(private.public_key(), dns.dnssec.Algorithm.ECDSAP256SHA256, flags=257)
    with zone.writer() as writer:
        dns.dnssec.sign_zone(zone, writer, keys=[(private, key)], lifetime=86_400, add_dnskey=True)
    text = zone.to_text(relativize=False)
    if changed:
        text = text.replace("192.0.2.1", "192.0.2.66")
    anchor = dns.dnssec.make_ds(dns.name.from_text(origin), key, "SHA256")
    return text, f"{origin}. DS {anchor.to_text()}"


def mail_zone(origin: str) -> str:
    record = render_record(KEY.public_key())
    parts = " ".join(f'"{record[start : start + 200]}"' for start in range(0, len(record), 200))
    return dns.zone.from_text(MAIL % {"origin": origin, "key": parts}, origin=origin, relativize=False).to_text(
        relativize=False
    )


@pytest.fixture(scope="module")
def resolver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """unbound with zones of its own: signed, signed and changed behind its back, and not signed."""
    good, good_anchor = signed_zone("signed.example")
    bad, bad_anchor = signed_zone("bogus.example", changed=True)
    zones = {"signed.example": good, "bogus.example": bad, "sender.example": mail_zone("sender.example")}
    zones["example.example"] = mail_zone("example.example")
    with running(tmp_path_factory.mktemp("unbound"), zones, (good_anchor, bad_anchor)) as address:
        yield address


@contextmanager
def running(folder: Path, zones: Mapping[str, str], anchors: Sequence[str]) -> Iterator[str]:
    """unbound with these zones; its address."""
    (port,) = free_ports(1)
    lines = [
        *("server:", "interface: 127.0.0.1", f"port: {port}", "do-daemonize: no", 'chroot: ""', 'username: ""'),
        *(f'directory: "{folder}"', 'pidfile: ""', "use-syslog: no", 'logfile: ""', "verbosity: 0", "num-threads: 1"),
        *('module-config: "validator iterator"', "do-ip6: no", "val-log-level: 0"),
        *(f'trust-anchor: "{anchor}"' for anchor in anchors),
        *("remote-control:", "control-enable: no"),
    ]
    for origin, text in zones.items():
        (folder / origin).write_text(text)
        lines += ["auth-zone:", f'name: "{origin}"', f'zonefile: "{folder / origin}"', "for-upstream: yes"]
        lines += ["for-downstream: no", "fallback-enabled: no"]
    (folder / "unbound.conf").write_text("\n".join(lines) + "\n")
    log = (folder / "log").open("wb")
    process = subprocess.Popen([find("unbound"), "-d", "-c", folder / "unbound.conf"], stdout=log, stderr=log)
    try:
        _wait_for(port, process, folder / "log")
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)
        log.close()


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with socket.socket() as trial:
            if trial.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None:
            break
        time.sleep(0.05)
    pytest.fail(f"unbound did not start:\n{log.read_text()}")


def look_up(resolver: str, *questions: tuple[str, str]) -> tuple[Answer, ...]:
    async def run_() -> tuple[Answer, ...]:
        return await Dns([resolver]).ask([Question(*each) for each in questions])  # type: ignore[arg-type]

    return asyncio.run(run_())


def test_what_is_secure_and_what_is_not(resolver: str) -> None:
    secure, alias, tlsa, nothing, nobody, insecure = look_up(
        resolver,
        ("mx.signed.example", "A"),
        ("alias.signed.example", "A"),
        ("_25._tcp.mx.signed.example", "TLSA"),
        ("mx.signed.example", "TXT"),
        ("nobody.signed.example", "A"),
        ("sender.example", "TXT"),
    )
    assert (secure.names, secure.validated) == (("192.0.2.1",), True)
    assert (alias.names, alias.name, alias.validated) == (("192.0.2.1",), "mx.signed.example", True)
    assert tlsa.records == (Tlsa(3, 1, 1, b"\xab" * 32),)
    assert tlsa.validated
    assert (nothing.status, nothing.validated) == (Status.EMPTY, True)
    assert (nobody.status, nobody.validated) == (Status.NO_NAME, True)
    assert (insecure.status, insecure.validated) == (Status.FOUND, False)


def test_what_was_changed_behind_its_back_is_bogus(resolver: str) -> None:
    changed, whole = look_up(resolver, ("mx.bogus.example", "A"), ("bogus.example", "MX"))
    assert (changed.status, changed.records) == (Status.BOGUS, ())
    assert (whole.status, whole.validated) == (Status.FOUND, True)


# -- mail from outside


@pytest.fixture(scope="module")
def live(resolver: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A CityMail that believes nobody, and asks unbound."""
    server = LiveServer(
        tmp_path_factory.mktemp("citymail"),
        ["an"],
        settings={
            "workers": {"web": 0, "mail": 1},
            "relay": {"enabled": False},
            "dns": {"resolvers": (resolver,)},
            "trust": {"networks": ()},
        },
    )
    server.start()
    yield server
    server.stop()


@pytest.fixture
def swaks(live: LiveServer, tmp_path: Path) -> Callable[..., str]:
    def call(octets: bytes, *, sender: str, status: int = 0) -> str:
        (tmp_path / "message.eml").write_bytes(octets.replace(b"\r\n", b"\n").removesuffix(b"\n"))
        return run(
            "swaks",
            *("--server", "127.0.0.1", "--port", str(live.ports["smtp"]), "--helo", "mx.sender.example"),
            *("--from", sender, "--to", live.address("an"), "--timeout", "60", "--suppress-data"),
            *("--data", f"@{tmp_path / 'message.eml'}"),
            home=tmp_path,
            status=status,
        )

    return call


def letter(author: str, to: str) -> bytes:
    return (
        f"From: Sở Nội vụ <{author}>\r\nTo: {to}\r\nDate: Mon, 23 Nov 2026 10:00:00 +0700\r\n"
        f"Message-ID: <{time.time_ns()}@x>\r\nSubject: hello\r\n\r\nXin chào\r\n"
    ).encode()


def test_spf_vouches(swaks: Callable[..., str], live: LiveServer) -> None:
    said = swaks(letter("x@sender.example", live.address("an")), sender="x@sender.example")
    assert "250 2.0.0 Taken as" in said


def test_a_signature_vouches(swaks: Callable[..., str], live: LiveServer) -> None:
    octets = letter("x@example.example", live.address("an"))
    signed = sign(read_message(octets), [Signer("example.example", "s", KEY)], int(time.time())) + octets
    assert "250 2.0.0" in swaks(signed, sender="x@sender.example")
    assert "550 5.7.26 The DMARC policy of example.example" in swaks(octets, sender="x@sender.example", status=26)


def test_nobody_outside_is_one_of_us(swaks: Callable[..., str], live: LiveServer) -> None:
    said = swaks(letter(live.address("an"), live.address("an")), sender="x@sender.example", status=26)
    assert f"550 5.7.26 The message claims to be from {live.domain}" in said
