"""What a writer can choose for a letter, and what comes of it: to be signed, to be encrypted, or what the city demands.

Whether it may go out is the sending door's to say (``mailserver.delivery.protecting``).  Here it is asked beforehand,
so that a page can tell, address by address, who could not read an encrypted letter and what to do about it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flask import Blueprint, jsonify, make_response, request
from flask_login import current_user

from directory.database import Reading
from directory.mail import recipients
from directory.mail.addresses import normalise, owner_row
from directory.pki.certificates import SIGNING, holding, is_any_known
from mailserver.delivery.protecting import CannotProtect, Obstacle, Protection, why_encrypted
from mailserver.delivery.readers import Readers, own_reader, readers_of
from security.keys.client import KeyRefused
from security.keys.wire import Refusal
from webmail.account.login import account
from webmail.contents.heads import parse_people
from webmail.languages import _
from webmail.pages import Answer
from webmail.services import services
from webmail.smime import keys
from webmail.smime.refusals import obstacle_text, reader_text

if TYPE_CHECKING:
    from webmail.writing.letters import Letter

blueprint = Blueprint("protecting", __name__)

_LONGEST = 50_000
_MOST = 500


@dataclass(frozen=True, slots=True)
class Choices:
    """``must``: for which domain or unit the letter has to be encrypted, if for any."""

    can_sign: bool
    can_encrypt: bool
    can_sign_elsewhere: bool  # readers would believe somebody's signature
    must: str
    readers: tuple[tuple[Readers, str], ...]  # each with what is to be said of it

    @property
    def all_can(self) -> bool:
        return not any(told for _readers, told in self.readers)


def choices_for(letter: Letter) -> Choices:
    with services().directory.read() as people:
        return Choices(
            _has_certificate(people, letter.author),
            services().keys is not None and own_reader(people, account().id) is not None,
            is_any_known(people),
            _must(people, letter),
            tuple((each, reader_text(each)) for each in _readers(people, letter)) if letter.encrypt else (),
        )


def must_encrypt(letter: Letter) -> str:
    with services().directory.read() as people:
        return _must(people, letter)


def faults_of(letter: Letter) -> dict[str, str]:
    """What keeps the letter from going out as it is wished, before anything is sent to anybody."""
    if not letter.encrypt:
        if not letter.secret:
            return {}
        text = _(
            "This letter quotes an encrypted message, and goes out encrypted only. "
            "To answer without encryption, begin an answer without the quotation."
        )
        return {"encrypt": text}
    if letter.bcc.strip():
        return {"bcc": obstacle_text(CannotProtect(Obstacle.HIDDEN, ""))}
    with services().directory.read() as people:
        if own_reader(people, account().id) is None:
            return {"encrypt": obstacle_text(CannotProtect(Obstacle.OWN, ""))}
        lacking = tuple(each for each in _readers(people, letter) if each.lacking)
    return {"encrypt": obstacle_text(CannotProtect(Obstacle.READERS, "", lacking))} if lacking else {}


def protection_of(letter: Letter) -> Protection:
    """As the letter's writer chose.  Raises CannotProtect when the key that is to sign is not to be had.

    Who has no certificate does not sign; nobody is kept from writing for that.
    """
    signer = None
    with services().directory.read() as people:
        author = letter.author or account().login
        owner = _owner(people, author)
        is_signed = letter.sign and _has_certificate(people, author)
    if is_signed and owner is not None:
        found = keys.signer(owner)
        if isinstance(found, Refusal):
            fault = KeyRefused(found)
            raise CannotProtect(Obstacle.KEY, str(fault), fault=fault)
        signer = found
    return Protection(signer, letter.encrypt)


@blueprint.post("/compose/readers")
def tell() -> Answer:
    """For the script layer: who could not read the letter in the form if it were encrypted, and what to do."""
    if services().look_ups.wait(current_user.get_id()):
        return make_response({"error": _("Please wait a moment and try again.")}, 429)
    letter = _addressed()
    with services().directory.read() as people:
        found = _readers(people, letter)
        must = _must(people, letter)
    told: list[dict[str, Any]] = [{"address": each.address, "told": reader_text(each)} for each in found]
    return jsonify(readers=told, must=must, hidden=bool(letter.bcc.strip()))


def _addressed() -> Letter:
    from webmail.writing.letters import Letter  # which asks this module what it may offer

    author, to, cc, bcc = (request.form.get(name, "")[:_LONGEST] for name in ("author", "to", "cc", "bcc"))
    return Letter(author=author, to=to, cc=cc, bcc=bcc)


def _readers(people: Reading, letter: Letter) -> list[Readers]:
    closed = recipients.closed_to(people, account().id)
    return [
        readers_of(people, account().id, address, recipients.resolve(people, address, closed))
        for address in _addresses(letter)[:_MOST]
    ]


def _addresses(letter: Letter) -> list[str]:
    named = (each.address for field in (letter.to, letter.cc, letter.bcc) for each in parse_people(field))
    return list(dict.fromkeys(address for address in named if "@" in address))


def _must(people: Reading, letter: Letter) -> str:
    return why_encrypted(services().office, people, account(), _addresses(letter))


def _owner(people: Reading, address: str) -> str | None:
    row = owner_row(people, normalise(address))
    return row.account_id if row is not None else None


def _has_certificate(people: Reading, address: str) -> bool:
    """And an installation that uses keys."""
    owner = _owner(people, address or account().login)
    return services().keys is not None and owner is not None and bool(holding(people, owner, SIGNING))
