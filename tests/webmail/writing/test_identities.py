"""What goes with an address that somebody writes from: name, signature, answers, and who wrote it."""

from __future__ import annotations

from collections.abc import Callable
from html import unescape
from typing import Any

import pytest

from mailserver.delivery.submission import Submission, submit
from mailserver.message.headers import find_field, text_of
from mailserver.refusals import NotPermitted
from tests.webmail.conftest import Visitor
from tests.webmail.town_hall import TownHall, letter, raw
from tests.webmail.writing.test_composing import field, send

KNOWN = "Nguyễn Thị Hoài An\nChuyên viên · Sở Nội vụ\nan@thanhpho.example"
OFFICE = "vanthu.snv@thanhpho.example"


def rich(page: str) -> str:
    return unescape(page.split("data-rich-text", 1)[1].split(">", 1)[1].split("</div>", 1)[0])


def choose(who: Visitor, address: str = "an@thanhpho.example", **form: Any) -> Any:
    return who.post("/settings/identities", {"address": address, "kind": "directory", **form})


def test_below_a_letter_stands_what_the_directory_says_today(an: Visitor) -> None:
    assert KNOWN in an.page("/settings/identities")
    page = an.page("/compose")
    assert field(page, "text") == f"\n\n-- \n{KNOWN}\n"
    assert "<p>-- <br>Nguyễn Thị Hoài An<br>Chuyên viên · Sở Nội vụ<br>an@thanhpho.example</p>" in rich(page)


def test_own_words_stand_above_what_is_quoted(an: Visitor, hall: TownHall) -> None:
    choose(an, kind="own", signature="Trân trọng,\r\nAn <Phòng 3> \r\n")
    uid = hall.put("an", letter(text="câu hỏi"))
    page = an.page(f"/compose?reply={hall.mailbox('an').id}:{uid}")
    text = field(page, "text")
    assert text.startswith("\n\n-- \nTrân trọng,\nAn <Phòng 3>\n")
    assert text.index("Phòng 3") < text.index("> câu hỏi")
    assert "An &lt;Phòng 3&gt;" in page
    assert "<Phòng 3>" not in page
    choose(an, kind="none")
    assert field(an.page("/compose"), "text") == ""


def test_a_draft_is_not_signed_again(an: Visitor) -> None:
    saved = an.ask("/compose", {"action": "save", "subject": "x", "text": "lời\n\n-- \nAn\n"}).get_json()
    assert field(an.page(f"/compose/{saved['draft']}"), "text") == "lời\n\n-- \nAn"


def test_a_unit_has_its_own(sign_in: Callable[[str], Visitor], hall: TownHall) -> None:
    clerk = sign_in("huong")
    choose(clerk, "huong@thanhpho.example", kind="own", signature="Hương")
    clerk.post("/open", {"account": hall.account("vanthu.snv").id})
    choose(clerk, OFFICE, kind="own", signature="Văn thư Sở")
    assert "Văn thư Sở" in field(clerk.page("/compose"), "text")
    clerk.post("/open", {"account": ""})
    assert "Hương" in field(clerk.page("/compose"), "text")


def test_the_name_and_the_address_for_answers_that_were_chosen_go_out(an: Visitor, hall: TownHall) -> None:
    choose(an, name="An, Phòng Tổ chức", reply_to="toanso@thanhpho.example")
    send(an)
    [(uid, _, _)] = hall.rows("binh")
    octets = hall.octets("binh", uid)
    assert text_of(octets, "From") == "An, Phòng Tổ chức <an@thanhpho.example>"
    assert find_field(octets, "Reply-To") == "toanso@thanhpho.example"
    assert find_field(octets, "Sender") is None


def test_what_is_not_taken_stays_in_the_form(an: Visitor) -> None:
    answer = choose(an, name="Trần Quốc Bình", kind="own", signature="Hôm nay")
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert "Trần Quốc Bình là tên của một đồng nghiệp." in page
    assert 'value="Trần Quốc Bình"' in page
    assert "Hôm nay</textarea>" in page
    assert field(an.page("/compose"), "text") == f"\n\n-- \n{KNOWN}\n"


def test_an_answer_is_written_from_where_the_message_came_to(sign_in: Callable[[str], Visitor], hall: TownHall) -> None:
    clerk = sign_in("huong")
    mailbox = hall.mailbox("huong").id
    for to, expected in (
        (OFFICE, OFFICE),
        ("Huong+hop@thanhpho.example", "huong@thanhpho.example"),
        ("ai@noikhac.example", "huong@thanhpho.example"),
    ):
        uid = hall.put("huong", letter(to=[to]))
        page = clerk.page(f"/compose?reply={mailbox}:{uid}")
        assert f'<option value="{expected}"' in page
        chosen = page.split(" selected", 1)[0].rpartition('<option value="')[2].partition('"')[0]
        assert chosen == expected
    choose(clerk, OFFICE, is_default="on")
    assert page_author(clerk.page("/compose")) == OFFICE
    assert page_author(clerk.page(f"/compose?reply={mailbox}:{uid}")) == OFFICE


def page_author(page: str) -> str:
    return page.partition('name="author"')[2].partition('<option value="')[2].partition('"')[0]


def test_another_address_brings_its_signature_without_script(sign_in: Callable[[str], Visitor]) -> None:
    clerk = sign_in("huong")
    choose(clerk, "huong@thanhpho.example", kind="own", signature="Hương")
    choose(clerk, OFFICE, kind="own", signature="Văn thư Sở")
    text = field(clerk.page("/compose"), "text")
    assert "Hương" in text
    answer = clerk.post("/compose", {"action": "author", "author": OFFICE, "text": f"Kính gửi{text}"})
    assert field(answer.get_data(as_text=True), "text") == "Kính gửi\n\n-- \nVăn thư Sở\n"
    choose(clerk, OFFICE, kind="none")
    answer = clerk.post("/compose", {"action": "author", "author": OFFICE, "text": f"Kính gửi{text}"})
    assert field(answer.get_data(as_text=True), "text") == "Kính gửi\n\n"


def test_on_behalf_of_a_unit_the_writer_is_named(sign_in: Callable[[str], Visitor], hall: TownHall) -> None:
    clerk = sign_in("huong")
    choose(clerk, OFFICE, names_writer="on")
    send(clerk, author=OFFICE)
    clerk.post("/open", {"account": hall.account("vanthu.snv").id})
    choose(clerk, OFFICE, names_writer="on")
    send(clerk, author=OFFICE)
    assert len(hall.rows("binh")) == 2
    for uid, _, _ in hall.rows("binh"):
        octets = hall.octets("binh", uid)
        assert text_of(octets, "From") == f"Văn thư Sở Nội vụ <{OFFICE}>"
        assert text_of(octets, "Sender") == "Võ Thị Thu Hương <huong@thanhpho.example>"


def test_nobody_sends_under_a_sender_who_is_not_he(hall: TownHall) -> None:
    claims = raw(
        "From: an@thanhpho.example\nSender: binh@thanhpho.example\nTo: chi@thanhpho.example\nSubject: x", "x\n"
    )
    submission = Submission(
        submitter=hall.account("an"),
        reverse_path="an@thanhpho.example",
        forward_paths=("chi@thanhpho.example",),
        octets=claims,
        origin="smtp",
        client="127.0.0.1",
    )
    with pytest.raises(NotPermitted):
        submit(hall.services.office, submission)
    assert hall.rows("chi") == []


def test_who_may_only_read_chooses_nothing(sign_in: Callable[[str], Visitor], hall: TownHall) -> None:
    from directory.mail import mailboxes

    office = hall.account("vanthu.snv").id
    with hall.services.directory.write() as conn:
        mailboxes.grant(conn, "test", office, hall.account("an").id, may_send=False)
    reader = sign_in("an")
    reader.post("/open", {"account": office})
    choose(reader, OFFICE, name="Phòng An")
    clerk = sign_in("huong")
    assert 'value="Phòng An"' not in clerk.page("/settings/identities")
