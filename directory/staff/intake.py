"""Taking officials in: one or a hundred thousand, by the same steps.

``Intake.join`` checks one joiner and either queues all of his rows or raises Fault and queues none; ``flush``
writes what is queued, table by table.  The caller opens the transaction, flushes, and lets it commit.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, insert, select

from directory.database import Question, Writing
from directory.dates import holds
from directory.faults import Fault
from directory.mail.addresses import address_row, check_issuable, is_local_domain, primary_domain, spelled_out
from directory.record import Recorder
from directory.staff.postings import (
    NO_RANK,
    Appointment,
    AppointmentKind,
    Position,
    positions,
    row_of,
    written_title,
)
from directory.staff.units import Unit, tree
from directory.tables import account, address, appointment, person
from directory.words import search_index
from directory.words.names import MAX_LOCAL_PART, PersonName, address_patterns, order_key
from directory.words.names import fold as fold_name

_LOCAL_PARTS_LIKE = Question(
    select(address.c.address).where(address.c.address >= bindparam("low"), address.c.address < bindparam("high"))
)
_BY_CODE = Question(
    select(person.c.id, account.c.login)
    .outerjoin(account, account.c.person_id == person.c.id)
    .where(person.c.employee_code == bindparam("code"))
)


@dataclass(frozen=True, slots=True)
class Joiner:
    """What is known of somebody who starts working for the city."""

    name: PersonName
    unit_id: str  # empty, with position_id: no post yet
    position_id: str
    valid_from: str
    employee_code: str = ""
    title: str = ""  # where the decision words it otherwise than the position
    kind: AppointmentKind = "substantive"
    rank: int | None = None  # within the unit's list; else the position's
    valid_until: str | None = None
    decision: str = ""
    address: str = ""  # else made from the name
    password_hash: str | None = None  # none: cannot sign in until a password is set
    must_change_password: bool = False
    quota_bytes: int = 0
    language: str = "vi"
    phone: str = ""
    is_admin: bool = False


@dataclass(frozen=True, slots=True)
class Joined:
    account_id: str
    person_id: str
    login: str


class FreeAddresses:
    """Finds addresses that nobody ever had, for many people one after the other."""

    def __init__(self, conn: Writing, domain: str) -> None:
        self._conn = conn
        self._domain = domain
        self._taken: set[str] = set()  # within this batch
        self._numbers: dict[str, int] = {}  # pattern → the next number to try

    def is_free(self, found: str) -> bool:
        return found not in self._taken and address_row(self._conn, found) is None

    def is_taken_here(self, found: str) -> bool:
        return found in self._taken

    def forget(self) -> None:
        """What was taken here is in the table now."""
        self._taken.clear()

    def take(self, found: str) -> None:
        self._taken.add(found)

    def propose(self, name: PersonName) -> str:
        """annv, annv2, annv3 …: the best pattern, numbered from 2 where it was ever given out."""
        pattern = next(address_patterns(name))
        number = self._numbers.get(pattern)
        if number is None:
            plain = f"{pattern}@{self._domain}"
            if self.is_free(plain):
                return plain
            number = self._highest(pattern) + 1
        while True:
            suffix = str(number)
            candidate = f"{pattern[: MAX_LOCAL_PART - len(suffix)]}{suffix}@{self._domain}"
            number += 1
            if self.is_free(candidate):
                self._numbers[pattern] = number
                return candidate

    def _highest(self, pattern: str) -> int:
        numbered = re.compile(re.escape(pattern) + r"(\d{1,9})@" + re.escape(self._domain))
        rows = self._conn.rows(_LOCAL_PARTS_LIKE, low=pattern, high=pattern + ":")  # ':' follows '9'
        numbers = [int(match[1]) for (found,) in rows if (match := numbered.fullmatch(found))]
        return max(numbers, default=1)


class Intake:
    def __init__(self, conn: Writing, actor: str, domain: str = "") -> None:
        self._conn = conn
        self._domain = domain or primary_domain(conn)
        if not is_local_domain(conn, self._domain):
            raise Fault("domain-unknown", domain=self._domain)
        self._today = conn.today
        self._units = tree(conn)
        self._positions = positions(conn)
        self._addresses = FreeAddresses(conn, self._domain)
        self._codes: set[str] = set()
        self._record = Recorder(conn, actor)
        self._index = search_index.IndexBatch(conn)
        self._rows: dict[Any, list[dict[str, Any]]] = {person: [], account: [], address: [], appointment: []}

    def join(self, joiner: Joiner) -> Joined:
        """Queue one.  Raises Fault."""
        self._check_name(joiner)
        self._check_code(joiner.employee_code)
        post = self._check_post(joiner)
        if joiner.valid_until is not None and joiner.valid_until < joiner.valid_from:
            raise Fault("day-order", first=joiner.valid_from, second=joiner.valid_until)
        login = self._given_address(joiner.address) if joiner.address else self._addresses.propose(joiner.name)
        # nothing can be refused from here on
        self._addresses.take(login)
        if joiner.employee_code:
            self._codes.add(joiner.employee_code)
        joined = Joined(self._conn.new_id(), self._conn.new_id(), login)
        self._queue(joiner, joined, post)
        return joined

    def is_queued(self, employee_code: str) -> bool:
        """Whether somebody with this code waits to be flushed."""
        return employee_code in self._codes

    def address_is_queued(self, found: str) -> bool:
        return self._addresses.is_taken_here(found)

    def flush(self) -> None:
        for table, rows in self._rows.items():
            if rows:
                self._conn.execute(insert(table), rows)
                rows.clear()
        self._index.flush()
        self._record.flush()
        self._codes.clear()
        self._addresses.forget()

    def _check_name(self, joiner: Joiner) -> None:
        if not joiner.name.full or not joiner.name.given:
            raise Fault("name-empty")
        for what, text, limit in (
            ("name", joiner.name.full, 200),
            ("name", max(joiner.name.family, joiner.name.middle, joiner.name.given, key=len), 100),
            ("title", joiner.title, 200),
            ("employee_code", joiner.employee_code, 40),
            ("phone", joiner.phone, 40),
            ("decision", joiner.decision, 100),
        ):
            if len(text) > limit:
                raise Fault("text-long", what=what, limit=limit)

    def _check_code(self, code: str) -> None:
        if not code:
            return
        row = self._conn.row(_BY_CODE, code=code)
        if row is not None or code in self._codes:
            raise Fault("employee-code-exists", code=code, login=row[1] if row else "?")

    def _check_post(self, joiner: Joiner) -> tuple[Unit, Position] | None:
        if not joiner.unit_id and not joiner.position_id:
            return None
        unit = self._units.by_id.get(joiner.unit_id)
        if unit is None:
            raise Fault("unit-unknown", unit=joiner.unit_id)
        position = self._positions.get(joiner.position_id)
        if position is None:
            raise Fault("position-unknown", position=joiner.position_id)
        return unit, position

    def _given_address(self, text: str) -> str:
        wanted = spelled_out(self._conn, text, self._domain)
        check_issuable(self._conn, wanted)
        if not self._addresses.is_free(wanted):
            raise Fault("address-taken", address=wanted)
        return wanted

    def _queue(self, joiner: Joiner, joined: Joined, post: tuple[Unit, Position] | None) -> None:
        now = self._conn.now
        name = joiner.name
        key = order_key(name)
        shown = _Shown()
        if post is not None:
            unit, position = post
            made = Appointment(
                self._conn.new_id(),
                joined.person_id,
                unit.id,
                position.id,
                joiner.title,
                joiner.kind,
                True,
                position.rank if joiner.rank is None else joiner.rank,
                joiner.valid_from,
                joiner.valid_until,
                joiner.decision,
            )
            self._rows[appointment].append(row_of(made))
            if holds(joiner.valid_from, joiner.valid_until, self._today):
                title = written_title(joiner.title, joiner.kind, position.title)
                shown = _Shown(made.rank, title, unit.id, self._units.label(unit.id), unit.short_name)
        self._rows[person].append(
            {
                "id": joined.person_id,
                "employee_code": joiner.employee_code or None,
                "full_name": name.full,
                "family_name": name.family,
                "middle_name": name.middle,
                "given_name": name.given,
                "folded_name": fold_name(name.full)[:300],
                "sort_key": key,
                "phone": joiner.phone,
                "created_at": now,
                "left_on": None,
            }
        )
        self._rows[account].append(
            {
                "id": joined.account_id,
                "kind": "person",
                "login": joined.login,
                # mail that comes before is there on the first day
                "status": "locked" if joiner.valid_from > self._today else "active",
                "opens_on": joiner.valid_from if joiner.valid_from > self._today else None,
                "name": name.full,
                "title": shown.title,
                "unit_name": shown.unit_name,
                "sort_key": key,
                "person_id": joined.person_id,
                "unit_id": shown.unit_id,
                "password_hash": joiner.password_hash,
                "password_set_at": now if joiner.password_hash else None,
                "must_change_password": joiner.must_change_password
                or (self._conn.is_delegated and joiner.password_hash is not None),
                "quota_bytes": joiner.quota_bytes,
                "language": joiner.language,
                "is_admin": joiner.is_admin,
                "created_at": now,
                "closed_at": None,
            }
        )
        self._rows[address].append(
            {
                "address": joined.login,
                "state": "active",
                "account_id": joined.account_id,
                "group_id": None,
                "forward_to": None,
                "until": None,
                "created_at": now,
            }
        )
        ranks = search_index.person_words(
            name.full,
            name.given,
            [joined.login.rpartition("@")[0]],
            rank=shown.rank,
            title=shown.title,
            unit_name=shown.unit_name,
            unit_short_name=shown.unit_short_name,
            phone=joiner.phone,
        )
        self._index.add(joined.account_id, "person", joined.login, name.full, ranks)
        self._record.add(
            "official.join",
            joined.login,
            name=name.full,
            employee_code=joiner.employee_code,
            unit=joiner.unit_id,
            position=post[1].code if post else "",
            valid_from=joiner.valid_from,
            decision=joiner.decision,
        )


@dataclass(frozen=True, slots=True)
class _Shown:
    """What the account repeats of today's post."""

    rank: int = NO_RANK
    title: str = ""
    unit_id: str | None = None
    unit_name: str = ""
    unit_short_name: str = ""
