"""A verdict: what was looked at, how it is, and which words say so."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field


class Grade(enum.Enum):
    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Verdict:
    """``code`` is the key of the words (``doctor.texts``), its beginning the topic; ``subject`` a domain, host, port or
    file.  ``records`` are lines for the zone, where publishing them is what to do.
    """

    grade: Grade
    code: str
    subject: str
    values: Mapping[str, object] = field(default_factory=dict)
    records: tuple[str, ...] = ()

    @property
    def topic(self) -> str:
        return self.code.partition(".")[0]


def good(code: str, subject: str, **values: object) -> Verdict:
    return Verdict(Grade.GOOD, code, subject, values)


def warning(code: str, subject: str, *records: str, **values: object) -> Verdict:
    return Verdict(Grade.WARNING, code, subject, values, records)


def bad(code: str, subject: str, *records: str, **values: object) -> Verdict:
    return Verdict(Grade.BAD, code, subject, values, records)
