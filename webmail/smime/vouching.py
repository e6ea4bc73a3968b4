"""Who signs for a mailbox that is not his own shows once more that he sits there himself.

The key process asks for it and judges it (``directory.keys.proofs``); here is the page.  The letter waits meanwhile as
a draft, whatever becomes of the page, and goes as its writer had asked for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import request
from flask_login import current_user

from mailserver.delivery.protecting import CannotProtect
from mailserver.refusals import Refusal as NotDone
from security.keys.wire import Refusal
from webmail.account import proving
from webmail.account.login import account, here
from webmail.formatting import full_time
from webmail.languages import _
from webmail.pages import Answer
from webmail.services import services
from webmail.smime.refusals import refusal_text

if TYPE_CHECKING:
    from webmail.writing.letters import Letter

_LONGEST_CODE = 20_000  # a security key's answer is a page of JSON


def wants_proof(refused: NotDone) -> bool:
    key = getattr(refused.fault, "refusal", None) if isinstance(refused, CannotProtect) else None
    return key is Refusal.UNPROVEN


def prove() -> str:
    """Hand what was shown on to the key process; what is to be said when it proves nothing."""
    keys = services().keys
    password, code = request.form.get("password", "")[:1000], request.form.get("code", "")[:_LONGEST_CODE]
    found = keys.prove(current_user.token, password, code, here()) if keys is not None else Refusal.AWAY
    return refusal_text(found) if isinstance(found, Refusal) else ""


def page(letter: Letter, moment: int, fault: str = "") -> Answer:
    """Asks for the proof; ``letter`` lies as a draft.  ``moment``: when it is to go, 0 for at once."""
    given = [("action", f"later {moment}" if moment else "send")]
    given += [(name, request.form[name]) for name in ("everybody", "window") if name in request.form]
    facts = [(_("Subject"), letter.subject or _("(no subject)")), (_("To"), letter.to or letter.cc or letter.bcc)]
    if moment:
        facts.append((_("Will be sent"), full_time(moment)))
    what = _(
        "You sign for %(address)s, and not for yourself. Show once more that it is you. "
        "It is recorded that you signed; for %(minutes)s minutes you are not asked again.",
        address=letter.author or account().login,
        minutes=services().config.pki.proof_minutes,
    )
    return proving.page(
        _("Sign for a unit"),
        what,
        f"/compose/{letter.draft}",
        action=f"/compose/{letter.draft}/prove",
        given=given,
        facts=facts,
        does=("sealed", _("Sign and send")),
        fault=fault,
    )
