"""RFC 5256 base subjects."""

from __future__ import annotations

import pytest

from mailserver.message.subject import base_subject, casemap, forward_subject, reply_subject


@pytest.mark.parametrize(
    "subject, base",
    [
        ("Plain", "Plain"),
        ("Re: Plain", "Plain"),
        ("re: FWD: fw: Plain (fwd)", "Plain"),
        ("Re[2]: Plain", "Plain"),
        ("RE [list]: Plain", "Plain"),
        ("[list] Re: [x] [y] Plain", "Plain"),
        ("[only a blob]", "[only a blob]"),
        ("[a] [b]", "[b]"),
        ("[Fwd: Re: Plain]", "Plain"),
        ("[fwd: [fwd: a (fwd)]] (fwd)", "a"),
        ("Re:", ""),
        ("   ", ""),
        ("Regards: x", "Regards: x"),
        ("a  \t b", "a b"),
        ("Plain (fwd) (FWD)", "Plain"),
        ("Trả lời: Họp", "Trả lời: Họp"),
    ],
)
def test_base_subjects(subject, base):
    assert base_subject(subject) == base


def test_case_is_lost_and_marks_are_not():
    assert casemap("họp") == casemap("HỌP")
    assert casemap("họp") != casemap("hop")
    assert casemap("re") == "RE"
    assert casemap("đ") == casemap("Đ") != casemap("d")


@pytest.mark.parametrize(
    "subject, answered, passed_on",
    [
        ("Họp", "Re: Họp", "Fwd: Họp"),
        ("Re: Họp", "Re: Họp", "Fwd: Re: Họp"),
        ("RE: re[2]: Trả lời: Họp", "Re: Họp", "Fwd: RE: re[2]: Trả lời: Họp"),
        ("Fwd: FW: Họp", "Re: Fwd: FW: Họp", "Fwd: Họp"),
        ("", "Re: ", "Fwd: "),
        ("Regards", "Re: Regards", "Fwd: Regards"),
    ],
)
def test_subjects(subject, answered, passed_on):
    assert reply_subject(subject) == answered
    assert forward_subject(subject) == passed_on


@pytest.mark.parametrize(
    "text, key",
    [
        ("straße", "STRAßE"),  # no simple titlecase, RFC 5051 §2
        ("ǆ", "Dz\u030c"),  # titlecase, not upper case, then decomposed
        ("ﬁ", "fi"),
        ("ệ", "E\u0323\u0302"),
        ("e\u0302\u0323", "E\u0323\u0302"),
    ],
)
def test_keys_of_unicode_casemap(text, key):
    assert casemap(text) == key
