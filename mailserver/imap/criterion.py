"""What a search key asks of a message, in up to three steps; ``criteria`` says how keys become it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, false, true

from mailserver.imap.found import FoundMessage

ByRow = Callable[[Any], bool | None]
ByMessage = Callable[[FoundMessage], bool]


@dataclass(frozen=True, slots=True)
class Test:
    """``sql`` is fulfilled by every message that matches; if ``exact``, by no other.  ``by_row`` needs ``columns``."""

    sql: ColumnElement[bool] | None
    exact: bool
    by_row: ByRow
    by_message: ByMessage
    columns: frozenset[str] = frozenset()
    needs_body: bool = False


def everything() -> Test:
    return Test(true(), True, lambda row: True, lambda found: True)


def nothing() -> Test:
    return Test(false(), True, lambda row: False, lambda found: False)


def unknown(row: Any) -> bool | None:
    """The row cannot tell."""
    return None
