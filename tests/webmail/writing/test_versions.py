"""Two windows on one draft: both texts are kept, shown beside each other, and one of them is chosen."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest

from tests.webmail.conftest import Visitor
from tests.webmail.town_hall import TownHall
from tests.webmail.writing.test_composing import field
from tests.webmail.writing.test_inline_pictures import PNG, address, drawn, save
from webmail.writing.versions import Row, _lines


def two_versions(an: Visitor, **mine: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """What was saved here, and what another window had saved before."""
    first = save(an, mode="plain", text="một\nhai\nba")
    other = save(an, draft=first["draft"], work=first["work"], mode="plain", text="một\nhai khác\nba")
    here = save(an, draft=first["draft"], work=first["work"], mode="plain", text="một\nhai\nba\nbốn", **mine)
    assert here["beside"] == first["work"] == other["work"] != here["work"]
    return here, other


def drafts(hall: TownHall, login: str = "an") -> list[int]:
    return [uid for uid, _flags, _subject in hall.rows(login, "Drafts")]


def shown(page: str) -> str:
    """The table, what only one side has in brackets."""
    table = page.partition('<table class="versions">')[2].partition("</table>")[0]
    table = re.sub(r"<mark><span[^>]*>[^<]*</span>(.*?)<span[^>]*>\]</span></mark>", r"[\1]", table, flags=re.DOTALL)
    return unescape(re.sub(r"<[^>]+>", "|", table))


def test_both_are_shown_with_what_differs(an: Visitor, hall: TownHall) -> None:
    here, other = two_versions(an, subject="Khác")
    page = an.page(f"/compose/{here['draft']}/beside/{here['beside']}")
    table = shown(page)
    for piece in ("[Khác]", "[Có hình]", "hai[ khác]", "[bốn]"):
        assert piece in table
    assert sorted(drafts(hall)) == sorted([here["draft"], other["draft"]])


@pytest.mark.parametrize(("choice", "kept"), [("mine", 0), ("other", 1)])
def test_one_goes_on_and_the_other_lies_in_the_trash(an: Visitor, hall: TownHall, choice: str, kept: int) -> None:
    both = [each["draft"] for each in two_versions(an)]
    work = save(an, draft=both[0], mode="plain", text="x")  # saving does not end the comparison
    both[0] = work["draft"]
    path = f"/compose/{both[0]}/beside/{field_of(an, both[1])}"
    page = an.page(path)
    answer = an.post(path, {"choice": choice, "seen": re.search(r'name="seen" value="(\d+)"', page)[1]})  # type: ignore[index]
    assert answer.headers["Location"] == f"/compose/{both[kept]}"
    assert drafts(hall) == [both[kept]]
    assert len(hall.rows("an", "Trash")) == 1


def field_of(an: Visitor, draft: int) -> str:
    return field(an.page(f"/compose/{draft}"), "work")


def test_both_may_stay(an: Visitor, hall: TownHall) -> None:
    here, other = two_versions(an)
    path = f"/compose/{here['draft']}/beside/{here['beside']}"
    assert an.post(path, {"choice": "both"}).headers["Location"] == f"/compose/{here['draft']}"
    assert sorted(drafts(hall)) == sorted([here["draft"], other["draft"]])


def test_what_changed_meanwhile_is_shown_again(an: Visitor, hall: TownHall) -> None:
    here, other = two_versions(an)
    save(an, draft=other["draft"], work=other["work"], mode="plain", text="noch mehr")
    path = f"/compose/{here['draft']}/beside/{here['beside']}"
    answer = an.post(path, {"choice": "mine", "seen": other["draft"]})
    assert answer.headers["Location"] == path
    assert len(drafts(hall)) == 2


def test_without_script_one_is_led_there(an: Visitor, hall: TownHall) -> None:
    first = save(an, mode="plain", text="một")
    save(an, draft=first["draft"], work=first["work"], mode="plain", text="hai")
    form = {"draft": first["draft"], "work": first["work"], "text": "ba", "to": "binh@thanhpho.example"}
    for action in ("save", "send"):
        answer = an.post("/compose", {"action": action, **form})
        assert re.fullmatch(rf"/compose/\d+/beside/{first['work']}", answer.headers["Location"])
        assert "ba" in shown(an.page(answer.headers["Location"]))
    assert hall.rows("binh") == []


def test_files_and_pictures_stay_with_both(an: Visitor, hall: TownHall) -> None:
    first = save(an, html="<p>a</p>", pictures=[(PNG, "a.png")])
    html = f'<p><img src="{address(first)}"></p>'
    save(an, draft=first["draft"], work=first["work"], html=f"{html}<p>kia</p>")
    here = save(an, draft=first["draft"], work=first["work"], html=f"{html}<p>này</p>")
    assert an.get(f"/compose/picture/{here['draft']}/{first['pictures'][0]}").data == drawn(hall, PNG)


def test_a_draft_that_was_sent_has_no_other_version(an: Visitor, hall: TownHall) -> None:
    first = save(an, mode="plain", text="một")
    an.post("/compose", {"action": "send", "draft": first["draft"], "to": "binh@thanhpho.example", "text": "một"})
    again = save(an, draft=first["draft"], work=first["work"], mode="plain", text="hai")
    assert again["notice"]
    assert again["beside"] == ""
    assert an.get(f"/compose/{again['draft']}/beside/{first['work']}").status_code == 404


@pytest.mark.parametrize("path", ["/compose/99/beside/0123456789abcdef", "/compose/1/beside/x"])
def test_what_is_not_there(an: Visitor, path: str) -> None:
    save(an, mode="plain", text="một")
    assert an.get(path).status_code == 404
    assert an.post(path, {"choice": "mine"}).status_code == 404


def test_other_peoples_versions_do_not_exist(an: Visitor, hall: TownHall, sign_in: Any) -> None:
    here, _other = two_versions(an)
    binh = sign_in("binh")
    binh.page("/compose")
    save(binh, mode="plain", text="x")
    assert binh.get(f"/compose/{here['draft']}/beside/{here['beside']}").status_code == 404


def test_lines_and_words() -> None:
    same = [f"dòng {number}" for number in range(20)]
    rows = list(_lines(["a", *same, "cũ ở đây"], ["b", *same, "mới ở đây", "thêm"]))
    assert [row.skipped for row in rows if row.skipped] == [16]
    assert rows[0] == Row((("a", True),), (("b", True),))
    assert rows[-2].mine == (("cũ", True), (" ở đây", False))
    assert rows[-1].other == (("thêm", True),)
