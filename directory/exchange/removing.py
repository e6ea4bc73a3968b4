"""Who is no longer in a list of officials: found before anything is done, shown, and then made to leave.

Meant are those who hold a post today, in the city or in a part of it, and whom no line of the file names, by code or by
address.  Who has no post yet, or none at all, is left alone, and so is who is to leave already.

A list that was cut off must not empty the city: where more than ``SHARE`` of those who are meant would go, whoever
takes it in says how many; and nobody goes as long as a line cannot be read or is refused.

Each leaves as by ``citymail official remove``, in a transaction of his own, and can be taken back in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from directory.database import Directory, Reading
from directory.dates import day_before, days_after, holds
from directory.exchange.formats import FORMATS
from directory.exchange.importing import FileSettings
from directory.exchange.kinds import OFFICIAL
from directory.exchange.lines import Item, Lines
from directory.faults import Fault
from directory.mail.address_life import REDIRECT_DAYS
from directory.mail.addresses import spelled_out
from directory.staff import leaving
from directory.staff.departures import leavings
from directory.tables import account, address, appointment, person

# Beyond this share of those who are meant, and beyond so few, it is to be said how many.
SHARE, FEW = 0.05, 3


@dataclass(frozen=True, slots=True)
class Missing:
    account_id: str
    login: str
    name: str


@dataclass(frozen=True, slots=True)
class Removal:
    """Who would go, of how many who are meant."""

    missing: tuple[Missing, ...]
    meant: int

    def check(self, agreed: int | None) -> None:
        """Raises Fault where so many go that a file cut off is more likely."""
        count = len(self.missing)
        if count > max(FEW, self.meant * SHARE) and agreed != count:
            raise Fault("removals-many", count=count, meant=self.meant)


def plan(
    directory: Directory, path: Path, settings: FileSettings, *, within: Collection[str] | None, domain: str
) -> Removal:
    """Raises Fault where the file is no use, or one of its lines is broken."""
    with open(path, "rb") as file, directory.read() as conn:
        lines = Lines(file, path, settings.encoding)
        try:
            codes, addresses = _named(conn, FORMATS[settings.format].reader(lines, OFFICIAL, path).items(), domain)
        finally:
            lines.close()
        waiting = {order.account_id for order in leavings(conn)}
        meant = _meant(conn, within)
        owners = _owners(conn, addresses)
    missing = tuple(who for who, code in meant if code not in codes and who.account_id not in owners | waiting)
    return Removal(missing, len(meant))


def carry_out(
    directory: Directory,
    actor: str,
    removal: Removal,
    settings: FileSettings,
    told: Callable[[Missing, Fault | None], None],
) -> int:
    """How many left; ``told`` hears of each, with the reason why he could not."""
    left = 0
    for who in removal.missing:
        fault: Fault | None = None
        try:
            with directory.write(origin=settings.origin, reason=settings.reason) as conn:
                until = days_after(conn.today, REDIRECT_DAYS)
                leaving.leave(conn, actor, who.account_id, last_day=day_before(conn.today), redirect_until=until)
            left += 1
        except Fault as found:
            fault = found
        told(who, fault)
    return left


def _named(conn: Reading, items: Iterable[Item], domain: str) -> tuple[set[str], set[str]]:
    """Codes and addresses that the file names."""
    codes: set[str] = set()
    addresses: set[str] = set()
    for item in items:
        if item.fault is not None:
            raise Fault("removals-broken", line=item.line, why=item.fault)
        row = item.record[0]
        if row.get("employee_code"):
            codes.add(row["employee_code"])
        if row.get("address"):
            addresses.add(spelled_out(conn, row["address"], domain))
    return codes, addresses


def _meant(conn: Reading, within: Collection[str] | None) -> list[tuple[Missing, str]]:
    """With their codes."""
    posts = conn.execute(
        select(appointment.c.person_id, appointment.c.unit_id, appointment.c.valid_from, appointment.c.valid_until)
    )
    holding = {
        row.person_id
        for row in posts
        if holds(row.valid_from, row.valid_until, conn.today) and (within is None or row.unit_id in within)
    }
    people = conn.execute(
        select(person.c.id, person.c.employee_code, account.c.id.label("account"), account.c.login, account.c.name)
        .join(account, account.c.person_id == person.c.id)
        .where(account.c.status != "closed")
        .order_by(person.c.sort_key, person.c.id)
    )
    return [(Missing(row.account, row.login, row.name), row.employee_code or "") for row in people if row.id in holding]


def _owners(conn: Reading, addresses: Collection[str]) -> set[str]:
    """Whose these are, or were."""
    found: set[str] = set()
    listed = sorted(addresses)
    for start in range(0, len(listed), 500):
        chosen = address.c.address.in_(listed[start : start + 500])
        found.update(
            conn.execute(select(address.c.account_id).where(chosen, address.c.account_id.is_not(None))).scalars()
        )
    return found
