"""A search is answered at once, whatever state the index is in; it says so while it goes on, and ends whole."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import unquote_plus

import pytest

from mailserver.store.fulltext import fulltext
from mailserver.store.messages import remove
from tests.webmail.conftest import Visitor
from tests.webmail.town_hall import TownHall, letter

COUNT = 30
GOES_ON = "Đang tìm tiếp"


@pytest.fixture
def laid(hall: TownHall) -> TownHall:
    """Thirty letters, the number in each subject, and a word far down in the texts of every third."""
    letters = [
        letter(subject=f"thư {number:02}", text="Không có gì. " * 60 + ("Về con đê." if number % 3 == 0 else ""))
        for number in range(COUNT)
    ]
    hall.fill("an", [(octets, (), 1_760_000_000 + number) for number, octets in enumerate(letters)])
    return hall


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int], None]:
    """How many messages a search reads while somebody waits, and at most."""

    def limited(at_once: int, large: int) -> None:
        monkeypatch.setattr(fulltext, "_AT_ONCE", at_once)
        monkeypatch.setattr(fulltext, "LARGE", large)

    return limited


def subjects(page: str) -> list[str]:
    return re.findall(r'<span class="subject">(.*?)</span>', page)


def state(page: str) -> str:
    found = re.search(r' data-unfinished="(\w+)"', page)
    return found[1] if found else ""


def everything(page: str) -> str:
    found = re.search(r' data-total="(\d+)"', page)
    return found[1] if found else ""


TEXTS = [f"thư {number:02}" for number in range(COUNT - 3, -1, -3)]


def test_few_that_are_new_are_read_within_the_search(an: Visitor, laid: TownHall) -> None:
    page = an.page("/search?q=con+đê")
    assert subjects(page) == TEXTS
    assert (state(page), everything(page)) == ("", str(len(TEXTS)))
    assert GOES_ON not in page


def test_more_are_read_when_it_is_asked_again(an: Visitor, laid: TownHall, reads: Callable[[int, int], None]) -> None:
    reads(10, 1000)
    page = an.page("/search?q=con+đê")
    assert (subjects(page), state(page), everything(page)) == ([], "first", "")
    assert "Chưa tìm thấy gì" in page
    assert 'href="/search?q=con+%C4%91%C3%AA&amp;whole=1"' in page
    page = an.page("/search?q=con+đê&whole=1")
    assert (subjects(page), state(page), everything(page)) == (TEXTS, "", str(len(TEXTS)))


def test_an_index_that_is_far_behind_is_waited_for_by_nobody(
    an: Visitor, laid: TownHall, reads: Callable[[int, int], None]
) -> None:
    reads(5, 10)
    owner = laid.account("an").id
    for path, wanted in (("/search?q=con+đê", "first"), ("/search?q=con+đê&whole=1", "later")):
        page = an.page(path)
        assert (subjects(page), state(page)) == ([], wanted)
    page = an.page("/search?q=thư+07")  # what subjects tell is there already
    assert (subjects(page), state(page)) == (["thư 07"], "first")
    # Somebody tends it, and is stopped in the middle: the newest come first, and what is known is shown.
    index = laid.services.store.fulltext
    index.fill(owner, until=lambda: bool((index.figures(owner) or {}).get("messages")))
    page = an.page("/search?q=con+đê&whole=1")
    assert (subjects(page), state(page)) == (TEXTS[:3], "later")
    index.fill(owner)
    page = an.page("/search?q=con+đê&whole=1")
    assert (subjects(page), state(page), everything(page)) == (TEXTS, "", str(len(TEXTS)))


def test_all_that_an_unfinished_search_would_find_is_acted_on(
    an: Visitor, laid: TownHall, reads: Callable[[int, int], None]
) -> None:
    """Without script one may choose all at any time: then all are looked into."""
    reads(5, 10)
    an.page("/search?q=con+đê")
    newest = laid.mailbox("an").uid_next - 1
    an.post("/actions", {"action": "archive", "all": f"q=con+đê&upto={newest}"})
    assert sorted(subject for _, _, subject in laid.rows("an", "Archive")) == sorted(TEXTS)


def test_without_an_index_everything_is_looked_into(
    an: Visitor, laid: TownHall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(laid.services.store.fulltext, "glance", lambda *_, **__: None)
    page = an.page("/search?q=thư+07")
    assert (subjects(page), state(page)) == (["thư 07"], "first")
    page = an.page("/search?q=con+đê&whole=1")
    assert (subjects(page), state(page)) == (TEXTS, "")


@pytest.mark.parametrize("address", ["/search?q=thư", "/mail/{inbox}?show=unread"])
def test_any_row_of_a_search_or_a_filter_can_be_asked_for(an: Visitor, laid: TownHall, address: str) -> None:
    path = address.format(inbox=laid.mailbox("an").id)
    page = an.page(f"{path}&from=12&rows=5")
    assert subjects(page) == [f"thư {COUNT - 13 - number:02}" for number in range(5)]
    assert re.findall(r'aria-rowindex="(\d+)"', page) == ["13", "14", "15", "16", "17"]
    assert f'data-first="12" data-total="{COUNT}"' in page
    assert subjects(an.page(f"{path}&from=900&rows=4")) == [f"thư {number:02}" for number in (3, 2, 1, 0)]


@pytest.mark.parametrize("address", ["/search?q=thư", "/mail/{inbox}?show=unread"])
def test_what_is_kept_of_a_list_is_of_today(an: Visitor, laid: TownHall, address: str) -> None:
    inbox = laid.mailbox("an").id
    path = f"{address.format(inbox=inbox)}&from=0&rows=100"
    assert len(subjects(an.page(path))) == COUNT
    laid.put("an", letter(subject="thư mới"))
    assert subjects(an.page(path))[0] == "thư mới"
    laid.services.store.write(lambda tx: remove(tx, inbox, [(COUNT + 1, COUNT + 1)])).result(30)
    assert len(subjects(an.page(path))) == COUNT
    an.post("/actions", {"action": "read", "item": f"{inbox}:1"})
    assert len(subjects(an.page(path))) == COUNT - ("show" in path)


def test_what_one_person_found_is_shown_to_nobody_else(an: Visitor, visitor: Visitor, laid: TownHall) -> None:
    assert len(subjects(an.page("/search?q=thư"))) == COUNT
    other = Visitor(an.client.application, laid).sign_in("binh")
    assert subjects(other.page("/search?q=thư")) == []
    other.get(f"/mail/{laid.mailbox('an').id}?show=unread")
    assert other.get(f"/mail/{laid.mailbox('an').id}?show=unread").status_code == 404


@pytest.mark.parametrize("address", ["", "?show=unread", "?q=thư"])
def test_from_the_last_row_of_a_page_one_goes_on_to_the_next(an: Visitor, hall: TownHall, address: str) -> None:
    hall.fill("an", [(letter(subject=f"thư {number}"), (), 1_760_000_000 + number) for number in range(120)])
    inbox = hall.mailbox("an").id

    def beside(uid: int, page: int) -> list[str]:
        number = f"{'&' if address else '?'}page={page}" if page > 1 else ""
        shown = an.page(f"/mail/{inbox}/{uid}{address}{number}")
        return [unquote_plus(each) for each in re.findall(r'data-(?:newer|older) href="([^"]*)"', shown)]

    def link(uid: int, page: int) -> str:
        named = [*filter(None, (address[1:], f"page={page}" if page > 1 else ""))]
        return f"/mail/{inbox}/{uid}" + (f"?{'&amp;'.join(named)}" if named else "")

    assert beside(120, 1) == [link(119, 1)]
    assert beside(71, 1) == [link(72, 1), link(70, 2)]
    assert beside(70, 2) == [link(71, 1), link(69, 2)]
    assert beside(1, 3) == [link(2, 3)]
