"""Mail that was left behind, in the webmail: its custodian reads it, is on record, and can change nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from directory.dates import days_after
from directory.mail import custody
from directory.record import search
from directory.staff import leaving
from mailserver.store.mailboxes import find_mailbox, list_mailboxes
from tests.webmail.conftest import Visitor
from tests.webmail.town_hall import TownHall
from webmail.account.custody import _ANYWHERE, _READING
from webmail.account.login import OPEN

LETTER = b"From: x@ngoai.example\r\nTo: chi@thanhpho.example\r\nSubject: Budget of March\r\n\r\nSecret figures\r\n"


@pytest.fixture
def left(hall: TownHall) -> str:
    """chi has left, and binh looks after her mail; her account's id."""
    hall.put("chi", LETTER)
    chi, binh = hall.account("chi").id, hall.account("binh").id
    with hall.services.directory.write(reason="Bàn giao hồ sơ") as conn:
        leaving.leave(conn, "test", chi, last_day=days_after(conn.today, -1), custodian_id=binh)
    return chi


def read(hall: TownHall) -> list[tuple[str, str]]:
    with hall.services.directory.read() as conn:
        return [(each.actor, each.subject) for each in search(conn, action="mailbox.read")]


def inbox(hall: TownHall, account_id: str) -> str:
    with hall.services.store.read() as conn:
        found = find_mailbox(conn, account_id, "INBOX")
    assert found is not None
    return f"/mail/{found.id}"


def test_a_custodian_reads_it_and_is_on_record_once(
    sign_in: Callable[[str], Visitor], hall: TownHall, left: str
) -> None:
    here = inbox(hall, left)
    binh = sign_in("binh")
    page = binh.page("/mailboxes")
    assert "Bàn giao hồ sơ" in page and "Lê Mai Chi" in page
    assert binh.get(here).status_code == 404
    assert read(hall) == []
    binh.post("/open", {"account": left})
    listed = binh.page(here)
    assert "Budget of March" in listed
    assert "chỉ đọc" in listed and 'href="/compose"' not in listed
    assert "Secret figures" in binh.page(f"{here}/1") + binh.page(f"{here}/1/body")
    assert "Budget of March" in binh.page("/search?q=budget")
    assert read(hall) == [(hall.address("binh"), hall.address("chi"))]
    assert hall.address("chi") not in str(binh.get("/session").json)
    assert "Về hộp thư của tôi" in listed
    binh.post("/open", {})
    assert binh.get(here).status_code == 404
    assert 'href="/compose"' in binh.page("/mailboxes")


def test_nothing_in_it_can_be_changed(sign_in: Callable[[str], Visitor], hall: TownHall, left: str, app: Flask) -> None:
    here, binh = inbox(hall, left), sign_in("binh")
    binh.post("/open", {"account": left})
    binh.page(here)
    before = hall.services.store.check_consistency()
    tried = 0
    for rule in app.url_map.iter_rules():
        values = dict.fromkeys(rule.arguments, "1")
        path = rule.build(values)
        if "POST" in (rule.methods or ()) and rule.endpoint not in _ANYWHERE | OPEN:
            assert path is not None
            answer = binh.ask(path[1], {"action": "trash", "item": f"{here.split('/')[-1]}:1"})
            assert (rule.endpoint, answer.status_code) == (rule.endpoint, 409)
            tried += 1
    assert tried > 15
    for away in ("/compose", "/settings", "/recover", "/people", "/scheduled", "/settings/openings"):
        assert binh.get(away).status_code == 303
    with hall.services.store.read() as conn:
        (mailbox,) = [each for each in list_mailboxes(conn, left) if each.name == "INBOX"]
    assert (mailbox.messages, mailbox.unseen) == (1, 1)
    assert before == []


def test_whoever_has_no_custody_sees_nothing_of_it(
    sign_in: Callable[[str], Visitor], hall: TownHall, left: str
) -> None:
    here = inbox(hall, left)
    an, binh = sign_in("an"), sign_in("binh")
    an.post("/open", {"account": left})
    assert an.get(here).status_code == 404
    assert "Lê Mai Chi" not in an.page("/mailboxes")
    binh.post("/open", {"account": left})
    assert binh.page(here)
    with hall.services.directory.write(reason="xong") as conn:
        custody.withdraw(conn, "test", left)
    assert binh.get(here).status_code == 404


def test_every_part_that_answers_exists(app: Flask) -> None:
    endpoints = {rule.endpoint for rule in app.url_map.iter_rules()}
    assert endpoints >= _ANYWHERE
    assert {each.partition(".")[0] for each in endpoints} >= _READING
