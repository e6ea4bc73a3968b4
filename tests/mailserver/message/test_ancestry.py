"""What THREAD reads of a message, and RFC 5256 §3's rules for it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.message.ancestry import MAX_REFERENCES, ancestry, read_ancestry
from mailserver.message.headers import parse_fields


def of(header, subject=""):
    return read_ancestry(ancestry(parse_fields(header), subject))


def digest(identifier):
    return of(f"Message-ID: {identifier}\r\n").own


def test_ids_of_the_three_fields():
    found = of("Message-ID: <c@x>\r\nReferences: <a@x>\r\n <b@x>\r\nIn-Reply-To: <z@x>\r\n")
    assert found.own == digest("<c@x>")
    assert found.references == (digest("<a@x>"), digest("<b@x>"))


@pytest.mark.parametrize(
    "header, parents",
    [
        ("In-Reply-To: <a@x> <b@x>\r\n", ["<a@x>"]),
        ("In-Reply-To: your mail of Monday <a@x>\r\n", ["<a@x>"]),
        ("References: none\r\nIn-Reply-To: <a@x>\r\n", ["<a@x>"]),
        ("References: <no-domain>\r\nIn-Reply-To: <a@x>\r\n", ["<a@x>"]),
        ("References:\r\n", []),
        ("In-Reply-To: an@city.vn\r\n", []),
    ],
)
def test_which_references_count(header, parents):
    assert list(of(header).references) == [digest(parent) for parent in parents]


@pytest.mark.parametrize(
    "written, also",
    [
        ('<"01KF8JCEOCBS0045PS"@xxx.yyy.com>', "<01KF8JCEOCBS0045PS@xxx.yyy.com>"),
        (r'<"a\"b"@x>', '<a"b@x>'),
        ('<"a b"@x>', '<"a\\ b"@x>'),
        ("< a@x >", "<a@x>"),
        ('<a."b".c@x>', "<a.b.c@x>"),
    ],
)
def test_quoting_makes_no_other_id(written, also):
    assert digest(written) == digest(also) != 0


def test_ids_are_compared_with_their_case():
    assert digest("<A@x>") != digest("<a@x>")


@pytest.mark.parametrize("none", ["", "<>", "<a>", "<@x>", "<a@>", "a@x", '<"@x>x', "<a@x", "<" + "a" * 999 + "@x>"])
def test_what_is_no_id(none):
    assert of(f"Message-ID: {none}\r\n").own == (0 if none != '<"@x>x' else digest('<"@x>'))


def test_of_many_references_the_first_and_the_last_are_kept():
    listed = [f"<{number}@x>" for number in range(500)]
    found = of("References: " + "\r\n ".join(listed) + "\r\n").references
    assert found == tuple(digest(each) for each in [listed[0], *listed[1 - MAX_REFERENCES :]])


@pytest.mark.parametrize(
    "subject, answers",
    [
        ("Họp", False), ("Re: Họp", True), ("Fw: x", True), ("FWD : x", True), ("[list] re: x", True),
        ("x (fwd)", True), ("[Fwd: x]", True), ("[fwd: x", False), ("Regards", False), ("[list] x", False),
        ("  x ", False), ("Re[2]: x", True), ("x Re: y", False), ("", False), ("Re:", True),
    ],
)  # fmt: skip
def test_marks_of_replies_and_forwards(subject, answers):
    assert of("", subject).is_answer is answers


@given(st.text(st.sampled_from('<>@"\\ab \t\r\n'), max_size=60), st.text(max_size=20))
def test_anything_is_read(value, subject):
    kept = ancestry({"message-id": value, "references": value, "in-reply-to": value}, subject)
    found = read_ancestry(kept)
    assert len(kept) == 9 + 8 * len(found.references)
    assert found.own == (found.references[0] if found.references else 0)
