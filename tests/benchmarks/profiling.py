"""Where the server's time goes while it is measured: py-spy on all of its processes, if it is installed.

It is no dependency of ours: ``pip install py-spy``, and see its file in speedscope or any viewer of
that format.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SAMPLES_PER_SECOND = 200


def find_profiler() -> str:
    """Empty if there is none."""
    beside = Path(sys.executable).with_name("py-spy")
    return str(beside) if beside.exists() else shutil.which("py-spy") or ""


@contextmanager
def profiled(root: int, target: Path) -> Iterator[None]:
    """Sample a process and its children over the block, into ``target``."""
    command = [find_profiler(), "record", "--subprocesses", "--nonblocking", "--format", "speedscope"]
    command += ["--rate", str(_SAMPLES_PER_SECOND), "--output", str(target), "--pid", str(root)]
    profiler = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        profiler.send_signal(signal.SIGINT)
        profiler.wait(timeout=120)
