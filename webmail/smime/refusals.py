"""Why something is not opened, signed or encrypted, in words that say what to do."""

from __future__ import annotations

from mailserver.delivery.protecting import CannotProtect, Obstacle
from mailserver.delivery.readers import Lack, Readers
from security.keys.wire import Refusal
from security.paths import State
from webmail.languages import _

_SHOWN = 5


def refusal_text(refusal: Refusal) -> str:
    """Why the key process does not give a key, and what to do."""
    again = _("The keys cannot be reached right now. Try again in a moment.")
    return {
        Refusal.LOCKED: _("Your keys are locked. Open them with your password, and try again."),
        Refusal.FORMER_PASSWORD: _(
            "Your keys are locked under the password that you had before. Open them with that one."
        ),
        Refusal.NO_KEY: _("There is no key for this mailbox. Ask your administrator."),
        Refusal.REVOKED: _("The certificate of this mailbox was revoked. Ask your administrator for another."),
        Refusal.UNPROVEN: _("To sign for this mailbox, show once more that it is you."),
        Refusal.WRONG_PASSWORD: _("The present password is not right."),
        Refusal.WRONG_CODE: _("The code is not right."),
        Refusal.NOT_ALLOWED: _("You may not use the keys of this mailbox."),
        Refusal.SIGNED_OUT: _("Your session has ended. Please sign in again."),
        Refusal.TOO_OFTEN: _("Please wait a moment and try again."),
    }.get(refusal, again)


def obstacle_text(refusal: CannotProtect) -> str:
    """Why the sending door does not let a letter out as it was wished."""
    key = getattr(refusal.fault, "refusal", None)
    if isinstance(key, Refusal):
        return refusal_text(key)
    return {
        Obstacle.READERS: readers_text(refusal.readers),
        Obstacle.TOO_MANY: _("So many people cannot get one encrypted letter. Send it to fewer at a time."),
        Obstacle.HIDDEN: _(
            "Everybody who gets an encrypted letter can see who else does: it cannot have Bcc. "
            "Write to these separately."
        ),
        Obstacle.OWN: _(
            "You have no certificate, so you could not read the letter yourself. Ask your administrator for one."
        ),
        Obstacle.SIGNER: _(
            "The certificate cannot be used to sign for this address. "
            "Ask your administrator, or send without a signature."
        ),
        Obstacle.KEY: _("The letter could not be signed. Try again, or send without a signature."),
        Obstacle.BROUGHT: _("The signature is not taken."),
        Obstacle.MUST: _("By the city's rules this letter has to be encrypted."),
    }[refusal.obstacle]


def readers_text(readers: tuple[Readers, ...]) -> str:
    """Who keeps an encrypted letter from going out."""
    told = "; ".join(f"{each.address}: {reader_text(each)}" for each in readers[:_SHOWN])
    more = f" … (+{len(readers) - _SHOWN})" if len(readers) > _SHOWN else ""
    return _("Not everybody can read encrypted mail: %(who)s", who=told + more)


def reader_text(readers: Readers) -> str:
    """Why these cannot read it, and what to do; empty for who can."""
    if not readers.lacking:
        return ""
    if readers.count > 1:  # how many there are in it is not for everybody
        return _("not everybody in this group can read it; write to single people, or ask your administrator")
    if readers.lack is Lack.MODERATED:
        return _("a group whose moderators read before cannot get encrypted mail")
    if readers.lack is Lack.HIDDEN:
        return _("a group that hides its members cannot get encrypted mail, which names its readers")
    if readers.lack is Lack.NOBODY:
        return _("there is no such mailbox")
    if readers.lack is Lack.NO_CERTIFICATE:
        return _("no certificate is known; ask for a signed message, and confirm the certificate in its details")
    return {
        State.EXPIRED: _("the certificate has expired; ask for a newly signed message"),
        State.REVOKED: _("the certificate was revoked; ask for a newly signed message"),
        State.UNKNOWN_AUTHORITY: _("nobody whom the city trusts vouches for the certificate; ask your administrator"),
    }.get(readers.state or State.BROKEN, _("the certificate cannot be relied on; ask for a newly signed message"))
