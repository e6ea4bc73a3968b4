"""Changing the keys that mail is signed with, step by step, each step when its time has come.

``rotate`` may be run as often as one likes, by a timer above all: it makes a key's successor when the key has served
its time, lets the successor sign once it is seen in the DNS, retires what it replaces, and removes what has been
retired long enough.  Only the records have to be published and taken away by whoever keeps the zone, and each answer
names those that wait for him.

Standards: RFC 6376 §3.1 (the transition), §3.6.2 (where keys are asked for); RFC 5863 §3.5.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from directory.database import Reading, Writing
from directory.dkim import keys as dkim_keys
from directory.dkim.keys import ACTIVE, KINDS, MADE, PUBLISHED, REMOVED, RETIRED, DkimKey
from security.dkim.keys import KeyFault, looks_like_key, read_record, same_key
from security.dns import Answer, Asking, Question, Status

DAY = 86_400


class Publication(enum.Enum):
    """What the DNS says of a key."""

    RIGHT = "right"
    MISSING = "missing"
    WRONG = "wrong"  # another key, or several records, or none that can be read
    UNKNOWN = "unknown"  # the DNS did not answer


Publications = Mapping[tuple[str, str], Publication]


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was done, or that waits for somebody.

    made, published, activated, retired, removed; ``waits``: its record is to be published; ``lost``: it signs, but its
    record is not in the DNS, so that what it signs fails everywhere.
    """

    action: str
    key: DkimKey


def look(keys: Sequence[DkimKey]) -> Asking[dict[tuple[str, str], Publication]]:
    """Whether the keys stand in the DNS as they should; by domain and selector."""
    if not keys:
        return {}
    answers = yield tuple(Question(key.name, "TXT") for key in keys)
    return {(key.domain, key.selector): _compare(key, answer) for key, answer in zip(keys, answers, strict=True)}


def _compare(key: DkimKey, answer: Answer) -> Publication:
    if answer.failed:
        return Publication.UNKNOWN
    if answer.status is not Status.FOUND or not answer.texts:
        return Publication.MISSING
    found = [text for text in answer.texts if looks_like_key(text)]
    if not found:
        return Publication.MISSING
    if len(found) > 1:
        return Publication.WRONG  # RFC 6376 §3.6.2.2: undefined for those who ask
    try:
        is_same = same_key(found[0], read_record(key.record.encode()).key)
    except KeyFault:
        return Publication.WRONG
    return Publication.RIGHT if is_same else Publication.WRONG


def rotate(conn: Writing, actor: str, seen: Publications, *, serve_days: int, keep_days: int) -> list[Step]:
    """Do whatever is due, in every domain that has keys.  A key that nobody looked for just now stays as it is."""
    steps: list[Step] = []
    for domain in dict.fromkeys(key.domain for key in dkim_keys.list_keys(conn)):
        for kind in KINDS:
            _rotate(conn, actor, domain, kind, seen, steps, serve_days=serve_days)
        ended = [key for key in dkim_keys.list_keys(conn, domain) if key.state == RETIRED]
        over = [key for key in ended if (key.retired_at or 0) + keep_days * DAY <= conn.now]
        steps += [Step("removed", dkim_keys.remove(conn, actor, domain, key.selector)) for key in over]
    return steps


def _rotate(
    conn: Writing,
    actor: str,
    domain: str,
    kind: str,
    seen: Publications,
    steps: list[Step],
    *,
    serve_days: int,
) -> None:
    steps += note_seen(conn, actor, _of(conn, domain, kind), seen)
    ready = [
        key
        for key in _of(conn, domain, kind)
        if key.state == PUBLISHED and seen.get((domain, key.selector)) is Publication.RIGHT
    ]
    if ready:
        retired = [key for key in _of(conn, domain, kind) if key.state == ACTIVE]
        steps.append(Step("activated", dkim_keys.activate(conn, actor, domain, ready[-1].selector)))
        steps += [Step("retired", dkim_keys.find_key(conn, domain, key.selector)) for key in retired]
    keys = _of(conn, domain, kind)
    active = [key for key in keys if key.state == ACTIVE]
    coming = [key for key in keys if key.state in (MADE, PUBLISHED)]
    if active and not coming and (active[0].activated_at or 0) + serve_days * DAY <= conn.now:
        coming = dkim_keys.make(conn, actor, domain, (kind,))
        steps += [Step("made", key) for key in coming]
    steps += [Step("waits", key) for key in coming if key.state == MADE]
    gone = (Publication.MISSING, Publication.WRONG)
    steps += [Step("lost", key) for key in active if seen.get((domain, key.selector)) in gone]


def note_seen(conn: Writing, actor: str, keys: Sequence[DkimKey], seen: Publications) -> list[Step]:
    """Write down which new keys were found in the DNS."""
    steps = []
    for key in keys:
        if key.state == MADE and seen.get((key.domain, key.selector)) is Publication.RIGHT:
            dkim_keys.note_published(conn, actor, key)
            steps.append(Step("published", dkim_keys.find_key(conn, key.domain, key.selector)))
    return steps


def to_look_for(conn: Reading | Writing, domain: str = "") -> list[DkimKey]:
    """The keys whose records matter now: all but the removed."""
    return [key for key in dkim_keys.list_keys(conn, domain) if key.state != REMOVED]


def _of(conn: Writing, domain: str, kind: str) -> list[DkimKey]:
    return [key for key in dkim_keys.list_keys(conn, domain) if key.kind == kind]
