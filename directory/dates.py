"""Days as the directory writes them: ISO text, which sorts and compares as it stands."""

from __future__ import annotations

import re
from datetime import date, timedelta

from directory.faults import Fault

_VIETNAMESE = re.compile(r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})")


def parse_day(text: str) -> str:
    """``2025-07-01`` or ``01/07/2025`` → ``2025-07-01``.  Raises Fault."""
    text = text.strip()
    match = _VIETNAMESE.fullmatch(text)
    try:
        if match is not None:
            day, month, year = (int(part) for part in match.groups())
            return date(year, month, day).isoformat()
        return date.fromisoformat(text).isoformat()
    except ValueError as fault:
        raise Fault("day-malformed", day=text) from fault


def day_before(day: str) -> str:
    if day == date.min.isoformat():
        return day
    return (date.fromisoformat(day) - timedelta(days=1)).isoformat()


def days_after(day: str, count: int) -> str:
    return (date.fromisoformat(day) + timedelta(days=count)).isoformat()


def holds(valid_from: str, valid_until: str | None, day: str) -> bool:
    return valid_from <= day and (valid_until is None or day <= valid_until)
