"""The head of a message as people read it: who, to whom, when; and what is odd about it.

The names come from strangers: they are shown beside the address they go with, and a name that poses as another
address is called out, in the page's own chrome, where no message can paint.

Standards: RFC 5322 §3.6.2, §3.6.3.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from mailserver.message.addresses import Entry, address_text, mailboxes, parse_addresses
from mailserver.message.encoded_words import decode_words
from mailserver.message.headers import find_all, find_field, message_ids, text_of

_TURNING = "\u202a\u202b\u202d\u202e\u2066\u2067"
_ADDRESS = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")


@dataclass(frozen=True, slots=True)
class Person:
    name: str
    address: str

    @property
    def shown(self) -> str:
        return self.name or self.address

    @property
    def full(self) -> str:
        return f"{self.name} <{self.address}>" if self.name else self.address


@dataclass(frozen=True, slots=True)
class Head:
    subject: str
    author: Person
    authors: int
    sender: Person | None  # the Sender field, where it says something else than From
    reply_to: list[Person]
    to: list[Person]
    cc: list[Person]
    bcc: list[Person]
    message_id: str
    references: list[str]
    in_reply_to: list[str]

    @property
    def poses_as(self) -> str:
        """An address inside the author's name that is not the author's."""
        for found in _ADDRESS.findall(self.author.name):
            if found.lower() != self.author.address.lower():
                return str(found)
        return ""


def read_head(header: bytes) -> Head:
    authors = people(header, "from")
    author = authors[0] if authors else Person("", "")
    sender = next(iter(people(header, "sender")), None)
    if sender is not None and sender.address.lower() == author.address.lower():
        sender = None
    reply_to = people(header, "reply-to")
    if [each.address.lower() for each in reply_to] == [author.address.lower()]:
        reply_to = []
    return Head(
        one_line(text_of(header, "subject")),
        author,
        len(authors),
        sender,
        reply_to,
        people(header, "to"),
        people(header, "cc"),
        people(header, "bcc"),
        next(iter(_ids(header, "message-id")), ""),
        _ids(header, "references"),
        _ids(header, "in-reply-to"),
    )


def people(header: bytes, name: str) -> list[Person]:
    """Everybody named in an address field, each address once."""
    found: dict[str, Person] = {}
    for raw in find_all(header, name)[:5]:
        for entry in mailboxes(parse_addresses(raw)):
            person = _person(entry)
            if person.address or person.name:
                found.setdefault(person.address.lower() or person.name, person)
    return list(found.values())[:1000]


def parse_people(text: str) -> list[Person]:
    """Everybody in what was typed into an address field; semicolons are taken for commas, as people use both."""
    separated = re.sub(r'"[^"]*"|[;\n]', lambda found: "," if found[0] in ";\n" else found[0], text)
    return [_typed(entry) for entry in mailboxes(parse_addresses(separated)) if entry.local or entry.name]


def _person(entry: Entry) -> Person:
    return Person(one_line(decode_words(entry.name or "")), one_line(address_text(entry)))


def _typed(entry: Entry) -> Person:
    # Typed text is not encoded (RFC 2047): "=?utf-8?q?…" in it stays what it is.
    return Person(one_line(entry.name or ""), one_line(address_text(entry)))


def _ids(header: bytes, name: str) -> list[str]:
    raw = find_field(header, name)
    return message_ids(raw) if raw else []


def one_line(text: str) -> str:
    """Without control characters and without marks that turn the writing direction round."""
    kept = (each if each.isprintable() else " " for each in text if each not in _TURNING)
    return "".join(kept).strip()[:1000]
