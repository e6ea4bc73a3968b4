"""Choosing recipients from the city's tree: a unit's people, all who hold a position, groups, mailboxes of units, and
one's own contacts.

The letter is kept as a draft meanwhile; whoever is ticked is added to it at once, so that one may go from unit to
unit and come back with all of them.  No script is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, abort, request
from flask_login import current_user

from directory.database import Reading
from directory.faults import Fault
from directory.finding import tree
from directory.finding.search import Suggestion
from directory.finding.tree import Branch, Colleague, Node
from directory.ldap.policy import Asker
from directory.mail.contacts import contacts_of, groups_of
from directory.words.names import words
from webmail import pages
from webmail.account.absence import mark_of
from webmail.account.login import account
from webmail.contents.heads import Person, parse_people
from webmail.languages import _, ngettext
from webmail.pages import Answer
from webmail.services import services
from webmail.writing import letters
from webmail.writing.contacts import typed
from webmail.writing.letters import write_people
from webmail.writing.people import asking, title_of

blueprint = Blueprint("picker", __name__)

HERE = "/people/choose"
FIELDS = ("to", "cc", "bcc")
ASKED = ("unit", "position", "q", "groups", "contacts", "from")
ON_PAGE = 100
FOUND = 30
LONGEST = 100_000  # characters of one that is ticked: a group brings its members


@dataclass(frozen=True, slots=True)
class Choice:
    """Somebody who can be ticked.  ``insert`` is what goes into the field."""

    name: str
    address: str
    detail: str
    insert: str


@dataclass(frozen=True, slots=True)
class Offer:
    """What a page of the picker shows.  ``more``: the first of the next page."""

    heading: str
    units: Sequence[Node] = ()
    choices: Sequence[Choice] = ()
    branch: Branch | None = None
    more: str = ""
    wanted: dict[str, str] = field(default_factory=dict)  # the query that shows it again

    def link(self, **changes: str) -> str:
        wanted = {name: value for name, value in {**self.wanted, **changes}.items() if value}
        return f"{HERE}?{urlencode(wanted)}"


@blueprint.get(HERE)
def show() -> Answer:
    draft = request.args.get("draft", 0, type=int)
    with services().store.read() as conn:
        letter = letters.load(conn, draft) if draft > 0 else None
        side = pages.sidebar(conn)
    if letter is None:
        abort(404)
    if services().look_ups.wait(current_user.get_id()):
        abort(429)
    with services().directory.read() as conn:
        try:
            offer = _offer(conn, asking())
        except Fault:
            abort(404)
        positions = tree.held_positions(conn)
    return pages.render(
        "picker.html",
        _("Choose recipients"),
        sidebar=side,
        current=side.special("\\Drafts"),
        letter=letter,
        offer=offer,
        positions=[(each.id, title_of(each)) for each, _posts in positions],
        counts={name: len(parse_people(getattr(letter, name))) for name in FIELDS},
    )


@blueprint.post(HERE)
def add() -> Answer:
    """Who was ticked, to the field of the button."""
    draft, name = request.form.get("draft", 0, type=int), request.form.get("field", "")
    with services().store.read() as conn:
        letter = letters.load(conn, draft) if draft > 0 else None
    if letter is None or name not in FIELDS:
        abort(404)
    there = parse_people(getattr(letter, name))
    known = {each.address.lower() for each in there}
    chosen = [each for text in request.form.getlist("person") for each in parse_people(text[:LONGEST])]
    added = [each for each in chosen if each.address.lower() not in known]
    if added:
        changed: Any = {name: write_people([*there, *added])}
        letter = letters.save(replace(letter, **changed)).letter
    text = ngettext("%(num)s recipient added.", "%(num)s recipients added.", len(added))
    wanted = {key: request.form.get(key, "") for key in ASKED}
    return pages.done(text, Offer("", wanted={"draft": str(letter.draft), **wanted}).link())


def _offer(conn: Reading, asker: Asker) -> Offer:
    """For the query: a search, a position, the groups, or a unit.  Raises Fault where there is no such thing."""
    asked = {name: request.args.get(name, "")[:100] for name in (*ASKED, "draft")}
    given = asked["from"]
    start = int(given) if given.isascii() and given.isdecimal() and len(given) < 9 else 0
    if asked["contacts"]:
        own = _own(conn)[start : start + ON_PAGE + 1]
        more = str(start + ON_PAGE) if len(own) > ON_PAGE else ""
        return Offer(_("Contacts"), choices=own[:ON_PAGE], more=more, wanted=asked)
    if text := asked["q"].strip():
        own = _own(conn, text)[:FOUND] if words(text) else []
        found = tree.find_people(conn, asker, text, FOUND, services().vocabulary)
        heading = _("Found for “%(text)s”", text=text)
        return Offer(heading, tree.find_units(conn, text, FOUND), [*own, *_suggested(conn, found)], wanted=asked)
    if asked["groups"]:
        groups = tree.groups_after(conn, given, ON_PAGE + 1)
        more = groups[ON_PAGE - 1].address if len(groups) > ON_PAGE else ""
        return Offer(_("Groups"), choices=_suggested(conn, groups[:ON_PAGE]), more=more, wanted=asked)
    if asked["position"]:
        page = tree.holders(conn, asker, asked["position"], asked["unit"], start=start, limit=ON_PAGE)
        branch = tree.branch(conn, asked["unit"])
        heading = branch.unit.name if branch.unit else _("The whole city")
        return Offer(heading, branch.children, _colleagues(conn, page.people), branch, str(page.next or ""), asked)
    branch = tree.branch(conn, asked["unit"])
    if branch.unit is None:
        return Offer(_("The whole city"), branch.children, _suggested(conn, branch.mailboxes), branch, wanted=asked)
    page = tree.people_of(conn, asker, branch.unit.id, start=start, limit=ON_PAGE)
    offices = [] if start else _suggested(conn, branch.mailboxes)
    choices = [*offices, *_colleagues(conn, page.people)]
    return Offer(branch.unit.name, branch.children, choices, branch, str(page.next or ""), asked)


def _suggested(conn: Reading, found: Sequence[Suggestion]) -> list[Choice]:
    kinds = {"group": _("Group"), "unit": _("Unit mailbox")}
    return [
        _somebody(
            each.name, each.address, kinds.get(each.kind, ""), each.title or "", each.unit or "", mark_of(conn, each.id)
        )
        for each in found
    ]


def _colleagues(conn: Reading, found: Sequence[Colleague]) -> list[Choice]:
    return [_somebody(each.name, each.address, each.title, each.unit, mark_of(conn, each.id)) for each in found]


def _somebody(name: str, address: str, *details: str) -> Choice:
    return Choice(name, address, " · ".join(filter(None, details)), write_people([Person(name, address)]))


def _own(conn: Reading, text: str = "") -> list[Choice]:
    """Groups of contacts, whose members go into the field, and contacts."""
    owner = account().id
    groups = [
        Choice(each.name, "", ngettext("%(num)s contact", "%(num)s contacts", len(each.members)), typed(each.members))
        for each in groups_of(conn, owner, text)
    ]
    return groups + [_somebody(each.name, each.address, each.note) for each in contacts_of(conn, owner, text)]
