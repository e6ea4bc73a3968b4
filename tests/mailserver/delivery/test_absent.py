"""Who is away has it told: to colleagues all of it, to strangers what was written for them, to machines nothing."""

from __future__ import annotations

import re
from dataclasses import replace
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import pytest

from directory.dates import days_after
from directory.mail import absences, accounts
from mailserver.delivery import answering, occasions, relay, settling
from mailserver.delivery.post_office import PostOffice
from tests.mailserver.delivery.test_delivery import any_office, from_outside, items, webmail  # noqa: F401
from tests.mailserver.delivery.test_moved import sent_outside
from tests.mailserver.mailroom import mails

DAY = 86_400
LETTER = (
    b"From: x@ngoai.example\r\nTo: Binh <binh@city.vn>\r\nMessage-ID: <m1@ngoai.example>\r\n"
    b"Subject: =?utf-8?q?H=E1=BB=8Dp?=\r\n giao ban\r\n\r\nbody\r\n"
)
OURS = LETTER.replace(b"x@ngoai.example\r\nTo", b"an@city.vn\r\nTo", 1)


def goes_away(office: PostOffice, name: str = "binh", first: int = -1, last: int = 5, **more: str) -> None:
    with office.directory.write() as conn:
        given = {"text": "Đi công tác.", "outside": "Tôi đi vắng.", "substitute": "chi@city.vn"} | more
        days = {"since": days_after(conn.today, first), "until": days_after(conn.today, last)}
        owner = accounts.find_account(conn, name)
        assert owner is not None
        absences.keep(conn, owner.login, owner, **days, **given)


def read(octets: bytes) -> EmailMessage:
    found = message_from_bytes(octets, policy=default)
    assert isinstance(found, EmailMessage)
    return found


def answers(office: PostOffice, name: str = "an") -> list[EmailMessage]:
    return [read(each) for each in mails(office.store, name) if b"\r\nAuto-Submitted:" in each]


def test_a_colleague_is_told_all_of_it_once_a_week(any_office, clock) -> None:  # noqa: F811
    goes_away(any_office, last=30)
    webmail(any_office, "binh@city.vn", octets=OURS)
    webmail(any_office, "binh@city.vn", octets=OURS)
    [answer] = answers(any_office)
    assert (answer["Return-Path"], answer["Auto-Submitted"]) == ("<>", "auto-replied")
    assert (answer["From"].addresses[0].addr_spec, answer["To"]) == ("binh@city.vn", "an@city.vn")
    assert answer["Subject"] == "Auto: Họp giao ban"
    assert (answer["In-Reply-To"], answer["References"]) == ("<m1@ngoai.example>", "<m1@ngoai.example>")
    text = answer.get_content()
    assert text.startswith("Đi công tác.")
    assert "Tôi đi vắng" not in text
    assert re.search(r"Người làm thay: .* <chi@city\.vn>", text)
    assert re.search(r" is away from \d\d/\d\d/\d{4} until \d\d/\d\d/\d{4}", text)
    assert len(mails(any_office.store, "binh")) == 2
    clock.pass_by(occasions.ABSENT_AGAIN_DAYS * DAY)
    webmail(any_office, "binh@city.vn", octets=OURS)
    webmail(any_office, "binh@city.vn", octets=OURS)
    assert len(answers(any_office)) == 2
    goes_away(any_office, text="Nay về muộn hơn.")
    webmail(any_office, "binh@city.vn", octets=OURS)
    assert answers(any_office)[-1].get_content().startswith("Nay về muộn hơn.")


def test_a_stranger_is_told_what_was_written_for_strangers(office) -> None:
    goes_away(office)
    from_outside(office, "binh@city.vn", octets=LETTER)
    [(reverse_path, answer)] = sent_outside(office)
    assert (reverse_path, answer["To"]) == ("", "x@ngoai.example")
    text = answer.get_content()
    assert text.startswith("Tôi đi vắng.")
    assert not re.search(r"công tác|chi@|\d", text)


def test_without_such_words_nothing_and_who_is_there_tells_nothing(office) -> None:
    goes_away(office, outside="")
    goes_away(office, "chi", first=1, substitute="")
    from_outside(office, "binh@city.vn", octets=LETTER)
    from_outside(office, "chi@city.vn", octets=LETTER.replace(b"binh@", b"chi@"))
    assert sent_outside(office) == []
    # whoever says that he is of ours, and has not signed in, may be anybody
    from_outside(office, "binh@city.vn", octets=OURS, sender="an@city.vn")
    assert answers(office) == []


@pytest.mark.parametrize(
    "letter",
    [
        b"Auto-Submitted: auto-generated\r\n" + OURS,
        b"List-Id: <tin.city.vn>\r\n" + OURS,
        b"Precedence: bulk\r\n" + OURS,
        OURS.replace(b"binh@city.vn", b"everyone@city.vn"),
    ],
)
def test_machines_and_lists_are_not_answered(office, letter: bytes) -> None:
    goes_away(office)
    webmail(office, "binh@city.vn", octets=letter)
    assert len(mails(office.store, "binh")) == 1
    assert answers(office) == []


def test_groups_answer_for_nobody(office) -> None:
    goes_away(office)
    webmail(office, "inner@city.vn", octets=OURS)  # which names binh too, as such messages may
    assert len(mails(office.store, "binh")) == 1
    assert answers(office) == []


def test_two_who_are_away_do_not_answer_each_other_nor_oneself(office) -> None:
    goes_away(office)
    goes_away(office, "an", substitute="")
    webmail(office, "binh@city.vn", octets=OURS)
    assert len(answers(office)) == 1
    assert answers(office, "binh") == []
    to_himself = OURS.replace(b"binh@city.vn", b"an@city.vn")
    webmail(office, "an@city.vn", octets=to_himself)
    assert len(answers(office)) == 1


def test_an_alias_with_a_detail_is_his_too(office) -> None:
    goes_away(office)
    webmail(office, "sep+viec@city.vn", octets=OURS.replace(b"binh@city.vn", b"sep+viec@city.vn"))
    assert answers(office)[0]["From"].addresses[0].addr_spec == "binh@city.vn"


def test_what_was_held_back_is_answered_when_it_comes_and_once(office, clock) -> None:
    goes_away(office)
    webmail(office, "binh@city.vn", octets=OURS, release_at=office.now() + 30, keep_sent=True)
    assert answers(office) == []
    clock.pass_by(30)
    [item] = items(office)
    judgement = relay.deliver_here(office, item, item.recipients)
    office.store.write(lambda tx: settling.write_down(tx, "", [judgement])).result()
    assert len(answers(office)) == 1
    webmail(office, "binh@city.vn", octets=OURS)
    assert len(answers(office)) == 1


def test_of_strangers_it_is_not(office) -> None:
    goes_away(office)
    webmail(office, "binh@city.vn", octets=OURS, release_at=office.now() + 30)
    [item] = items(office)
    of_a_stranger = replace(item, envelope=replace(item.envelope, submitter="", reverse_path="x@ngoai.example"))
    judgement = relay.deliver_here(office, of_a_stranger, item.recipients)
    office.store.write(lambda tx: settling.write_down(tx, "", [judgement])).result()
    assert len(mails(office.store, "binh")) == 1
    assert [answer for _path, answer in sent_outside(office) if answer["Auto-Submitted"]] == []


def test_who_was_answered_is_forgotten(office, clock) -> None:
    goes_away(office)
    from_outside(office, "binh@city.vn", octets=LETTER)
    clock.pass_by(occasions.MOVED_AGAIN_DAYS * DAY)
    assert office.store.write(lambda tx: answering.sweep(tx, office.now())).result() == 1
