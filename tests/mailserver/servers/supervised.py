"""A program under the supervisor, in a process of its own, and what it says."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path
from queue import Empty, Queue

PROGRAM = """
import logging, os, signal, sys, time
from mailserver.servers import supervisor
from mailserver.servers.supervisor import Role, Supervisor

logging.basicConfig(stream=sys.stdout, format="log: %(message)s", level=logging.DEBUG)

def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())

class Ending:  # an Event may not be set in a signal's handler: its lock may be held by the code below
    told = False
    def wait(self):
        while not self.told:
            time.sleep(0.02)

def until_term(on_hup=None):
    ending = Ending()
    signal.signal(signal.SIGTERM, lambda *_: setattr(ending, "told", True))
    if on_hup:
        signal.signal(signal.SIGHUP, lambda *_: on_hup())
    return ending

def steady(name="steady"):
    def run(ready):
        ending = until_term(lambda: say("hup", name, os.getpid()))
        ready()
        say("serving", name, os.getpid())
        ending.wait()
        say("drained", name, os.getpid())
    return run
"""


class Supervised:
    """A program under the supervisor, and what it says, line by line."""

    def __init__(self, body: str, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", PROGRAM + textwrap.dedent(body)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **environment},
            start_new_session=True,
        )
        self.heard: list[str] = []
        self._expected: set[int] = set()
        self._lines: Queue[str] = Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line.rstrip("\n"))

    def expect(self, pattern: str) -> re.Match[str]:
        """Wait for a line that begins so and was not expected before: processes speak in no order."""
        for at, line in enumerate(self.heard):
            if at not in self._expected and (found := re.match(pattern, line)):
                self._expected.add(at)
                return found
        while True:
            try:
                line = self._lines.get(timeout=20)
            except Empty:
                raise AssertionError(f"never said {pattern!r}, but:\n" + "\n".join(self.heard)) from None
            self.heard.append(line)
            if found := re.match(pattern, line):
                self._expected.add(len(self.heard) - 1)
                return found

    def pid_of(self, what: str) -> int:
        return int(self.expect(rf"{what} (\d+)")[1])

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def end(self) -> int:
        """Wait for the end; everything that was said is then in ``heard``."""
        code = self.process.wait(timeout=20)
        self._reader.join(20)
        while not self._lines.empty():
            self.heard.append(self._lines.get())
        return code

    def close(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(20)
        self._reader.join(20)
        assert self.process.stdout is not None
        self.process.stdout.close()


def is_alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def wait_until(true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.01)
