"""Whom an account writes to: people that it keeps for itself, and groups of them.

A unit's mailbox has its own, which everybody who writes for it uses.  A group is a name for several contacts: it is
there as long as somebody is in it, and who is put into it becomes a contact.

Limits: ``MOST`` contacts and ``MOST_GROUPS`` groups for an account, ``LARGEST_GROUP`` contacts in a group; no quoted
local parts, which a list of addresses could not be told from.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, delete, insert, select, update

from directory.database import Reading, Writing
from directory.faults import Fault
from directory.mail.addresses import normalise
from directory.mail.own_names import checked_name
from directory.tables import contact, contact_group
from directory.words.names import collation_key, fold, tidy, words

MOST = 1_000
MOST_GROUPS = 50
LARGEST_GROUP = 200
LONGEST_NAME = 100
LONGEST_NOTE = 300
LONGEST_GROUP_NAME = 60
_LONGEST_ADDRESS = 254
_MAX_WORDS = 8
_ADDRESS = re.compile(r'[^\s<>()\[\]:;,@\\"]+@[^\s<>()\[\]:;,@\\".]+(?:\.[^\s<>()\[\]:;,@\\".]+)+')


@dataclass(frozen=True, slots=True)
class Contact:
    address: str
    name: str = ""
    note: str = ""

    @property
    def shown(self) -> str:
        return self.name or self.address


@dataclass(frozen=True, slots=True)
class ContactGroup:
    name: str
    members: tuple[Contact, ...]


# --- contacts ---------------------------------------------------------------------------------------------------------


def contacts_of(conn: Reading | Writing, account_id: str, text: str = "") -> list[Contact]:
    """All, or those that have words beginning as the words of ``text`` do; in the order of a Vietnamese list."""
    chosen = select(contact.c.address, contact.c.name, contact.c.note).where(contact.c.account_id == account_id)
    for word in words(fold(text))[:_MAX_WORDS]:  # of letters and digits alone: nothing that LIKE would take for a mark
        chosen = chosen.where(contact.c.found_by.contains(f" {word}"))
    return _in_order(Contact(*row) for row in conn.execute(chosen))


def keep(conn: Writing, account_id: str, given: Contact, old: str = "") -> None:
    """A new one, or in the place of the one that had the address ``old``, in whose groups it stays.  Raises Fault."""
    given, known = _checked(given), _addresses(conn, account_id)
    if old and old not in known:
        raise Fault("contact-unknown", address=old)
    values = {"name": given.name, "note": given.note, "found_by": _found_by(given)}
    if given.address == old:
        conn.execute(update(contact).where(*_is(account_id, old)).values(values))
        return
    if given.address in known:
        raise Fault("contact-exists", address=given.address)
    if not old and len(known) >= MOST:
        raise Fault("contacts-many", limit=MOST)
    conn.execute(insert(contact).values(account_id=account_id, address=given.address, **values))
    if old:
        its_groups = contact_group.c.account_id == account_id, contact_group.c.address == old
        conn.execute(update(contact_group).where(*its_groups).values(address=given.address))
        remove(conn, account_id, old)


def remove(conn: Writing, account_id: str, address: str) -> None:
    """From its groups, too.  Raises Fault."""
    conn.execute(
        delete(contact_group).where(contact_group.c.account_id == account_id, contact_group.c.address == address)
    )
    if not conn.execute(delete(contact).where(*_is(account_id, address))).rowcount:
        raise Fault("contact-unknown", address=address)


def namesakes(people: Iterable[Contact]) -> list[list[Contact]]:
    """Those who are there twice, it seems: under one name, whatever its marks, at several addresses."""
    by_name: dict[str, list[Contact]] = {}
    for each in people:
        if name := " ".join(words(fold(each.name))):
            by_name.setdefault(name, []).append(each)
    return [found for found in by_name.values() if len(found) > 1]


def _is(account_id: str, address: str) -> tuple[ColumnElement[bool], ...]:
    return contact.c.account_id == account_id, contact.c.address == address


def _addresses(conn: Writing, account_id: str) -> set[str]:
    return set(conn.execute(select(contact.c.address).where(contact.c.account_id == account_id)).scalars())


def _checked(given: Contact) -> Contact:
    address = normalise(given.address[: _LONGEST_ADDRESS + 1])
    name, note = tidy(given.name), tidy(given.note)
    if len(address) > _LONGEST_ADDRESS or not address.isprintable() or not _ADDRESS.fullmatch(address):
        raise Fault("address-malformed", address=given.address[:80])
    for what, text, limit in (("name", name, LONGEST_NAME), ("note", note, LONGEST_NOTE)):
        if len(text) > limit:
            raise Fault("text-long", what=what, limit=limit)
    return Contact(address, name, note)


def _found_by(given: Contact) -> str:
    return "".join(f" {word}" for word in words(fold(f"{given.name} {given.address} {given.note}")))


def _in_order(found: Iterable[Contact]) -> list[Contact]:
    return sorted(found, key=lambda each: (collation_key(each.shown), each.address))


# --- groups -----------------------------------------------------------------------------------------------------------


def groups_of(conn: Reading | Writing, account_id: str, text: str = "", limit: int = MOST_GROUPS) -> list[ContactGroup]:
    """All, or those whose names have words beginning as the words of ``text`` do; by name."""
    typed = words(fold(text))
    names = sorted(_group_names(conn, account_id), key=collation_key)
    fitting = [name for name in names if _fits(words(fold(name)), typed)][:limit]
    chosen = (
        select(contact_group.c.name.label("of"), contact.c.address, contact.c.name, contact.c.note)
        .join(contact, _same_contact)
        .where(contact_group.c.account_id == account_id, contact_group.c.name.in_(fitting))
    )
    members: dict[str, list[Contact]] = {name: [] for name in fitting}
    for row in conn.execute(chosen):
        members[row.of].append(Contact(row.address, row.name, row.note))
    return [ContactGroup(name, tuple(_in_order(members[name]))) for name in fitting]


_same_contact = (contact.c.account_id == contact_group.c.account_id) & (contact.c.address == contact_group.c.address)


def keep_group(conn: Writing, account_id: str, name: str, members: Sequence[Contact], old: str = "") -> None:
    """A new one, or in the place of the one that was called ``old``, with these members alone.  Raises Fault."""
    name = checked_name(name, LONGEST_GROUP_NAME)
    if old:
        remove_group(conn, account_id, old)
    others = _group_names(conn, account_id)
    if any(each.casefold() == name.casefold() for each in others):
        raise Fault("contact-group-exists", name=name)
    if len(others) >= MOST_GROUPS:
        raise Fault("contact-groups-many", limit=MOST_GROUPS)
    by_address = {each.address: each for each in map(_checked, members)}
    if not by_address:
        raise Fault("contact-group-empty")
    if len(by_address) > LARGEST_GROUP:
        raise Fault("contact-group-large", limit=LARGEST_GROUP)
    known = _addresses(conn, account_id)
    for address, each in by_address.items():
        if address not in known:
            keep(conn, account_id, each)
    rows = [{"account_id": account_id, "name": name, "address": address} for address in by_address]
    conn.execute(insert(contact_group), rows)


def remove_group(conn: Writing, account_id: str, name: str) -> None:
    """The contacts stay.  Raises Fault."""
    mine = contact_group.c.account_id == account_id, contact_group.c.name == name
    if not conn.execute(delete(contact_group).where(*mine)).rowcount:
        raise Fault("contact-group-unknown", name=name)


def _group_names(conn: Reading | Writing, account_id: str) -> list[str]:
    its_own = select(contact_group.c.name).where(contact_group.c.account_id == account_id).distinct()
    return list(conn.execute(its_own).scalars())


def _fits(its_words: list[str], typed: list[str]) -> bool:
    return all(any(each.startswith(word) for each in its_words) for word in typed)
