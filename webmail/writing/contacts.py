"""People and groups of people that somebody writes to and keeps for himself: listed, found, changed, offered,
brought in and taken along as vCards.

Those of the mailbox that is open: a unit's mailbox has its own.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

from flask import Blueprint, abort, g, make_response, request

from directory.database import Reading, Writing
from directory.exchange import contacts as cards
from directory.exchange.contacts import Report
from directory.faults import Fault
from directory.mail import contacts
from directory.mail.contacts import Contact, ContactGroup, contacts_of, groups_of
from directory.record import record
from directory.words.names import words
from webmail import pages
from webmail.account.login import account, local_path, may_send, person
from webmail.account.proving import ask_first
from webmail.contents.heads import Person, parse_people
from webmail.formatting import readable_size
from webmail.languages import _, sentence
from webmail.pages import Answer
from webmail.services import services
from webmail.writing.letters import write_people

blueprint = Blueprint("contacts", __name__)

HERE = "/contacts"
ON_PAGE = 50
LARGEST = 16 << 20  # octets of a file of contacts, which may hold photos
TOLD = 20  # cards of it that were refused
# While one types: before the city's people, and not in their place.
OFFERED = 3


def fitting(conn: Reading, text: str) -> tuple[list[ContactGroup], list[Contact]]:
    """What the first letters of a name may mean, ``OFFERED`` of each; looked up once a request."""
    if "fitting_contacts" not in g:
        owner = account().id
        g.fitting_contacts = (
            (groups_of(conn, owner, text, OFFERED), contacts_of(conn, owner, text)[:OFFERED])
            if words(text)
            else ([], [])
        )
    groups, people = g.fitting_contacts
    return groups, people


@blueprint.app_template_filter("typed")
def typed(people: Sequence[Contact]) -> str:
    """As a person would type them into an address field."""
    return write_people([Person(each.name, each.address) for each in people])


def everybody_in(group: str) -> str:
    """As it goes into an address field; empty if there is no such group."""
    with services().directory.read() as conn:
        return next((typed(each.members) for each in groups_of(conn, account().id) if each.name == group), "")


@blueprint.get(HERE)
def show() -> Answer:
    return _page()


@blueprint.post(f"{HERE}/contacts.vcf")
def take_along() -> Answer:
    """All of them as vCards, with a proof and on record."""
    wanted = request.form.get("version", cards.VERSIONS[0])
    version = next((each for each in cards.VERSIONS if each == wanted), None)
    if version is None:
        abort(404)
    if asked := ask_first(_("Take contacts along"), _("All contacts and groups in one file."), HERE):
        return asked
    out = io.StringIO(newline="")
    owner = account()
    with services().directory.write(origin=request.remote_addr or "") as conn:
        mine = contacts_of(conn, owner.id)
        cards.write(mine, groups_of(conn, owner.id), version, out)
        record(conn, person().login, "contacts.export", owner.login, contacts=len(mine))
    headers = {
        "Content-Type": "text/vcard; charset=utf-8",
        "Content-Disposition": 'attachment; filename="contacts.vcf"',
    }
    return make_response(out.getvalue().encode(), headers)


@blueprint.post(f"{HERE}/import")
def bring() -> Answer:
    if not may_send():
        return pages.refused(_("You may read this mailbox, but not change it."), HERE)
    given = request.files.get("file")
    octets = given.stream.read(LARGEST + 1) if given is not None else b""
    if not octets:
        return pages.refused(_("Choose at least one file first."), HERE, 400)
    if len(octets) > LARGEST:
        return pages.refused(_("The file is too large: at most %(size)s.", size=readable_size(LARGEST)), HERE, 422)
    try:
        with services().directory.write(origin=request.remote_addr or "") as conn:
            report = cards.bring_in(conn, account().id, io.BytesIO(octets))
    except Fault as fault:
        return _page(sentence(fault))
    return _page(report=report)


@blueprint.post(HERE)
def change() -> Answer:
    back = local_path(request.form.get("next", HERE))
    if not may_send():
        return pages.refused(_("You may read this mailbox, but not change it."), back)
    try:
        with services().directory.write(origin=request.remote_addr or "") as conn:
            said = _carry_out(conn)
    except Fault as fault:
        told = sentence(fault)
        return pages.refused(told, back, 422) if "next" in request.form else _page(told)
    return pages.done(said, back)


def _carry_out(conn: Writing) -> str:
    """What the form asks for, and how it is told.  Raises Fault."""
    owner, form = account().id, request.form
    action, name, old = (form.get(each, "") for each in ("action", "name", "old"))
    if action == "remove":
        contacts.remove(conn, owner, old)
        return _("The contact was taken away.")
    if action == "remove-group":
        contacts.remove_group(conn, owner, old)
        return _("The group was taken away. Its contacts are still here.")
    if action == "keep-group":
        members = [Contact(each.address, each.name) for each in parse_people(form.get("members", ""))]
        contacts.keep_group(conn, owner, name, members, old)
        return _("Saved.")
    contacts.keep(conn, owner, Contact(form.get("address", ""), name, form.get("note", "")), old)
    return _("Saved.") if old else _("%(name)s is among your contacts now.", name=name or form.get("address", ""))


def _page(fault: str = "", report: Report | None = None) -> Answer:
    """What was typed and could not be kept stays in its form."""
    text, start = request.args.get("q", "").strip()[:100], request.args.get("from", "")
    first = int(start) if start.isascii() and start.isdecimal() and len(start) < 6 else 0
    with services().directory.read() as conn:
        found, groups = contacts_of(conn, account().id, text), groups_of(conn, account().id, text)
        twice = contacts.namesakes(contacts_of(conn, account().id) if text else found)
    with services().store.read() as conn_of_store:
        side = pages.sidebar(conn_of_store)
    response = pages.render(
        "contacts.html",
        _("Contacts"),
        sidebar=side,
        current=None,
        fault=fault,
        given=request.form,
        q=text,
        groups=groups,
        twice=twice,
        report=report,
        refused=[(line, sentence(fault)) for line, fault in report.refused[:TOLD]] if report else [],
        versions=cards.VERSIONS,
        contacts=found[first : first + ON_PAGE],
        count=len(found),
        earlier=max(0, first - ON_PAGE) if first else None,
        later=first + ON_PAGE if first + ON_PAGE < len(found) else None,
    )
    response.status_code = 422 if fault else 200
    return response
