"""What follows from scanners' opinions: one more voice in the verdict, and changes of the header.

A scanner may make a verdict graver, never milder.  Mail of our own people is scanned too; of theirs nothing is junk.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mailserver.delivery.post_office import Origin, PostOffice
from mailserver.delivery.trace import with_header
from mailserver.delivery.verdict import Action, Verdict
from mailserver.refusals import PutOff, Refusal, Unwanted
from mailserver.scanning.asking import gravest
from mailserver.scanning.opinion import Action as Wish
from mailserver.scanning.opinion import Letter, Opinion, edited

log = logging.getLogger("citymail.delivery")

_ACTIONS = {
    Wish.CLEAN: Action.ACCEPT,
    Wish.JUNK: Action.JUNK,
    Wish.QUARANTINE: Action.QUARANTINE,
    Wish.DEFER: Action.DEFER,
    Wish.REFUSE: Action.REFUSE,
}
_GRAVITY = {action: int(wish) for wish, action in _ACTIONS.items()}


def ask(
    office: PostOffice,
    origin: Origin,
    octets: bytes | Path,
    *,
    reverse_path: str,
    recipients: Sequence[str],
    reference: str = "",
    login: str = "",
    since: float | None = None,
) -> tuple[Opinion, ...]:
    """Show a message to every scanner there is; it takes its time, so not on an event loop.  ``since``: by the panel's
    clock, from when on it has waited for that.
    """
    if not office.panel or (login and not office.config.scanners.own_mail):
        return ()
    letter = Letter(
        octets,
        reference or office.new_reference(),
        client=origin.client,
        hello=origin.hello,
        login=login,
        reverse_path=reverse_path,
        recipients=tuple(recipients),
    )
    return office.panel.ask(letter, since=since)


def look_at_file(office: PostOffice, path: Path, *, client: str, login: str) -> None:
    """A file that is no message, before others get it.  Raises Unwanted, PutOff."""
    if not office.panel or not office.config.scanners.own_mail:
        return
    verdict = verdict_of(office.panel.ask_about_file(Letter(path, office.new_reference(), client=client, login=login)))
    if verdict.refusal is not None:
        raise verdict.refusal
    if verdict.action is Action.QUARANTINE:  # where messages wait for an administrator, not files
        raise Unwanted(reason=verdict.reason)


def verdict_of(opinions: Sequence[Opinion]) -> Verdict:
    """What the scanners alone would have.  That one has not looked is said also where nothing follows from it."""
    worst = gravest(opinions)
    if worst is None or worst.action is Wish.CLEAN:
        blind = [f"{each.scanner}: {each.detail}" for each in opinions if each.is_blind]
        return Verdict(Action.ACCEPT, f"not scanned: {'; '.join(blind)}" if blind else "")
    reason = f"{worst.scanner}: {worst.detail or worst.action.name.lower()}"
    return Verdict(_ACTIONS[worst.action], reason, _refusal_of(worst, reason))


def graver(verdict: Verdict, other: Verdict) -> Verdict:
    """The graver of two; the first of equals, with the other's reason where it has none."""
    worst = max(verdict, other, key=lambda each: _GRAVITY[each.action])
    return worst if worst.reason or worst.action is not other.action else replace(worst, reason=other.reason)


def _refusal_of(opinion: Opinion, reason: str) -> Refusal | None:
    """In the scanner's own words, where it has some."""
    told = opinion.reply.text if opinion.reply is not None else ""
    if opinion.action is Wish.REFUSE:
        if not told and opinion.scanner == "clamav":
            told = f"The message holds a virus: {opinion.detail}"
        return Unwanted(told, reason=reason)
    if opinion.action is Wish.DEFER:
        return PutOff(told or "The message cannot be scanned now; try again later", reason=reason)
    return None


def apply(octets: bytes | Path, opinions: Sequence[Opinion]) -> bytes | Path:
    """The message with the header fields that scanners want."""
    if not any(opinion.fields or opinion.changes for opinion in opinions):
        return octets
    return with_header(octets, lambda header: edited(header, opinions))
