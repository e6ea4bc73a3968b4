"""Contacts that somebody keeps for himself, and their groups, as vCards: brought in from telephones and other programs,
and taken along to them.

A card of several addresses becomes several contacts.  Who is known already stays as he is.  Groups are categories of
their members, as most programs have it; cards of groups, and Apple's, are read too.

Standards: RFC 6350 §6.7.1 (CATEGORIES), §6.6.5 (MEMBER), §6.1.4 (KIND); RFC 2426 (3.0).
Limits: ``MOST_CARDS`` cards in a file; names and notes lose what is too long.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import IO, Literal

from directory.database import Writing
from directory.exchange.cards import Card, Properties, cards, escaped, joined, plain, split, unescaped, write_card
from directory.exchange.lines import Lines
from directory.faults import Fault
from directory.mail import contacts
from directory.mail.addresses import normalise
from directory.mail.contacts import LONGEST_NAME, LONGEST_NOTE, Contact, ContactGroup
from directory.words.names import split_name, tidy

Version = Literal["4.0", "3.0"]
VERSIONS: tuple[Version, ...] = ("4.0", "3.0")
MOST_CARDS = 3 * contacts.MOST
_EVERYBODY = "mycontacts"  # of Google's: a group that says nothing


@dataclass(slots=True)
class Report:
    """``refused``: line of the file and why."""

    added: int = 0
    known: int = 0
    groups: int = 0
    refused: list[tuple[int, Fault]] = field(default_factory=list)


@dataclass(slots=True)
class _Group:
    line: int
    members: dict[str, Contact] = field(default_factory=dict)


def write(people: Sequence[Contact], groups: Iterable[ContactGroup], version: Version, out: IO[str]) -> None:
    belonging: dict[str, list[str]] = {}
    for group in groups:
        for each in group.members:
            belonging.setdefault(each.address, []).append(group.name)
    for each in people:
        write_card(_written(each, belonging.get(each.address, []), version), out)


def _written(given: Contact, groups: list[str], version: Version) -> Iterator[tuple[str, str]]:
    name = split_name(given.shown)
    yield "BEGIN", "VCARD"
    yield "VERSION", version
    yield "FN", escaped(given.shown)
    yield "N", ";".join(map(escaped, (name.family, name.given, name.middle, "", "")))
    yield "EMAIL" if version == "4.0" else "EMAIL;TYPE=INTERNET", escaped(given.address)
    if given.note:
        yield "NOTE", escaped(given.note)
    if groups:
        yield "CATEGORIES", ",".join(map(escaped, groups))
    yield "END", "VCARD"


def bring_in(conn: Writing, account_id: str, file: IO[bytes]) -> Report:
    """What can be read; the rest is told.  Raises Fault for a file that is no use at all."""
    report = Report()
    known = {each.address for each in contacts.contacts_of(conn, account_id)}
    by_uid: dict[str, list[Contact]] = {}
    groups: dict[str, _Group] = {}
    waiting: list[tuple[int, Properties]] = []  # cards of groups name people whose cards may come later
    for count, card in enumerate(cards(Lines(file, ""))):
        if count >= MOST_CARDS:
            raise Fault("cards-many", limit=MOST_CARDS)
        try:
            found = card.properties()
            if _is_group(found):
                waiting.append((card.number, found))
            else:
                people = _people(found)
                by_uid[_uid(found)] = people
                _keep(conn, account_id, people, known, report, card)
                for name in _categories(found):
                    groups.setdefault(name, _Group(card.number)).members.update(_by_address(people))
        except Fault as fault:
            report.refused.append((card.number, fault))
    for line, found in waiting:
        groups.setdefault(_name(found), _Group(line)).members.update(_by_address(_members(found, by_uid)))
    for name, group in groups.items():
        _keep_group(conn, account_id, name, group, report)
    return report


def _keep(conn: Writing, account_id: str, people: list[Contact], known: set[str], report: Report, card: Card) -> None:
    for each in people:
        if each.address in known:
            report.known += 1
            continue
        try:
            contacts.keep(conn, account_id, each)
        except Fault as fault:
            report.refused.append((card.number, fault))
        else:
            known.add(each.address)
            report.added += 1


def _keep_group(conn: Writing, account_id: str, name: str, group: _Group, report: Report) -> None:
    """With those that were in it already, under the name that it has."""
    there = next((each for each in contacts.groups_of(conn, account_id) if _same(each.name, name)), None)
    members = _by_address(there.members if there else ()) | group.members
    try:
        with conn.connection.begin_nested():
            old = there.name if there else ""
            contacts.keep_group(conn, account_id, old or name, list(members.values()), old)
    except Fault as fault:
        report.refused.append((group.line, fault))
    else:
        report.groups += there is None


def _same(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()


def _by_address(people: Iterable[Contact]) -> dict[str, Contact]:
    return {each.address: each for each in people}


# --- cards ------------------------------------------------------------------------------------------------------------


def _is_group(found: Properties) -> bool:
    kind = found.get("KIND") or found.get("X-ADDRESSBOOKSERVER-KIND")
    return kind is not None and kind[0].value.strip().lower() == "group"


def _people(found: Properties) -> list[Contact]:
    """One for each address.  Raises Fault where there is none."""
    name, told = _name(found), [_text(found, "ORG").replace(";", ", "), _text(found, "NOTE")]
    addresses = list(dict.fromkeys(normalise(plain(each)) for each in found.get("EMAIL", ())))
    if not addresses:
        raise Fault("card-without-address", name=name[:80] or "–")
    note = tidy(" · ".join(filter(None, told)))[:LONGEST_NOTE]
    return [Contact(address, "" if name == address else name, note) for address in addresses]


def _name(found: Properties) -> str:
    """As it is shown, or put together of its parts in Vietnamese order."""
    shown = _text(found, "FN")
    if not shown and "N" in found:
        family, given, middle = (*map(joined, split(found["N"][0].value, ";")), "", "", "")[:3]
        shown = f"{family} {middle} {given}"
    return tidy(shown)[:LONGEST_NAME]


def _text(found: Properties, name: str) -> str:
    return plain(found[name][0]) if name in found else ""


def _uid(found: Properties) -> str:
    return _text(found, "UID").lower().removeprefix("urn:uuid:")


def _categories(found: Properties) -> Iterator[str]:
    for each in found.get("CATEGORIES", ()):
        for text in split(each.value, ","):
            name = tidy(unescaped(text)).lstrip("* ")
            if name and name.lower() != _EVERYBODY:
                yield name


def _members(found: Properties, by_uid: dict[str, list[Contact]]) -> Iterator[Contact]:
    """Named by their cards, or by their addresses."""
    for each in (*found.get("MEMBER", ()), *found.get("X-ADDRESSBOOKSERVER-MEMBER", ())):
        value = unescaped(each.value)
        if value.lower().startswith("mailto:"):
            yield Contact(normalise(plain(each)))
        else:
            yield from by_uid.get(value.lower().removeprefix("urn:uuid:"), [])[:1]
