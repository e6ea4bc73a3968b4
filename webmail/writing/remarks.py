"""What a writer should know of those he writes to before he sends: who is outside, how many they are, what would be
refused, held or redirected, who is away and who stands in, whose mailbox is full, which address is made to be taken for
another.

Nothing is forbidden here: the sending door refuses what is to be refused, and says so then.

Limits: ``MOST`` addresses are looked at; fullness is looked up for ``FEW`` people at most.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Literal

from flask import Blueprint, jsonify, request

from directory.database import Reading
from directory.mail import recipients
from directory.mail.absences import absent
from directory.mail.accounts import find_account
from directory.mail.addresses import AddressRow, normalise, owner_row
from mailserver.store import quota
from security.lookalikes import resembled
from webmail.account.absence import spelled
from webmail.account.login import account
from webmail.contents.heads import Person, parse_people
from webmail.formatting import number
from webmail.languages import _, ngettext
from webmail.pages import Answer
from webmail.services import services
from webmail.writing.letters import Letter, write_people

blueprint = Blueprint("remarks", __name__)

MOST = 300
FEW = 30
# From how many on a letter is one to a crowd, and an answer is sent only to who says so once more.
CROWD = 50
CROWD_ANSWERED = 20
_NAMED = 4  # addresses in one remark
_WORDS = 200  # characters of what somebody says of his absence
_LONGEST = 50_000

Kind = Literal["caution", "note"]


@dataclass(frozen=True, slots=True)
class Remark:
    """``caution``: somebody would not get it, or the wrong one would, or nobody would read it soon."""

    kind: Kind
    text: str
    offer: str = ""  # what is offered, and whom it would add
    adds: str = ""


@blueprint.post("/compose/remarks")
def tell() -> Answer:
    """For the script layer, while addresses are written."""
    to, cc, bcc = (request.form.get(name, "")[:_LONGEST] for name in ("to", "cc", "bcc"))
    return jsonify(remarks=[asdict(each) for each in remarks_on(Letter(to=to, cc=cc, bcc=bcc))])


def remarks_on(letter: Letter) -> list[Remark]:
    with services().directory.read() as people:
        return list(_remarks(people, _addresses(letter)))


def crowd_answered(letter: Letter) -> int:
    """How many an answer would reach, if they are so many that it may have been meant for one; 0 otherwise."""
    if not letter.answers.startswith("reply "):
        return 0
    reached: set[str] = set()
    with services().directory.read() as people:
        for address in _addresses(letter):
            if (found := recipients.resolve(people, address)) is not None:
                reached |= found.accounts | found.external
    return len(reached) if len(reached) >= CROWD_ANSWERED else 0


def _addresses(letter: Letter) -> list[str]:
    named = (each.address for field in (letter.to, letter.cc, letter.bcc) for each in parse_people(field))
    return list(dict.fromkeys(address for address in named if "@" in address))[:MOST]


def _remarks(people: Reading, addresses: list[str]) -> Iterator[Remark]:
    closed = recipients.closed_to(people, account().id)
    outside, unknown, refused, held = [], [], [], []
    reached: set[str] = set()
    named: set[str] = set()  # of whom it may be told that they are away: of members of groups it is not
    for address in addresses:
        domain = address.rpartition("@")[2]
        if not recipients.is_local_domain(people, domain):
            outside.append(address)
            if like := resembled(domain, services().config.city.all_domains):
                text = _("%(domain)s looks like %(like)s, but is not a domain of the city.", domain=domain, like=like)
                yield Remark("caution", text)
            continue
        if not recipients.may_post(people, address, account().id):
            refused.append(address)
            continue
        found = recipients.resolve(people, address, closed)
        if found is None:
            unknown.append(address)
            continue
        held += sorted(found.held)
        reached |= found.accounts | found.external
        row = owner_row(people, normalise(address))
        if moved := _moved_to(row):
            text = _("%(address)s has moved: mail goes to %(moved)s.", address=address, moved=moved)
            yield Remark("note", text)
        if row is not None and row.group_id is None and len(found.accounts) == 1:
            named |= found.accounts
    yield from _absences(people, named, reached)
    if unknown:
        text = ngettext(
            "There is no such mailbox: %(addresses)s",
            "There are no such mailboxes: %(addresses)s",
            len(unknown),
            addresses=_some(unknown),
        )
        yield Remark("caution", text)
    if refused:
        yield Remark("caution", _("You may not write to %(addresses)s.", addresses=_some(refused)))
    if full := _full(people, reached):
        yield Remark("caution", _("The mailbox is full: %(addresses)s", addresses=_some(full)))
    if held:
        text = _("A moderator lets mail to %(addresses)s pass first.", addresses=_some(held))
        yield Remark("note", text)
    if outside:
        yield Remark("note", _("Outside the city: %(addresses)s", addresses=_some(outside)))
    if (count := len(reached) + len(outside)) >= CROWD:
        yield Remark("note", _("This reaches %(count)s people.", count=number(count)))


def _some(addresses: list[str]) -> str:
    more = len(addresses) - _NAMED
    text = ", ".join(addresses[:_NAMED])
    return text if more <= 0 else _("%(addresses)s and %(count)s more", addresses=text, count=number(more))


def _moved_to(row: AddressRow | None) -> str:
    """Where a redirect of somebody who moved or left leads; an alias that still is one is no news."""
    return row.forward_to or "" if row is not None and row.state == "redirect" else ""


def _absences(people: Reading, named: set[str], reached: set[str]) -> Iterator[Remark]:
    found = ((find_account(people, each), absent(people, each)) for each in named)
    away = sorted(
        ((owner, absence) for owner, absence in found if owner is not None and absence is not None),
        key=lambda each: each[0].login,
    )
    for owner, absence in away[:_NAMED]:
        text = _("%(name)s is away until %(day)s.", name=owner.name, day=spelled(absence.until))
        if absence.text:
            text += f" “{_shortened(absence.text)}”"
        substitute = absence.substitute
        if substitute is None:
            yield Remark("caution", text)
            continue
        text += " " + _("%(name)s stands in.", name=substitute.name)
        if substitute.id in reached:
            yield Remark("note", text)
        else:
            adds = write_people([Person(substitute.name, substitute.login)])
            yield Remark("caution", text, _("Write to %(name)s too", name=substitute.name), adds)
    if rest := [owner.login for owner, _absence in away[_NAMED:]]:
        yield Remark("caution", _("Away, too: %(addresses)s", addresses=_some(rest)))


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _WORDS else line[:_WORDS].rsplit(" ", 1)[0] + " …"


def _full(people: Reading, reached: set[str]) -> list[str]:
    if len(reached) > FEW:
        return []
    found = []
    with services().store.read() as conn:
        for account_id in sorted(reached):
            owner = find_account(people, account_id)
            if owner is not None and not quota.room_for(conn, owner.id, owner.quota_bytes, 1):
                found.append(owner.login)
    return found
