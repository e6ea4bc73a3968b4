"""Writing, keeping and sending."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest

from directory.mail import account_changes
from mailserver.message.headers import find_all, find_field, text_of
from mailserver.store.flags import ANSWERED, DRAFT, SEEN
from tests.webmail.conftest import Visitor
from tests.webmail.town_hall import TownHall, letter

BINH = "Trần Quốc Bình <binh@thanhpho.example>"


def send(who: Visitor, **form: Any) -> Any:
    values = {"action": "send", "to": BINH, "subject": "Thử", "text": "Chào anh", **form}
    return who.post("/compose", values, content_type="multipart/form-data")


def field(page: str, name: str) -> str:
    """What stands in a field of the composer's form."""
    page = page.partition("<mail-composer")[2]
    found = re.search(rf'name="{name}"[^>]*value="([^"]*)"|<textarea[^>]*name="{name}"[^>]*>([^<]*)</textarea>', page)
    assert found is not None, name
    return unescape(found[1] if found[1] is not None else found[2])


def save(who: Visitor, **form: Any) -> dict[str, Any]:
    answer = who.ask("/compose", {"action": "save", **form})
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return dict(answer.get_json())


def test_a_letter_goes_out_and_a_copy_stays(an: Visitor, hall: TownHall) -> None:
    answer = send(an, cc="chi@thanhpho.example", bcc="dung@thanhpho.example", subject="Mời họp — thứ Hai")
    assert answer.status_code == 303
    for login in ("binh", "chi", "dung"):
        [(uid, flags, subject)] = hall.rows(login)
        assert (flags, subject) == (0, "Mời họp — thứ Hai")
        octets = hall.octets(login, uid)
        assert text_of(octets, "From") == "Nguyễn Thị Hoài An <an@thanhpho.example>"
        assert "Trần Quốc Bình" in text_of(octets, "To")
        assert find_field(octets, "Bcc") is None
        assert b"dung@" not in octets.split(b"\r\n\r\n")[0].replace(b"for <dung@", b"")
        assert octets.endswith("Chào anh\r\n".encode()) or b"Q2jDoG8gYW5o" in octets or b"Ch=C3=A0o anh" in octets
    [(uid, flags, _)] = hall.rows("an", "Sent")
    assert flags == SEEN
    assert "dung@thanhpho.example" in text_of(hall.octets("an", uid, "Sent"), "Bcc")


def test_formatted_text_goes_out_clean_and_with_plain_text_beside_it(an: Visitor, hall: TownHall) -> None:
    html = (
        '<p onclick="x()">Chào <b>anh</b><script>alert(1)</script><img src="http://t.example/x"></p>'
        '<a href="javascript:1">k</a>'
    )
    send(an, mode="rich", html=html, text="")
    page = an_frame(hall, "binh")
    octets = hall.octets("binh", 1)
    assert b"multipart/alternative" in octets
    assert b"script" not in octets
    assert b"onclick" not in octets
    assert b"t.example" not in octets
    assert "Chào" in page


def an_frame(hall: TownHall, login: str) -> str:
    from webmail import create_app

    reader = Visitor(create_app(hall.services), hall).sign_in(login)
    return reader.page(f"/mail/{hall.mailbox(login).id}/1/body")


@pytest.mark.parametrize(
    ("form", "fault"),
    [
        ({"to": "", "cc": ""}, "Hãy ghi ít nhất một người nhận."),
        ({"to": "binh"}, "Không phải địa chỉ thư"),
        ({"to": "a b@thanhpho.example"}, "Không"),
        ({"to": "nobody@thanhpho.example"}, "Không có hộp thư này: nobody@thanhpho.example"),
        ({"cc": "x@@y"}, "Không phải địa chỉ thư"),
        ({"author": "binh@thanhpho.example"}, "Bạn không được gửi từ địa chỉ này."),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_sent(
    an: Visitor, hall: TownHall, form: dict[str, str], fault: str
) -> None:
    answer = send(an, text="Giữ lại nhé", **{"cc": "chi@thanhpho.example", **form})
    assert answer.status_code == 422
    page = answer.get_data(as_text=True)
    assert fault in page
    assert field(page, "text").strip() == "Giữ lại nhé"
    assert hall.rows("chi") == hall.rows("binh") == hall.rows("an", "Sent") == []


@pytest.mark.parametrize(
    "value",
    ["x\r\nBcc: chi@thanhpho.example", "x\nBcc: chi@thanhpho.example", "x\r\n\r\nbody", "x\rBcc: chi@thanhpho.example",
     "x\x00y", "x\u2028Bcc: chi@thanhpho.example", "=?utf-8?q?x=0D=0ABcc:_chi=40thanhpho.example?="],
)  # fmt: skip
@pytest.mark.parametrize("name", ["subject", "in_reply_to", "references", "answers", "author_name"])
def test_no_field_becomes_two(an: Visitor, hall: TownHall, name: str, value: str) -> None:
    form = {"to": f'"{value}" <binh@thanhpho.example>'} if name == "author_name" else {name: value}
    send(an, **form)
    assert hall.rows("chi") == []
    for _uid, _flags, _subject in hall.rows("binh"):
        octets = hall.octets("binh", 1)
        head = octets.split(b"\r\n\r\n")[0]
        assert find_all(head, "bcc") == []
        assert len(find_all(head, "from")) == len(find_all(head, "subject")) == 1


def test_attachments_go_along(an: Visitor, hall: TownHall) -> None:
    content = bytes(range(256)) * 100
    upload = [(io.BytesIO(content), "Tờ trình số 5.pdf"), (io.BytesIO(b"x"), "../../etc/passwd")]
    send(an, files=upload)
    page = an_page(hall, "binh")
    assert "Tờ trình số 5.pdf" in page
    assert "passwd" in page
    assert "../" not in page


def an_page(hall: TownHall, login: str) -> str:
    from webmail import create_app

    reader = Visitor(create_app(hall.services), hall).sign_in(login)
    return reader.page(f"/mail/{hall.mailbox(login).id}/1")


def test_attachments_without_script(an: Visitor, hall: TownHall) -> None:
    """Choose, upload, see, remove, send: by buttons alone."""
    first = an.post(
        "/compose",
        {
            "action": "attach",
            "subject": "Có tệp",
            "files": [(io.BytesIO(b"mot"), "a.txt"), (io.BytesIO(b"hai"), "b.txt")],
        },
        content_type="multipart/form-data",
    )
    page = an.page(first.headers["Location"])
    assert "a.txt" in page
    assert "b.txt" in page
    second = an.post("/compose", {"action": "remove 0", "draft": field(page, "draft"), "subject": "Có tệp"})
    page = an.page(second.headers["Location"])
    assert "a.txt" not in page
    send(an, draft=field(page, "draft"))
    assert "b.txt" in an_page(hall, "binh")
    assert hall.rows("an", "Drafts") == []


def test_what_is_too_large_is_said_and_nothing_is_lost(an: Visitor, hall: TownHall) -> None:
    answer = send(an, files=[(io.BytesIO(b"x" * 260_000), "lớn.bin")], text="giữ lại")
    assert answer.status_code == 422
    assert "quá lớn" in answer.get_data(as_text=True)
    assert "giữ lại" in answer.get_data(as_text=True)
    assert hall.rows("binh") == []


def test_a_draft_is_kept_and_goes_on_where_it_was(an: Visitor, hall: TownHall) -> None:
    written = {
        "to": f"{BINH}, chi@thanhpho.example", "cc": "dung@thanhpho.example", "bcc": "huong@thanhpho.example",
        "subject": "Dự thảo ‘quan trọng’", "text": "Dòng một\n\n  dòng hai\n> trích",
    }  # fmt: skip
    uid = save(an, **written)["draft"]
    assert hall.rows("an", "Drafts") == [(uid, SEEN | DRAFT, written["subject"])]
    page = an.page(f"/compose/{uid}")
    for name, value in written.items():
        assert field(page, name).strip() == value
    box = hall.mailbox("an", "Drafts").id
    assert an.get(f"/mail/{box}/{uid}").headers["Location"] == f"/compose/{uid}"


def test_a_full_mailbox_keeps_words_but_no_files(an: Visitor, hall: TownHall) -> None:
    with hall.services.directory.write() as conn:
        account_changes.set_quota(conn, "test", hall.account("an").id, 1000)
    uid = save(an, subject="chữ", text="x" * 2000)["draft"]
    form = {"action": "save", "draft": uid, "files": (io.BytesIO(b"y" * 5000), "a.bin")}
    answer = an.post("/compose", form, content_type="multipart/form-data", headers={"X-Requested-With": "citymail"})
    assert answer.status_code == 409
    assert "Hộp thư đã đầy" in answer.get_json()["error"]
    assert [row[0] for row in hall.rows("an", "Drafts")] == [uid]


def test_each_save_replaces_the_one_before(an: Visitor, hall: TownHall) -> None:
    uid = save(an, subject="một")["draft"]
    again = save(an, subject="hai", draft=uid)
    assert again["notice"] == ""
    assert [(row[0], row[2]) for row in hall.rows("an", "Drafts")] == [(again["draft"], "hai")]


def test_two_windows_overwrite_nothing(an: Visitor, hall: TownHall) -> None:
    start = save(an, subject="gốc", text="gốc")["draft"]
    first = save(an, subject="cửa sổ một", text="A", draft=start)
    second = save(an, subject="cửa sổ hai", text="B", draft=start)
    assert first["notice"] == ""
    assert "được giữ thành một thư nháp riêng" in second["notice"]
    assert sorted(row[2] for row in hall.rows("an", "Drafts")) == ["cửa sổ hai", "cửa sổ một"]


def test_a_second_click_does_not_send_twice(an: Visitor, hall: TownHall) -> None:
    uid = save(an, to=BINH, subject="Một lần thôi")["draft"]
    assert send(an, draft=uid, subject="Một lần thôi").status_code == 303
    again = send(an, draft=uid, subject="Một lần thôi")
    assert again.status_code == 409
    assert "đã được sửa hoặc gửi ở nơi khác" in again.get_data(as_text=True)
    assert len(hall.rows("binh")) == 1


def test_sending_takes_the_draft_away(an: Visitor, hall: TownHall) -> None:
    uid = save(an, to=BINH, subject="x")["draft"]
    send(an, draft=uid)
    assert hall.rows("an", "Drafts") == []


def test_a_discarded_draft_lies_in_the_trash(an: Visitor, hall: TownHall) -> None:
    uid = save(an, subject="bỏ đi")["draft"]
    an.post("/compose", {"action": "discard", "draft": uid})
    assert hall.rows("an", "Drafts") == []
    assert hall.rows("an", "Trash")[0][2] == "bỏ đi"


def test_a_blank_letter_is_no_draft(an: Visitor, hall: TownHall) -> None:
    assert save(an)["draft"] == 0
    assert save(an, mode="rich", html="<p><br></p>")["draft"] == 0
    assert hall.rows("an", "Drafts") == []


def test_other_peoples_drafts_do_not_exist(hall: TownHall, sign_in: Callable[[str], Visitor]) -> None:
    uid = save(sign_in("an"), subject="riêng")["draft"]
    binh = sign_in("binh")
    assert binh.get(f"/compose/{uid}").status_code == 404
    assert "được giữ thành" in save(binh, draft=uid, subject="của tôi")["notice"]
    binh.post("/compose", {"action": "discard", "draft": uid})
    assert [row[2] for row in hall.rows("an", "Drafts")] == ["riêng"]


def test_other_peoples_attachments_do_not_go_along(hall: TownHall, sign_in: Callable[[str], Visitor]) -> None:
    uid = hall.put("an", letter(files=[("mật.pdf", "application/pdf", b"bi mat")]))
    source = f"{hall.mailbox('an').id}:{uid}:2"
    assert "mật.pdf" in save(sign_in("an"), subject="x", carry=source)["enclosures"]
    assert "mật.pdf" not in save(sign_in("chi"), subject="x", carry=source)["enclosures"]


def incoming(hall: TownHall, **more: Any) -> str:
    values: dict[str, Any] = {
        "author": BINH,
        "to": ["an@thanhpho.example", "Lê Mai Chi <chi@thanhpho.example>"],
        "cc": ["dung@thanhpho.example"],
        "subject": "Số liệu",
        "text": "Dòng một\nDòng hai\n",
        "message_id": "<goc@x>",
        **more,
    }
    return f"{hall.mailbox('an').id}:{hall.put('an', letter(**values))}"


def test_a_reply_goes_to_its_author_with_the_text_quoted(an: Visitor, hall: TownHall) -> None:
    page = an.page(f"/compose?reply={incoming(hall)}")
    assert field(page, "to") == BINH
    assert field(page, "cc") == ""
    assert field(page, "subject") == "Re: Số liệu"
    assert field(page, "text").endswith("> Dòng một\n> Dòng hai")
    assert field(page, "in_reply_to") == "<goc@x>"


def test_a_reply_to_all_leaves_oneself_out(an: Visitor, hall: TownHall) -> None:
    page = an.page(f"/compose?reply_all={incoming(hall)}")
    assert field(page, "to") == BINH
    assert field(page, "cc") == "Lê Mai Chi <chi@thanhpho.example>, dung@thanhpho.example"


def test_an_answered_message_is_marked_and_the_answer_belongs_to_it(an: Visitor, hall: TownHall) -> None:
    key = incoming(hall)
    page = an.page(f"/compose?reply={key}")
    names = ("in_reply_to", "references", "answers", "to", "subject", "text")
    answer = send(an, **{name: field(page, name) for name in names})
    assert answer.headers["Location"] == f"/mail/{key.replace(':', '/')}"
    assert hall.rows("an")[0][1] & ANSWERED
    octets = hall.octets("binh", 1)
    assert find_field(octets, "In-Reply-To") == "<goc@x>"
    assert find_field(octets, "References") == "<goc@x>"
    assert find_field(octets, "X-CityMail-Answers") is None
    thread = an.page(f"/mail/{key.replace(':', '/')}")
    assert len(re.findall(r'<details class="letter', thread)) == 2


def test_a_draft_remembers_what_it_answers(an: Visitor, hall: TownHall) -> None:
    key = incoming(hall)
    page = an.page(f"/compose?reply={key}")
    names = ("in_reply_to", "references", "answers", "to", "subject", "text")
    uid = save(an, **{name: field(page, name) for name in names})["draft"]
    page = an.page(f"/compose/{uid}")
    send(an, draft=uid, **{name: field(page, name) for name in names})
    assert hall.rows("an")[0][1] & ANSWERED


def test_forwarding_takes_the_attachments_along(an: Visitor, hall: TownHall) -> None:
    key = incoming(hall, files=[("bảng.xlsx", "application/vnd.ms-excel", b"1,2,3"), ("b.txt", "text/plain", b"b")])
    page = an.page(f"/compose?forward={key}")
    assert field(page, "subject") == "Fwd: Số liệu"
    assert "Từ: Trần Quốc Bình" in field(page, "text")
    sources = re.findall(r'name="carry" value="([^"]+)"', page)
    assert len(sources) == 2
    send(an, to="chi@thanhpho.example", subject="Fwd", answers=field(page, "answers"), carry=sources[:1])
    shown = an_page(hall, "chi")
    assert "bảng.xlsx" in shown
    assert "b.txt" not in shown
    assert "Đã chuyển tiếp" in an.page(f"/mail/{hall.mailbox('an').id}")


def test_a_quotation_is_clean_before_it_reaches_the_editor(an: Visitor, hall: TownHall) -> None:
    html = '<p style="x" onclick="y">a<b>b</b></p><svg onload=alert(1)><style>p{}</style><img src=x onerror=alert(1)>'
    page = an.page(f"/compose?reply={incoming(hall, html=html)}")
    editor = re.search(r"data-rich-text[^>]*>(.*?)</div>\s*<textarea", page, re.DOTALL)
    assert editor is not None
    assert "<b>b</b>" in editor[1]
    for word in ("onclick", "style", "svg", "onerror", "<img", "alert"):
        assert word not in editor[1]


def test_a_link_to_an_address_opens_the_composer_and_sets_four_fields_only(an: Visitor) -> None:
    link = "binh@thanhpho.example?subject=Ch%C3%A0o&body=x%0D%0Ay&cc=chi@thanhpho.example&attach=/etc/passwd&from=z@z"
    from urllib.parse import quote

    page = an.page(f"/compose?mailto={quote(link)}")
    assert field(page, "to") == "binh@thanhpho.example"
    assert field(page, "cc") == "chi@thanhpho.example"
    assert field(page, "subject") == "Chào"
    assert field(page, "text").endswith("\nx\ny")
    for name in ("to", "cc", "subject", "text", "author"):
        assert "passwd" not in field(page, name)
    assert "carry" not in page


def test_the_unit_answers_under_its_own_name(hall: TownHall, sign_in: Callable[[str], Visitor]) -> None:
    clerk = sign_in("huong")
    page = clerk.page("/compose")
    assert "vanthu.snv@thanhpho.example" in page
    send(clerk, author="vanthu.snv@thanhpho.example")
    assert text_of(hall.octets("binh", 1), "From") == "Văn thư Sở Nội vụ <vanthu.snv@thanhpho.example>"


def test_a_group_reaches_its_members_once(an: Visitor, hall: TownHall) -> None:
    send(an, to="toanso@thanhpho.example", cc="binh@thanhpho.example")
    assert [len(hall.rows(login)) for login in ("binh", "huong", "chi")] == [1, 1, 0]


def test_completion_from_the_directory(an: Visitor) -> None:
    def found(text: str) -> list[str]:
        answer = an.get("/people", query_string={"q": text})
        return [each["insert"] for each in answer.get_json()]

    assert found("bình") == [BINH]
    assert found("quoc") == [BINH]
    assert "Văn thư Sở Nội vụ <vanthu.snv@thanhpho.example>" in found("van thu")
    assert "Toàn Sở Nội vụ <toanso@thanhpho.example>" in found("toan so")
    assert found("zzz") == found("") == found(" ") == found("%") == []
