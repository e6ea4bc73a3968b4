"""Drafts to messages: read back by the standard library and by our own scanner."""

from __future__ import annotations

import email
import email.policy
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.message.compose import REFERENCES_LIMIT, Draft, compose
from mailserver.message.entity import Attachment, Correspondent, parameter_tokens
from mailserver.message.headers import field_octets, split
from mailserver.message.structure import scan
from mailserver.message.summary import summarize

AUTHOR = Correspondent("an@hcm.example.vn", "Nguyễn Văn An")
ID, DATE = "<1@hcm.example.vn>", 1736127000
PICTURE = Attachment("logo.png", "image/png", b"\x89PNG", "logo@hcm")
FILE = Attachment("Công văn số 12 về việc triển khai thực hiện kế hoạch chuyển đổi số.pdf", "application/pdf", b"%PDF")


def written(draft, **options):
    octets = compose(draft, message_id=ID, date=DATE, **options)
    return octets, email.message_from_bytes(octets, policy=email.policy.default)


def types(message):
    return [part.get_content_type() for part in message.walk()]


def test_a_plain_message():
    octets, message = written(
        Draft(
            AUTHOR, to=(Correspondent("b@example.vn", "Trần Thị Bình"),), subject="Kế hoạch", text="Chào\n\n-- \nAn\n"
        )
    )
    assert str(message["From"]) == "Nguyễn Văn An <an@hcm.example.vn>"
    assert str(message["To"]) == "Trần Thị Bình <b@example.vn>"
    assert message["Subject"] == "Kế hoạch"
    assert message["Date"].datetime.timestamp() == DATE
    assert message["Date"].endswith("+0700")
    assert message["Message-ID"] == ID
    assert message.get_content() == "Chào\r\n\r\n-- \r\nAn\r\n"
    assert octets.isascii()


@pytest.mark.parametrize(
    "changes, expected",
    [
        ({"text": "a"}, ["text/plain"]),
        ({"text": "a", "html": "<p>a"}, ["multipart/alternative", "text/plain", "text/html"]),
        (
            {"html": "<p>a<img src='cid:logo@hcm'>", "inline": (PICTURE,)},
            ["multipart/alternative", "text/plain", "multipart/related", "text/html", "image/png"],
        ),
        ({"text": "a", "attachments": (FILE,)}, ["multipart/mixed", "text/plain", "application/pdf"]),
        ({"text": "a", "inline": (PICTURE,)}, ["multipart/mixed", "text/plain", "image/png"]),
        (
            {"html": "x", "inline": (PICTURE,), "attachments": (FILE, FILE)},
            ["multipart/mixed", "multipart/alternative", "text/plain", "multipart/related", "text/html", "image/png",
             "application/pdf", "application/pdf"],
        ),
    ],
)  # fmt: skip
def test_parts_stand_where_readers_look_for_them(changes, expected):
    octets, message = written(replace(Draft(AUTHOR), **changes))
    assert types(message) == expected
    assert [part.media_type for part in scan(octets).walk()] == expected
    assert not any(part.defects for part in message.walk())


def test_html_alone_gets_a_text_beside_it():
    _, message = written(Draft(AUTHOR, html="<p>Xin <b>chào</b></p>"))
    assert message.get_body(("plain",)).get_content() == "Xin chào\r\n"


def test_files_keep_their_names_and_their_octets():
    octets = bytes(range(256)) * 300
    _, message = written(Draft(AUTHOR, text="x", attachments=(replace(FILE, content=octets), PICTURE)))
    pdf, png = message.iter_attachments()
    assert (pdf.get_filename(), pdf.get_content()) == (FILE.filename, octets)
    assert pdf["Content-Disposition"].content_disposition == "attachment"
    assert png["Content-ID"] == "<logo@hcm>"


def test_a_message_travels_as_a_message_and_unchanged():
    inner = b"From: a@b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n\r\n\r\n"
    octets, message = written(Draft(AUTHOR, text="x", attachments=(Attachment("a.eml", "message/rfc822", inner),)))
    part = scan(octets).parts[1]
    assert octets[part.body_start : part.end] == inner
    assert types(message)[2] == "message/rfc822"


def test_a_message_in_eight_bits_says_so_on_every_level():
    inner = "Subject: Chào\r\n\r\nChào\r\n".encode()
    octets, message = written(Draft(AUTHOR, text="x", attachments=(Attachment("a.eml", "message/rfc822", inner),)))
    assert message["Content-Transfer-Encoding"] == "8bit"
    assert summarize(octets).size == len(octets)


def test_only_a_draft_that_is_kept_shows_bcc():
    draft = Draft(AUTHOR, bcc=(Correspondent("secret@example.vn"),), subject="x")
    assert b"secret" not in written(draft)[0]
    assert b"Bcc: secret@example.vn\r\n" in written(draft, keep_bcc=True)[0]


def test_hidden_recipients_alone_leave_an_empty_group():
    octets, _ = written(Draft(AUTHOR, bcc=(Correspondent("secret@example.vn"),)))
    assert b"To: undisclosed-recipients:;\r\n" in octets


def test_a_unit_writes_and_the_submitter_is_named():
    unit = Correspondent("so.xaydung@hcm.example.vn", "Sở Xây dựng")
    _, message = written(Draft(unit, submitter=AUTHOR, wants_receipt=True, importance="high"))
    assert message["Sender"].address.addr_spec == "an@hcm.example.vn"
    assert message["Importance"] == "High"
    assert "an@hcm.example.vn" in message["Disposition-Notification-To"]
    _, message = written(Draft(AUTHOR, submitter=AUTHOR))
    assert message["Sender"] is None


def test_long_identifiers_of_a_thread_are_not_broken():
    long = f"<{'x' * 200}@example.vn>"
    octets, _ = written(Draft(AUTHOR, references=("<first@x>", long, "no id", "<a b@c>"), in_reply_to=long))
    assert f"References: <first@x>\r\n {long}\r\n".encode() in octets
    assert f"In-Reply-To: {long}\r\n".encode() in octets


def test_a_thread_of_years_keeps_its_root_and_its_latest():
    references = tuple(f"<{number}@x>" for number in range(500))
    octets, _ = written(Draft(AUTHOR, references=references))
    kept = dict(field_octets(split(octets)[0]))["references"].decode().split()[1:]
    assert len(kept) == REFERENCES_LIMIT
    assert (kept[0], kept[-1]) == ("<0@x>", "<499@x>")


def test_the_same_draft_gives_the_same_octets_and_another_message_another_boundary():
    draft = Draft(AUTHOR, text="x", attachments=(FILE,))
    assert written(draft)[0] == written(draft)[0]
    other = compose(draft, message_id="<2@hcm.example.vn>", date=DATE)
    assert scan(other).mime.boundary != scan(written(draft)[0]).mime.boundary


_evil = st.text(st.sampled_from(list("aàĐ\r\n\t\x00\x0b\x85\u2028 <>\"\\,;:@()=?%*'[]\ud800")), max_size=30)
_people = st.lists(st.builds(Correspondent, _evil, _evil), max_size=3).map(tuple)
_files = st.lists(
    st.builds(Attachment, _evil, st.one_of(_evil, st.just("text/csv")), st.binary(max_size=20), _evil), max_size=2
).map(tuple)
_drafts = st.builds(
    Draft, st.builds(Correspondent, _evil, _evil), to=_people, cc=_people, bcc=_people, subject=_evil, text=_evil,
    html=_evil, attachments=_files, inline=_files, in_reply_to=_evil, reply_to=_people,
    references=st.lists(_evil, max_size=3).map(tuple),
    extra_fields=st.lists(st.tuples(_evil, _evil), max_size=2).map(tuple), wants_receipt=st.booleans(),
)  # fmt: skip
KNOWN = {
    "date", "from", "sender", "reply-to", "to", "cc", "bcc", "subject", "message-id", "in-reply-to", "references",
    "disposition-notification-to", "mime-version", "content-type", "content-transfer-encoding",
}  # fmt: skip


@given(_drafts, st.booleans())
def test_no_value_adds_a_field_or_a_bare_line_end(draft, keep_bcc):
    octets = compose(draft, message_id=ID, date=DATE, keep_bcc=keep_bcc)
    for line in octets.split(b"\r\n"):
        assert b"\r" not in line
        assert b"\n" not in line
        assert b"\x00" not in line
        assert len(line) <= 998
    header = split(octets)[0]
    fields = field_octets(header)
    assert b"".join(field for _, field in fields) + b"\r\n" == header
    names = [name for name, _ in fields]
    extra = {name.lower() for name, _ in draft.extra_fields}
    assert set(names) <= KNOWN | extra
    if not extra & KNOWN:
        assert len({*names} - extra) == len([name for name in names if name not in extra])
    assert summarize(octets).size == len(octets)


_phrases = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"]), max_size=80).map(
    lambda text: " ".join(text.split())
)


@given(_phrases, _phrases, _phrases.filter(lambda name: name.strip()))
def test_names_subjects_and_file_names_come_back(name, subject, filename):
    draft = Draft(
        Correspondent("a@example.vn", name),
        subject=subject,
        text="x",
        attachments=(Attachment(filename, "text/csv", b"x"),),
    )
    octets = compose(draft, message_id=ID, date=DATE)
    summary = summarize(octets)
    assert summary.author_name == name
    assert summary.author_address == "a@example.vn"
    assert summary.subject == subject
    assert scan(octets).parts[1].filename == filename.replace("/", "_").replace("\\", "_")


@given(_phrases)
def test_parameters_are_cut_only_between_octets(value):
    tokens = parameter_tokens("filename", value)
    assert all(len(token) <= 80 and token.isascii() for token in tokens)
    assert all(token.endswith(";") for token in tokens[:-1])
