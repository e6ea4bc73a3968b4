"""Redirected addresses: the mail is delivered, its sender is told once; later it is refused with the reason."""

from __future__ import annotations

import shutil
from email import message_from_bytes
from email.policy import default

import pytest
from sqlalchemy import update

from directory import tables
from directory.database import open_directory
from mailserver.delivery import answering, inbound, occasions
from mailserver.delivery.checks import Findings
from mailserver.delivery.post_office import PostOffice
from mailserver.delivery.verdict import Action, Judgement, Verdict
from mailserver.refusals import NoLongerUsed, NoSuchRecipient
from mailserver.smtp.commands import MailCommand, RcptCommand
from mailserver.smtp.replies import refusal_reply
from mailserver.store.reading import octets
from tests.mailserver.delivery.test_delivery import ORIGIN, from_outside, items, webmail
from tests.mailserver.mailroom import add_address, mails, make_config

DAY = 86_400
LETTER = (
    b"From: x@ngoai.example\r\nTo: cu@city.vn\r\nMessage-ID: <m1@ngoai.example>\r\nSubject: x\r\n"
    b"References: <m0@ngoai.example>\r\n\r\nbody\r\n"
)
OURS = LETTER.replace(b"x@ngoai.example\r\nTo", b"an@city.vn\r\nTo", 1)


@pytest.fixture
def any_office(any_store, city_template, tmp_path, clock):
    """A post office on each engine of the store; cu@ leads to binh."""
    shutil.copy(city_template, tmp_path / "directory.db")
    directory = open_directory(f"sqlite:///{tmp_path / 'directory.db'}", clock=clock, notice_within=0.0)
    with directory.write() as conn:
        add_address(conn, "cu@city.vn", account_id="chi")
        until = "2099-12-31"
        conn.execute(
            update(tables.address)
            .where(tables.address.c.address == "cu@city.vn")
            .values(state="redirect", forward_to="binh@city.vn", until=until)
        )
    yield PostOffice(
        store=any_store, directory=directory, config=make_config(tmp_path), clock=clock, random=lambda: 0.5
    )
    directory.close()


def sent_outside(office):
    """What waits for other servers, as (recipients, message)."""
    found = []
    with office.store.read() as connection:
        for item in items(office):
            whole = octets(connection, office.store.blobs.read, item.message_id)
            found.append((item.envelope.reverse_path, message_from_bytes(whole, policy=default)))
    return found


def test_a_sender_is_told_once_and_again_after_a_month(any_office, clock) -> None:
    office = any_office
    from_outside(office, "cu@city.vn", octets=LETTER)
    [(reverse_path, notice)] = sent_outside(office)
    assert len(mails(office.store, "binh")) == 1
    assert reverse_path == ""
    assert (notice["To"], notice["From"], notice["Reply-To"]) == ("x@ngoai.example", "cu@city.vn", "binh@city.vn")
    assert notice["Auto-Submitted"] == "auto-replied"
    assert notice["In-Reply-To"] == "<m1@ngoai.example>"
    assert notice["References"] == "<m0@ngoai.example> <m1@ngoai.example>"
    assert notice["Subject"] == "Auto: cu@city.vn → binh@city.vn"
    text = notice.get_content()
    assert "sau ngày 31/12/2099 địa chỉ cũ không còn nhận thư" in text
    assert "From now on please write to the new address" in text
    for sender in ("x@ngoai.example", "X@NGOAI.example"):
        from_outside(office, "cu@city.vn", octets=LETTER, sender=sender)
    assert len(sent_outside(office)) == 1
    assert len(mails(office.store, "binh")) == 3
    from_outside(office, "cu@city.vn", octets=LETTER, sender="y@ngoai.example")
    assert len(sent_outside(office)) == 2
    clock.pass_by((occasions.MOVED_AGAIN_DAYS - 1) * DAY)
    assert office.store.write(lambda tx: answering.sweep(tx, office.now())).result() == 0
    from_outside(office, "cu@city.vn", octets=LETTER)
    assert len(sent_outside(office)) == 2
    clock.pass_by(DAY)
    from_outside(office, "cu@city.vn", octets=LETTER)
    assert len(sent_outside(office)) == 3
    clock.pass_by(DAY)
    assert office.store.write(lambda tx: answering.sweep(tx, office.now())).result() == 1  # y's; x was told a day ago


def test_one_of_ours_is_told_in_the_mailbox(any_office) -> None:
    webmail(any_office, "cu@city.vn", octets=OURS)
    webmail(any_office, "cu+bao-cao@city.vn", octets=OURS)
    [notice] = mails(any_office.store, "an")
    assert notice.startswith(b"Return-Path: <>\r\n")
    assert b"Auto-Submitted: auto-replied\r\n" in notice
    assert len(mails(any_office.store, "binh")) == 2
    assert items(any_office) == []


def test_two_at_once_tell_once(any_office) -> None:
    """Both were prepared before either was written."""
    office, mail = any_office, MailCommand("x@ngoai.example")
    taken = [inbound.offer_recipient(office, mail, RcptCommand("cu@city.vn"))]
    both = [
        answering.answers_to(
            office, mail.reverse_path, [each.addressee for each in taken], lambda: LETTER, is_colleague=False
        )
        for _ in range(2)
    ]
    assert [len(each) for each in both] == [1, 1]
    for notices in both:
        office.store.write(lambda tx, n=notices: answering.deliver(tx, n)).result()
    assert len(sent_outside(office)) == 1


@pytest.mark.parametrize(
    ("sender", "letter"),
    [
        ("", LETTER),
        ("owner-tin@ngoai.example", LETTER),
        ("x@ngoai.example", b"Auto-Submitted: auto-replied\r\n" + LETTER),
        ("x@ngoai.example", b"List-Id: <tin.ngoai.example>\r\n" + LETTER),
        ("x@ngoai.example", LETTER.replace(b"To: cu@", b"To: everyone@")),
    ],
)
def test_nobody_is_told_by_a_machine_of_a_machine(any_office, sender: str, letter: bytes) -> None:
    from_outside(any_office, "cu@city.vn", octets=letter, sender=sender)
    assert len(mails(any_office.store, "binh")) == 1
    assert sent_outside(any_office) == []


def test_what_is_junk_is_not_answered(any_office) -> None:
    mail = MailCommand("x@ngoai.example")
    taken = [inbound.offer_recipient(any_office, mail, RcptCommand("cu@city.vn"))]
    junk = Judgement(Findings(), Verdict(Action.JUNK))
    inbound.receive(any_office, ORIGIN, mail, taken, LETTER, junk).result()
    assert sent_outside(any_office) == []


def test_a_message_to_many_old_addresses_is_not_answered_for_each(any_office) -> None:
    names = [f"cu{number}@city.vn" for number in range(8)]
    with any_office.directory.write() as conn:
        for name in names:
            add_address(conn, name, forward_to="binh@city.vn")
        conn.execute(
            update(tables.address).where(tables.address.c.address.in_(names)).values(state="redirect", account_id="chi")
        )
    letter = LETTER.replace(b"To: cu@city.vn", b"To: " + ", ".join(names).encode())
    from_outside(any_office, *names, octets=letter)
    assert len(sent_outside(any_office)) == 5


@pytest.mark.parametrize(
    ("state", "until", "reply"),
    [
        ("quarantined", "2099-12-31", "550 5.1.6 This address is no longer in use"),
        ("redirect", "2020-01-01", "550 5.1.6 This address is no longer in use"),
        ("retired", None, "550 5.1.1 No such recipient here"),
    ],
)
def test_afterwards_it_is_refused_with_the_reason(any_office, state: str, until: str | None, reply: str) -> None:
    with any_office.directory.write() as conn:
        conn.execute(
            update(tables.address).where(tables.address.c.address == "cu@city.vn").values(state=state, until=until)
        )
    with pytest.raises(NoSuchRecipient) as caught:
        from_outside(any_office, "cu+chi-tiet@city.vn", octets=LETTER)
    assert isinstance(caught.value, NoLongerUsed) == ("5.1.6" in reply)
    assert str(refusal_reply(caught.value)) == reply
