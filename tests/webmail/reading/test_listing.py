"""The list of messages: what it shows, how it is paged and filtered, and whose it is."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from mailserver.store.database import Database
from tests.webmail.conftest import Visitor
from tests.webmail.town_hall import TownHall, letter

DAY = 86_400


def subjects(page: str) -> list[str]:
    return re.findall(r'<span class="subject">([^<]*)</span>', page)


def fill(hall: TownHall, count: int) -> None:
    octets = [letter(subject=f"Thư số {number}", date=1_700_000_000 + number) for number in range(count)]
    hall.fill("an", [(each, ("\\Seen",) if number % 2 else (), 1_700_000_000) for number, each in enumerate(octets)])


def test_newest_first_with_everything_one_wants_to_know(an: Visitor, hall: TownHall) -> None:
    file = ("kế hoạch.pdf", "application/pdf", b"%PDF-")
    hall.put("an", letter(subject="Cũ", text="Nội dung cũ", files=[file]), flags=("\\Seen", "\\Answered"))
    hall.put("an", letter("Ông Khách <khach@ngoai.example>", subject="Mới", text="Xin chào"), flags=("\\Flagged",))
    page = an.page(f"/mail/{hall.mailbox('an').id}")
    assert subjects(page) == ["Mới", "Cũ"]
    new, old = re.findall(r'<div role="row".*?</time>', page, re.DOTALL)
    assert "Ông Khách" in new
    assert "Chưa đọc:" in new
    assert 'aria-pressed="true"' in new
    assert "Từ ngoài thành phố: khach@ngoai.example" in new
    assert "Xin chào" in new
    assert "Trần Quốc Bình" in old
    assert "Có tệp đính kèm" in old
    assert "Đã trả lời" in old
    assert "Chưa đọc:" not in old
    assert "ngoài thành phố" not in old


def test_counts_stand_beside_the_mailboxes(an: Visitor, hall: TownHall) -> None:
    for number in range(3):
        hall.put("an", letter(subject=str(number)), flags=("\\Seen",) if number == 0 else ())
    hall.put("an", letter(), "Drafts", ("\\Draft", "\\Seen"))
    page = an.page("/mailboxes")
    assert re.search(r'Hộp thư đến</span>\s*<span class="count" data-count="2">2<', page)
    assert re.search(r'Thư nháp</span>\s*<span class="count quiet" data-count="1">1<', page)


def test_paging_reaches_every_message_once(an: Visitor, hall: TownHall) -> None:
    fill(hall, 120)
    base = f"/mail/{hall.mailbox('an').id}"
    seen = [subjects(an.page(f"{base}?page={number}")) for number in (1, 2, 3)]
    assert [len(each) for each in seen] == [50, 50, 20]
    assert [subject for each in seen for subject in each] == [f"Thư số {number}" for number in range(119, -1, -1)]
    assert "51–100 trong 120" in an.page(f"{base}?page=2")
    assert subjects(an.page(f"{base}?page=99")) == seen[2]
    assert subjects(an.page(f"{base}?page=-1")) == subjects(an.page(f"{base}?page=x")) == seen[0]


def test_a_page_of_a_large_mailbox_asks_no_more_of_the_store(
    an: Visitor, hall: TownHall, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list costs the same however many messages there are: the same few questions, the same fifty rows."""
    statements: list[str] = []
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    def note(_conn: object, _cursor: object, statement: str, *_rest: object) -> None:
        statements.append(statement)

    fill(hall, 60)
    an.page(f"/mail/{hall.mailbox('an').id}")
    event.listen(Engine, "before_cursor_execute", note)
    try:
        an.page(f"/mail/{hall.mailbox('an').id}")
        few = len(statements)
        fill(hall, 400)
        statements.clear()
        an.page(f"/mail/{hall.mailbox('an').id}")
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    assert len(statements) <= few
    assert isinstance(hall.services.store.database, Database)


@pytest.mark.parametrize(("show", "expected"), [("unread", ["c", "a"]), ("starred", ["b"]), ("attachments", ["c"])])
def test_filters(an: Visitor, hall: TownHall, show: str, expected: list[str]) -> None:
    hall.put("an", letter(subject="a"), date=1_700_000_000)
    hall.put("an", letter(subject="b"), flags=("\\Seen", "\\Flagged"), date=1_700_000_001)
    hall.put("an", letter(subject="c", files=[("x.txt", "text/plain", b"x")]), date=1_700_000_002)
    assert subjects(an.page(f"/mail/{hall.mailbox('an').id}?show={show}")) == expected


def test_an_empty_mailbox_says_so(an: Visitor, hall: TownHall) -> None:
    assert "Thư mới sẽ tự hiện ở đây." in an.page(f"/mail/{hall.mailbox('an').id}")
    assert "Chưa có thư" in an.page(f"/mail/{hall.mailbox('an', 'Archive').id}")


def test_sent_mail_shows_to_whom(an: Visitor, hall: TownHall) -> None:
    octets = letter("Hoài An <an@thanhpho.example>", ["Lê Mai Chi <chi@thanhpho.example>", "dung@thanhpho.example"])
    hall.put("an", octets, "Sent", ("\\Seen",))
    assert "Lê Mai Chi, dung@thanhpho.example" in an.page(f"/mail/{hall.mailbox('an', 'Sent').id}")


@pytest.mark.parametrize(
    "path",
    ["/mail/{box}", "/mail/{box}/{uid}", "/mail/{box}/{uid}/body", "/mail/{box}/{uid}/part/0",
     "/mail/{box}/{uid}/part/0/inline", "/mail/{box}/{uid}/original", "/compose?reply={box}:{uid}",
     "/compose?reply_all={box}:{uid}", "/compose?forward={box}:{uid}"],
)  # fmt: skip
def test_other_peoples_mail_does_not_exist(hall: TownHall, sign_in: Callable[[str], Visitor], path: str) -> None:
    uid = hall.put("an", letter(subject="Riêng tư"))
    box = hall.mailbox("an").id
    path = path.format(box=box, uid=uid)
    assert sign_in("an").get(path).status_code == 200
    stranger = sign_in("binh")
    assert stranger.get(path).status_code == 404
    nowhere = path.replace(f"{box}", "987654", 1)
    assert stranger.get(nowhere).get_data() == stranger.get(path).get_data()


@pytest.mark.parametrize("number", [0, 999999, 2**63, 10**40])
def test_numbers_that_no_mailbox_and_no_message_have(an: Visitor, hall: TownHall, number: int) -> None:
    assert an.get(f"/mail/{number}").status_code == 404
    assert an.get(f"/mail/{hall.mailbox('an').id}/{number}").status_code == 404
    assert an.get(f"/mail/{hall.mailbox('an').id}/{number}/body").status_code == 404


def test_parts_of_pages_come_from_the_same_templates(an: Visitor, hall: TownHall) -> None:
    hall.put("an", letter(subject="Một thư"))
    path = f"/mail/{hall.mailbox('an').id}"
    answer = an.get(path, headers={"X-Fragments": "list,sidebar,nonsense"})
    assert answer.is_json
    assert set(answer.json["fragments"]) == {"list", "sidebar"}
    assert subjects(answer.json["fragments"]["list"]) == ["Một thư"]
    assert "X-Fragments" in answer.headers["Vary"]


@pytest.mark.parametrize(
    ("start", "count", "first"),
    [(0, 20, 1), (37, 20, 38), (110, 20, 101), (10**12, 20, 101), (-5, 20, 1), (0, 10**9, 1), (5, 0, 6)],
)
def test_rows_by_their_place(an: Visitor, hall: TownHall, start: int, count: int, first: int) -> None:
    """Past the end, the last ones: messages may have gone meanwhile."""
    fill(hall, 120)
    path = f"/mail/{hall.mailbox('an').id}?from={start}&rows={count}"
    rows = an.get(path, headers={"X-Fragments": "rows"}).get_json()["fragments"]["rows"]
    places = [int(each) for each in re.findall(r'aria-rowindex="(\d+)"', rows)]
    assert places == list(range(first, first + min(max(count, 1), 120)))
    assert 'aria-rowcount="120"' in rows


def test_what_strangers_write_is_text(an: Visitor, hall: TownHall) -> None:
    """Names, subjects, previews and file names come from anybody."""
    evil = '"><img src=x onerror=alert(1)><script>alert(1)</script>'
    name = "</title><svg/onload=alert(1)>"
    hall.put("an", letter(f"{name} <x@ngoai.example>", subject=evil, text=evil, files=[(evil, "text/plain", b"x")]))
    box = hall.mailbox("an").id
    for page in (an.page(f"/mail/{box}"), an.page(f"/mail/{box}/1"), an.page(f"/compose?forward={box}:1")):
        assert "<img src=x" not in page
        assert "<script>alert" not in page
        assert "<svg/onload" not in page
        assert "onerror=alert(1)&gt;" in page
