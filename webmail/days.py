"""Days and moments as people type them: 31/12/2026, and 2026-12-31 where the reader's language is English, for there
31/12 and 12/31 are both somebody's habit.  Whatever the language, both are read.

A browser's own field for days follows the browser's language, not ours; so ours is a text with a calendar beside it
(``front/days.ts``, ``_days.html``).
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

_FORMS = ("%d/%m/%Y", "%d-%m-%Y", "%d.%m.%Y", "%Y-%m-%d", "%d/%m/%y")
_HOUR = re.compile(r"([0-9]{1,2})(?:[:hg]([0-9]{2})?)?", re.IGNORECASE)  # 8:30, 8h30, 8 giờ is 8h


def day_of(value: str) -> date | None:
    for form in _FORMS:
        try:
            return datetime.strptime(value.strip(), form).replace(tzinfo=UTC).date()
        except ValueError:
            continue
    return None


def moment_of(value: str, zone: ZoneInfo) -> int | None:
    """A day and an hour, in this order, with a space or the T of ISO 8601 between them."""
    written, _, hour = value.strip().replace("T", " ").partition(" ")
    day, found = day_of(written), _HOUR.fullmatch(hour.strip())
    if day is None or found is None:
        return None
    try:
        return int(datetime.combine(day, time(int(found[1]), int(found[2] or 0)), zone).timestamp())
    except (ValueError, OverflowError):
        return None


def typed_day(day: date, language: str) -> str:
    """As it is typed into a field, or a search."""
    return day.isoformat() if language == "en" else f"{day:%d/%m/%Y}"
