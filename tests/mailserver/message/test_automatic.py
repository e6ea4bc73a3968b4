"""Which mail a machine may answer (RFC 3834)."""

from __future__ import annotations

import pytest

from mailserver.message.automatic import may_be_answered

ME = {"an@city.vn"}


def header(*more: str, to: str = "To: Binh <binh@city.vn>, An <AN@city.vn>") -> bytes:
    return "\r\n".join(["From: x@ngoai.example", to, *more, "", ""]).encode()


@pytest.mark.parametrize(
    "more",
    [
        (),
        ("Auto-Submitted: no",),
        ("Auto-Submitted: NO (a person)",),
        ("Precedence: first-class",),
        ("X-Auto-Response-Suppress: DR, RN",),
    ],
)
def test_what_a_person_wrote_is_answered(more: tuple[str, ...]) -> None:
    assert may_be_answered(header(*more), "x@ngoai.example", ME)


@pytest.mark.parametrize("name", ["Cc", "Bcc", "Resent-To", "Resent-Cc", "Resent-Bcc"])
def test_it_may_be_named_elsewhere(name: str) -> None:
    assert may_be_answered(header(f"{name}: an@city.vn", to="To: binh@city.vn"), "x@ngoai.example", ME)


@pytest.mark.parametrize(
    "more",
    [
        ("Auto-Submitted: auto-replied",),
        ("Auto-Submitted: auto-generated; owner-email=x@y.example",),
        ("Auto-Submitted: auto-notified",),
        ("Auto-Submitted: no", "Auto-Submitted: auto-replied"),
        ("Auto-Submitted:",),
        ("Precedence: bulk",),
        ("Precedence: List",),
        ("Precedence: junk",),
        ("List-Id: <tin.ngoai.example>",),
        ("List-Unsubscribe: <mailto:x@ngoai.example>",),
        ("List-Post: NO",),
        ("X-Auto-Response-Suppress: DR, OOF, AutoReply",),
        ("X-Auto-Response-Suppress: All",),
    ],
)
def test_machines_and_lists_are_not(more: tuple[str, ...]) -> None:
    assert not may_be_answered(header(*more), "x@ngoai.example", ME)


@pytest.mark.parametrize(
    "sender",
    [
        "",
        "MAILER-DAEMON@ngoai.example",
        "owner-tin@ngoai.example",
        "tin-request@ngoai.example",
        "tin-bounces@ngoai.example",
        "bounce+an=city.vn@ngoai.example",
        "no-reply@ngoai.example",
        "do_not_reply@ngoai.example",
        "noreply-7@ngoai.example",
    ],
)
def test_mailboxes_of_programs_are_not(sender: str) -> None:
    assert not may_be_answered(header(), sender, ME)


@pytest.mark.parametrize("to", ["To: everyone@city.vn", "To: undisclosed-recipients:;", "X-To: an@city.vn", "To: \xff"])
def test_who_is_not_named_does_not_answer(to: str) -> None:
    assert not may_be_answered(header(to=to), "x@ngoai.example", ME)
