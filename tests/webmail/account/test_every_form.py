"""Every address that changes something, as the application itself lists them: none hears another site, a form without
its token, or somebody who is not wholly signed in; and none is reached by a link.

A form that is added later is tried here without being named.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask

from directory.mail.account_changes import set_password
from directory.signing_in import second_factor
from security.passwords import hash_password
from tests.webmail.account.test_two_steps import code
from tests.webmail.conftest import Visitor
from tests.webmail.town_hall import PASSWORD, TownHall, letter
from webmail.account.login import OPEN, UNTIL_CHANGED

_READS = frozenset(("GET", "HEAD", "OPTIONS"))
# Answers questions about certificates, whoever asks, and changes nothing (RFC 6960 appendix A).
_NO_FORM = frozenset(("pki.answer_post",))
_SOMETHING = {"mailbox_id": "1", "uid": "1", "index": "0", "mine": "1", "item": "1"}


def forms(app: Flask) -> Iterator[tuple[str, str]]:
    """(endpoint, path) of all that may be posted to."""
    for rule in app.url_map.iter_rules():
        if "POST" in (rule.methods or ()) and rule.endpoint not in _NO_FORM:
            built = rule.build({name: _SOMETHING.get(name, "x") for name in rule.arguments})
            assert built is not None
            yield rule.endpoint, built[1]


def test_nothing_is_changed_by_what_a_link_may_do(app: Flask) -> None:
    for rule in app.url_map.iter_rules():
        methods = set(rule.methods or ())
        assert methods <= _READS or methods <= {"POST", "OPTIONS"}, rule
    assert len(list(forms(app))) > 50


@pytest.mark.parametrize("token", ["", "made.up.token", "another's"])
def test_none_is_heard_without_its_token(an: Visitor, hall: TownHall, app: Flask, token: str) -> None:
    other = Visitor(app, hall).sign_in("binh")
    an.token = other.token if token == "another's" else token
    assert {an.client.post(path, data={"csrf_token": an.token}).status_code for _, path in forms(app)} == {400}
    by_header = {an.client.post(path, headers={"X-CSRFToken": an.token}).status_code for _, path in forms(app)}
    assert by_header == {400}


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
    ],
)
def test_none_hears_another_site_whatever_it_knows(an: Visitor, app: Flask, headers: dict[str, str]) -> None:
    assert {an.post(path, {}, headers=headers).status_code for _, path in forms(app)} == {403}
    assert an.get("/settings").status_code == 200  # no form of a stranger signs anybody out


def test_none_is_for_who_is_not_signed_in(visitor: Visitor, app: Flask) -> None:
    visitor.get("/login")
    assert {visitor.post(path, {}).status_code for name, path in forms(app) if name not in OPEN} == {401}


def test_the_password_alone_is_half_of_signing_in(visitor: Visitor, hall: TownHall, app: Flask) -> None:
    owner = hall.account("an")
    with hall.services.directory.write() as conn:
        secret = second_factor.propose(conn, owner.id)
        second_factor.turn_on(conn, owner.login, owner.id, code(hall, secret))
    visitor.get("/login")
    assert visitor.post("/login", {"login": owner.login, "password": PASSWORD}).status_code == 200
    assert {visitor.post(path, {}).status_code for name, path in forms(app) if name not in OPEN} == {401}


def test_who_must_choose_a_password_does_nothing_before(visitor: Visitor, hall: TownHall, app: Flask) -> None:
    owner = hall.account("an")
    with hall.services.directory.write() as conn:
        set_password(conn, "test", owner.id, hash_password(PASSWORD), must_change=True)
    visitor.sign_in("an")
    for name, path in forms(app):
        if name not in OPEN | UNTIL_CHANGED:
            answer = visitor.post(path, {})
            assert (name, answer.status_code, answer.headers["Location"]) == (name, 303, "/settings")


def test_another_persons_mail_is_not_there(an: Visitor, hall: TownHall, app: Flask) -> None:
    hall.put("binh", letter(files=[("mat.txt", "text/plain", b"mat")]))
    place = {**_SOMETHING, "mailbox_id": str(hall.mailbox("binh").id)}
    tried = 0
    for rule in app.url_map.iter_rules():
        if "mailbox_id" in rule.arguments:
            built = rule.build({name: place.get(name, "x") for name in rule.arguments})
            assert built is not None
            ask = an.get(built[1]) if "GET" in (rule.methods or ()) else an.post(built[1], {})
            assert (rule.endpoint, ask.status_code) == (rule.endpoint, 404)
            tried += 1
    assert tried > 10
