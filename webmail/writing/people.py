"""The city's people as JSON: completing addresses while they are typed, one's own contacts among them, and the tree to
choose from.

Described for whoever writes a client in docs/people-api.md.  Every answer has an ETag that changes with the directory,
so that a branch which was opened before is asked for again at the cost of a line.  Nobody who is not signed in gets
one, and a session makes so many look-ups a second (``services.look_ups``) and no more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import asdict
from functools import wraps
from math import ceil
from typing import Any, Concatenate, ParamSpec

from flask import Blueprint, Response, jsonify, make_response, request
from flask_login import current_user

from directory.database import Reading
from directory.faults import Fault
from directory.finding import tree as staff
from directory.finding.search import Suggestion
from directory.ldap.policy import Asker, Policy, attribute_keys
from directory.mail.contacts import Contact, ContactGroup
from directory.staff.postings import Position
from webmail.account.absence import mark_of
from webmail.account.login import person
from webmail.contents.heads import Person
from webmail.formatting import hue, initials
from webmail.languages import _, choose, ngettext
from webmail.services import services
from webmail.writing import contacts
from webmail.writing.letters import write_people

blueprint = Blueprint("people", __name__)

MOST = 8
# Of one page.
_PAGE, _LARGEST_PAGE = 50, 100
P = ParamSpec("P")


def answering(view: Callable[Concatenate[Reading, Asker, P], Any]) -> Callable[P, Response]:
    """A view of the directory as one person may see it, told as JSON; or that nothing has changed (RFC 9110 §13.1.2).

    What the directory refuses is told in the reader's language.
    """

    @wraps(view)
    def answer(*args: P.args, **parts: P.kwargs) -> Response:
        wait = services().look_ups.wait(current_user.get_id())
        if wait:
            refusal = make_response({"error": _("Please wait a moment and try again.")}, 429)
            refusal.headers["Retry-After"] = str(ceil(wait))
            return refusal
        asker = asking()
        with services().directory.read() as conn:
            tag = _tag(conn, asker)
            if request.if_none_match.contains_weak(tag):
                response = make_response(b"", 304)
            else:
                try:
                    response = jsonify(view(conn, asker, *args, **parts))
                except Fault as fault:
                    status = 404 if fault.kind == "unknown" else 400
                    return make_response({"error": fault.text(choose())}, status)
        response.set_etag(tag, weak=True)
        response.headers["Cache-Control"] = "private, no-cache"
        return response

    return answer


def asking() -> Asker:
    """Whoever is signed in, and what he may see of others."""
    return Asker(person(), Policy(private=attribute_keys(services().config.ldap.private_attributes)))


def _tag(conn: Reading, asker: Asker) -> str:
    """Of the question, who asks it, his contacts that it may mean, and the directory as it is today."""
    assert asker.account is not None
    who = asker.account.id, asker.account.is_admin, choose(), contacts.fitting(conn, _text())
    told = (request.full_path, *who, conn.memory.version, conn.today)
    return hashlib.blake2b(repr(told).encode(), digest_size=12).hexdigest()


def _number(name: str, otherwise: int, largest: int) -> int:
    """A number of the query; anything else counts as missing."""
    text = request.args.get(name, "")
    return min(int(text), largest) if text.isascii() and text.isdecimal() and len(text) < 9 else otherwise


def _text() -> str:
    return request.args.get("q", "").strip()[:100]


def _limit() -> int:
    return max(1, _number("limit", _PAGE, _LARGEST_PAGE))


def _start() -> int:
    return _number("from", 0, 1_000_000)


# --- completing -------------------------------------------------------------------------------------------------------


@blueprint.get("/people")
@answering
def show(conn: Reading, asker: Asker) -> Any:
    """``[{name, address, detail, picture, insert}]``; ``insert`` is what goes into the field."""
    text = _text()
    groups, own = contacts.fitting(conn, text)
    found = staff.find_people(conn, asker, text, MOST, services().vocabulary) if text else []
    # of a contact who works here the city knows more: it stays in its place
    people = {each.address: _own(each) for each in own} | {each.address: _completion(conn, each) for each in found}
    return [*map(_own_group, groups), *people.values()][:MOST]


@blueprint.get("/people/find")
@answering
def find(conn: Reading, asker: Asker) -> Any:
    """Units and people by a few letters."""
    text, limit = _text(), _limit()
    return {
        "units": [asdict(each) for each in staff.find_units(conn, text, limit)] if text else [],
        "people": [_entry(each) for each in staff.find_people(conn, asker, text, limit, services().vocabulary)]
        if text
        else [],
    }


def _entry(found: Suggestion) -> dict[str, Any]:
    return asdict(found) | _ways_to_show(found.name, found.address)


def _ways_to_show(name: str, address: str) -> dict[str, Any]:
    return {
        "picture": {"letters": initials(name or address), "hue": hue(address)},
        "insert": write_people([Person(name, address)]),
    }


def _completion(conn: Reading, found: Suggestion) -> dict[str, Any]:
    kinds = {"group": _("Group"), "unit": _("Unit mailbox")}
    known = kinds.get(found.kind, ""), found.title, found.unit, mark_of(conn, found.id)
    detail = " · ".join(part for part in known if part)
    return {"name": found.name, "address": found.address, "detail": detail} | _ways_to_show(found.name, found.address)


def _own(found: Contact) -> dict[str, Any]:
    detail = " · ".join(part for part in (_("Contact"), found.note) if part)
    return {"name": found.name, "address": found.address, "detail": detail} | _ways_to_show(found.name, found.address)


def _own_group(found: ContactGroup) -> dict[str, Any]:
    """Without an address: everybody in it is put into the field."""
    detail = " · ".join((_("Group of contacts"), ngettext("%(num)s contact", "%(num)s contacts", len(found.members))))
    shown = _ways_to_show(found.name, "") | {"insert": contacts.typed(found.members)}
    return {"name": found.name, "address": "", "detail": detail} | shown


# --- the tree ---------------------------------------------------------------------------------------------------------


@blueprint.get("/people/units")
@answering
def top(conn: Reading, asker: Asker) -> Any:
    return _branch(staff.branch(conn))


@blueprint.get("/people/units/<unit>")
@answering
def below(conn: Reading, asker: Asker, unit: str) -> Any:
    return _branch(staff.branch(conn, unit))


def _branch(found: staff.Branch) -> dict[str, Any]:
    return {
        "unit": asdict(found.unit) if found.unit else None,
        "path": [asdict(each) for each in found.path],
        "children": [asdict(each) for each in found.children],
        "mailboxes": [_entry(each) for each in found.mailboxes],
    }


@blueprint.get("/people/units/<unit>/people")
@answering
def of_unit(conn: Reading, asker: Asker, unit: str) -> Any:
    return _page(staff.people_of(conn, asker, unit, start=_start(), limit=_limit()))


def _page(found: staff.Page) -> dict[str, Any]:
    people = [asdict(each) | _ways_to_show(each.name, each.address) for each in found.people]
    return {"people": people, "next": found.next}


@blueprint.get("/people/positions")
@answering
def all_positions(conn: Reading, asker: Asker) -> Any:
    return [
        {"id": each.id, "code": each.code, "title": title_of(each), "posts": posts}
        for each, posts in staff.held_positions(conn)
    ]


def title_of(position: Position) -> str:
    """In the reader's language, if it has one there."""
    return (choose() == "en" and position.title_en) or position.title


@blueprint.get("/people/positions/<position>")
@answering
def of_position(conn: Reading, asker: Asker, position: str) -> Any:
    unit = request.args.get("unit", "")
    return _page(staff.holders(conn, asker, position, unit, start=_start(), limit=_limit()))


@blueprint.get("/people/groups")
@answering
def all_groups(conn: Reading, asker: Asker) -> Any:
    limit = _limit()
    found = staff.groups_after(conn, request.args.get("after", ""), limit + 1)
    return {
        "groups": [_entry(each) for each in found[:limit]],
        "next": found[limit - 1].address if len(found) > limit else None,
    }
