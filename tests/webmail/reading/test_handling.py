"""Who answers what in a unit's mailbox, as two colleagues see it."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from directory.mail import mailboxes
from tests.webmail.conftest import Visitor
from tests.webmail.town_hall import TownHall, letter
from webmail.events import look, news

UNIT = "vanthu.snv"


@pytest.fixture
def both(hall: TownHall, sign_in: Callable[[str], Visitor]) -> tuple[Visitor, Visitor]:
    """Hương, who is the unit's clerk, and Bình, who was given its mailbox; both have it open."""
    unit = hall.account(UNIT).id
    with hall.services.directory.write() as conn:
        mailboxes.grant(conn, "test", unit, hall.account("binh").id)
    huong, binh = sign_in("huong"), sign_in("binh")
    for each in (huong, binh):
        each.post("/open", {"account": unit})
        each.get("/mailboxes")
    return huong, binh


@pytest.fixture
def path(hall: TownHall) -> str:
    return f"/mail/{hall.mailbox(UNIT).id}/{hall.put(UNIT, letter(to=[f'{UNIT}@thanhpho.example'], subject='Đơn'))}"


def do(who: Visitor, path: str, action: str, **more: str) -> int:
    key = path.removeprefix("/mail/").replace("/", ":")
    return who.ask("/handling", {"action": action, "item": key, **more}).status_code


def test_one_takes_it_and_the_other_sees_it(both: tuple[Visitor, Visitor], path: str, hall: TownHall) -> None:
    huong, binh = both
    assert "Chưa ai trả lời" in binh.page(path)
    assert do(huong, path, "take") == 200
    page = binh.page(path)
    assert "Võ Thị Thu Hương đang trả lời" in page
    assert 'class="place">Võ Thị Thu Hương<' in page
    key = path.removeprefix("/mail/").replace("/", ":")
    assert "Võ Thị Thu Hương đang trả lời." in binh.page(f"/compose?reply={key}")
    assert "đang trả lời." not in huong.page(f"/compose?reply={key}")
    assert do(huong, path, "note", text="Đã gọi <b>điện</b>") == 200
    assert "Đã gọi &lt;b&gt;điện&lt;/b&gt;" in binh.page(path)
    assert do(binh, path, "done") == 200
    assert "đang trả lời" not in huong.page(path)
    assert "đánh dấu xong" in huong.page(path)
    assert do(binh, path, "reopen") == 200
    assert do(binh, path, "give", to=hall.account("binh").id) == 200
    assert "giao cho Trần Quốc Bình" in huong.page(path)


@pytest.mark.parametrize(("who", "shown"), [(0, {"mine"}), (1, set())])
def test_lists_by_who_answers(both: tuple[Visitor, Visitor], path: str, who: int, shown: set[str]) -> None:
    do(both[0], path, "take")
    box = path.rpartition("/")[0]
    found = {name for name in ("mine", "unassigned", "done") if ">Đơn<" in both[who].page(f"{box}?show={name}")}
    assert found == shown
    do(both[0], path, "done")
    assert ">Đơn<" in both[who].page(f"{box}?show=done")
    chosen = re.findall(r'data-everything="([^"]+)"', both[who].page(f"{box}?show=done"))[0].replace("&amp;", "&")
    assert both[who].ask("/actions", {"action": "archive", "all": chosen}).status_code == 200
    assert ">Đơn<" not in both[who].page(box)


def test_open_pages_hear_of_it(both: tuple[Visitor, Visitor], path: str, hall: TownHall) -> None:
    huong, binh = both
    app, services = binh.client.application, hall.services

    def seen() -> object:
        cookie = binh.client.get_cookie("citymail")
        assert cookie is not None
        return look(app, services, {"citymail": cookie.value}, secure=False)

    before = seen()
    do(huong, path, "take")
    after = seen()
    told = news(before, after)  # type: ignore[arg-type]
    assert told is not None
    assert after.state in told  # type: ignore[attr-defined]
    assert f'data-state="{after.state}"' in binh.page(path)  # type: ignore[attr-defined]
    assert news(after, seen()) is None  # type: ignore[arg-type]


def test_not_for_others_and_not_in_ones_own(
    both: tuple[Visitor, Visitor], path: str, an: Visitor, hall: TownHall
) -> None:
    assert do(an, path, "take") == 404
    own = f"/mail/{hall.mailbox('an').id}/{hall.put('an', letter())}"
    assert do(an, own, "take") == 403
    assert "Chưa ai trả lời" not in an.page(own)
    assert "Chưa ai nhận" not in an.page(own)
    assert do(both[0], path, "give", to=hall.account("an").id) == 403
    assert do(both[0], path, "note", text=" ") == 422
    assert do(both[0], path, "explode") == 400
    assert do(both[0], "/mail/x", "take") == 404
