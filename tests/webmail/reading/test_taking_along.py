"""Mail out as files, and in again."""

from __future__ import annotations

import io
import mailbox as mailbox_files
import re
import zipfile
from collections.abc import Callable
from contextlib import closing
from html import unescape
from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from directory.mail.account_changes import set_quota
from directory.record import search
from tests.webmail.conftest import Visitor
from tests.webmail.town_hall import PASSWORD, TownHall, letter
from webmail.reading import exporting

QUOTED = "Kính gửi\n\nFrom here on\n>From there\n>>From nowhere\nXong\n"


def lay(hall: TownHall, count: int = 3) -> list[str]:
    box = hall.mailbox("an").id
    return [f"{box}:{hall.put('an', letter(subject=f'thư {number}', text=QUOTED))}" for number in range(count)]


def bring(who: Visitor, hall: TownHall, name: str, *files: tuple[str, bytes]) -> TestResponse:
    given = [(io.BytesIO(octets), label) for label, octets in files]
    box = hall.mailbox("an", name).id
    return who.post("/import", {"mailbox": box, "files": given}, content_type="multipart/form-data")


def subjects(hall: TownHall, name: str) -> list[str]:
    return [subject for _, _, subject in hall.rows("an", name)]


def test_an_mbox_comes_back_octet_for_octet(an: Visitor, hall: TownHall, tmp_path: Path) -> None:
    items = lay(hall)
    with an.post("/export", {"item": items[:2], "format": "mbox", "password": PASSWORD}) as answer:
        assert answer.headers["Content-Type"] == "application/mbox"
        assert answer.headers["Content-Disposition"].startswith("attachment")
        octets = answer.get_data()
    assert re.match(rb"From binh@thanhpho\.example [A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}\n", octets)
    (tmp_path / "x").write_bytes(octets)
    with closing(mailbox_files.mbox(tmp_path / "x")) as read:
        assert len(read) == 2
    hall.make_mailbox("an", "Dự án/2026")
    page = bring(an, hall, "Dự án/2026", ("cũ.mbox", octets)).get_data(as_text=True)
    assert "Đã nhập 2 thư." in page
    assert subjects(hall, "Dự án/2026") == ["thư 0", "thư 1"]
    assert [hall.octets("an", uid, "Dự án/2026") for uid in (1, 2)] == [hall.octets("an", uid) for uid in (1, 2)]
    again = bring(an, hall, "Dự án/2026", ("cũ.mbox", octets)).get_data(as_text=True)
    assert "Đã nhập 0 thư." in again
    assert "2 thư đã nhập trước đây" in again


def test_a_zip_of_messages_comes_back(an: Visitor, hall: TownHall) -> None:
    items = lay(hall)
    with an.post("/export", {"item": items, "format": "zip", "password": PASSWORD}) as answer:
        packed = answer.get_data()
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        names = archive.namelist()
        assert names == ["00001 thư 0.eml", "00002 thư 1.eml", "00003 thư 2.eml"]
        eml = archive.read(names[0])
    assert eml == hall.octets("an", 1)
    assert "Đã nhập 3 thư." in bring(an, hall, "Archive", ("a.zip", packed)).get_data(as_text=True)
    assert "Đã nhập 1 thư." in bring(an, hall, "Drafts", ("a.eml", eml)).get_data(as_text=True)
    assert hall.octets("an", 1, "Archive") == eml


def test_what_cannot_be_brought_in_is_named(an: Visitor, hall: TownHall) -> None:
    large = letter(subject="lớn", text="x" * 400_000)
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("in/bomb.eml", b"Subject: x\r\n\r\n" + bytes(5_000_000))
        archive.writestr("in/good.eml", letter(subject="tốt"))
    page = bring(
        an, hall, "Archive", ("ảnh.png", b"\x89PNG"), ("lớn.eml", large[:290_000] + bytes(20_000)),
        ("bom.zip", bomb.getvalue()), ("hỏng.zip", bomb.getvalue()[:-30] + b"x" * 8 + bomb.getvalue()[-22:]),
    )  # fmt: skip
    text = unescape(page.get_data(as_text=True))
    assert "ảnh.png: không phải là thư" in text
    assert "bom.zip/in/bomb.eml: thư quá lớn" in text
    assert "hỏng.zip" in text
    assert "tốt" in subjects(hall, "Archive")


def test_a_full_mailbox_stops_it(an: Visitor, hall: TownHall) -> None:
    with hall.services.directory.write() as conn:
        set_quota(conn, "test", hall.account("an").id, 10)
    page = bring(an, hall, "Archive", ("a.eml", letter())).get_data(as_text=True)
    assert "Đã dừng giữa chừng" in page
    assert subjects(hall, "Archive") == []


def test_more_than_one_message_leaves_with_a_proof_only(an: Visitor, hall: TownHall) -> None:
    items = lay(hall)
    with an.post("/export", {"item": items[:1], "format": "zip"}) as answer:
        assert answer.mimetype == "application/zip"
    page = an.post("/export", {"item": items[:2], "format": "zip"}).get_data(as_text=True)
    assert all(f'name="item" value="{item}"' in page for item in items[:2])
    box = hall.mailbox("an").id
    form = {"all": f"box={box}&upto=3", "format": "mbox"}
    page = an.post("/export", form).get_data(as_text=True)
    assert "3 thư trong một tệp." in page
    assert f'name="all" value="box={box}&amp;upto=3"' in page
    assert an.post("/export", {**form, "password": "sai"}).status_code == 422
    with an.post("/export", {**form, "password": PASSWORD}) as answer:
        assert answer.get_data().count(b"\nFrom binh@") == 2
    with hall.services.directory.read() as conn:
        entry, _one = search(conn, actions=("mailbox.export",))
    assert '"messages":3' in entry.details.replace(" ", "")


def test_too_much_for_a_file(an: Visitor, hall: TownHall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "LARGEST", 10)
    assert an.post("/export", {"item": lay(hall, 1)}, follow=True).get_data(as_text=True).count("Quá nhiều cho một tệp")


def test_not_others_mail_and_no_nonsense(an: Visitor, hall: TownHall, sign_in: Callable[[str], Visitor]) -> None:
    items = lay(hall, 1)
    binh = sign_in("binh")
    assert binh.post("/export", {"item": items}).status_code == 404
    assert binh.post("/import", {"mailbox": hall.mailbox("an").id, "files": []}).status_code == 404
    assert an.post("/export", {"item": items, "format": "exe"}).status_code == 400
    assert an.ask("/export", {}).status_code == 400
    assert an.ask("/import", {"mailbox": hall.mailbox("an").id}).status_code == 400
