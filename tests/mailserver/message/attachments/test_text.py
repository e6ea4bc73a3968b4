"""The text of files sent along; and files made to hurt, which hurt only the process that reads them."""

from __future__ import annotations

import subprocess
import sys
from xml.parsers import expat

import pytest

from mailserver.message.attachments.reader import AttachmentReader
from mailserver.message.attachments.text import CHARACTERS, PACKED, PDF, Unreadable, extract, kind_of
from mailserver.message.structure import scan
from tests.mailserver.message.office_files import OPEN, SHARED, SHEET, SLIDE, WORD, packed, pdf


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"word/document.xml": WORD, "word/styles.xml": "<t>not this</t>"}, "Ngân sách 2025"),
        ({"xl/sharedStrings.xml": SHARED, "xl/worksheets/sheet1.xml": SHEET}, "Họ tên Lương tháng 12500 ghi chú"),
        ({"ppt/slides/slide1.xml": SLIDE, "ppt/media/x.png": b"\x89PNG"}, "Kế hoạch năm"),
        ({"content.xml": OPEN, "mimetype": "application/vnd.oasis.opendocument.text"}, "Thông báo Kính gửi Sở"),
    ],
    ids=["docx", "xlsx", "pptx", "odt"],
)
def test_office_files(members: dict[str, str | bytes], words: str) -> None:
    assert " ".join(extract(PACKED, packed(members)).split()) == words


def test_pdf() -> None:
    assert extract(PDF, pdf("Bao cao quy I")).strip() == "Bao cao quy I"


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        (b"Content-Type: application/pdf", PDF),
        (b'Content-Type: application/octet-stream; name="B\xc3\xa1o.DOCX"', PACKED),
        (b"Content-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=x.odt", PACKED),
        (b"Content-Type: text/plain; name=x.pdf", None),
        (b"Content-Type: image/png; name=x.png", None),
        (b"Content-Type: message/rfc822; name=x.pdf", None),
    ],
)
def test_kinds(header: bytes, kind: str | None) -> None:
    assert kind_of(scan(header + b"\r\n\r\nSubject: x\r\n\r\nbody\r\n")) == kind


def laughs() -> bytes:
    entities = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    return packed({"word/document.xml": f'<!DOCTYPE d [<!ENTITY l0 "lol">{entities}]><d><t>&l9;</t></d>'})


def test_entities_are_refused() -> None:
    with pytest.raises((Unreadable, expat.ExpatError)):
        extract(PACKED, laughs())
    with pytest.raises((Unreadable, expat.ExpatError)):
        extract(PACKED, packed({"content.xml": '<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]><d>&x;</d>'}))


def test_long_texts_are_cut() -> None:
    text = extract(PACKED, packed({"content.xml": "<o>" + "<p>chữ</p>" * 400_000 + "</o>"}))
    assert len(text) == CHARACTERS


def test_what_unpacks_without_end_is_given_up() -> None:
    bomb = packed({"word/document.xml": b"<d>" + bytes(80 << 20).replace(b"\0", b" ")})
    assert len(bomb) < 1 << 20
    with pytest.raises(Unreadable):
        extract(PACKED, bomb)


def test_hostile_files_end_with_their_process_at_most() -> None:
    deep = packed({"content.xml": "<a>" * 2_000_000})
    many = packed({f"ppt/slides/slide{number}.xml": "<a/>" for number in range(3000)})
    # A picture of a page that claims a terabyte, and an endless chain of pages.
    loop = pdf("x").replace(b"/Kids [3 0 R]", b"/Kids [2 0 R]")
    broken = pdf("x")[:200]
    with AttachmentReader(seconds=30) as reader:
        for kind, octets in [(PACKED, deep), (PACKED, laughs()), (PDF, loop), (PDF, broken), (PDF, b""), (PACKED, b"")]:
            assert not (reader.text(kind, octets) or "").strip()
        assert (reader.text(PACKED, many) or "").strip() == ""
        assert (reader.text(PDF, pdf("still here")) or "").strip() == "still here"


def test_one_that_takes_too_long_is_killed() -> None:
    slow = packed({"content.xml": "<o>" + "<p>x</p>" * 2_000_000})
    with AttachmentReader(seconds=0.001) as reader:
        assert reader.text(PACKED, slow) is None


LIMITED = """
import os, sys
from mailserver.message.attachments import child
child.extract = lambda kind, octets: {"memory": lambda: bytearray(4 << 30) and "",
    "file": lambda: open("made", "w").write("x" * 100_000) and ""}[kind]()
child.main()
"""


@pytest.mark.parametrize("kind", ["memory", "file"])
def test_the_process_has_limits(kind: str, tmp_path: object) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIMITED],
        input=f"{kind} 0\n".encode(),
        capture_output=True,
        cwd=str(tmp_path),
        check=False,
    )
    assert done.stdout in (b"none 0\n", b"")
