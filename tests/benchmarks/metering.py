"""What a run cost: processor time of the server, of the driver and of everybody else; memory; disk.

A figure says little when somebody else used the machine meanwhile, so every series shows these beside it.  Linux
only: everything is read from /proc.
"""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

_TICKS = os.sysconf("SC_CLK_TCK")
_SECTOR = 512
CORES = os.cpu_count() or 1


# Processes


def _stat(pid: int) -> list[str]:
    """Fields of /proc/PID/stat from the state on: [1] is the parent, [11:15] are times in ticks."""
    text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    return text[text.rindex(")") + 2 :].split()


def tree(roots: Iterable[int]) -> list[int]:
    """All living processes that descend from the roots, which are among them."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                children.setdefault(int(_stat(int(name))[1]), []).append(int(name))
            except (OSError, ValueError):
                continue  # ended meanwhile
    found: set[int] = set()
    waiting = list(roots)
    while waiting:
        pid = waiting.pop()
        if os.path.exists(f"/proc/{pid}"):
            found.add(pid)
        waiting += children.get(pid, [])
    return sorted(found)


def tree_seconds(roots: Iterable[int]) -> float:
    """Processor seconds of the trees, children that ended included.

    stat counts in ticks of 10 ms and rounds down, which loses most of a thousand young processes; schedstat has
    nanoseconds, but of the main thread alone: so the larger of the two.
    """
    total = 0.0
    for pid in tree(roots):
        try:
            fields = _stat(pid)
            main_thread = int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9
        except (OSError, ValueError, IndexError):
            continue
        user, system, ended_user, ended_system = (int(field) / _TICKS for field in fields[11:15])
        total += max(main_thread, user + system) + ended_user + ended_system
    return total


def driver_seconds() -> float:
    own, ended = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + ended.ru_utime + ended.ru_stime


def machine_seconds() -> float:
    """Processor seconds that the whole machine has spent in user, nice and system mode."""
    with open("/proc/stat", encoding="ascii") as stat:
        return sum(int(field) for field in stat.readline().split()[1:4]) / _TICKS


def wait_until_quiet(longest: float, share: float = 0.08, needed: int = 2) -> bool:
    """Wait until others leave the machine alone for ``needed`` seconds; False if that took too long."""
    deadline = time.monotonic() + longest
    quiet = 0
    while quiet < needed and time.monotonic() < deadline:
        before = machine_seconds()
        time.sleep(1.0)
        quiet = quiet + 1 if machine_seconds() - before < share * CORES else 0
    return quiet >= needed


@dataclass(frozen=True, slots=True)
class Memory:
    """Megabytes of process trees.  Pages that processes share count once in ``pss``."""

    processes: int
    pss: float
    rss: float


def memory(roots: Iterable[int]) -> Memory:
    processes = pss = rss = 0
    for pid in tree(roots):
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
        except OSError:
            continue
        processes += 1
        for line in lines:
            if line.startswith("Pss:"):
                pss += int(line.split()[1])
            elif line.startswith("Rss:"):
                rss += int(line.split()[1])
    return Memory(processes, pss / 1024, rss / 1024)


class Meter:
    """Wall time, and processor seconds of server, driver and others, over a ``with`` block."""

    def __init__(self, roots: Callable[[], list[int]]) -> None:
        self._roots = roots
        self.wall = self.driver = self.server = self.foreign = 0.0

    def __enter__(self) -> Meter:
        # The walk over thousands of processes is left out of what it measures, here and below.
        self._server = tree_seconds(self._roots())
        self._driver = driver_seconds()
        self._machine = machine_seconds()
        self._start = time.perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.wall = time.perf_counter() - self._start
        machine = machine_seconds() - self._machine
        self.driver = driver_seconds() - self._driver
        self.server = tree_seconds(self._roots()) - self._server
        self.foreign = max(0.0, machine - self.driver - self.server)

    def figures(self) -> dict[str, float]:
        """The columns by which a run is judged: shares are of all cores over the time of the run."""
        available = self.wall * CORES
        return {
            "driver_cpu_s": self.driver,
            "server_cpu_s": self.server,
            "foreign_cpu_share": 100 * self.foreign / available if available else 0.0,
            "wall_s": self.wall,
        }


# Disk


@dataclass(frozen=True, slots=True)
class DiskUse:
    """Octets of folders; hard links count once."""

    files: int
    apparent: int
    allocated: int


def disk_use(folders: Iterable[Path]) -> DiskUse:
    seen: set[tuple[int, int]] = set()
    files = apparent = allocated = 0
    for folder in folders:
        for path, _, names in os.walk(folder):
            for name in [*names, "."]:
                try:
                    status = os.lstat(os.path.join(path, name))
                except OSError:
                    continue
                if (status.st_dev, status.st_ino) in seen:
                    continue
                seen.add((status.st_dev, status.st_ino))
                allocated += status.st_blocks * 512
                if name != ".":
                    files += 1
                    apparent += status.st_size
    return DiskUse(files, apparent, allocated)


def octets_written(folder: Path) -> int | None:
    """What the disk under a folder has written since the machine started, by whomever; None if it does not say."""
    device = os.stat(folder).st_dev
    wanted = [str(os.major(device)), str(os.minor(device))]
    for line in Path("/proc/diskstats").read_text(encoding="ascii").splitlines():
        fields = line.split()
        if fields[:2] == wanted:
            return int(fields[9]) * _SECTOR
    return None


def drop_page_cache() -> None:
    """Make the next reads come from the disk.  Needs root."""
    os.sync()
    Path("/proc/sys/vm/drop_caches").write_text("3\n", encoding="ascii")
