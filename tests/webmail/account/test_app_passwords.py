"""App passwords in the browser: made with one's own password, shown once, taken back."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from directory.signing_in import app_passwords
from directory.signing_in.login import LoginRefused
from tests.webmail.conftest import Visitor
from tests.webmail.town_hall import PASSWORD, TownHall

HERE = "/settings/app-passwords"


def make(visitor: Visitor, name: str = "Điện thoại", scope: str = "both", password: str = PASSWORD) -> str:
    visitor.page(HERE)
    answer = visitor.post(HERE, {"name": name, "scope": scope, "password": password})
    assert answer.status_code == 200, answer.get_data(as_text=True)
    found = re.search(r'id="app-password">([a-z2-9-]+)<', answer.get_data(as_text=True))
    assert found
    return found[1]


def enters(hall: TownHall, password: str, protocol: str = "imap") -> bool:
    try:
        return hall.services.gate.authenticate(
            hall.address("an"), password, "192.0.2.1", protocol
        ).login == hall.address("an")
    except LoginRefused:
        return False


def test_one_is_made_shown_once_and_taken_back(an: Visitor, hall: TownHall) -> None:
    letters = make(an)
    assert enters(hall, letters)
    assert enters(hall, letters, "smtp")
    assert not enters(hall, letters, "webmail")
    page = an.page(HERE)
    assert letters not in page
    assert "Điện thoại" in page
    assert "192.0.2.1" in page  # where it was used
    with hall.services.directory.read() as conn:
        (kept,) = app_passwords.listed(conn, hall.account("an").id)
    assert an.post(HERE + "/revoke", {"id": kept.id}).status_code == 303
    assert not enters(hall, letters)
    assert an.ask(HERE + "/revoke", {"id": kept.id}).status_code == 409


def test_it_may_be_for_reading_only(an: Visitor, hall: TownHall) -> None:
    letters = make(an, scope="imap")
    assert enters(hall, letters)
    assert not enters(hall, letters, "smtp")


def test_it_may_be_for_the_address_book(an: Visitor, hall: TownHall) -> None:
    letters = make(an, scope="ldap")
    assert enters(hall, letters, "ldap")
    assert not enters(hall, letters)


@pytest.mark.parametrize(
    "given",
    [
        {"password": "wrong"},
        {"password": ""},
        {"name": ""},
        {"name": "x" * 200},
        {"scope": "webmail"},
        {"name": "Đã có"},
    ],
)
def test_what_is_refused(an: Visitor, hall: TownHall, given: dict[str, str]) -> None:
    make(an, "Đã có")
    answer = an.post(HERE, {"name": "Máy tính", "scope": "both", "password": PASSWORD, **given})
    assert answer.status_code == 422
    assert 'role="alert"' in answer.get_data(as_text=True)
    assert 'id="app-password"' not in answer.get_data(as_text=True)
    with hall.services.directory.read() as conn:
        assert len(app_passwords.listed(conn, hall.account("an").id)) == 1


def test_nobody_takes_back_what_is_anothers(an: Visitor, hall: TownHall, sign_in: Callable[[str], Visitor]) -> None:
    letters = make(an)
    with hall.services.directory.read() as conn:
        (kept,) = app_passwords.listed(conn, hall.account("an").id)
    assert sign_in("binh").ask(HERE + "/revoke", {"id": kept.id}).status_code == 409
    assert enters(hall, letters)


def test_it_never_opens_the_website(visitor: Visitor, an: Visitor, hall: TownHall) -> None:
    letters = make(an)
    fresh = Visitor(an.client.application, hall)
    fresh.get("/login")
    assert fresh.post("/login", {"login": hall.address("an"), "password": letters}).status_code == 401
    # nor does it confirm a change
    assert an.post(HERE, {"name": "Hai", "scope": "both", "password": letters}).status_code == 422


def test_another_password_takes_all_back(an: Visitor, hall: TownHall) -> None:
    letters = make(an)
    new = "Một mật khẩu hoàn toàn khác 5"
    assert an.post("/password", {"old": PASSWORD, "new": new, "again": new}).status_code == 303
    assert not enters(hall, letters)
    assert enters(hall, new)
    assert an.page("/settings").count(HERE) == 1
