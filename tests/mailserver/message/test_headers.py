"""Header blocks: finding, choosing and editing fields without touching the rest."""

from __future__ import annotations

import pytest

from mailserver.message.headers import (
    add_fields,
    field_line,
    find_all,
    find_field,
    header_end,
    message_ids,
    remove_fields,
    select_fields,
    split,
    text_of,
    unfold,
)

HEADER = (
    b"Received: one\r\n\tfolded\r\nFrom: a@example.vn\r\nreceived : two\r\nSubject: =?utf-8?q?Ch=C3=A0o?=\r\n"
    b"no field\r\nX-Last:\r\n\r\n"
)


def test_fields_are_found_by_name_whatever_its_case():
    assert find_field(HEADER, "SUBJECT") == "=?utf-8?q?Ch=C3=A0o?="
    assert find_field(HEADER, "received") == "one\tfolded"
    assert find_all(HEADER, "Received") == ["one\tfolded", "two"]
    assert find_field(HEADER, "X-Last") == ""
    assert find_field(HEADER, "To") is None
    assert text_of(HEADER, "subject") == "Chào"
    assert text_of(HEADER, "To") == ""


def test_a_name_inside_a_value_is_no_field():
    assert find_field(b"X: a\r\n Subject: b\r\n\r\n", "Subject") is None


def test_chosen_fields_stay_octet_for_octet():
    # RFC 9051 §6.4.5.1: HEADER.FIELDS keeps folding and case, and ends with a blank line
    assert select_fields(HEADER, ["received"]) == b"Received: one\r\n\tfolded\r\nreceived : two\r\n\r\n"
    assert select_fields(HEADER, ["received", "subject"], but=True) == b"From: a@example.vn\r\nX-Last:\r\n\r\n"
    assert select_fields(HEADER, ["bcc"]) == b"\r\n"
    assert select_fields(b"", ["bcc"]) == b"\r\n"


def test_a_last_field_without_line_end_gets_one():
    assert select_fields(b"From: a", ["from"]) == b"From: a\r\n\r\n"


def test_removing_fields_leaves_all_else():
    octets = HEADER + b"Received: in the body\r\n"
    assert remove_fields(octets, ["Received"]) == (
        b"From: a@example.vn\r\nSubject: =?utf-8?q?Ch=C3=A0o?=\r\nno field\r\nX-Last:\r\n\r\nReceived: in the body\r\n"
    )
    assert remove_fields(octets, ["Bcc"]) is octets


def test_fields_added_cannot_bring_others_with_them():
    octets = add_fields(b"From: a\r\n\r\n", [("X-One", "1\r\nBcc: evil@example.vn\r\n\r\nbody"), ("X-Two", "hai")])
    assert octets == b"X-One: 1 Bcc: evil@example.vn body\r\nX-Two: hai\r\nFrom: a\r\n\r\n"
    assert field_line("X", "ba\x00ba") == b"X: ba ba\r\n"


@pytest.mark.parametrize(
    "octets, end",
    [
        (b"", 0),
        (b"\r\nbody", 2),
        (b"\nbody", 1),
        (b"A: b\r\n\r\nbody", 8),
        (b"A: b\n\nbody\r\n\r\n", 6),
        (b"A: b\r\n\nbody", 7),
        (b"A: b\n\r\nbody\n\n", 7),
        (b"A: b\r\n\n\r\nbody", 7),
        (b"A: b\r\nC: d", 10),
        (b"A: b\r\rbody", 10),
    ],
)
def test_the_header_ends_with_the_first_blank_line(octets, end):
    assert header_end(octets) == end
    assert b"".join(split(octets)) == octets


def test_unfolding_keeps_the_blanks():
    assert unfold(" a\r\n b\n\tc \r") == "a b\tc"


def test_message_ids_are_taken_out_of_comments_and_folds():
    assert message_ids("<a@b>\r\n <c@d>(comment) e@f <g h> <>") == ["<a@b>", "<c@d>"]
