"""Reading: one message, its conversation, its parts, and the frame it is shown in."""

from __future__ import annotations

import io
import re
import zipfile

import pytest

from tests.webmail.conftest import Visitor
from tests.webmail.town_hall import TownHall, letter, raw


def opened(an: Visitor, hall: TownHall, octets: bytes, **more: object) -> tuple[str, str, str]:
    """(path, page, frame) of a message laid into the inbox."""
    uid = hall.put("an", octets)
    path = f"/mail/{hall.mailbox('an').id}/{uid}"
    return path, an.page(path), an.page(f"{path}/body")


def test_a_message_and_who_wrote_it(an: Visitor, hall: TownHall) -> None:
    octets = letter(
        subject="Họp tuần", to=["an@thanhpho.example", "Lê Mai Chi <chi@thanhpho.example>"], text="Chào chị"
    )
    path, page, frame = opened(an, hall, octets)
    assert "Họp tuần" in page
    assert "binh@thanhpho.example" in page
    assert "Trưởng phòng · Sở Nội vụ" in page  # from the directory
    assert "Lê Mai Chi &lt;chi@thanhpho.example&gt;" in page
    assert "Chào chị" not in re.sub(
        r'<span class="(?:glance|preview)">[^<]*', "", page
    )  # the text is in its frame alone
    assert "Chào chị" in frame
    sandbox = re.search(r'<iframe[^>]*src="([^"]+)"[^>]*sandbox="([^"]*)"', page)
    assert sandbox is not None
    assert sandbox[1] == f"{path}/body"
    assert "allow-scripts" not in sandbox[2]


def test_reading_by_get_changes_nothing(an: Visitor, hall: TownHall) -> None:
    opened(an, hall, letter())
    assert hall.rows("an")[0][1] == 0
    assert 'value="read"' in an.page(f"/mail/{hall.mailbox('an').id}/1")


def test_a_conversation_over_all_mailboxes(an: Visitor, hall: TownHall) -> None:
    start = letter("an@thanhpho.example", ["binh@thanhpho.example"], subject="Số liệu", message_id="<1@x>", date=1000)
    hall.put("an", start, "Sent", ("\\Seen",), 1000)
    answer = letter(subject="Re: Số liệu", answers="<1@x>", message_id="<2@x>", date=2000)
    uid = hall.put("an", answer, date=2000)
    thrown = letter(subject="Re: Số liệu", answers="<1@x>", message_id="<3@x>", text="bỏ đi", date=3000)
    hall.put("an", thrown, "Trash", date=3000)
    hall.put("binh", letter(subject="Re: Số liệu", answers="<1@x>", message_id="<4@x>", text="của người khác"))
    page = an.page(f"/mail/{hall.mailbox('an').id}/{uid}")
    assert re.findall(r'<details class="letter[^"]*"', page).__len__() == 2
    assert ">Đã gửi</span>" in page
    assert "bỏ đi" not in page
    assert "của người khác" not in page


def test_a_message_that_lies_in_two_mailboxes_is_shown_once(an: Visitor, hall: TownHall) -> None:
    octets = letter(message_id="<same@x>")
    hall.put("an", octets)
    hall.put("an", octets, "Archive")
    page = an.page(f"/mail/{hall.mailbox('an').id}/1")
    assert len(re.findall(r'<details class="letter', page)) == 1


def test_the_frame_has_a_policy_of_its_own(an: Visitor, hall: TownHall) -> None:
    path, _, _ = opened(an, hall, letter(html="<p>x</p>"))
    answer = an.get(f"{path}/body")
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox ")
    assert "allow-scripts" not in policy
    assert "allow-top-navigation" not in policy
    assert "allow-forms" not in policy
    for rule in ("default-src 'none'", "script-src 'none'", "form-action 'none'", "base-uri 'none'"):
        assert rule in policy
    assert f"img-src data: http://localhost{path}/part/;" in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"


def test_pictures_from_elsewhere_only_when_asked_for(an: Visitor, hall: TownHall) -> None:
    html = (
        '<p>Chào</p><img src="http://track.example/a.png"><div style="background:url(http://track.example/b)">x</div>'
    )
    path, page, frame = opened(an, hall, letter(html=html))
    assert "Ảnh từ bên ngoài chưa được tải" in page
    assert "track.example" not in frame
    asked = an.get(f"{path}/body?pictures=1")
    assert asked.get_data(as_text=True).count("/picture/") == 1
    assert "track.example" not in asked.get_data(as_text=True)  # only by way of this server
    assert "http://localhost/picture/;" in asked.headers["Content-Security-Policy"]
    again = an.page(f"{path}?pictures=1")
    assert f"{path}/body?pictures=1" in again
    assert "chưa được tải" not in again


def test_pictures_inside_the_message_are_shown(an: Visitor, hall: TownHall) -> None:
    octets = raw(
        """
From: binh@thanhpho.example
To: an@thanhpho.example
Subject: anh
MIME-Version: 1.0
Content-Type: multipart/related; boundary=b
""",
        "--b\nContent-Type: text/html\n\n<p>x</p><img src='cid:logo@x'><img src=cid:none>\n"
        "--b\nContent-Type: image/png\nContent-ID: <logo@x>\nContent-Transfer-Encoding: base64\n\n"
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==\n--b--\n",
    )
    path, page, frame = opened(an, hall, octets)
    address = re.search(r'<img src="([^"]+)"', frame)
    assert address is not None
    assert address[1].startswith(f"{path}/part/")
    assert frame.count("src=") == 1
    answer = an.get(address[1])
    assert answer.content_type == "image/png"
    assert answer.headers["Content-Security-Policy"].startswith("sandbox")
    assert 'class="attachments"' not in page


def test_plain_text_is_escaped_and_linked(an: Visitor, hall: TownHall) -> None:
    text = 'Xem <b>https://thanhpho.example/a?b=1&c="2</b> nhé.\n> trích\n>> sâu hơn\nhết\n'
    _, _, frame = opened(an, hall, letter(text=text))
    assert "<b>" not in frame
    assert (
        '<a href="https://thanhpho.example/a?b=1&amp;c=" target="_blank" rel="noopener noreferrer nofollow">' in frame
    )
    assert '<div class="quote">trích<div class="quote">sâu hơn</div></div>hết' in frame.replace("\n", "")


def test_flowed_text_is_joined(an: Visitor, hall: TownHall) -> None:
    head = "From: binh@thanhpho.example\nSubject: x\nMIME-Version: 1.0\nContent-Type: text/plain; format=flowed"
    _, _, frame = opened(an, hall, raw(head, "mot hai \nba\n> bon \n> nam\n-- \nky ten\n"))
    assert "mot hai ba" in frame
    assert "bon nam" in frame
    assert "-- \nky ten" in frame


def test_of_alternatives_the_formatted_one(an: Visitor, hall: TownHall) -> None:
    _, page, frame = opened(an, hall, letter(text="bản chữ", html="<p>bản <b>đẹp</b></p>"))
    assert "<b>đẹp</b>" in frame
    assert "bản chữ" not in frame
    assert 'class="attachments"' not in page


def test_a_name_that_poses_as_another_address_is_called_out(an: Visitor, hall: TownHall) -> None:
    _, page, _ = opened(an, hall, letter("chu.tich@thanhpho.example <x@ngoai.example>"))
    assert "Thư này thực sự đến từ x@ngoai.example" in page
    assert "Bên ngoài" in page


def test_attachments_are_listed_and_downloaded_as_they_were(an: Visitor, hall: TownHall) -> None:
    content = bytes(range(256)) * 40
    path, page, _ = opened(an, hall, letter(files=[("Tờ trình số 5.pdf", "application/pdf", content)]))
    link = re.search(r'<a href="([^"]+/part/\d+)" download="Tờ trình số 5.pdf">', page)
    assert link is not None
    answer = an.get(link[1])
    assert answer.get_data() == content
    assert answer.headers["Content-Disposition"].startswith("attachment;")
    assert "filename*=UTF-8''T%E1%BB%9D%20tr%C3%ACnh" in answer.headers["Content-Disposition"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert path


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("text/html", b"<script>alert(1)</script>"),
        ("image/svg+xml", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"),
        ("application/xhtml+xml", b"<html xmlns='http://www.w3.org/1999/xhtml'><script>alert(1)</script></html>"),
        ("image/png", b"<html><script>alert(1)</script>"),
        ("text/xml", b"<?xml version='1.0'?><x/>"),
    ],
)
@pytest.mark.parametrize("ending", ["", "/inline"])
def test_no_attachment_becomes_a_page(an: Visitor, hall: TownHall, kind: str, content: bytes, ending: str) -> None:
    """Whatever its label says, what is not a picture by its octets is a download of no type a browser opens."""
    path, _, _ = opened(an, hall, letter(files=[("x", kind, content)]))
    answer = an.get(f"{path}/part/2{ending}")
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert not answer.content_type.startswith(("text/", "image/svg", "application/x"))
    assert answer.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")


@pytest.mark.parametrize(
    "name", ['x"; filename="y.html', "a\r\nX-Evil: 1", "../../etc/passwd", "C:\\x\\y.doc", "‮cod.exe"]
)
def test_file_names_cannot_say_more_than_a_name(an: Visitor, hall: TownHall, name: str) -> None:
    octets = raw(
        "From: binh@thanhpho.example\nSubject: x\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b",
        "--b\nContent-Type: text/plain\n\nx\n--b\nContent-Type: application/octet-stream\n"
        "Content-Disposition: attachment; filename*=utf-8''" + "".join(f"%{octet:02X}" for octet in name.encode())
        + "\n\ny\n--b--\n",
    )  # fmt: skip
    path, page, _ = opened(an, hall, octets)
    answer = an.get(f"{path}/part/2")
    assert "X-Evil" not in answer.headers
    given = answer.headers["Content-Disposition"]
    assert given.count('"') == 2
    assert "/" not in given
    assert "\\" not in given
    assert "\u202e" not in page


def test_the_original_is_kept_octet_for_octet(an: Visitor, hall: TownHall) -> None:
    octets = letter(text="nguyên bản")
    path, _, _ = opened(an, hall, octets)
    answer = an.get(f"{path}/original")
    assert answer.get_data() == octets
    assert answer.content_type == "message/rfc822"
    shown = an.get(f"{path}/original?view=1")
    assert shown.content_type == "text/plain; charset=utf-8"
    assert shown.headers["Content-Security-Policy"].startswith("sandbox")


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"\r\n",
        b"no header at all",
        b"Content-Type: multipart/mixed\r\n\r\nno boundary",
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\n--x\r\n",
        b"Content-Type: text/html; charset=utf-9000\r\nContent-Transfer-Encoding: nonsense\r\n\r\n<p>\xff\xfe\x00",
        b"From: \xff\xfe\r\nSubject: =?utf-8?q?=ff=fe?=\r\nDate: yesterday\r\n\r\n\x00\x01\x02",
        b"From: a@b, c@d\r\nFrom: e@f\r\nTo: " + b"x@y, " * 3000 + b"\r\n\r\nhi",
        b"Content-Type: message/rfc822\r\n\r\n" * 50,
        b"Subject: " + b"x" * 100_000 + b"\r\n\r\n",
    ],
)
def test_whatever_arrives_can_be_opened(an: Visitor, hall: TownHall, octets: bytes) -> None:
    path, _, _ = opened(an, hall, octets)
    box = hall.mailbox("an").id
    assert an.page(f"/mail/{box}")
    for kind in ("reply", "reply_all", "forward"):
        assert an.page(f"/compose?{kind}={path.removeprefix('/mail/').replace('/', ':')}")
    assert an.get(f"{path}/original").get_data() == octets


def from_outside(results: str, author: str = "A <a@ngoai.example>") -> bytes:
    return f"{results}From: {author}\r\nSubject: x\r\n\r\nxin\r\n".encode()


OURS = (
    "Authentication-Results: mail.thanhpho.example; spf=fail smtp.mailfrom=x@ngoai.example;\r\n"
    "\tdmarc=fail header.from=ngoai.example\r\n"
)
NOT_PROVEN = "Không có gì chứng minh thư này đến từ ngoai.example"


def test_what_nothing_vouches_for_is_called_out(an: Visitor, hall: TownHall) -> None:
    _, page, _ = opened(an, hall, from_outside(OURS))
    assert NOT_PROVEN in page
    assert "SPF fail (ngoai.example) · DMARC fail (ngoai.example)" in page
    _, page, _ = opened(an, hall, from_outside(OURS.replace("dmarc=fail", "dmarc=pass")))
    assert NOT_PROVEN not in page


@pytest.mark.parametrize(
    "foreign",
    [
        OURS.replace("mail.thanhpho.example", "mail.ngoai.example"),
        OURS.replace("fail", "pass") + OURS,  # what stands above is what was written last
        "Authentication-Results: ;;;\r\n",
        "",
    ],
)
def test_what_others_say_of_a_message_is_not_believed(an: Visitor, hall: TownHall, foreign: str) -> None:
    _, page, _ = opened(an, hall, from_outside(foreign))
    assert NOT_PROVEN not in page
    assert "DMARC fail" not in page


@pytest.mark.parametrize(
    ("domain", "is_called_out"),
    [("thanhph0.example", True), ("thanhpho.example.evil.test", True), ("ngoai.example", False)],
)
def test_domains_that_look_like_the_citys(an: Visitor, hall: TownHall, domain: str, is_called_out: bool) -> None:
    _, page, _ = opened(an, hall, from_outside("", f"Sở Nội vụ <snv@{domain}>"))
    assert (f"{domain} trông giống thanhpho.example" in page) == is_called_out


def test_a_message_for_paper(an: Visitor, hall: TownHall) -> None:
    octets = letter(
        "A <b>x</b> <a@ngoai.example>",
        subject="Tờ trình <1>",
        html="<p>Nội dung<script>x()</script></p>",
        files=[("kèm.pdf", "application/pdf", b"x")],
    )
    path, _, _ = opened(an, hall, octets)
    answer = an.get(f"{path}/print")
    page = answer.get_data(as_text=True)
    assert "<h1>Tờ trình &lt;1&gt;</h1>" in page
    assert "kèm.pdf" in page
    assert "Nội dung" in page
    assert "<script" not in page
    assert "<b>x</b>" not in page
    assert "script-src 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Content-Security-Policy"].startswith("sandbox ")


def test_all_attachments_at_once(an: Visitor, hall: TownHall) -> None:
    names = ["Tờ trình.pdf", "tờ trình.PDF", "../../etc/passwd", "C:\\a\\b.txt", ".."]
    octets = letter(subject="Hồ sơ: 5/2026", files=[(name, "application/pdf", name.encode() * 9) for name in names])
    path, page, _ = opened(an, hall, octets)
    assert f'href="{path}/attachments.zip"' in page
    answer = an.get(f"{path}/attachments.zip")
    assert "filename*=UTF-8''H%E1%BB%93%20s%C6%A1" in answer.headers["Content-Disposition"]
    archive = zipfile.ZipFile(io.BytesIO(answer.get_data()))
    found = {name: archive.read(name) for name in archive.namelist()}
    assert {"Tờ trình.pdf", "tờ trình (2).PDF"} < set(found)
    assert len(found) == len(names)
    assert not any("/" in name or "\\" in name or name.startswith(".") for name in found)
    assert found["tờ trình (2).PDF"] == "tờ trình.PDF".encode() * 9


def test_nothing_hangs_on_it(an: Visitor, hall: TownHall) -> None:
    path, _, _ = opened(an, hall, letter())
    assert an.get(f"{path}/attachments.zip").status_code == 404
    assert an.get(f"/mail/{hall.mailbox('binh').id}/1/attachments.zip").status_code == 404
    assert an.get(f"/mail/{hall.mailbox('binh').id}/1/print").status_code == 404
