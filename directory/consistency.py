"""Invariants of the directory that constraints cannot hold, recounted: ``citymail check`` and the tests ask
for them.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import and_, func, or_, select

from directory.database import Reading
from directory.pki import consistency as certificate_consistency
from directory.record import check
from directory.staff.postings import refresh_preview
from directory.tables import (
    account,
    address,
    appointment,
    custody,
    departure,
    dkim_key,
    domain,
    group_account,
    group_nested,
    mail_group,
    mailbox_post,
    mailbox_right,
    person,
    search_entry,
    search_word,
    state,
    unit_version,
)

_SHOWN = 20


def problems(conn: Reading) -> Iterator[str]:
    yield from _state(conn)
    yield from _addresses(conn)
    yield from _accounts(conn)
    yield from _leavers(conn)
    yield from _groups(conn)
    yield from _search(conn)
    yield from _units(conn)
    yield from _keys(conn)
    yield from certificate_consistency.problems(conn)
    broken = check(conn)
    if broken is not None:
        yield f"audit record: entry {broken.number} {broken.reason}"


def _state(conn: Reading) -> Iterator[str]:
    if conn.execute(select(func.count()).select_from(state)).scalar_one() != 1:
        yield "the state row is missing or double"
    primary = conn.execute(select(func.count()).select_from(domain).where(domain.c.is_primary.is_(True))).scalar_one()
    known = conn.execute(select(func.count()).select_from(domain)).scalar_one()
    if known and primary != 1:
        yield f"{primary} of {known} domains are primary"


def _addresses(conn: Reading) -> Iterator[str]:
    owners = (
        select(address.c.address)
        .where(
            or_(
                and_(
                    address.c.state == "active",
                    # exactly one of the three
                    func.coalesce(address.c.account_id, address.c.group_id, address.c.forward_to).is_(None),
                ),
                and_(address.c.state == "active", address.c.account_id.is_not(None), address.c.group_id.is_not(None)),
                and_(address.c.state == "redirect", address.c.forward_to.is_(None)),
                and_(address.c.state == "quarantined", address.c.until.is_(None)),
            )
        )
        .limit(_SHOWN)
    )
    for row in conn.execute(owners):
        yield f"address {row.address} has no owner, more than one, or no day on which its state ends"
    closed = (
        select(address.c.address)
        .join(account, account.c.id == address.c.account_id)
        .where(address.c.state == "active", account.c.status == "closed")
        .limit(_SHOWN)
    )
    for row in conn.execute(closed):
        yield f"address {row.address} is active though its account is closed"


def _accounts(conn: Reading) -> Iterator[str]:
    lacking = (
        select(account.c.login)
        .outerjoin(address, and_(address.c.address == account.c.login, address.c.account_id == account.c.id))
        .where(
            or_(
                address.c.address.is_(None),
                and_(account.c.status != "closed", address.c.state != "active"),
            )
        )
        .limit(_SHOWN)
    )
    for row in conn.execute(lacking):
        yield f"account {row.login} does not own its primary address"
    kinds = (
        select(account.c.login)
        .where(
            or_(
                and_(account.c.kind == "person", account.c.person_id.is_(None)),
                and_(account.c.kind != "person", account.c.person_id.is_not(None)),
                and_(account.c.kind == "unit", account.c.unit_id.is_(None)),
            )
        )
        .limit(_SHOWN)
    )
    for row in conn.execute(kinds):
        yield f"account {row.login} is of a kind that does not fit its owner"
    for row in conn.execute(
        select(person.c.id)
        .outerjoin(account, account.c.person_id == person.c.id)
        .where(account.c.id.is_(None))
        .limit(_SHOWN)
    ):
        yield f"person {row.id} has no account"
    for row in conn.execute(
        select(appointment.c.person_id)
        .where(appointment.c.is_primary.is_(True), appointment.c.valid_until.is_(None))
        .group_by(appointment.c.person_id)
        .having(func.count() > 1)
        .limit(_SHOWN)
    ):
        yield f"person {row.person_id} has more than one primary post"
    day = conn.execute(select(state.c.day)).scalar()
    # between midnight and the next run of the housekeeper the accounts may lag behind the appointments
    if day == conn.today or day == "":
        for login in refresh_preview(conn, limit=_SHOWN):
            yield f"account {login} shows another title or unit than its appointments say"


def _leavers(conn: Reading) -> Iterator[str]:
    open_ones = (
        select(account.c.login)
        .join(custody, custody.c.mailbox_id == account.c.id)
        .where(account.c.status != "closed")
        .limit(_SHOWN)
    )
    for row in conn.execute(open_ones):
        yield f"somebody has custody of {row.login}, which is not closed"
    gone = (
        select(account.c.login)
        .join(custody, custody.c.holder_id == account.c.id)
        .where(account.c.status == "closed", account.c.kind == "person")
        .distinct()
        .limit(_SHOWN)
    )
    for row in conn.execute(gone):
        yield f"closed account {row.login} still has custody of a mailbox"
    odd = select(account.c.login).where(account.c.opens_on.is_not(None), account.c.status != "locked").limit(_SHOWN)
    for row in conn.execute(odd):
        yield f"account {row.login} is to open though it is not locked"
    doubled = (
        select(departure.c.account_id)
        .where(departure.c.state == "planned")
        .group_by(departure.c.account_id)
        .having(func.count() > 1)
        .limit(_SHOWN)
    )
    for row in conn.execute(doubled):
        yield f"account {row.account_id} is to leave more than once"


def _groups(conn: Reading) -> Iterator[str]:
    for table, column in ((group_account, "account_id"), (mailbox_right, "account_id"), (mailbox_post, "mailbox_id")):
        closed = (
            select(account.c.login)
            .join(table, table.c[column] == account.c.id)
            .where(account.c.status == "closed")
            .limit(_SHOWN)
        )
        for row in conn.execute(closed):
            yield f"closed account {row.login} is still named in {table.name}"
    edges: dict[str, list[str]] = {}
    for row in conn.execute(select(group_nested.c.group_id, group_nested.c.member_id)):
        edges.setdefault(row.group_id, []).append(row.member_id)
    for group_id in edges:
        waiting, seen = list(edges[group_id]), set()
        while waiting:
            current = waiting.pop()
            if current == group_id:
                yield f"group {group_id} contains itself"
                break
            if current not in seen:
                seen.add(current)
                waiting.extend(edges.get(current, ()))
    unowned = (
        select(mail_group.c.address)
        .outerjoin(address, and_(address.c.address == mail_group.c.address, address.c.group_id == mail_group.c.id))
        .where(mail_group.c.closed_at.is_(None), or_(address.c.address.is_(None), address.c.state != "active"))
        .limit(_SHOWN)
    )
    for row in conn.execute(unowned):
        yield f"group {row.address} does not own its address"


def _search(conn: Reading) -> Iterator[str]:
    unindexed = (
        select(account.c.login)
        .outerjoin(search_entry, search_entry.c.subject_id == account.c.id)
        .where(account.c.status != "closed", search_entry.c.id.is_(None))
        .limit(_SHOWN)
    )
    for row in conn.execute(unindexed):
        yield f"account {row.login} cannot be found by search"
    wordless = (
        select(search_entry.c.address)
        .outerjoin(search_word, search_word.c.entry_id == search_entry.c.id)
        .where(search_word.c.word.is_(None))
        .limit(_SHOWN)
    )
    for row in conn.execute(wordless):
        yield f"search entry {row.address} has no words"
    stale = (
        select(search_entry.c.address)
        .join(account, account.c.id == search_entry.c.subject_id)
        .where(or_(account.c.status == "closed", search_entry.c.address != account.c.login))
        .limit(_SHOWN)
    )
    for row in conn.execute(stale):
        yield f"search entry {row.address} is out of date"
    renamed = (
        select(search_entry.c.address, search_word.c.word)
        .join(search_word, search_word.c.entry_id == search_entry.c.id)
        .where(search_word.c.name != "", search_word.c.name != search_entry.c.name)
        .limit(_SHOWN)
    )
    for row in conn.execute(renamed):
        yield f"search entry {row.address} has another name beside the word {row.word}"


def _units(conn: Reading) -> Iterator[str]:
    other = unit_version.alias("other")
    overlapping = (
        select(unit_version.c.unit_id)
        .join(
            other,
            and_(
                other.c.unit_id == unit_version.c.unit_id,
                other.c.valid_from > unit_version.c.valid_from,
                or_(unit_version.c.valid_until.is_(None), unit_version.c.valid_until >= other.c.valid_from),
            ),
        )
        .distinct()
        .limit(_SHOWN)
    )
    for row in conn.execute(overlapping):
        yield f"unit {row.unit_id} has two versions on one day"


def _keys(conn: Reading) -> Iterator[str]:
    """A key signs with its private half, one of a kind for each domain; what was removed has none."""
    is_odd = or_(
        and_(dkim_key.c.state == "removed", dkim_key.c.secret.is_not(None)),
        and_(dkim_key.c.state != "removed", dkim_key.c.secret.is_(None)),
    )
    for row in conn.execute(select(dkim_key.c.domain, dkim_key.c.selector).where(is_odd).limit(_SHOWN)):
        yield f"DKIM key {row.selector} of {row.domain} has a private half that it should not have, or lacks it"
    doubled = (
        select(dkim_key.c.domain, dkim_key.c.kind)
        .where(dkim_key.c.state == "active")
        .group_by(dkim_key.c.domain, dkim_key.c.kind)
        .having(func.count() > 1)
    )
    for row in conn.execute(doubled):
        yield f"more than one {row.kind} key signs for {row.domain}"
