"""What stands below what one writes."""

from __future__ import annotations

from collections.abc import Callable
from html import unescape

from mailserver.message.headers import text_of
from tests.webmail.conftest import Visitor
from tests.webmail.town_hall import TownHall, letter
from tests.webmail.writing.test_composing import field, send

KNOWN = "Nguyễn Thị Hoài An\nChuyên viên · Sở Nội vụ\nan@thanhpho.example"


def rich(page: str) -> str:
    return unescape(page.split("data-rich-text", 1)[1].split(">", 1)[1].split("</div>", 1)[0])


def test_none_is_chosen_at_first(an: Visitor) -> None:
    assert field(an.page("/compose"), "text") == ""


def test_what_the_directory_says_is_of_today(an: Visitor, hall: TownHall) -> None:
    assert KNOWN in an.page("/settings")
    an.post("/settings/signature", {"kind": "directory"})
    page = an.page("/compose")
    assert field(page, "text") == f"\n\n-- \n{KNOWN}\n"
    assert "<p>-- <br>Nguyễn Thị Hoài An<br>Chuyên viên · Sở Nội vụ<br>an@thanhpho.example</p>" in rich(page)


def test_own_words_stand_above_what_is_quoted(an: Visitor, hall: TownHall) -> None:
    an.post("/settings/signature", {"kind": "own", "text": "Trân trọng,\r\nAn <Phòng 3> \r\n"})
    uid = hall.put("an", letter(text="câu hỏi"))
    page = an.page(f"/compose?reply={hall.mailbox('an').id}:{uid}")
    text = field(page, "text")
    assert text.startswith("\n\n-- \nTrân trọng,\nAn <Phòng 3>\n")
    assert text.index("Phòng 3") < text.index("> câu hỏi")
    assert "An &lt;Phòng 3&gt;" in page
    assert "<Phòng 3>" not in page
    send(an, text="Chào anh" + text, subject="Đáp")
    [(uid, _, _)] = hall.rows("binh")
    assert text_of(hall.octets("binh", uid), "Subject") == "Đáp"
    an.post("/settings/signature", {"kind": "none"})
    assert field(an.page("/compose"), "text") == ""


def test_a_draft_is_not_signed_again(an: Visitor) -> None:
    an.post("/settings/signature", {"kind": "own", "text": "An"})
    saved = an.ask("/compose", {"action": "save", "subject": "x", "text": "lời\n\n-- \nAn\n"}).get_json()
    assert field(an.page(f"/compose/{saved['draft']}"), "text").count("-- \nAn") == 1


def test_a_unit_has_its_own(sign_in: Callable[[str], Visitor], hall: TownHall) -> None:
    clerk = sign_in("huong")
    clerk.post("/settings/signature", {"kind": "own", "text": "Hương"})
    clerk.post("/open", {"account": hall.account("vanthu.snv").id})
    assert field(clerk.page("/compose"), "text") == ""
    clerk.post("/settings/signature", {"kind": "own", "text": "Văn thư Sở"})
    assert "Văn thư Sở" in field(clerk.page("/compose"), "text")
    clerk.post("/open", {"account": ""})
    assert "Hương" in field(clerk.page("/compose"), "text")
