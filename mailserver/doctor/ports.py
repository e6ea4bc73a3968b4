"""Our own services, as a client meets them: do they answer, and do they speak TLS with the right certificate?

Standards: RFC 3207 (STARTTLS in SMTP), RFC 9051 §6.2.1 (in IMAP), RFC 8314 §3.3 (TLS from the first octet).
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass

from mailserver.config import Config
from mailserver.doctor.verdicts import Verdict, bad, good, warning
from security.tls import client_context

SECONDS = 5.0
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 (no address to listen on)
_LONGEST = 64 * 1024


@dataclass(frozen=True, slots=True)
class Service:
    """``how``: tls from the first octet, smtp or imap with STARTTLS, or plain."""

    name: str
    port: int
    how: str


_HOW = {
    "smtp": "smtp",
    "submission": "smtp",
    "submissions": "tls",
    "imap": "imap",
    "imaps": "tls",
    "https": "tls",
}


def services_of(config: Config) -> list[Service]:
    """Those that the configuration turns on."""
    found = []
    for name, how in _HOW.items():
        port = getattr(config.listen, name)
        if how == "tls" and not config.tls.certificate:  # then nobody listens there
            continue
        if port and (name != "https" or config.workers.web):
            found.append(Service(name, port, how))
    return found


def address_of(config: Config) -> str:
    return _ANYWHERE.get(config.listen.host, config.listen.host)


def check_port(host: str, service: Service, certificate: bytes | None) -> Verdict:
    """``certificate``: the one that should be shown, in DER; None where none is configured."""
    subject = f"{service.name} {service.port}"
    try:
        with contextlib.ExitStack() as open_lines:
            line = open_lines.enter_context(socket.create_connection((host, service.port), timeout=SECONDS))
            if service.how != "tls" and not _start_tls(line, service.how):
                return bad("port.plain", subject)
            # Who we are is known: only what is shown matters here.
            secured = open_lines.enter_context(client_context(verify=False).wrap_socket(line))
            shown = secured.getpeercert(binary_form=True)
            version = secured.version()
    except ssl.SSLError as fault:
        return bad("port.no-tls", subject, fault=fault.reason or fault)
    except (OSError, EOFError) as fault:
        return bad("port.silent", subject, fault=fault)
    if certificate is not None and shown != certificate:
        return warning("port.old-certificate", subject)
    return good("port.answers", subject, version=version)


def _start_tls(line: socket.socket, how: str) -> bool:
    """Whether TLS is offered and may begin."""
    lines = _lines(line)
    if how == "imap":
        _greeted(next(lines), b"* ")
        line.sendall(b"d STARTTLS\r\n")
        return next(each for each in lines if each.startswith(b"d ")).upper().startswith(b"D OK")
    _greeted(_last_of(lines), b"220")
    line.sendall(b"EHLO localhost\r\n")
    offered = False
    for each in lines:
        offered = offered or each[4:].strip().upper() == b"STARTTLS"
        if each[3:4] != b"-":
            break
    if not offered:
        return False
    line.sendall(b"STARTTLS\r\n")
    return _last_of(lines).startswith(b"220")


def _greeted(line: bytes, expected: bytes) -> None:
    if not line.startswith(expected):
        raise EOFError(f"unexpected greeting {line[:60]!r}")


def _last_of(lines: Iterator[bytes]) -> bytes:
    return next(each for each in lines if each[3:4] != b"-")


def _lines(line: socket.socket) -> Iterator[bytes]:
    """Line by line, and never an octet beyond: what follows may be TLS.  Raises EOFError."""
    octets = b""
    taken = 0
    while taken < _LONGEST:
        while b"\n" not in octets:
            more = line.recv(4096)
            if not more:
                raise EOFError("it hung up")
            octets += more
            taken += len(more)
        first, _, octets = octets.partition(b"\n")
        yield first
    raise EOFError("it says too much")
