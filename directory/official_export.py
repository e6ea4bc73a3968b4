"""Officials written to a CSV file that the import reads back: the same headings, one line for each post.

Who reads it back into the same directory changes nothing; into an empty one with the same units and positions, he
gets the same people with the same addresses and posts.  Posts that have ended are left out, and so is who has left.

Standards: RFC 4180.
Limits: passwords never leave the directory; aliases, groups, locks and rights of administrators are not told.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import IO

from directory import people, postings, units
from directory.database import Reading
from directory.faults import Fault
from directory.people import Official
from directory.postings import Appointment
from directory.sizes import written_size

COLUMNS = (
    "employee_code", "full_name", "family_name", "middle_name", "given_name", "unit", "position", "title", "kind",
    "valid_from", "valid_until", "address", "phone", "quota", "language", "decision",
)  # fmt: skip


def export(conn: Reading, out: IO[str], *, within: Sequence[str] | None = None) -> int:
    """Write everybody who serves (``within``: who holds a post in one of these units); how many people."""
    table = csv.writer(out)
    table.writerow(COLUMNS)
    keys = _UnitKeys(conn)
    count = 0
    for official in people.list_officials(conn, units=list(within) if within is not None else None):
        if official.account.status == "closed":
            continue
        count += 1
        table.writerows(_lines(conn, keys, official))
    return count


def _lines(conn: Reading, keys: _UnitKeys, official: Official) -> Iterator[list[str]]:
    known = postings.positions(conn)
    today = conn.today
    posts = [post for post in people.posts_of(conn, official) if post.valid_until is None or post.valid_until >= today]
    # the import takes the first line for the primary post
    posts.sort(key=lambda post: (not post.is_primary, post.valid_from, post.rank, post.id))
    held: list[Appointment | None] = [*posts]
    for post in held or [None]:
        told = _post(keys, post, known[post.position_id].code) if post is not None else {}
        account = official.account
        told |= {
            "employee_code": official.employee_code,
            "full_name": official.full_name,
            "family_name": official.family_name,
            "middle_name": official.middle_name,
            "given_name": official.given_name,
            "address": account.login,
            "phone": official.phone,
            "quota": written_size(account.quota_bytes),
            "language": account.language,
        }
        yield [told.get(column, "") for column in COLUMNS]


def _post(keys: _UnitKeys, post: Appointment, position: str) -> dict[str, str]:
    return {
        "unit": keys.of(post.unit_id),
        "position": position,
        "title": post.title,
        "kind": post.kind,
        "valid_from": post.valid_from,
        "valid_until": post.valid_until or "",
        "decision": post.decision,
    }


class _UnitKeys:
    """By what the import finds each unit: short name, else agency code, else full name; else its id."""

    def __init__(self, conn: Reading) -> None:
        self._tree = units.tree(conn)
        self._known: dict[str, str] = {}

    def of(self, unit_id: str) -> str:
        if unit_id not in self._known:
            self._known[unit_id] = self._key(unit_id)
        return self._known[unit_id]

    def _key(self, unit_id: str) -> str:
        unit = self._tree.by_id.get(unit_id)
        if unit is not None:
            for key in (unit.short_name, unit.agency_code, unit.name):
                with suppress(Fault):
                    if key and self._tree.find(key).id == unit_id:
                        return key
        return unit_id
