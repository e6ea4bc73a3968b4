"""Letter templates: kept, put into a letter with or without formatting, each mailbox's own."""

from __future__ import annotations

import re
from html import unescape

from directory.mail import letter_templates
from tests.webmail.conftest import Visitor
from tests.webmail.town_hall import TownHall

TEXT = "Kính gửi Quý cơ quan,\n\nSở đã nhận hồ sơ <số 5>.\nTrân trọng."


def keep(visitor: Visitor, **values: str) -> int:
    visitor.get("/templates")
    given = {"action": "keep", "name": "Đã nhận", "subject": "Đã nhận hồ sơ", "text": TEXT, **values}
    return visitor.post("/templates", given).status_code


def begun(visitor: Visitor, **values: str) -> str:
    visitor.get("/compose")
    answer = visitor.post("/compose", {"action": "template Đã nhận", "text": "Lời cuối", "author": "", **values})
    assert answer.status_code == 303, answer.get_data(as_text=True)
    return unescape(visitor.page(answer.headers["Location"]))


def test_it_is_put_above_what_was_written(an: Visitor) -> None:
    assert keep(an) == 303
    assert 'value="template Đã nhận"' in an.page("/compose")
    page = begun(an, to="binh@thanhpho.example")
    assert page.index("Sở đã nhận hồ sơ <số 5>.") < page.index("Lời cuối")
    assert 'value="Đã nhận hồ sơ"' in page
    assert "binh@thanhpho.example" in page


def test_a_subject_that_is_there_stays(an: Visitor) -> None:
    keep(an)
    assert 'value="Về việc khác"' in begun(an, subject="Về việc khác")


def test_with_formatting(an: Visitor) -> None:
    keep(an)
    an.get("/compose")
    answer = an.post("/compose", {"action": "template Đã nhận", "mode": "rich", "html": "<p><b>Lời cuối</b></p>"})
    page = an.page(answer.headers["Location"])
    assert re.search(r"<p>Sở đã nhận hồ sơ &lt;số 5&gt;\.<br>Trân trọng\.</p>\s*<p><b>Lời cuối</b></p>", page)


def test_names_are_taken_once_and_nothing_is_lost(an: Visitor) -> None:
    keep(an)
    an.get("/templates")
    answer = an.post("/templates", {"action": "keep", "name": "đã nhận", "text": "Một văn bản khác"})
    assert answer.status_code == 422
    assert "Một văn bản khác" in answer.get_data(as_text=True)
    assert keep(an, old="Đã nhận", name="Đã nhận đủ") == 303
    page = an.page("/templates")
    assert "Đã nhận đủ" in page
    assert keep(an, old="Đã nhận") == 422  # renamed meanwhile


def test_taken_away_it_is_gone(an: Visitor) -> None:
    keep(an)
    an.get("/templates")
    assert an.post("/templates", {"action": "remove", "old": "Đã nhận"}).status_code == 303
    assert an.post("/compose", {"action": "template Đã nhận", "text": "Lời cuối"}).status_code == 422


def test_there_is_an_end(an: Visitor, hall: TownHall) -> None:
    with hall.services.directory.write() as conn:
        for number in range(letter_templates.MOST):
            given = letter_templates.LetterTemplate(str(number), "", "x")
            letter_templates.keep(conn, hall.account("an").id, given)
    assert keep(an) == 422
    assert keep(an, old="7") == 303
    for values in ({"name": "x" * 61}, {"subject": "x" * 301}, {"text": "x" * 20_001}, {"name": " "}):
        assert keep(an, old="8", **values) == 422


def test_of_others_nobody_sees_any(an: Visitor, hall: TownHall, app: object) -> None:
    keep(an)
    binh = Visitor(app, hall).sign_in("binh")  # type: ignore[arg-type]
    assert "Đã nhận" not in binh.page("/templates")
    binh.get("/compose")
    assert binh.post("/compose", {"action": "template Đã nhận", "text": "x"}).status_code == 422
