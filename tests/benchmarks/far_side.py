"""The far side of the relay's series: a thousand domains, each with an address of its own on loopback.

Behind the living stands one smtp-sink of Debian's Postfix, which counts what it takes.  Of the dead half refuse
connections, and half take them and never say a word.  Both contenders find the way by their own maps and ask no DNS.
"""

from __future__ import annotations

import contextlib
import functools
import re
import socket
import subprocess
import threading
import time
from collections.abc import Iterator

from tests.benchmarks.contender import free_ports

DOMAINS = 1000
_COUNTED = re.compile(rb"mesg=(\d+)\D")


@functools.cache
def ports() -> tuple[int, int, int]:
    """Of the sink, of nobody, and of those who never answer."""
    sink, nobody, silent = free_ports(3)
    return sink, nobody, silent


def living(number: int) -> str:
    return f"d{number:04}.example"


def dead(number: int) -> str:
    return f"x{number:04}.example"


def routes() -> dict[str, str]:
    """Domain → address:port."""
    sink, nobody, silent = ports()
    found = {living(number): f"{_address(number)}:{sink}" for number in range(DOMAINS)}
    found |= {dead(number): f"{_address(number)}:{nobody if number % 2 else silent}" for number in range(DOMAINS)}
    return found


def _address(number: int) -> str:
    return f"127.2.{number // 250}.{number % 250 + 1}"


class Sink:
    """A running smtp-sink; ``count`` is how many messages it has taken."""

    def __init__(self) -> None:
        self.count = 0
        self.counted_at = 0.0
        self._silent = socket.create_server(("", ports()[2]), backlog=4096)
        self._process = subprocess.Popen(
            ["smtp-sink", "-u", "nobody", "-c", "-m", "4000", f":{ports()[0]}", "4000"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        _wait_until_it_listens(ports()[0])

    def _read(self) -> None:
        assert self._process.stdout is not None
        rest = b""
        while octets := self._process.stdout.read1(65_536):  # type: ignore[attr-defined]
            found = _COUNTED.findall(rest + octets)
            if found and int(found[-1]) != self.count:
                self.count = int(found[-1])
                self.counted_at = time.perf_counter()
            rest = octets[-64:]

    @property
    def pid(self) -> int:
        return self._process.pid

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(timeout=10)
        self._thread.join(10)
        self._silent.close()


@contextlib.contextmanager
def sinking() -> Iterator[Sink]:
    sink = Sink()
    try:
        yield sink
    finally:
        sink.close()


def _wait_until_it_listens(port: int) -> None:
    deadline = time.monotonic() + 10
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        if time.monotonic() > deadline:
            raise TimeoutError("smtp-sink does not listen")
        time.sleep(0.05)
