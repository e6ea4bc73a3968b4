"""Identities: what goes with each address that an account writes from.  Its name, where answers go, what stands below
the text, and whether the person who writes for a unit is named beside it (on behalf of).

Which addresses these are is decided by posts and rights alone (``directory.mail.recipients``).  Nothing need be chosen:
the name is then the directory's, and the signature what the directory says today.  A unit's mailbox has identities of
its own, which everybody who writes for it uses.

Limits: a name that is spelled as a colleague's is refused, one that resembles it is not.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace

from sqlalchemy import delete, insert, select, update

from directory.database import Reading, Writing
from directory.faults import Fault
from directory.mail.accounts import Account, account_by_login, find_account
from directory.mail.addresses import is_local_domain, normalise, without_detail
from directory.mail.recipients import addresses_of, may_send_as, resolve
from directory.tables import account, identity, person
from directory.words.names import collation_key, order_key, split_name, tidy, words

LONGEST_NAME = 100
LONGEST_SIGNATURE = 2000


@dataclass(frozen=True, slots=True)
class Chosen:
    """``name`` empty: as the directory has it.  ``signature`` None: what the directory says; empty: nothing."""

    address: str
    name: str = ""
    reply_to: str = ""
    signature: str | None = None
    names_writer: bool = False
    is_default: bool = False


@dataclass(frozen=True, slots=True)
class Identity:
    """``owner``: whose address it is; ``known``: the signature that the directory would give."""

    address: str
    owner: Account
    known: str
    chosen: Chosen

    @property
    def name(self) -> str:
        return self.chosen.name or self.owner.name

    @property
    def signature(self) -> str:
        return self.known if self.chosen.signature is None else self.chosen.signature

    @property
    def may_name_writer(self) -> bool:
        return self.owner.kind != "person"

    @property
    def names_writer(self) -> bool:
        return self.chosen.names_writer and self.may_name_writer


def identities_of(conn: Reading | Writing, account_id: str) -> list[Identity]:
    """One for each address, what new letters are written from first; none for a closed account."""
    columns = identity.c.address, identity.c.name, identity.c.reply_to, identity.c.signature
    flags = identity.c.names_writer, identity.c.is_default
    rows = conn.execute(select(*columns, *flags).where(identity.c.account_id == account_id))
    chosen = {row.address: Chosen(*row) for row in rows}
    found = []
    for address in addresses_of(conn, account_id):
        owner = account_by_login(conn, address)
        if owner is not None:
            known = from_directory(conn, owner)
            found.append(Identity(address, owner, known, chosen.get(address, Chosen(address))))
    return sorted(found, key=lambda each: not each.chosen.is_default)


def fitting(identities: list[Identity], address: str) -> Identity | None:
    """That of an address, which may bear a detail (RFC 5233)."""
    wanted = normalise(address)
    names = (wanted, without_detail(wanted))
    return next((each for each in identities if each.address in names), None)


def keep(conn: Writing, account_id: str, given: Chosen) -> None:
    """Raises Fault."""
    address = normalise(given.address)
    owner = account_by_login(conn, address)
    if owner is None or not may_send_as(conn, account_id, address) or without_detail(address):
        raise Fault("identity-not-own", address=address)
    name = _checked_name(conn, given.name, (account_id, owner.id))
    kept = replace(given, address=address, name=name, reply_to=_checked_reply_to(conn, given.reply_to))
    if kept.signature is not None:
        kept = replace(kept, signature=_lines(kept.signature))
    mine = identity.c.account_id == account_id
    conn.execute(delete(identity).where(mine, identity.c.address == address))
    if kept.is_default:
        conn.execute(update(identity).where(mine).values(is_default=False))
    row = {name: getattr(kept, name) for name in Chosen.__slots__}
    conn.execute(insert(identity).values(account_id=account_id, **row))


def carry_over(conn: Writing, account_id: str, old: str, new: str) -> None:
    """What was chosen for a primary address holds for the next one."""
    mine = identity.c.account_id == account_id
    if conn.execute(select(identity.c.address).where(mine, identity.c.address == new)).first() is None:
        conn.execute(update(identity).where(mine, identity.c.address == old).values(address=new))


def from_directory(conn: Reading | Writing, owner: Account) -> str:
    """Name, post and unit, telephone, address: each on a line, as far as it is known."""
    phone = conn.execute(
        select(person.c.phone).join(account, account.c.person_id == person.c.id).where(account.c.id == owner.id)
    ).scalar()
    post = " · ".join(part for part in (owner.title, owner.unit) if part)
    return "\n".join(line for line in (owner.name, post, phone or "", owner.login) if line)


def _checked_name(conn: Writing, name: str, own: tuple[str, str]) -> str:
    """Nobody shows himself under an address, or under a colleague's name that is not his, too."""
    name = tidy(name)
    if len(name) > LONGEST_NAME:
        raise Fault("text-long", what="name", limit=LONGEST_NAME)
    if "@" in unicodedata.normalize("NFKC", name):
        raise Fault("identity-name-address")
    keys = _sort_keys(name)
    owners = (find_account(conn, each) for each in own)
    if name and not any(keys & _sort_keys(each.name) for each in owners if each is not None):
        colleague = select(account.c.name).where(account.c.sort_key.in_(keys), account.c.status != "closed").limit(1)
        if conn.execute(colleague).first() is not None:
            raise Fault("identity-name-taken", name=name)
    return name


def _sort_keys(name: str) -> set[bytes]:
    """Under which an account of that name lies in the index: a person's, or a unit's."""
    plain = " ".join(words(name))
    return {order_key(split_name(plain)), collation_key(plain)}


def _checked_reply_to(conn: Writing, reply_to: str) -> str:
    """Answers to official mail stay in the city."""
    address = normalise(reply_to)
    if address and (not is_local_domain(conn, address.rpartition("@")[2]) or resolve(conn, address) is None):
        raise Fault("identity-reply-to", address=address)
    return address


def _lines(signature: str) -> str:
    """What is too long loses its end."""
    text = signature.replace("\r\n", "\n").replace("\0", "").strip()
    return "\n".join(line.rstrip() for line in text.split("\n"))[:LONGEST_SIGNATURE]
