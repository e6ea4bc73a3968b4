"""Who sits here proves once more who he is, before something that a thief would want: his password, and a code or a
security key where he has a second factor.

Wrong answers are counted and slowed down as at the door: whoever finds an open browser may not try here without end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flask import request

from directory.signing_in import second_factor
from directory.signing_in.login import LoginRefused
from webmail import pages
from webmail.account.login import ANSWER_AFTER, here, person
from webmail.languages import _
from webmail.pages import Answer
from webmail.services import services

_PROOF = ("csrf_token", "password", "code")


@dataclass(frozen=True, slots=True)
class Wrong:
    """What to say; ``after``: seconds after which."""

    text: str
    after: float

    def slow(self, answer: Answer) -> Answer:
        answer.headers[ANSWER_AFTER] = f"{self.after:.3f}"
        return answer


def has_second_factor() -> bool:
    with services().directory.read() as conn:
        return second_factor.is_on(conn, person().id)


def prove(password: str, code: str) -> Wrong | None:
    """None for the right answers."""
    if wrong := prove_password(password):
        return wrong
    if not has_second_factor():
        return None
    gate = services().gate
    return _judged(lambda client: gate.judge_code(person(), code, client, here()), _("The code is not right."))


def prove_password(password: str) -> Wrong | None:
    """The same without the second factor."""
    gate = services().gate
    return _judged(
        lambda client: gate.authenticate(person().login, password[:1000], client, "webmail"),
        _("The present password is not right."),
    )


def ask_first(title: str, what: str, back: str) -> Answer | None:
    """For a form that is sent without a proof, of ``what`` leaves with one only: a page that asks for it and sends the
    same form again.  None when it came with the right one.
    """
    password = request.form.get("password")
    if password is None:
        return _ask(title, what, back)
    wrong = prove(password, request.form.get("code", ""))
    return wrong.slow(_ask(title, what, back, wrong.text)) if wrong else None


def _ask(title: str, what: str, back: str, fault: str = "") -> Answer:
    told = " ".join((what, _("So much leaves only with your password. It is on record.")))
    given = [each for each in request.form.items(multi=True) if each[0] not in _PROOF]
    return page(title, told, back, action=request.path, given=given, does=("download", _("Download")), fault=fault)


def page(
    title: str,
    what: str,
    back: str,
    *,
    action: str,
    given: Sequence[tuple[str, str]],
    does: tuple[str, str],
    facts: Sequence[tuple[str, str]] = (),
    fault: str = "",
) -> Answer:
    """Asks for a proof, for ``what``, and sends it to ``action`` with what is ``given``; ``does``: icon and name of the
    button.
    """
    with services().store.read() as conn:
        side = pages.sidebar(conn)
    made = pages.render(
        "proving.html",
        title,
        sidebar=side,
        current=None,
        what=what,
        back=back,
        action=action,
        given=given,
        does=does,
        facts=facts,
        fault=fault,
        asks_code=has_second_factor(),
    )
    made.status_code = 422 if fault else 200
    return made


def _judged(judge: Callable[[str], object], wrong: str) -> Wrong | None:
    client = request.remote_addr or ""
    pause = services().gate.pause(person().login, client)
    try:
        judge(client)
    except LoginRefused as refused:
        if refused.reason == "throttled":
            wrong = _("Too many wrong passwords. Please try again later.")
        return Wrong(wrong, pause + refused.delay)
    return None
