"""Mailboxes that belong to a unit (văn thư) or a role, and who reads them and sends for them.

Clerks (positions marked ``is_clerk``) of the mailbox's unit may do both without being named, and so may whoever holds a
post that goes with the mailbox (``attach``): a role's mailbox passes to the next holder by his appointment alone.
Others are named here.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import and_, bindparam, delete, insert, or_, select, update

from directory.database import Question, Reading, Writing
from directory.faults import Fault
from directory.mail.accounts import Account, find_account
from directory.mail.addresses import address_row, check_issuable, spelled_out
from directory.mail.recipients import holds_on
from directory.record import record
from directory.staff.postings import find_position
from directory.staff.units import open_unit
from directory.tables import account, address, appointment, mailbox_post, mailbox_right, position, unit_version
from directory.words import search_index
from directory.words.names import collation_key, order_key, split_name, tidy


@dataclass(frozen=True, slots=True)
class Right:
    account: Account
    may_read: bool
    may_send: bool
    as_clerk: bool  # by an appointment, not by name
    valid_until: str | None = None


_NAMED = Question(
    select(
        mailbox_right.c.account_id, mailbox_right.c.may_read, mailbox_right.c.may_send, mailbox_right.c.valid_until
    ).where(
        mailbox_right.c.mailbox_id == bindparam("mailbox"),
        or_(mailbox_right.c.valid_until.is_(None), mailbox_right.c.valid_until >= bindparam("today")),
    )
)
_HOLDERS = Question(
    select(account.c.id)
    .join(appointment, appointment.c.person_id == account.c.person_id)
    .join(
        mailbox_post,
        and_(mailbox_post.c.unit_id == appointment.c.unit_id, mailbox_post.c.position_id == appointment.c.position_id),
    )
    .where(
        mailbox_post.c.mailbox_id == bindparam("mailbox"),
        account.c.status != "closed",
        holds_on(appointment.c.valid_from, appointment.c.valid_until),
    )
)
_POSTS = Question(
    select(mailbox_post.c.unit_id, mailbox_post.c.position_id)
    .where(mailbox_post.c.mailbox_id == bindparam("mailbox"))
    .order_by(mailbox_post.c.unit_id, mailbox_post.c.position_id)
)
_CLERKS = Question(
    select(account.c.id)
    .join(appointment, appointment.c.person_id == account.c.person_id)
    .join(position, position.c.id == appointment.c.position_id)
    .where(
        appointment.c.unit_id == bindparam("unit"),
        position.c.is_clerk.is_(True),
        account.c.status != "closed",
        holds_on(appointment.c.valid_from, appointment.c.valid_until),
    )
)
_UNIT_OF = Question(select(account.c.unit_id, account.c.kind).where(account.c.id == bindparam("account")))


def open_mailbox(
    conn: Writing,
    actor: str,
    *,
    address_text: str,
    name: str,
    unit_id: str | None = None,
    password_hash: str | None = None,
    quota_bytes: int = 0,
    language: str = "vi",
    is_admin: bool = False,
    must_change_password: bool = False,
) -> Account:
    """A mailbox of a unit, or without one of a role.  Raises Fault."""
    name = tidy(name)
    if not name:
        raise Fault("name-empty")
    if len(name) > 300:
        raise Fault("text-long", what="name", limit=300)
    wanted = spelled_out(conn, address_text)
    check_issuable(conn, wanted, function=True)
    if address_row(conn, wanted) is not None:
        raise Fault("address-taken", address=wanted)
    unit = open_unit(conn, unit_id) if unit_id else None
    account_id = conn.new_id()
    kind = "unit" if unit else "role"
    conn.execute(
        insert(account),
        {
            "id": account_id,
            "kind": kind,
            "login": wanted,
            "status": "active",
            "name": name,
            "title": "",
            "unit_name": unit.name if unit else "",
            "sort_key": collation_key(name),
            "person_id": None,
            "unit_id": unit.id if unit else None,
            "password_hash": password_hash,
            "password_set_at": conn.now if password_hash else None,
            "must_change_password": must_change_password,
            "quota_bytes": quota_bytes,
            "language": language,
            "is_admin": is_admin,
            "created_at": conn.now,
            "closed_at": None,
        },
    )
    conn.execute(
        insert(address),
        {"address": wanted, "state": "active", "account_id": account_id, "created_at": conn.now},
    )
    ranks = search_index.name_words(name, [wanted.rpartition("@")[0]], unit.short_name if unit else "")
    search_index.put(conn, account_id, "unit", wanted, name, ranks)
    record(conn, actor, "mailbox.add", wanted, name=name, kind=kind, unit=unit.id if unit else None)
    made = find_account(conn, account_id)
    assert made is not None
    return made


def grant(
    conn: Writing, actor: str, mailbox_id: str, account_id: str, *, may_read: bool = True, may_send: bool = True
) -> None:
    """Let an account read a mailbox or send for it; replaces what was granted before.  Raises Fault."""
    mailbox, holder = _pair(conn, mailbox_id, account_id)
    before = next(
        (row for row in conn.rows(_NAMED, mailbox=mailbox_id, today=conn.today) if row[0] == account_id), None
    )
    _drop(conn, mailbox_id, account_id)
    if may_read or may_send:
        conn.execute(
            insert(mailbox_right),
            {"mailbox_id": mailbox_id, "account_id": account_id, "may_read": may_read, "may_send": may_send},
        )
    record(
        conn,
        actor,
        "mailbox.grant",
        mailbox.login,
        to=holder.login,
        before={"read": bool(before[1]), "send": bool(before[2])} if before else None,
        after={"read": may_read, "send": may_send},
    )


def revoke(conn: Writing, actor: str, mailbox_id: str, account_id: str) -> None:
    """Take a named right back.  Raises Fault where there is none."""
    mailbox, holder = _pair(conn, mailbox_id, account_id)
    if not _drop(conn, mailbox_id, account_id):
        raise Fault("member-unknown", member=holder.login, group=mailbox.login)
    record(conn, actor, "mailbox.revoke", mailbox.login, of=holder.login)


def rights_on(conn: Reading | Writing, mailbox_id: str) -> list[Right]:
    """Who reads and sends today, named or by appointment; in the order of their names."""
    rights: dict[str, Right] = {}
    appointed = set(conn.rows(_HOLDERS, mailbox=mailbox_id, today=conn.today))
    row = conn.row(_UNIT_OF, account=mailbox_id)
    if row is not None and row[1] == "unit":
        appointed.update(conn.rows(_CLERKS, unit=row[0], today=conn.today))
    for (account_id,) in appointed:
        holder = find_account(conn, account_id)
        if holder is not None:
            rights[account_id] = Right(holder, True, True, True)
    for account_id, may_read, may_send, until in conn.rows(_NAMED, mailbox=mailbox_id, today=conn.today):
        holder = find_account(conn, account_id)
        if holder is not None and account_id not in rights:
            rights[account_id] = Right(holder, bool(may_read), bool(may_send), False, until)
    return sorted(rights.values(), key=lambda right: (order_key(split_name(right.account.name)), right.account.login))


def attach(conn: Writing, actor: str, mailbox_id: str, unit_id: str, position_id: str) -> None:
    """Whoever holds this post, from appointment to appointment, reads the mailbox and sends for it.  Raises Fault."""
    mailbox = _shared(conn, mailbox_id)
    unit, post = open_unit(conn, unit_id), find_position(conn, position_id)
    if (unit.id, post.id) in posts_of(conn, mailbox_id):
        return
    row = {"mailbox_id": mailbox_id, "unit_id": unit.id, "position_id": post.id}
    conn.execute(insert(mailbox_post), row)
    record(conn, actor, "mailbox.attach", mailbox.login, unit=unit.id, position=post.code)


def detach(conn: Writing, actor: str, mailbox_id: str, unit_id: str, position_id: str) -> None:
    """The post does not go with the mailbox any longer.  Raises Fault."""
    mailbox, post = _shared(conn, mailbox_id), find_position(conn, position_id)
    gone = conn.execute(
        delete(mailbox_post).where(
            mailbox_post.c.mailbox_id == mailbox_id,
            mailbox_post.c.unit_id == unit_id,
            mailbox_post.c.position_id == post.id,
        )
    ).rowcount
    if not gone:
        raise Fault("member-unknown", member=post.title, group=mailbox.login)
    record(conn, actor, "mailbox.detach", mailbox.login, unit=unit_id, position=post.code)


def posts_of(conn: Reading | Writing, mailbox_id: str) -> list[tuple[str, str]]:
    """Posts that go with the mailbox: (unit id, position id)."""
    return [(unit_id, position_id) for unit_id, position_id in conn.rows(_POSTS, mailbox=mailbox_id)]


def end_rights_in(conn: Writing, account_id: str, unit_ids: Collection[str], last_day: str) -> list[str]:
    """Rights over the mailboxes of units that somebody goes from: after this day they are over; on which mailboxes."""
    theirs = select(account.c.id).where(account.c.unit_id.in_(unit_ids), account.c.kind != "person")
    mine = (mailbox_right.c.account_id == account_id) & mailbox_right.c.mailbox_id.in_(theirs)
    longer = or_(mailbox_right.c.valid_until.is_(None), mailbox_right.c.valid_until > last_day)
    ending = (
        select(account.c.login)
        .join(mailbox_right, mailbox_right.c.mailbox_id == account.c.id)
        .where(mine, longer)
        .order_by(account.c.login)
    )
    logins = list(conn.execute(ending).scalars())
    if last_day < conn.today:
        conn.execute(delete(mailbox_right).where(mine))
    else:
        conn.execute(update(mailbox_right).where(mine, longer).values(valid_until=last_day))
    return logins


def expire_rights(conn: Writing, actor: str) -> None:
    """What the date alone ends."""
    over = mailbox_right.c.valid_until < conn.today
    holder = account.alias("holder")
    ended = conn.execute(
        select(account.c.login, holder.c.login.label("of"))
        .join(mailbox_right, mailbox_right.c.mailbox_id == account.c.id)
        .join(holder, holder.c.id == mailbox_right.c.account_id)
        .where(over)
        .order_by(account.c.login, holder.c.login)
    ).all()
    conn.execute(delete(mailbox_right).where(over))
    for row in ended:
        record(conn, actor, "mailbox.revoke", row.login, of=row.of)


def index(conn: Writing, account_ids: list[str]) -> None:
    """Search words of units' and roles' mailboxes, as they are named today; none of closed ones."""
    today = conn.today
    rows = conn.execute(
        select(account.c.id, account.c.login, account.c.name, account.c.status, unit_version.c.short_name)
        .outerjoin(
            unit_version,
            (unit_version.c.unit_id == account.c.unit_id)
            & (unit_version.c.valid_from <= today)
            & or_(unit_version.c.valid_until.is_(None), unit_version.c.valid_until >= today),
        )
        .where(account.c.id.in_(account_ids))
    ).all()
    local_parts = search_index.local_parts_of(conn, account_ids)
    entries = []
    for row in rows:
        if row.status == "closed":
            search_index.remove(conn, row.id)
            continue
        ranks = search_index.name_words(row.name, local_parts[row.id], row.short_name or "")
        entries.append(search_index.Entry(row.id, "unit", row.login, ranks, row.name))
    if entries:
        search_index.put_many(conn, entries)


def _pair(conn: Writing, mailbox_id: str, account_id: str) -> tuple[Account, Account]:
    return _shared(conn, mailbox_id), _open(conn, account_id)


def _shared(conn: Writing, mailbox_id: str) -> Account:
    found = _open(conn, mailbox_id)
    if found.kind == "person":
        # a person's mail is his own; delegation between people is another matter
        raise Fault("value-invalid", value=found.login, what="unit mailbox")
    return found


def _open(conn: Writing, account_id: str) -> Account:
    found = find_account(conn, account_id)
    if found is None:
        raise Fault("account-unknown", account=account_id)
    if found.status == "closed":
        raise Fault("account-closed", account=found.login)
    return found


def _drop(conn: Writing, mailbox_id: str, account_id: str) -> int:
    return conn.execute(
        delete(mailbox_right).where(mailbox_right.c.mailbox_id == mailbox_id, mailbox_right.c.account_id == account_id)
    ).rowcount
