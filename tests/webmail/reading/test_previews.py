"""Attachments looked at in place: each in a response that runs nothing and asks nobody."""

from __future__ import annotations

import re

import pytest

from tests.mailserver.message.attachments.picture_files import opened, plain
from tests.mailserver.message.office_files import packed, pdf
from tests.webmail.conftest import Visitor
from tests.webmail.town_hall import TownHall, letter
from webmail.reading import previews

PNG = plain("PNG", 3000, 40)
WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
PDF = pdf("Du toan 2026 <b>")


def word(text: str) -> bytes:
    return packed({"word/document.xml": f"<w:document xmlns:w='x'><w:p><w:t>{text}</w:t></w:p></w:document>"})


def put(hall: TownHall, *file: object) -> str:
    """The path of the first attachment of a message."""
    uid = hall.put("an", letter(files=[file]))  # type: ignore[list-item]
    return f"/mail/{hall.mailbox('an').id}/{uid}/part/2"


@pytest.mark.parametrize(
    ("file", "shown"),
    [
        (("a.txt", "text/plain", "Kính gửi <script>alert(1)</script>".encode()), "Kính gửi &lt;script&gt;"),
        (("a.csv", "text/csv", b"a;b\n1;2"), "1;2"),
        (("a.LOG", "application/octet-stream", b"dong 1"), "dong 1"),
        (("a.docx", WORD, word("Tờ trình số 5")), "Tờ trình số 5"),
        (("a.docx", "application/octet-stream", word("&lt;img src=x&gt;")), "&lt;img src=x&gt;"),
        (("a.pdf", "application/pdf", PDF), "Du toan 2026 &lt;b&gt;"),
        (("a.html", "text/html", b"<p onclick=x()>Xin <b>ch\xc3\xa0o</b><script>1</script>"), "<p>Xin <b>chào</b></p>"),
    ],
)
def test_what_a_file_says(an: Visitor, hall: TownHall, file: tuple[str, str, bytes], shown: str) -> None:
    path = put(hall, *file)
    answer = an.get(f"{path}/shown")
    assert shown in answer.get_data(as_text=True)
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox ")
    assert "allow-scripts" not in policy
    assert "default-src 'none'" in policy
    assert "no-store" in answer.headers["Cache-Control"]
    page = an.page(f"{path}/view")
    assert re.search(r'<iframe class="preview"[^>]* sandbox="allow-same-origin allow-popups', page)
    assert f'href="{path}/view"' in an.page(path.rpartition("/part/")[0])


def test_a_picture_by_its_octets(an: Visitor, hall: TownHall) -> None:
    path = put(hall, 'x"onload=1.png', "image/png", PNG)
    shown = an.page(f"{path}/shown")
    assert f'srcset="{path}/inline"' in shown
    assert f'<img src="{path}/inline?large=1" alt="x&quot;onload=1.png">' in shown
    for address, width in ((f"{path}/inline", 2000), (f"{path}/inline?large=1", 3000)):
        answer = an.get(address)
        assert (opened(answer.data).width, answer.headers["Content-Type"]) == (width, answer.mimetype)
        assert answer.headers["Content-Disposition"].startswith("inline")
        assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert an.get(path).data == PNG


def test_what_is_shown_was_drawn_here(an: Visitor, hall: TownHall) -> None:
    """A file that is a picture and a script, and says that it is neither."""
    both = plain("GIF", comment=b"*/=alert(1)//") + b"<script>alert(1)</script>"
    path = put(hall, "a.gif", "image/jpeg", both)
    answer = an.get(f"{path}/inline")
    assert (answer.mimetype, b"alert" in answer.data) == ("image/png", False)
    assert 'filename="a.png"' in answer.headers["Content-Disposition"]
    assert an.get(path).data == both
    assert an.get(path).headers["Content-Disposition"].startswith("attachment")


@pytest.mark.parametrize(
    "file",
    [
        ("a.svg", "image/svg+xml", b"<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>"),
        ("a.png", "image/png", b"<html><script>1</script>"),
        ("a.png", "image/png", PNG[:8] + bytes(8) + b"\0\1\0\0" * 2),  # 65536 by 65536
        ("a.png", "image/png", PNG[:8] + bytes(40)),
        ("a.tiff", "image/tiff", plain("TIFF")),
        ("a.pdf", "application/pdf", b"no pdf"),
        ("a.docx", WORD, b"PK\x03\x04 no document"),
        ("a.exe", "application/octet-stream", b"MZ"),
        ("a.txt", "text/plain", b" "),
    ],
)
def test_what_cannot_be_shown_is_said(an: Visitor, hall: TownHall, file: tuple[str, str, bytes]) -> None:
    shown = an.page(f"{put(hall, *file)}/shown")
    assert "Không xem trước được" in shown
    assert "<script" not in shown
    assert "<svg" not in shown


def test_no_preview_is_offered_of_what_has_none(an: Visitor, hall: TownHall) -> None:
    path = put(hall, "a.exe", "application/octet-stream", b"MZ")
    assert "/view" not in an.page(path.rpartition("/part/")[0])


def test_long_files_are_cut(an: Visitor, hall: TownHall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(previews, "SHOWN", 10)
    shown = an.page(f"{put(hall, 'a.txt', 'text/plain', b'0123456789abc')}/shown")
    assert "0123456789<" in shown
    assert "phần cuối không hiện" in shown


def test_too_many_at_a_time_are_asked_to_wait(an: Visitor, hall: TownHall, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(hall, "a.pdf", "application/pdf", PDF)
    readers = hall.services.attachments
    monkeypatch.setattr(readers, "_seconds", 0.01)
    with readers._one(), readers._one():
        assert an.get(f"{path}/shown").status_code == 409
    monkeypatch.setattr(readers, "_seconds", 15)
    assert "Du toan" in an.page(f"{path}/shown")


def test_nobody_looks_at_others_files(hall: TownHall, visitor: Visitor) -> None:
    path = put(hall, "a.txt", "text/plain", b"x")
    binh = visitor.sign_in("binh")
    for view in ("view", "shown", "inline"):
        assert binh.get(f"{path}/{view}").status_code == 404
