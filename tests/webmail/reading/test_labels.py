"""Labels on messages: keywords that other programs see, names that people read."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mailserver.store.flags import flag_names
from tests.webmail.conftest import Visitor
from tests.webmail.town_hall import TownHall, letter


@pytest.fixture
def key(hall: TownHall) -> str:
    """A message in An's inbox."""
    uid = hall.put("an", letter(subject="Tờ trình"))
    return f"{hall.mailbox('an').id}:{uid}"


def keywords(hall: TownHall, login: str = "an", name: str = "INBOX") -> set[str]:
    mailbox = hall.mailbox(login, name)
    return {flag for _, flags, _ in hall.rows(login, name) for flag in flag_names(flags, mailbox.keywords)}


def make(who: Visitor, name: str, colour: int = 2) -> int:
    return who.ask("/labels", {"action": "add", "name": name, "colour": str(colour)}).status_code


def act(who: Visitor, action: str, key: str, label: str) -> dict[str, str]:
    answer = who.ask("/actions", {"action": action, "item": key, "label": label})
    assert answer.status_code == 200, answer.get_json()
    return dict(answer.get_json())


def test_a_label_is_put_on_shown_and_taken_off(an: Visitor, hall: TownHall, key: str) -> None:
    assert make(an, "Dự án Cầu Cần Giờ") == 200
    done = act(an, "label", key, "du-an-cau-can-gio")
    assert keywords(hall) == {"du-an-cau-can-gio"}
    for path in (f"/mail/{hall.mailbox('an').id}", f"/mail/{key.replace(':', '/')}"):
        assert '<span class="tag hue-2" data-label="du-an-cau-can-gio">Dự án Cầu Cần Giờ</span>' in an.page(path)
    an.ask("/actions/undo", done["undo"])  # type: ignore[arg-type]
    assert keywords(hall) == set()
    act(an, "label", key, "du-an-cau-can-gio")
    act(an, "unlabel", key, "du-an-cau-can-gio")
    assert keywords(hall) == set()


@pytest.mark.parametrize("text", ["nhãn:dự-án-cầu", 'label:"Dự án Cầu"', "nhan:du-an-cau", 'nhãn:"dự án cầu" tờ'])
def test_what_has_a_label_is_found_in_every_mailbox(an: Visitor, hall: TownHall, key: str, text: str) -> None:
    hall.put("an", letter(subject="Không có nhãn"))
    hall.make_mailbox("an", "Lưu riêng")
    make(an, "Dự án Cầu")
    act(an, "label", key, "du-an-cau")
    target = hall.mailbox("an", "Lưu riêng").id
    an.ask("/actions", {"action": "move", "item": key, "target": str(target)})
    page = an.page(f"/search?q={text}")
    assert "Tờ trình" in page
    assert "Không có nhãn" not in page
    assert "Tờ trình" not in an.page("/search?q=nhãn:khac")


def test_a_label_keeps_its_keyword_under_another_name(an: Visitor, hall: TownHall, key: str) -> None:
    make(an, "Gấp")
    act(an, "label", key, "gap")
    an.ask("/labels", {"action": "change", "keyword": "gap", "name": "Rất gấp", "colour": "5"})
    assert '<span class="tag hue-5" data-label="gap">Rất gấp</span>' in an.page(f"/mail/{hall.mailbox('an').id}")
    an.ask("/labels", {"action": "remove", "keyword": "gap"})
    assert "Rất gấp" not in an.page(f"/mail/{hall.mailbox('an').id}")
    assert keywords(hall) == {"gap"}
    make(an, "Gấp")
    assert "Gấp</span>" in an.page(f"/mail/{hall.mailbox('an').id}")


def test_names_that_are_refused_and_names_that_meet(an: Visitor) -> None:
    assert make(an, "Gấp") == 200
    assert make(an, "gấp") == 422
    assert make(an, " ") == 422
    assert make(an, "x" * 61) == 422
    assert make(an, "Gập") == 200  # another word, and the same without its marks
    assert make(an, "!!!") == 200
    page = an.page("/labels")
    assert [f'value="{each}"' in page for each in ("gap", "gap-2", "label")] == [True] * 3


def test_labels_are_everybodys_own(an: Visitor, sign_in: Callable[[str], Visitor], hall: TownHall, key: str) -> None:
    make(an, "Riêng")
    binh = sign_in("binh")
    assert "Riêng" not in binh.page("/labels")
    assert binh.ask("/labels", {"action": "remove", "keyword": "rieng"}).status_code == 422
    uid = hall.put("binh", letter())
    theirs = f"{hall.mailbox('binh').id}:{uid}"
    assert binh.ask("/actions", {"action": "label", "item": theirs, "label": "rieng"}).status_code == 400
    assert an.ask("/actions", {"action": "label", "item": theirs, "label": "rieng"}).status_code == 404
