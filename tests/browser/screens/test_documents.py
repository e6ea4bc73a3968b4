"""What others wrote, in the frames where nothing runs: judged by axe inside, light and dark, as it is read and printed.

Standards: WCAG 2.2 A and AA; where a document is a page of its own, axe's good practice too.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.browser import axe
from tests.browser.screens.desk import Desk
from tests.mailserver.message.office_files import WORD, packed, pdf
from tests.webmail.certified_hall import certified_hall
from tests.webmail.town_hall import LiveWebmail, letter

pytestmark = pytest.mark.browser

PART_OF_A_PAGE = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
CALENDAR = b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nSUMMARY:Giao ban\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
PIXEL = (
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\xff\xff\xff\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
)
PLAIN = letter(
    text="Kính gửi anh,\n\n> Câu hỏi\n>> Câu trước\nXem https://thanhpho.example/ nhé.\n",
    files=[
        ("lịch.ics", "text/calendar", CALENDAR),
        ("bảng.csv", "text/csv", b"a;1"),
        ("ảnh.gif", "image/gif", PIXEL),
        ("hỏng.pdf", "application/pdf", b"x"),
        ("dự toán.pdf", "application/pdf", pdf("Du toan 2026")),
        ("tờ trình.docx", "application/octet-stream", packed({"word/document.xml": WORD})),
    ],
)
FORMATTED = letter(
    html="<p>Kính gửi <b>anh</b>,</p><blockquote>Câu hỏi</blockquote><p><a href='https://x.example/'>Xem</a></p>"
)
EMPTY = letter(text="")


@pytest.fixture(scope="module")
def desk(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with certified_hall(tmp_path_factory.mktemp("hall")) as authorities:
        live = LiveWebmail(authorities.hall)
        yield Desk(chromium, authorities, live.url)
        live.close()


def judged(page: Page, path: str, options: dict[str, object]) -> dict[str, list[str]]:
    found = {}
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.goto(path)
        found[f"{path} {scheme}"] = axe.faults(page, options, without_script=True)
    assert page.title() and page.locator("html").get_attribute("lang") == "vi"
    return {place: faults for place, faults in found.items() if faults}


@pytest.mark.parametrize("octets", [PLAIN, FORMATTED, EMPTY], ids=["plain", "formatted", "empty"])
def test_a_message_as_it_is_read_and_printed(desk: Desk, octets: bytes) -> None:
    page, here = desk.page(), desk.put(octets)
    assert judged(page, f"{here}/body", PART_OF_A_PAGE) == {}
    assert judged(page, f"{here}/print", axe.EVERYTHING) == {}


def test_previews(desk: Desk) -> None:
    page, here = desk.page(), desk.put(PLAIN)
    for part in range(1, 8):
        assert judged(page, f"{here}/part/{part}/shown", PART_OF_A_PAGE) == {}
    assert "Ngân sách" in page.locator("body").inner_text()
