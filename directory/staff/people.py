"""Reading officials: a person with his posts, and lists in Vietnamese order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, bindparam, or_, select

from directory.database import Question, Reading, Writing
from directory.faults import Fault
from directory.mail.accounts import ACCOUNT_COLUMNS, Account, account_from_row, find_mailbox_owner
from directory.mail.recipients import holds_on
from directory.staff.postings import Appointment, appointments_of
from directory.tables import account, appointment, person, unit_version
from directory.words.names import fold, tidy


@dataclass(frozen=True, slots=True)
class Official:
    """A person with the account."""

    person_id: str
    account: Account
    employee_code: str
    full_name: str
    family_name: str
    middle_name: str
    given_name: str
    phone: str
    left_on: str | None
    has_password: bool
    must_change_password: bool


_COLUMNS = (
    person.c.id,
    *ACCOUNT_COLUMNS,
    person.c.employee_code,
    person.c.full_name,
    person.c.family_name,
    person.c.middle_name,
    person.c.given_name,
    person.c.phone,
    person.c.left_on,
    account.c.password_hash.is_not(None),
    account.c.must_change_password,
)
_WIDTH = len(ACCOUNT_COLUMNS)
_FROM = select(*_COLUMNS).join_from(person, account, account.c.person_id == person.c.id)
_BY_PERSON = Question(_FROM.where(person.c.id == bindparam("person")))
_BY_ACCOUNT = Question(_FROM.where(account.c.id == bindparam("account")))
_BY_CODE = Question(_FROM.where(person.c.employee_code == bindparam("code")))


def _official(row: Any) -> Official:
    code, full, family, middle, given, phone, left_on, has_password, must_change = row[1 + _WIDTH :]
    return Official(
        row[0],
        account_from_row(tuple(row[1 : 1 + _WIDTH])),
        code or "",
        full,
        family,
        middle,
        given,
        phone,
        left_on,
        bool(has_password),
        bool(must_change),
    )


def official_by_code(conn: Reading | Writing, code: str) -> Official | None:
    row = conn.row(_BY_CODE, code=code)
    return _official(row) if row else None


def find_official(conn: Reading | Writing, key: str) -> Official:
    """By login or alias, employee code, account id or person id.  Raises Fault."""
    key = key.strip()
    row = conn.row(_BY_CODE, code=key) or conn.row(_BY_PERSON, person=key) or conn.row(_BY_ACCOUNT, account=key)
    if row is None:
        owner = find_mailbox_owner(conn, key)
        row = conn.row(_BY_ACCOUNT, account=owner.id) if owner else None
    if row is None:
        raise Fault("official-unknown", official=key)
    return _official(row)


def posts_of(conn: Reading | Writing, official: Official) -> list[Appointment]:
    return appointments_of(conn, official.person_id)


def list_officials(
    conn: Reading | Writing,
    *,
    text: str = "",
    units: list[str] | None = None,
    status: str | None = None,
    limit: int | None = None,
) -> Iterator[Official]:
    """In the order of a Vietnamese list: given name, family, middle.

    ``text`` must be contained in the folded name, the login or the code; ``units`` restricts to who holds a
    post in one.
    """
    statement: Select[Any] = _FROM.order_by(person.c.sort_key, account.c.login)
    if text:
        pattern = like_pattern(fold(tidy(text)))
        statement = statement.where(
            or_(
                person.c.folded_name.like(pattern, escape="\\"),
                account.c.login.like(pattern, escape="\\"),
                person.c.employee_code == text.strip(),
            )
        )
    if units is not None:
        holders = select(appointment.c.person_id).where(
            appointment.c.unit_id.in_(units), holds_on(appointment.c.valid_from, appointment.c.valid_until)
        )
        statement = statement.where(person.c.id.in_(holders)).params(today=conn.today)
    if status is not None:
        statement = statement.where(account.c.status == status)
    if limit is not None:
        statement = statement.limit(limit)
    for row in conn.execute(statement):
        yield _official(row)


def list_mailboxes(
    conn: Reading | Writing, *, text: str = "", kinds: tuple[str, ...] = ("unit", "role"), limit: int | None = None
) -> Iterator[Account]:
    """Accounts of units and roles (or of other ``kinds``), by name."""
    statement = select(*ACCOUNT_COLUMNS).where(account.c.kind.in_(kinds)).order_by(account.c.sort_key, account.c.login)
    if text:
        pattern = like_pattern(tidy(text).lower())
        in_unit = select(unit_version.c.unit_id).where(
            unit_version.c.folded_name.like(like_pattern(fold(tidy(text))), escape="\\")
        )
        statement = statement.where(or_(account.c.login.like(pattern, escape="\\"), account.c.unit_id.in_(in_unit)))
    if limit is not None:
        statement = statement.limit(limit)
    for row in conn.execute(statement):
        yield account_from_row(tuple(row))


def like_pattern(text: str) -> str:
    """For LIKE … ESCAPE '\\': the text anywhere."""
    return "%" + text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
