"""Acting on messages, one or many, and taking it back."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape

import pytest

from mailserver.store.flags import FLAGGED, SEEN
from tests.webmail.conftest import Visitor
from tests.webmail.town_hall import TownHall, letter


def lay(hall: TownHall, count: int = 3, name: str = "INBOX") -> list[str]:
    """Messages named by ``mailbox:uid``."""
    box = hall.mailbox("an", name).id
    return [f"{box}:{hall.put('an', letter(subject=f'thư {number}'), name)}" for number in range(count)]


def subjects(hall: TownHall, name: str = "INBOX") -> list[str]:
    return [subject for _, _, subject in hall.rows("an", name)]


def test_flags_of_several(an: Visitor, hall: TownHall) -> None:
    items = lay(hall)
    an.post("/actions", {"action": "read", "item": items[:2]})
    an.post("/actions", {"action": f"star {items[2]}"})
    assert [flags for _, flags, _ in hall.rows("an")] == [SEEN, SEEN, FLAGGED]
    an.post("/actions", {"action": "unread", "item": items})
    an.post("/actions", {"action": "unstar", "item": items})
    assert [flags for _, flags, _ in hall.rows("an")] == [0, 0, 0]


@pytest.mark.parametrize(("action", "name"), [("archive", "Archive"), ("junk", "Junk"), ("delete", "Trash")])
def test_moving_by_name_of_the_action(an: Visitor, hall: TownHall, action: str, name: str) -> None:
    items = lay(hall)
    answer = an.post("/actions", {"action": action, "item": items[:2]}, follow=True)
    assert "Đã chuyển 2 thư đến" in answer.get_data(as_text=True)
    assert subjects(hall) == ["thư 2"]
    assert subjects(hall, name) == ["thư 0", "thư 1"]


def test_moving_to_a_mailbox_that_was_chosen(an: Visitor, hall: TownHall) -> None:
    project = hall.make_mailbox("an", "Dự án/2026")
    items = lay(hall)
    an.post("/actions", {"action": "move", "item": items, "target": project.id})
    assert subjects(hall, "Dự án/2026") == ["thư 0", "thư 1", "thư 2"]


def test_from_the_trash_only_for_ever(an: Visitor, hall: TownHall) -> None:
    items = lay(hall, 2, "Trash")
    an.post("/actions", {"action": "delete", "item": items[0]})
    assert subjects(hall, "Trash") == ["thư 1"]
    an.post("/actions", {"action": "inbox", "item": items[1]})
    assert subjects(hall) == ["thư 1"]


def test_a_whole_mailbox(an: Visitor, hall: TownHall) -> None:
    lay(hall, 5)
    box = hall.mailbox("an").id
    an.post("/actions", {"action": "read", "all": f"box={box}&upto=5"})
    assert {flags for _, flags, _ in hall.rows("an")} == {SEEN}
    hall.put("an", letter(subject="sau đó"))
    done = an.ask("/actions", {"action": "archive", "all": f"box={box}&upto=5"}).get_json()
    assert done["message"] == "Đã chuyển 5 thư đến “Lưu trữ”."
    assert subjects(hall) == ["sau đó"]  # nobody chose what came after
    assert len(subjects(hall, "Archive")) == 5


@pytest.mark.parametrize("action", ["archive", "delete", "junk"])
def test_undo_brings_moved_messages_back(an: Visitor, hall: TownHall, action: str) -> None:
    items = lay(hall)
    done = an.ask("/actions", {"action": action, "item": items[:2]}).get_json()
    assert subjects(hall) == ["thư 2"]
    assert an.ask("/actions/undo", done["undo"]).get_json()["message"] == "Đã hoàn tác."
    assert sorted(subjects(hall)) == ["thư 0", "thư 1", "thư 2"]


def test_undo_takes_back_only_what_was_changed(an: Visitor, hall: TownHall) -> None:
    items = lay(hall)
    an.post("/actions", {"action": "read", "item": items[0]})
    done = an.ask("/actions", {"action": "read", "item": items}).get_json()
    an.ask("/actions/undo", done["undo"])
    assert [flags for _, flags, _ in hall.rows("an")] == [SEEN, 0, 0]


def test_undo_without_script_is_a_button_of_the_notice(an: Visitor, hall: TownHall) -> None:
    items = lay(hall)
    page = an.post("/actions", {"action": "archive", "item": items[0]}, follow=True).get_data(as_text=True)
    undo = re.search(r'name="undo" value="([^"]+)"', page)
    assert undo is not None
    an.post("/actions/undo", {"undo": unescape(undo[1])})
    assert len(subjects(hall)) == 3


def test_nobody_touches_other_peoples_mail(hall: TownHall, sign_in: Callable[[str], Visitor]) -> None:
    items = lay(hall)
    theirs, mine = hall.mailbox("an"), hall.mailbox("binh")
    binh = sign_in("binh")
    for form in (
        {"action": "delete", "item": items[0]},
        {"action": "read", "all": f"box={theirs.id}&upto=9"},
        {"action": f"star {items[0]}"},
        {"action": "move", "item": items[0], "target": mine.id},
    ):
        assert binh.post("/actions", form).status_code == 404
    uid = hall.put("binh", letter())
    assert binh.post("/actions", {"action": "move", "item": f"{mine.id}:{uid}", "target": theirs.id}).status_code == 303
    assert subjects(hall) == ["thư 0", "thư 1", "thư 2"]
    assert {flags for _, flags, _ in hall.rows("an")} == {0}


@pytest.mark.parametrize(
    "form",
    [
        {"action": "explode"}, {"action": "move"}, {"action": "move", "target": "x"}, {"action": ""}, {},
        {"action": "move", "target": str(2**70)},
    ],
)  # fmt: skip
def test_nonsense_changes_nothing(an: Visitor, hall: TownHall, form: dict[str, str]) -> None:
    items = lay(hall)
    answer = an.post("/actions", {**form, "item": items})
    assert answer.status_code in (303, 400, 404)
    assert subjects(hall) == ["thư 0", "thư 1", "thư 2"]


@pytest.mark.parametrize("item", ["x", "1", "1:", ":1", "1:x", "-1:1", "1:1:1", "1:1 OR 1=1", "²:1", "1:" + "9" * 50])
def test_names_of_messages_that_are_none(an: Visitor, hall: TownHall, item: str) -> None:
    lay(hall)
    assert an.post("/actions", {"action": "delete", "item": item}).status_code == 404
    assert len(subjects(hall)) == 3


@pytest.mark.parametrize("undo", ["", "x", "x" * 500, "\x00"])
def test_an_undo_that_is_none(an: Visitor, undo: str) -> None:
    assert an.ask("/actions/undo", {"undo": undo}).status_code == 409


def test_nobody_undoes_what_another_did(an: Visitor, hall: TownHall, sign_in: Callable[[str], Visitor]) -> None:
    items = lay(hall)
    done = an.ask("/actions", {"action": "archive", "item": items}).get_json()
    assert sign_in("binh").ask("/actions/undo", done["undo"]).status_code == 409
    assert subjects(hall) == []
    assert an.ask("/actions/undo", done["undo"]).status_code == 200
    assert an.ask("/actions/undo", done["undo"]).status_code == 409  # not twice
    assert len(subjects(hall)) == 3


def test_nothing_chosen_is_said(an: Visitor) -> None:
    assert an.ask("/actions", {"action": "delete"}).status_code == 400


def test_the_way_back_stays_here(an: Visitor, hall: TownHall) -> None:
    items = lay(hall)
    answer = an.post("/actions", {"action": "read", "item": items, "next": "https://elsewhere.example"})
    assert answer.headers["Location"] == "/"


@pytest.mark.parametrize(
    "everything",
    ["x", "box=x&upto=1", "box=1", "box=²&upto=1", "upto=1&box=" + "9" * 30, "q=a&upto=x", "q=a&in=x&upto=1"],
)
def test_everything_of_what_is_no_list(an: Visitor, hall: TownHall, everything: str) -> None:
    lay(hall)
    assert an.post("/actions", {"action": "delete", "all": everything}).status_code == 404
    assert len(subjects(hall)) == 3


def everything(page: str) -> str:
    return unescape(re.findall(r'data-everything="([^"]+)"', page)[0])


def test_all_that_a_search_finds_on_however_many_pages(an: Visitor, hall: TownHall) -> None:
    hall.fill("an", [(letter(subject=f"dự án {number}"), (), 1_700_000_000 + number) for number in range(60)])
    hall.put("an", letter(subject="dự án trong kho"), "Archive")
    other = hall.put("an", letter(subject="thư khác"))
    page = an.page('/search?q=subject:"dự án" in:inbox')
    assert "Chọn tất cả" in page
    chosen = everything(page)
    hall.put("an", letter(subject="dự án sau đó"))
    done = an.ask("/actions", {"action": "delete", "all": chosen}).get_json()
    assert done["message"] == "Đã chuyển 60 thư đến “Thùng rác”."
    assert sorted(subjects(hall)) == ["dự án sau đó", "thư khác"]
    an.ask("/actions/undo", done["undo"])
    assert len(subjects(hall)) == 62
    assert len(subjects(hall, "Trash")) == 0
    assert [uid for uid, _, subject in hall.rows("an") if subject == "thư khác"] == [other]


def test_all_of_a_filter(an: Visitor, hall: TownHall) -> None:
    box = hall.mailbox("an").id
    lay(hall, 4)
    an.post("/actions", {"action": "star", "item": [f"{box}:2", f"{box}:3"]})
    chosen = everything(an.page(f"/mail/{box}?show=starred"))
    an.post("/actions", {"action": "archive", "all": chosen})
    assert subjects(hall, "Archive") == ["thư 1", "thư 2"]


def test_all_is_chosen_by_a_link_without_script(an: Visitor, hall: TownHall) -> None:
    hall.fill("an", [(letter(subject=f"thư {number}"), (), 1_700_000_000 + number) for number in range(53)])
    box = hall.mailbox("an").id
    page = an.page(f"/mail/{box}?choose=all")
    assert "Đã chọn tất cả 53 thư" in page
    assert f'name="all" value="box={box}&amp;upto=53"' in page
    an.post("/actions", {"action": "archive", "all": f"box={box}&upto=53", "item": f"{box}:1"})
    assert len(subjects(hall, "Archive")) == 53
    parts = an.get(f"/mail/{box}?choose=all", headers={"X-Fragments": "list"}).get_json()["fragments"]["list"]
    assert 'name="all"' not in parts  # a page that is open keeps its own choice
    assert "Đã chọn tất cả 53 thư" in an.page("/search?q=thư in:archive&choose=all")
