"""What OpenSSL exports for a connection, and that nothing is read where the connection is not what it seems."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest

from security import tls_exporter
from security.authority import ensure_certificate
from security.tls import client_context, server_context
from security.tls_exporter import exporter


def connect(folder: Path, version: ssl.TLSVersion) -> tuple[ssl.SSLObject, ssl.SSLObject]:
    files = ensure_certificate(folder, ["mail.city.vn"], datetime.now(UTC))
    client = client_context(ca_file=files.ca_file)
    client.minimum_version = client.maximum_version = version
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = server_context(files.certificate, files.key).wrap_bio(there, back, server_side=True)
    theirs = client.wrap_bio(back, there, server_hostname="mail.city.vn")
    assert exporter(ours) is None  # before the handshake there is nothing to export
    for _ in range(4):
        for each in (theirs, ours):
            try:
                each.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return ours, theirs


def test_both_ends_export_the_same_and_no_two_connections_do(tmp_path: Path) -> None:
    (ours, theirs), (others, _) = (connect(tmp_path, ssl.TLSVersion.TLSv1_3) for _ in range(2))
    exported = exporter(ours)
    assert exported is not None
    assert (len(exported), exported) == (32, exporter(theirs))
    assert exporter(others) != exported


def test_tls_12_has_another_binding(tmp_path: Path) -> None:
    ours, _ = connect(tmp_path, ssl.TLSVersion.TLSv1_2)
    assert exporter(ours) is None


class Disguised:
    """Looks like a connection, and is an object of Python's own."""

    def __init__(self, inner: object, context: object) -> None:
        self._sslobj = inner
        self.context = context

    def version(self) -> str:
        return "TLSv1.3"


class _SSLSocket:
    pass


def test_what_is_no_connection_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = connect(tmp_path, ssl.TLSVersion.TLSv1_3)
    for inner in (object(), _SSLSocket(), "x" * 100):
        assert exporter(Disguised(inner, ours.context)) is None  # type: ignore[arg-type]
    # the pointer's neighbour is not the context that it should be
    assert exporter(Disguised(ours._sslobj, theirs.context)) is None  # type: ignore[arg-type,attr-defined]
    # another Python, or one that was put together otherwise
    monkeypatch.setattr(tls_exporter, "_library", lambda: None)
    assert exporter(ours) is None
