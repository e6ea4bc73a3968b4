"""S/MIME in processor time and memory: ``python -m tests.benchmarks.smime``.

Memory is what a process of its own came to need beyond the message it was given; of what is read, the message that
comes out is in it.  The C library is told to give back at once what is freed, so that nothing is hidden in what was
used before.  As a peer, ``openssl cms`` with the same files, whole processes.
"""

from __future__ import annotations

import base64
import gc
import multiprocessing
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from security.cms import MemoryKey, Recipient, compress, decrypt, encrypt, open_message, sign, verify
from security.paths import Judgement, State
from tests.security.cms.people import AN, BINH, LETTER, NOW, person, signing, trusting

LARGE = 25_000_000
RECIPIENTS = 500


def large_letter() -> bytes:
    head = LETTER[: LETTER.index(b"Content-Type")]
    body = base64.encodebytes(os.urandom(LARGE * 57 // 78)).replace(b"\n", b"\r\n")
    return head + b"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n" + body


def believing(*_: object, **__: object) -> Judgement:
    """A judge that costs nothing, to measure what is ours."""
    return Judgement(State.VALID, "", addresses=(AN,))


def peak() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise AssertionError("no VmHWM")


def measured(call: Callable[[], object]) -> tuple[float, float]:
    """Processor seconds and MiB of one call."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")
    before, start = peak(), time.process_time()
    call()
    return time.process_time() - start, peak() - before


def in_a_process(work: Callable[[], tuple[float, float]]) -> tuple[float, float]:
    receiving, sending = multiprocessing.Pipe(duplex=False)

    def run() -> None:
        sending.send(work())

    process = multiprocessing.get_context("fork").Process(target=run)
    process.start()
    found: tuple[float, float] = receiving.recv()
    process.join()
    return found


def to_nowhere(pieces: Iterator[bytes | memoryview]) -> None:
    with open("/dev/null", "wb") as nowhere:
        nowhere.writelines(pieces)


def large(folder: Path) -> None:
    letter, judge, author = large_letter(), trusting(), signing()
    plain, capable = person("rsa", BINH), person("rsa", BINH, capable=True)
    cbc = {"at": NOW, "judge": judge, "recipients": [plain.recipient]}
    gcm = {"at": NOW, "judge": judge, "recipients": [capable.recipient]}
    keys = [plain.memory, capable.memory]
    made = {
        "detached": b"".join(sign(letter, author)),
        "opaque": b"".join(sign(letter, author, opaque=True)),
        "CBC": b"".join(encrypt(letter, **cbc)),  # type: ignore[arg-type]
        "GCM": b"".join(encrypt(letter, **gcm)),  # type: ignore[arg-type]
        "signed in CBC": b"".join(encrypt(letter, **cbc, signing=author)),  # type: ignore[arg-type]
        "compressed": b"".join(compress(letter)),
    }
    works: dict[str, Callable[[], object]] = {
        "sign detached": lambda: to_nowhere(sign(letter, author)),
        "sign opaque": lambda: to_nowhere(sign(letter, author, opaque=True)),
        "encrypt CBC": lambda: to_nowhere(encrypt(letter, **cbc)),  # type: ignore[arg-type]
        "encrypt GCM": lambda: to_nowhere(encrypt(letter, **gcm)),  # type: ignore[arg-type]
        "sign and encrypt": lambda: to_nowhere(encrypt(letter, **cbc, signing=author)),  # type: ignore[arg-type]
        "verify detached": lambda: verify(made["detached"], at=NOW, judge=judge),
        "verify opaque": lambda: verify(made["opaque"], at=NOW, judge=judge),
        "decrypt CBC": lambda: decrypt(made["CBC"], keys=keys),
        "decrypt GCM": lambda: decrypt(made["GCM"], keys=keys),
        "open signed in CBC": lambda: open_message(made["signed in CBC"], at=NOW, now=NOW, judge=judge, keys=keys),
        "decompress": lambda: verify(made["compressed"], at=NOW, judge=judge),
    }
    peers = openssl_seconds(folder, letter, made) if shutil.which("openssl") else {}
    print(f"one message of {len(letter) / 1e6:.0f} MB")
    for name, work in works.items():
        seconds, memory = in_a_process(lambda work=work: measured(work))
        beside = f"  openssl {peers[name] * 1000:,.0f} ms" if name in peers else ""
        print(f"  {name:<20} {seconds * 1000:6,.0f} ms  {memory:5.1f} MiB{beside}")


def openssl_seconds(folder: Path, letter: bytes, made: dict[str, bytes]) -> dict[str, float]:
    author, plain = person(), person("rsa", BINH)
    files = {"letter": letter, "key": author.pem, "cert": author.certificate_pem, "to": plain.certificate_pem}
    files |= {"tokey": plain.pem, "detached": made["detached"], "opaque": made["opaque"], "cbc": made["CBC"]}
    for name, octets in files.items():
        (folder / name).write_bytes(octets)
    signing_with = ("-sign", "-in", "letter", "-signer", "cert", "-inkey", "key", "-binary")
    commands = {
        "sign detached": signing_with,
        "sign opaque": (*signing_with, "-nodetach"),
        "encrypt CBC": ("-encrypt", "-aes256", "-in", "letter", "-binary", "to"),
        "verify detached": ("-verify", "-in", "detached", "-noverify"),
        "verify opaque": ("-verify", "-in", "opaque", "-noverify"),
        "decrypt CBC": ("-decrypt", "-in", "cbc", "-recip", "to", "-inkey", "tokey"),
    }
    found = {}
    for name, arguments in commands.items():
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(["openssl", "cms", "-out", "/dev/null", *arguments], cwd=folder, check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        found[name] = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return found


def rate(call: Callable[[], object], times: int) -> float:
    """A second: the best of three rounds."""
    best = float("inf")
    for _ in range(3):
        start = time.process_time()
        for _ in range(times):
            call()
        best = min(best, (time.process_time() - start) / times)
    return 1 / best


def small() -> None:
    judge, one = trusting(), person("rsa", BINH)
    print(f"one letter of {len(LETTER)} octets")
    for kind in ("rsa", "p256"):
        author = signing(person(kind))
        signed = b"".join(sign(LETTER, author))
        rates = {
            "sign": rate(lambda author=author: b"".join(sign(LETTER, author)), 200),
            "verify": rate(lambda signed=signed: verify(signed, at=NOW, judge=believing), 200),
            "verify and judge": rate(lambda signed=signed: verify(signed, at=NOW, judge=judge), 50),
        }
        print(f"  {kind:<5}", "  ".join(f"{name} {each:,.0f}/s" for name, each in rates.items()))
    sealed = b"".join(encrypt(LETTER, [one.recipient], at=NOW, judge=believing))
    print(
        f"  encrypt {rate(lambda: b''.join(encrypt(LETTER, [one.recipient], at=NOW, judge=believing)), 200):,.0f}/s"
        f"  decrypt {rate(lambda: decrypt(sealed, keys=[one.memory]), 200):,.0f}/s"
    )


def many() -> None:
    print(f"{RECIPIENTS} recipients")
    for kind in ("rsa", "p256"):
        people = [person(kind, BINH, called=f"official {number}") for number in range(RECIPIENTS)]
        to = [Recipient(each.certificate) for each in people]
        sealed = b"".join(encrypt(LETTER, to, at=NOW, judge=believing))
        key = MemoryKey(people[-1].key, people[-1].certificate)
        writing = measured(lambda to=to: to_nowhere(encrypt(LETTER, to, at=NOW, judge=believing)))[0]
        reading = measured(lambda sealed=sealed, key=key: decrypt(sealed, keys=[key]))[0]
        print(f"  {kind:<5} encrypt {writing * 1000:,.0f} ms  decrypt {reading * 1000:,.0f} ms  {len(sealed):,} octets")


def main() -> None:
    if "MALLOC_MMAP_THRESHOLD_" not in os.environ:
        giving_back = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
        os.execve(sys.executable, [sys.executable, "-m", "tests.benchmarks.smime"], {**os.environ, **giving_back})
    small()
    many()
    with tempfile.TemporaryDirectory() as folder:
        large(Path(folder))


if __name__ == "__main__":
    main()
