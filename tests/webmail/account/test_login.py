"""Signing in and out, and what is refused to whom."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask

from directory.mail import account_changes
from directory.mail.accounts import credentials_by_login
from directory.record import search
from mailserver import access
from mailserver.store.rights import Entry
from security.passwords import hash_password
from security.throttle import FREE_PER_PAIR
from tests.webmail import town_hall
from tests.webmail.conftest import Visitor
from tests.webmail.town_hall import PASSWORD, TownHall
from webmail import create_app
from webmail.account.login import ANSWER_AFTER, local_path

PAGES = (
    "/", "/mail/1", "/mail/1/1", "/mail/1/1/body", "/mail/1/1/part/0", "/mail/1/1/part/0/inline", "/mail/1/1/original",
    "/compose", "/compose/1", "/search?q=x", "/people?q=an", "/settings", "/mailboxes", "/recover", "/session",
)  # fmt: skip
FORMS = (
    "/actions",
    "/actions/undo",
    "/compose",
    "/mailboxes",
    "/recover",
    "/theme",
    "/password",
    "/sessions/end",
    "/logout",
    "/open",
)


def test_a_person_signs_in_and_sees_the_inbox(visitor: Visitor, hall: TownHall) -> None:
    visitor.get("/login")
    response = visitor.post("/login", {"login": hall.address("an"), "password": PASSWORD}, follow=True)
    assert "Hộp thư đến" in response.get_data(as_text=True)
    cookie = next(value for name, value in response.history[0].headers if name == "Set-Cookie")
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "Secure" not in cookie


def test_under_tls_the_cookie_belongs_to_this_host_alone(visitor: Visitor, hall: TownHall) -> None:
    visitor.get("/login", base_url="https://mail.thanhpho.example")
    response = visitor.post(
        "/login", {"login": hall.address("an"), "password": PASSWORD}, base_url="https://mail.thanhpho.example"
    )
    cookie = response.headers["Set-Cookie"]
    assert cookie.startswith("__Host-citymail=")
    assert "Secure" in cookie
    assert "Path=/" in cookie
    assert "Domain" not in cookie
    assert response.headers["Strict-Transport-Security"]


@pytest.mark.parametrize(("login", "password"), [("an", "wrong password"), ("nobody", PASSWORD)])
def test_a_wrong_login_and_a_wrong_password_get_the_same_answer(
    visitor: Visitor, hall: TownHall, login: str, password: str
) -> None:
    visitor.get("/login")
    response = visitor.post("/login", {"login": hall.address(login), "password": password})
    assert response.status_code == 401
    assert "Địa chỉ hoặc mật khẩu không đúng." in response.get_data(as_text=True)
    assert ANSWER_AFTER in response.headers


def test_a_locked_account_is_let_in_no_more_and_its_sessions_end(an: Visitor, hall: TownHall) -> None:
    with hall.services.directory.write() as conn:
        account_changes.lock(conn, "test", hall.account("an").id)
    assert an.get("/mailboxes").status_code == 303
    an.get("/login")
    response = an.post("/login", {"login": hall.address("an"), "password": PASSWORD})
    assert response.status_code == 401
    assert "khóa" in response.get_data(as_text=True)


@pytest.mark.parametrize("path", PAGES)
def test_no_page_without_a_session(visitor: Visitor, path: str) -> None:
    response = visitor.get(path)
    assert response.status_code == 303
    assert response.headers["Location"].startswith("/login")


@pytest.mark.parametrize("path", FORMS)
def test_no_form_without_a_session(visitor: Visitor, path: str) -> None:
    visitor.get("/login")
    assert visitor.post(path, {}).status_code == 401


@pytest.mark.parametrize("path", [*FORMS, "/language", "/login"])
def test_no_form_without_its_token(an: Visitor, path: str) -> None:
    an.token = ""
    assert an.post(path, {}).status_code == 400
    an.token = "made.up.token"
    assert an.post(path, {}).status_code == 400


def test_the_token_of_another_session_is_none(app: Flask, hall: TownHall, an: Visitor) -> None:
    other = Visitor(app, hall).sign_in("binh")
    an.token = other.token
    assert an.post("/logout", {}).status_code == 400


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
    ],
)
def test_forms_of_other_sites_are_refused_whatever_they_know(an: Visitor, headers: dict[str, str]) -> None:
    assert an.post("/theme", {"theme": "dark"}, headers=headers).status_code == 403


def test_our_own_forms_are_heard(an: Visitor) -> None:
    for headers in ({"Sec-Fetch-Site": "same-origin"}, {"Origin": "http://localhost"}):
        assert an.post("/theme", {"theme": "dark"}, headers=headers).status_code == 303


@pytest.mark.parametrize("mode", ["no-cors", "cors"])
def test_other_sites_may_link_to_us_but_not_load_us(an: Visitor, mode: str) -> None:
    foreign = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": "image"}
    assert an.get("/mailboxes", headers=foreign).status_code == 403
    framed = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}
    assert an.get("/mailboxes", headers=framed).status_code == 403
    linked = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert an.get("/mailboxes", headers=linked).status_code == 200


def test_a_link_from_elsewhere_comes_back_with_the_cookie(visitor: Visitor) -> None:
    linked = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    response = visitor.get("/mailboxes", headers=linked)
    assert response.status_code == 200
    assert '<meta http-equiv="refresh" content="0">' in response.get_data(as_text=True)


@pytest.mark.parametrize(
    "wanted",
    [
        "https://elsewhere.example/", "//elsewhere.example/", "/\\elsewhere.example", "\\\\elsewhere.example",
        "javascript:alert(1)", "http:elsewhere.example", "/%0d%0aSet-Cookie:x=y\r\nX: y", "///elsewhere.example",
        "/\t/elsewhere.example", "", "mail/1", "https:/elsewhere.example", "/login?next=/", "/logout",
    ],
)  # fmt: skip
def test_after_signing_in_one_stays_here(visitor: Visitor, hall: TownHall, wanted: str) -> None:
    assert local_path(wanted) == "/"
    visitor.get("/login")
    response = visitor.post("/login", {"login": hall.address("an"), "password": PASSWORD, "next": wanted})
    assert response.headers["Location"] == "/"


def test_one_comes_to_the_page_that_was_asked_for(visitor: Visitor, hall: TownHall) -> None:
    asked = visitor.get("/search?q=ngân sách")
    assert "next=/search%3Fq" in asked.headers["Location"]
    visitor.get(asked.headers["Location"])
    response = visitor.post(
        "/login", {"login": hall.address("an"), "password": PASSWORD, "next": "/search?q=ng%C3%A2n"}
    )
    assert response.headers["Location"] == "/search?q=ng%C3%A2n"


def test_signing_out_ends_the_session_for_every_copy_of_the_cookie(an: Visitor) -> None:
    copied = an.client.get_cookie("citymail")
    assert copied is not None
    assert an.post("/logout", {}).status_code == 303
    an.client.set_cookie("citymail", copied.value)
    assert an.get("/mailboxes").status_code == 303


def test_a_session_ends_when_it_is_not_used(an: Visitor, hall: TownHall) -> None:
    for _ in range(3):
        hall.clock.pass_by(20 * 60)
        assert an.get("/mailboxes").status_code == 200
    hall.clock.pass_by(31 * 60)
    assert an.get("/mailboxes").status_code == 303


def test_a_session_ends_after_a_working_day_in_any_case(an: Visitor, hall: TownHall) -> None:
    for _ in range(12 * 3 - 1):
        hall.clock.pass_by(20 * 60)
        assert an.get("/mailboxes").status_code == 200
    hall.clock.pass_by(21 * 60)
    assert an.get("/mailboxes").status_code == 303


def test_a_letter_survives_the_end_of_the_session(an: Visitor, hall: TownHall) -> None:
    hall.clock.pass_by(40 * 60)
    written = {"to": "binh@thanhpho.example", "subject": "Dở dang <b>", "text": "\n\nMột câu dài.", "action": "send"}
    response = an.post("/compose", written)
    assert response.status_code == 401
    page = response.get_data(as_text=True)
    assert "nội dung bạn viết vẫn được giữ" in page
    assert "Dở dang &lt;b&gt;" in page
    kept = {f"kept_{name}": value for name, value in written.items() if name != "action"}
    again = an.post("/login", {"login": hall.address("an"), "password": PASSWORD, **kept})
    assert again.status_code == 200
    form = again.get_data(as_text=True)
    assert "Dở dang &lt;b&gt;" in form
    assert "Một câu dài." in form
    assert hall.rows("binh") == []


def test_a_password_somebody_else_chose_is_changed_first(visitor: Visitor, hall: TownHall) -> None:
    with hall.services.directory.write() as conn:
        account_changes.set_password(
            conn, "test", hall.account("an").id, hash_password("given by the office"), must_change=True
        )
    visitor.sign_in("an", "given by the office")
    assert visitor.get("/").headers["Location"] == "/settings"
    assert visitor.get("/compose").headers["Location"] == "/settings"
    assert "tự đặt mật khẩu" in visitor.page("/settings")
    new = {"old": "given by the office", "new": "một mật khẩu riêng", "again": "một mật khẩu riêng"}
    assert visitor.post("/password", new).status_code == 303
    assert visitor.get("/").headers["Location"].startswith("/mail/")


@pytest.mark.parametrize(
    ("old", "new", "again"),
    [
        ("not the old one", "một mật khẩu riêng", "một mật khẩu riêng"),
        (PASSWORD, "một mật khẩu riêng", "một mật khẩu khác"),
        (PASSWORD, "ngắn", "ngắn"),
        (PASSWORD, PASSWORD, PASSWORD),
        (PASSWORD, "Matkhau@123", "Matkhau@123"),
        (PASSWORD, "an@thanhpho.example", "an@thanhpho.example"),
    ],
)
def test_a_password_is_changed_with_care(an: Visitor, hall: TownHall, old: str, new: str, again: str) -> None:
    with hall.services.directory.read() as conn:
        before = credentials_by_login(conn, hall.address("an"))
    response = an.ask("/password", {"old": old, "new": new, "again": again})
    assert response.status_code == 422
    assert response.json is not None
    assert response.json["error"].endswith(".")
    with hall.services.directory.read() as conn:
        assert credentials_by_login(conn, hall.address("an")) == before


def test_guessing_at_an_open_browser_is_slowed_like_guessing_at_the_door(tmp_path: Path) -> None:
    hall = town_hall.build(tmp_path, login={"never_slowed": ()})
    an = Visitor(create_app(hall.services), hall).sign_in("an")
    for attempt in range(FREE_PER_PAIR + 1):
        guess = {"old": f"lần thứ {attempt}", "new": "một mật khẩu riêng", "again": "một mật khẩu riêng"}
        response = an.ask("/password", guess)
        assert float(response.headers[ANSWER_AFTER]) >= 1
    response = an.ask("/password", guess)
    assert response.json == {"error": "Nhập sai mật khẩu quá nhiều lần. Vui lòng thử lại sau."}
    # the owner, whose password was proven a moment ago, is not kept out by whoever guessed
    assert an.ask("/password", guess | {"old": PASSWORD}).status_code == 200
    with hall.services.directory.read() as conn:
        told = next(search(conn, subjects=[hall.address("an")]))
    assert (told.actor, told.action) == (hall.address("an"), "mailbox.passwd")
    assert json.loads(told.details)["origin"] == "127.0.0.1"
    hall.close()


def test_a_changed_password_ends_all_other_sessions(an: Visitor, sign_in: Callable[[str], Visitor]) -> None:
    elsewhere = sign_in("an")
    new = {"old": PASSWORD, "new": "một mật khẩu riêng", "again": "một mật khẩu riêng"}
    assert an.post("/password", new).status_code == 303
    assert an.get("/mailboxes").status_code == 200
    assert elsewhere.get("/mailboxes").status_code == 303


def test_a_changed_password_ends_copies_of_this_cookie_too(an: Visitor, app: Flask, hall: TownHall) -> None:
    copied = an.client.get_cookie("citymail")
    assert copied is not None
    new = {"old": PASSWORD, "new": "một mật khẩu riêng", "again": "một mật khẩu riêng"}
    assert an.post("/password", new).status_code == 303
    thief = Visitor(app, hall)
    thief.client.set_cookie("citymail", copied.value)
    assert thief.get("/mailboxes").status_code == 303
    assert an.get("/mailboxes").status_code == 200


def test_signing_in_leaves_nothing_of_the_cookie_before(visitor: Visitor, app: Flask, hall: TownHall) -> None:
    """Whoever had it, or put it there, has nothing of what follows."""
    visitor.get("/login")
    planted, token = visitor.client.get_cookie("citymail"), visitor.token
    assert planted is not None
    visitor.sign_in("an")
    stranger = Visitor(app, hall)
    stranger.client.set_cookie("citymail", planted.value)
    assert stranger.get("/mailboxes").status_code == 303
    visitor.token = token
    assert visitor.post("/theme", {"theme": "dark"}).status_code == 400


def test_one_can_sign_out_everywhere_else(an: Visitor, sign_in: Callable[[str], Visitor]) -> None:
    elsewhere = sign_in("an")
    an.page("/settings")
    an.post("/sessions/end", {})
    assert an.get("/mailboxes").status_code == 200
    assert elsewhere.get("/mailboxes").status_code == 303


def test_one_can_sign_out_in_one_place(an: Visitor, sign_in: Callable[[str], Visitor]) -> None:
    first, second, stranger = sign_in("an"), sign_in("an"), sign_in("binh")
    found = re.findall(r'name="session" value="([0-9a-f]{64})"', second.page("/settings"))
    assert len(found) == 2
    stranger.post("/sessions/end", {"session": found[0]})
    an.post("/sessions/end", {"session": found[0]})
    signed_in = [who.get("/mailboxes").status_code == 200 for who in (an, first, second, stranger)]
    assert signed_in.count(False) == 1
    assert signed_in[2:] == [True, True]


def test_a_clerk_opens_the_units_mailbox_and_nobody_else(sign_in: Callable[[str], Visitor], hall: TownHall) -> None:
    unit = hall.account("vanthu.snv").id
    clerk = sign_in("huong")
    assert "Văn thư Sở Nội vụ" in clerk.page("/mailboxes")
    clerk.post("/open", {"account": unit})
    inbox = hall.mailbox("vanthu.snv").id
    assert clerk.page(f"/mail/{inbox}")
    assert clerk.get(f"/mail/{hall.mailbox('huong').id}").status_code == 404
    clerk.post("/open", {"account": ""})
    assert clerk.get(f"/mail/{inbox}").status_code == 404
    stranger = sign_in("chi")
    stranger.post("/open", {"account": unit})
    assert stranger.get(f"/mail/{inbox}").status_code == 404
    stranger.post("/open", {"account": hall.account("an").id})
    assert stranger.get(f"/mail/{hall.mailbox('an').id}").status_code == 404


def test_a_clerk_from_whom_rights_were_taken_does_not_act_as_owner(
    sign_in: Callable[[str], Visitor], hall: TownHall
) -> None:
    unit, huong = hall.account("vanthu.snv").id, hall.account("huong").id
    inbox = hall.mailbox("vanthu.snv").id
    clerk = sign_in("huong")
    clerk.post("/open", {"account": unit})
    assert clerk.page(f"/mail/{inbox}")
    entry = Entry(f"a:{huong}", True, frozenset("te"))
    hall.services.store.write(lambda tx: access.give(tx, inbox, entry)).result()
    assert clerk.get(f"/mail/{inbox}").status_code == 404
    assert "Văn thư Sở Nội vụ" not in clerk.page("/mailboxes")
    clerk.post("/open", {"account": unit})
    assert clerk.get(f"/mail/{inbox}").status_code == 404


def test_every_answer_carries_the_policy(an: Visitor, visitor: Visitor) -> None:
    for path in ("/login", "/mailboxes", "/compose", "/nowhere", "/search?q=x"):
        headers = an.get(path).headers
        policy = headers["Content-Security-Policy"]
        for rule in (
            "default-src 'none'", "script-src 'self'", "object-src 'none'", "base-uri 'none'", "form-action 'self'",
            "frame-ancestors 'none'", "require-trusted-types-for 'script'",
        ):  # fmt: skip
            assert rule in policy
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"
        assert headers["Referrer-Policy"] == "same-origin"


def test_no_page_has_a_script_or_style_of_its_own(an: Visitor, hall: TownHall) -> None:
    import re

    for path in ("/login", f"/mail/{hall.mailbox('an').id}", "/compose", "/settings", "/mailboxes"):
        page = an.page(path) if path != "/login" else an.get(path).get_data(as_text=True)
        assert not re.search(r"<script(?![^>]*\bsrc=)", page)
        assert not re.search(r"\son\w+=|style=|javascript:", page)
