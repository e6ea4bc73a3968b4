"""The key process in processor time, its own and its asker's: ``python -m tests.benchmarks.keys [PEOPLE]``.

So many people, 200,000 if nothing is said, are enrolled with P-256 keys, stopped half way and gone on with, and a
fiftieth of them with RSA-2048, telling how far they have come; from fewer than 200,000 is reckoned what these cost.
Then one who is signed in signs, decrypts and opens a sealed key, through the socket.
"""

from __future__ import annotations

import dataclasses
import os
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from directory.database import Directory, open_directory
from directory.keys import levels
from directory.mail.account_changes import set_password
from directory.pki import enrolment
from directory.signing_in import sessions
from directory.staff.units import find_unit
from mailserver.config import Config
from mailserver.key_process import at_hand
from security.cms.attributes import write_attributes
from security.cms.certificates import Certificate
from security.keys.client import KeyProcess
from security.keys.wire import Refusal
from security.passwords import hash_password
from tests.directory.authorities import Pki, found_pki
from tests.directory.conftest import City, found_city

CITY_SIZE = 200_000
PASSWORD = "tám con trâu vàng"
_TICK = os.sysconf("SC_CLK_TCK")
_LOT = 5000  # people of one transaction


def child_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def own_megabytes(pid: int) -> int:
    """Memory of the process's own: pages of the database, which it maps, are the system's."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) // 1024


def measured(pid: int, work: Callable[[], object]) -> tuple[float, float]:
    """Processor seconds of ours, and of the key process."""
    ours, theirs = time.process_time(), child_seconds(pid)
    work()
    return time.process_time() - ours, child_seconds(pid) - theirs


def join(city: City, count: int, prefix: str) -> list[str]:
    joined: list[str] = []
    for start in range(0, count, _LOT):
        with city.directory.write() as conn:
            numbers = range(start, min(start + _LOT, count))
            joined += [city.join(conn, f"Nguyễn Văn {prefix}{number}").account_id for number in numbers]
    return joined


def progress(what: str, people: int) -> Callable[[enrolment.Tally], None]:
    """Tells of every twentieth part."""
    started, shown = time.monotonic(), 0

    def told(tally: enrolment.Tally) -> None:
        nonlocal shown
        if (part := tally.issued * 20 // (2 * people)) > shown:
            shown = part
            print(f"  {what}: {tally.issued} certificates, {time.monotonic() - started:.0f} s", flush=True)

    return told


def enrol(directory: Directory, pki: Pki, pid: int, people: int, kind: str) -> None:
    pki.use(kind)
    half = people * 2 // 4
    reached = enrolment.Tally()

    def first_told(tally: enrolment.Tally) -> None:
        nonlocal reached
        reached = tally
        first_shown(tally)

    first_shown, rest_shown = progress(f"{kind}, first", people), progress(f"{kind}, gone on with", people)

    def work() -> None:
        certifier = pki.open(directory)
        first = enrolment.reconcile(
            directory,
            certifier,
            threads=2,
            urgent_only=True,
            told=first_told,
            is_over=lambda: reached.issued >= half,
        )
        rest = enrolment.reconcile(directory, certifier, threads=2, urgent_only=True, told=rest_shown)
        assert first.issued + rest.issued == 2 * people, (first, rest)

    started = time.monotonic()
    ours, theirs = measured(pid, work)
    clock = time.monotonic() - started
    hours = (ours + theirs) / people * CITY_SIZE / 3600
    reckoned = "" if people == CITY_SIZE else f"; 200,000: {hours:.1f} h of processor, half on two cores"
    print(
        f"enrolment, {kind}, {people} people: {1000 * ours / people:.1f} ms asker, {1000 * theirs / people:.1f} ms key"
        f" process for each person; {clock:.1f} s by the clock;"
        f" {own_megabytes(os.getpid())} MB asker, {own_megabytes(pid)} MB key process at its end{reckoned}",
        flush=True,
    )


def use(directory: Directory, keys: KeyProcess, pid: int, person: str, times: int) -> None:
    with directory.write() as conn:
        set_password(conn, "benchmark", person, hash_password(PASSWORD))
        session = sessions.start(conn, person, "benchmark", "127.0.0.1")
    signer, readers = keys.signer(session, person), keys.decrypters(session, person)
    assert not isinstance(signer, Refusal)
    assert not isinstance(readers, Refusal)
    at = datetime.fromtimestamp(directory.clock(), UTC)
    octets = write_attributes(bytes(32), signer.scheme, Certificate(signer.certificate), None, at)
    point = ec.generate_private_key(ec.SECP256R1()).public_key()
    public = point.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    is_rsa = signer.scheme.kind == "rsa"
    # of RSA, what does not decrypt costs what does
    read = (lambda: readers[0].unwrap(bytes(255) + b"x", None, 32)) if is_rsa else (lambda: readers[0].agree(public))
    for name, work in (("signature", lambda: signer.sign(octets)), ("decryption", read)):
        ours, theirs = measured(pid, lambda work=work: [work() for _ in range(times)])  # type: ignore[misc]
        print(
            f"{name}, {signer.scheme.name}: {1000 * ours / times:.2f} ms asker, {1000 * theirs / times:.2f} ms key"
            f" process; {times / (ours + theirs):.0f} a second of one core"
        )


def main() -> None:
    people = int(sys.argv[1]) if len(sys.argv) > 1 else CITY_SIZE
    with tempfile.TemporaryDirectory() as folder:
        storage = dataclasses.replace(Config().storage, data=folder)
        config = dataclasses.replace(Config(), storage=storage)
        directory = open_directory(config.directory_url)
        city = found_city(directory)
        pki = found_pki(directory, Path(folder))
        with at_hand(config) as keys:
            pki.keys = keys  # type: ignore[assignment]
            pid = next(iter(children()))
            for kind, count in (("p256", people), ("rsa2048", max(1, people // 50))):
                joined = join(city, count, kind)
                enrol(directory, pki, pid, count, kind)
                use(directory, keys, pid, joined[0], 500)
            with directory.write() as conn:
                levels.set_level(conn, "benchmark", find_unit(conn, "SYT"), levels.SEALED)
                session = sessions.start(conn, joined[0], "benchmark", "127.0.0.1")
            assert not isinstance(keys.open(session, PASSWORD), Refusal)
            _, theirs = measured(pid, lambda: [keys.open(session, PASSWORD) for _ in range(8)])
            print(f"a sealed key is opened: {1000 * theirs / 8:.1f} ms of the key process")
        directory.close()


def children() -> list[int]:
    found = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text()
    return [int(pid) for pid in found.split()]


if __name__ == "__main__":
    main()
