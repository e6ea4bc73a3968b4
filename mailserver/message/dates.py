"""Dates of header fields to seconds since 1970, and back.

Standards: RFC 5322 §3.3, §4.3 (obsolete forms), RFC 5256 §2.2 (sent date, in UTC).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache

_DAY_NAMES = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTH_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTHS = {name.lower(): number for number, name in enumerate(_MONTH_NAMES, 1)}
# obs-zone, RFC 5322 §4.3; the single military letters count as -0000 there
_ZONES = {
    "EDT": -240, "EST": -300, "CDT": -300, "CST": -360, "MDT": -360, "MST": -420, "PDT": -420, "PST": -480,
    "ICT": 420,
}  # fmt: skip

_DATE = re.compile(
    r"(?:[A-Za-z]{3,9}[.,]?\s*,?\s*)?(\d{1,2})[\s-]+([A-Za-z]{3})[a-z]*\.?[\s-]+(\d{2,4})\s+"
    r"(\d{1,2})[:.](\d{2})(?:[:.](\d{2})(?:\.\d+)?)?\s*(?:([+-])(\d{2}):?(\d{2})|([A-Za-z]{1,5}))?"
)
_COMMENT = re.compile(r"\([^()]*\)")


@lru_cache(maxsize=1024)
def _start_of_day(year: int, month: int, day: int) -> int:
    return int(datetime(year, month, day, tzinfo=UTC).timestamp())


def parse_date(value: str) -> int | None:
    """Seconds since 1970 of a date-time, None for what is none. Years before 1970 and after 9999 are none."""
    value = value[:200].strip()
    if "(" in value:
        value = _COMMENT.sub(" ", value).strip()
    match = _DATE.match(value)
    if match is None:
        return None
    day, month_name, year_text, hour, minute, second, sign, zone_hours, zone_minutes, zone_name = match.groups()
    year = int(year_text)
    if len(year_text) == 2:  # RFC 5322 §4.3
        year += 2000 if year < 50 else 1900
    elif len(year_text) == 3:
        year += 1900
    month = _MONTHS.get(month_name.lower(), 0)
    try:
        seconds = _start_of_day(year, month, int(day))
    except (ValueError, OverflowError):
        return None
    if int(hour) > 23 or int(minute) > 59:
        return None
    seconds += int(hour) * 3600 + int(minute) * 60 + min(int(second or 0), 59)  # a leap second counts as the one before
    if sign:
        offset = int(zone_hours) * 60 + int(zone_minutes)
        seconds -= (offset if sign == "+" else -offset) * 60 if offset < 1440 else 0
    elif zone_name:
        seconds -= _ZONES.get(zone_name.upper(), 0) * 60
    return seconds if seconds >= 0 else None


def format_date(seconds: int, offset_minutes: int = 420) -> str:
    """RFC 5322 §3.3 date-time; the city's clock is UTC+7 and knows no summer time."""
    moment = datetime.fromtimestamp(seconds, timezone(timedelta(minutes=offset_minutes)))
    sign, offset = ("-", -offset_minutes) if offset_minutes < 0 else ("+", offset_minutes)
    return (
        f"{_DAY_NAMES[moment.weekday()]}, {moment.day:02d} {_MONTH_NAMES[moment.month - 1]} "
        f"{moment.year:04d} {moment:%H:%M:%S} {sign}{offset // 60:02d}{offset % 60:02d}"
    )
