"""DKIM beside dkimpy and Debian's opendkim, in processor time: ``python -m tests.benchmarks.signatures``.

opendkim runs in its test mode over many files at once; what one file costs is the difference to a run over a single
one, so that its start does not count.  No DNS: all three have the keys at hand.
"""

from __future__ import annotations

import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import dkim
from cryptography.hazmat.primitives import serialization

from security.dkim import read_message, sign, verify
from tests.security.dkim.test_against_dkimpy import ask, secret
from tests.security.keyring import DOMAIN, key, record, signer, zone

HEADER = b"".join(
    b"Received: from a%d by b%d with ESMTP id x;\r\n\tThu, 1 Jan 2026 00:00:0%d +0000\r\n" % (hop, hop, hop)
    for hop in range(5)
) + (
    b"From: Joe <joe@example.org>\r\nTo: sue@example.net\r\nSubject: Dinner tonight\r\n"
    b"Date: Thu, 1 Jan 2026 00:00:00 +0000\r\nMessage-ID: <1@example.org>\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\n\r\n"
)
LINE = b"The quick brown fox jumps over the lazy dog and goes  on to the next.\r\n"
FILES = 400


def seconds(call: Callable[[], object], times: int) -> float:
    """Processor seconds of one call: the best of three rounds."""
    best = float("inf")
    for _ in range(3):
        start = time.process_time()
        for _ in range(times):
            call()
        best = min(best, (time.process_time() - start) / times)
    return best


def opendkim_seconds(folder: Path, octets: bytes, settings: str) -> float:
    (folder / "conf").write_text(f"RequireSafeKeys false\nTemporaryDirectory {folder}\n{settings}\n")
    paths = [folder / f"letter{number}" for number in range(FILES)]
    for path in paths:
        path.write_bytes(octets)

    def run(count: int) -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        listed = ",".join(map(str, paths[:count]))
        subprocess.run(["opendkim", "-x", str(folder / "conf"), "-t", listed], capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    return (min(run(FILES) for _ in range(3)) - min(run(1) for _ in range(3))) / (FILES - 1)


def measure(folder: Path, size: int, kind: str) -> None:
    now = int(time.time())
    letter = HEADER + LINE * (size // len(LINE))
    mine = (signer(kind),)
    signed = sign(read_message(letter), mine, now) + letter
    dns = zone()
    assert dns.run(verify(read_message(signed), now))[0].status == "pass"
    secrets = (f"s-{kind}".encode(), DOMAIN.encode(), secret(kind))
    forms = {"canonicalize": (b"relaxed", b"relaxed"), "signature_algorithm": f"{kind}-sha256".encode()}
    figures = {
        ("sign", "ours"): seconds(lambda: sign(read_message(letter), mine, now), 200),
        ("sign", "dkimpy"): seconds(lambda: dkim.sign(letter, *secrets, **forms), 20),
        ("verify", "ours"): seconds(lambda: dns.run(verify(read_message(signed), now)), 300),
        ("verify", "dkimpy"): seconds(lambda: dkim.verify(signed, dnsfunc=ask), 50),
    }
    if shutil.which("opendkim"):
        (folder / "dns").write_text(f"s-{kind}._domainkey.{DOMAIN} {record(kind).decode()}\n")
        pem = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        (folder / "key").write_bytes(key(kind).private_bytes(*pem))
        signs = (
            f"Mode s\nDomain {DOMAIN}\nSelector s-{kind}\nKeyFile {folder}/key\nSignatureAlgorithm {kind}-sha256\n"
            "Canonicalization relaxed/relaxed"
        )
        figures["sign", "opendkim"] = opendkim_seconds(folder, letter, signs)
        figures["verify", "opendkim"] = opendkim_seconds(folder, signed, f"Mode v\nTestDNSData file:{folder}/dns")
    for work in ("sign", "verify"):
        told = {who: one for (what, who), one in figures.items() if what == work}
        rates = "  ".join(f"{who} {1 / one:,.0f}/s ({one / told['ours']:.1f})" for who, one in told.items())
        print(f"{size:>7} octets  {kind:<8} {work:<7} {rates}")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for size in (4_000, 100_000):
            for kind in ("rsa", "ed25519"):
                measure(Path(folder), size, kind)


if __name__ == "__main__":
    main()
