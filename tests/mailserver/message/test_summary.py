"""The row that is kept of a message."""

from __future__ import annotations

import mmap

import pytest

from mailserver.message.structure import decode_parts
from mailserver.message.summary import KEY_LIMIT, SEARCH_LIMIT, TEXT_LIMIT, summarize

MESSAGE = (
    "Return-Path: <an@example.vn>\r\n"
    "Date: Mon, 6 Jan 2025 08:30:00 +0700\r\n"
    "From: =?utf-8?q?Nguy=E1=BB=85n_V=C4=83n_An?= <An.Nguyen@Example.VN>\r\n"
    "To: Trần Thị Bình <binh@example.vn>, cuong@example.vn\r\n"
    "Cc: \"Đỗ, Dũng\" <dung@example.vn>\r\n"
    "Bcc: giang@example.vn\r\n"
    "Subject: Re: [canbo] =?utf-8?q?K=E1=BA=BF_ho=E1=BA=A1ch?=\r\n"
    "Message-ID: <3@example.vn>\r\nIn-Reply-To: <2@example.vn>\r\nReferences: <1@example.vn> <2@example.vn>\r\n"
    "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nĐồng ý\r\n"
    "--b\r\nContent-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA\r\n--b--\r\n"
).encode()  # fmt: skip


def test_everything_a_list_needs():
    summary = summarize(MESSAGE)
    assert summary.size == len(MESSAGE)
    assert summary.header_size == MESSAGE.index(b"\r\n\r\n") + 4
    assert summary.subject == "Re: [canbo] Kế hoạch"
    assert summary.author_name == "Nguyễn Văn An"
    assert summary.author_address == "An.Nguyen@Example.VN"
    assert summary.to_text == "Trần Thị Bình <binh@example.vn>, cuong@example.vn"
    assert summary.sent_at == 1736127000
    assert summary.message_id == "<3@example.vn>"
    assert summary.thread_key == "<1@example.vn>"
    assert summary.has_attachments
    assert summary.preview == "Đồng ý"
    assert (summary.sort_from, summary.sort_to, summary.sort_cc) == ("AN.NGUYEN", "BINH", "DUNG")
    assert summary.search_text == (
        "re: [canbo] ke hoach nguyen van an <an.nguyen@example.vn> tran thi binh <binh@example.vn> cuong@example.vn "
        "do, dung <dung@example.vn> giang@example.vn"
    )
    assert [part.media_type for part in decode_parts(summary.parts).parts] == ["text/plain", "application/pdf"]


def test_subjects_that_thread_together_have_the_same_base():
    def base(subject):
        return summarize(f"Subject: {subject}\r\n\r\n".encode()).base_subject

    assert base("Kế hoạch") == base("RE: kế hoạch") == base("[x] Fwd: KẾ HOẠCH (fwd)") != base("Ke hoach")


def test_a_mapped_file_gives_the_same_row(tmp_path):
    path = tmp_path / "message"
    path.write_bytes(MESSAGE)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        assert summarize(mapped) == summarize(MESSAGE)


@pytest.mark.parametrize(
    "header, key",
    [
        ("Message-ID: <own@x>", "<own@x>"),
        ("Message-ID: <own@x>\r\nIn-Reply-To: <parent@x>", "<parent@x>"),
        ("Message-ID: <own@x>\r\nIn-Reply-To: your mail of Monday", "<own@x>"),
        ("Message-ID: <own@x>\r\nReferences: <root@x>\r\n <parent@x>\r\nIn-Reply-To: <parent@x>", "<root@x>"),
        ("Message-ID: no brackets", "no brackets"),
    ],
)
def test_the_thread_is_named_by_its_root(header, key):
    assert summarize(f"{header}\r\n\r\n".encode()).thread_key == key


def test_without_any_id_the_same_message_has_the_same_key_and_another_has_not():
    messages = b"A: b\r\n\r\n", b"A: b\r\n\r\nx", b"C: d\r\n\r\n"
    first, again, other = (summarize(octets).thread_key for octets in messages)
    assert first == again != other


def test_values_are_cut_to_what_a_row_can_hold():
    summary = summarize(
        b"Subject: " + b"s" * 100_000 + b"\r\nFrom: " + b"n" * 50_000 + b" <" + b"a" * 5000 + b"@b>\r\nTo: "
        + b"a@b.example, " * 5000 + b"\r\nMessage-ID: <" + b"m" * 900
        + b"@x>\r\nReferences: <" + b"r" * 900 + b"@x>\r\n\r\n"
    )  # fmt: skip
    for text in (summary.subject, summary.author_name, summary.author_address, summary.to_text):
        assert len(text) <= TEXT_LIMIT
    for key in (summary.base_subject, summary.sort_from, summary.message_id, summary.thread_key):
        assert 0 < len(key) <= KEY_LIMIT
    assert len(summary.search_text) <= SEARCH_LIMIT
    assert len(summary.envelope) < 80_000


@pytest.mark.parametrize(
    "header, has",
    [
        ("", False),
        ("Content-Type: text/html", False),
        ("Content-Type: application/pdf", True),
        ("Content-Type: text/plain; name=a.txt", True),
        ("Content-Disposition: attachment", True),
        ("Content-Type: image/png\r\nContent-ID: <x>\r\nContent-Disposition: inline; filename=x.png", False),
        ("Content-Type: image/png", True),
        ("Content-Type: text/calendar; method=REQUEST", False),
        ("Content-Type: application/pkcs7-signature; name=smime.p7s\r\nContent-Disposition: attachment", False),
    ],
)
def test_what_counts_as_an_attachment(header, has):
    one = f"{header}\r\n\r\nx\r\n" if header else "\r\nx\r\n"
    assert summarize(one.encode()).has_attachments is has
    within = f"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b\r\n{one}--b--\r\n"
    assert summarize(within.encode()).has_attachments is has
