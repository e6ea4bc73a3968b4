"""The machine: room on the disk, who may read our secrets, whether the clock is kept."""

from __future__ import annotations

import ctypes
import os
import shutil
import stat
from collections.abc import Iterable
from pathlib import Path

from mailserver.doctor.verdicts import Verdict, bad, good, warning

_GIBIBYTE = 1024**3
_LITTLE, _VERY_LITTLE = 0.15, 0.05

# <sys/timex.h>: struct timex begins with `modes`; 0 only asks.  Larger than any machine's.
_TIMEX = 512
_CLOCK_IS_NOT_KEPT = 5  # TIME_ERROR


def check_disk(folder: Path) -> Verdict:
    usage = shutil.disk_usage(folder)
    share = usage.free / usage.total
    values = {"free": f"{usage.free / _GIBIBYTE:.1f}", "percent": round(share * 100)}
    if share < _VERY_LITTLE or usage.free < _GIBIBYTE:
        return bad("disk.full", str(folder), **values)
    if share < _LITTLE:
        return warning("disk.filling", str(folder), **values)
    return good("disk.room", str(folder), **values)


def check_secrets(files: Iterable[Path]) -> list[Verdict]:
    """Files that nobody but the service may read; those that are not there are nobody's fault here."""
    verdicts = []
    for path in files:
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
        except FileNotFoundError:
            continue
        except OSError as fault:
            verdicts.append(warning("secret.unseen", str(path), fault=fault.strerror or fault))
            continue
        # A folder on the way that shuts others out does as well.
        is_open = mode & (stat.S_IRWXO | stat.S_IWGRP) and not _is_shut(path)
        shown = f"{mode:04o}"
        verdicts.append(bad("secret.open", str(path), mode=shown) if is_open else good("secret.kept", str(path)))
    return verdicts


def _is_shut(path: Path) -> bool:
    """Whether a folder above lets only its owner through."""
    for folder in path.resolve().parents:
        try:
            if not os.stat(folder).st_mode & (stat.S_IXGRP | stat.S_IXOTH):
                return True
        except OSError:
            return True
    return False


def check_clock() -> list[Verdict]:
    """Whether something keeps the machine's clock: signatures, tokens and certificates rest on it."""
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "adjtimex"):
        return []
    answer = libc.adjtimex(ctypes.create_string_buffer(_TIMEX))
    if answer < 0:
        return []
    return [warning("clock.alone", "NTP") if answer == _CLOCK_IS_NOT_KEPT else good("clock.kept", "NTP")]
