"""Two-step sign-in in the webmail: turned on, asked for, and what to do when the telephone is gone."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from typing import Any

import pytest

from directory.signing_in import second_factor
from security import totp
from tests.webmail.conftest import Visitor
from tests.webmail.town_hall import PASSWORD, TownHall

HERE = "/settings/two-steps"


@pytest.fixture
def secret(an: Visitor, hall: TownHall) -> bytes:
    """An has turned it on, half an hour ago."""
    page = an.post(f"{HERE}/begin", {"password": PASSWORD}).get_data(as_text=True)
    assert 'class="qr"' in page
    letters = re.search(r'id="totp-key">([A-Z2-7 ]+)<', page)
    assert letters is not None
    found = base64.b32decode(letters[1].replace(" ", ""))
    answer = an.post(f"{HERE}/on", {"password": PASSWORD, "code": code(hall, found)})
    assert answer.status_code == 200
    an.recovery_codes = re.findall(r'<code class="secret">([a-z0-9-]+)<', answer.get_data(as_text=True))  # type: ignore[attr-defined]
    assert len(an.recovery_codes) == totp.RECOVERY_CODES  # type: ignore[attr-defined]
    hall.clock.pass_by(60)
    return found


def code(hall: TownHall, secret: bytes) -> str:
    return totp.code_at(secret, int(hall.clock()) // totp.STEP_SECONDS)


def half_way(visitor: Visitor, **more: str) -> Any:
    visitor.get("/login")
    values = {"login": "an@thanhpho.example", "password": PASSWORD, **more}
    return visitor.post("/login", values)


def test_signing_in_takes_a_code(visitor: Visitor, secret: bytes, hall: TownHall, app: Any) -> None:
    other = Visitor(app, hall)
    answer = half_way(other, next="/mail/1")
    assert answer.status_code == 200
    assert 'action="/login/code"' in answer.get_data(as_text=True)
    assert other.get("/mail/1").status_code == 303  # not in yet
    wrong = other.post("/login/code", {"code": "000000", "next": "/mail/1"})
    assert wrong.status_code == 401
    assert "Mã xác thực không đúng" in wrong.get_data(as_text=True)
    answer = other.post("/login/code", {"code": code(hall, secret), "next": "/mail/1"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/mail/1")
    assert other.get("/mail/1").status_code == 200
    # that code is used up
    third = Visitor(app, hall)
    half_way(third)
    assert third.post("/login/code", {"code": code(hall, secret)}).status_code == 401


def test_a_recovery_code_opens_once(an: Visitor, secret: bytes, hall: TownHall, app: Any) -> None:
    for expected in (303, 401):
        other = Visitor(app, hall)
        half_way(other)
        assert other.post("/login/code", {"code": an.recovery_codes[0]}).status_code == expected  # type: ignore[attr-defined]


def test_without_the_password_no_code_is_asked(secret: bytes, hall: TownHall, app: Any) -> None:
    other = Visitor(app, hall)
    other.get("/login")
    answer = other.post("/login/code", {"code": code(hall, secret)})
    assert answer.status_code == 401
    assert 'action="/login"' in answer.get_data(as_text=True)
    assert half_way(other, password="falsch-falsch").status_code == 401
    assert other.post("/login/code", {"code": code(hall, secret)}).status_code == 401
    assert other.get("/mail/1").status_code == 303


def test_the_first_step_is_forgotten_after_minutes(secret: bytes, hall: TownHall, app: Any) -> None:
    other = Visitor(app, hall)
    half_way(other)
    hall.clock.pass_by(301)
    answer = other.post("/login/code", {"code": code(hall, secret)})
    assert answer.status_code == 401
    assert "Đã quá thời gian" in answer.get_data(as_text=True)


def test_what_was_written_is_kept_through_both_steps(secret: bytes, hall: TownHall, app: Any) -> None:
    other = Visitor(app, hall)
    page = half_way(other, kept_subject="Chưa gửi", kept_text="dòng 1\ndòng 2").get_data(as_text=True)
    assert "Chưa gửi" in page
    answer = other.post("/login/code", {"code": code(hall, secret), "kept_subject": "Chưa gửi", "kept_text": "dòng 1"})
    assert answer.status_code == 200
    assert 'value="Chưa gửi"' in answer.get_data(as_text=True)


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/settings/app-passwords", {"name": "Điện thoại", "scope": "both", "password": PASSWORD}),
        ("/password", {"old": PASSWORD, "new": "mot-mat-khau-khac-1", "again": "mot-mat-khau-khac-1"}),
        (f"{HERE}/off", {"password": PASSWORD}),
        (f"{HERE}/codes", {"password": PASSWORD}),
    ],
)
def test_what_a_thief_would_want_takes_a_code_too(
    an: Visitor, secret: bytes, hall: TownHall, path: str, form: dict[str, str]
) -> None:
    assert an.ask(path, form).status_code == 422
    assert an.ask(path, {**form, "code": "000000"}).status_code == 422
    assert an.ask(path, {**form, "code": code(hall, secret)}).status_code in (200, 303)


def test_it_is_not_turned_on_without_the_password(an: Visitor, hall: TownHall) -> None:
    assert an.post(f"{HERE}/begin", {"password": "falsch-falsch"}).status_code == 422
    with hall.services.directory.write() as conn:
        found = second_factor.propose(conn, hall.account("an").id)
    for form in ({"password": "falsch", "code": code(hall, found)}, {"password": PASSWORD, "code": "000000"}):
        assert an.post(f"{HERE}/on", form).status_code == 422
    with hall.services.directory.read() as conn:
        assert not second_factor.is_on(conn, hall.account("an").id)


def test_turned_off_the_password_is_enough_again(
    an: Visitor, secret: bytes, hall: TownHall, sign_in: Callable[[str], Visitor]
) -> None:
    an.post(f"{HERE}/off", {"password": PASSWORD, "code": code(hall, secret)})
    assert sign_in("an").get("/mail/1").status_code == 200
