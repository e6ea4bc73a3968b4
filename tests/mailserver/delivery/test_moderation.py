"""Moderated groups: whatever leads to one waits for a moderator, and nothing else does; on both engines."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from directory import record, tables
from directory.database import open_directory
from directory.faults import Refused
from directory.mail import group_rights
from directory.mail.accounts import find_account
from mailserver.delivery import inbound, lanes, local, moderation, queue, relay, settling, spool, submission
from mailserver.delivery.checks import Findings
from mailserver.delivery.post_office import Origin, PostOffice
from mailserver.delivery.queue import Choice
from mailserver.delivery.submission import Submission
from mailserver.delivery.verdict import Action, Judgement, Verdict
from mailserver.refusals import NoSuchMessage, NotPermitted
from mailserver.smtp.commands import MailCommand, RcptCommand
from mailserver.store import Store
from security.spf import Spf, SpfResult
from tests.mailserver.mailroom import PEOPLE, Clock, add_account, add_address, add_group, mails, make_config

MESSAGE = (
    b"From: An <an@city.vn>\r\nTo: everyone@city.vn\r\nDate: Mon, 23 Nov 2026 10:00:00 +0700\r\n"
    b"Message-ID: <m1@city.vn>\r\nSubject: =?utf-8?b?TOG7i2NoIGjhu41w?=\r\n\r\nbody\r\n"
)
ORIGIN = Origin("192.0.2.9", "client.example", "ESMTP")


@pytest.fixture
def any_office(any_store: Store, city_template: Path, tmp_path: Path, clock: Clock) -> Iterator[PostOffice]:
    """A post office on each engine of the store, with everyone@ moderated by chi."""
    shutil.copy(city_template, tmp_path / "directory.db")
    directory = open_directory(f"sqlite:///{tmp_path / 'directory.db'}", clock=clock, notice_within=0.0)
    office = PostOffice(
        store=any_store, directory=directory, config=make_config(tmp_path), clock=clock, random=lambda: 0.5
    )
    moderate(office, "everyone", "chi")
    yield office
    directory.close()


def moderate(office: PostOffice, group: str, *by: str) -> None:
    with office.directory.write() as conn:
        conn.execute(update(tables.mail_group).where(tables.mail_group.c.id == group).values(is_moderated=True))
        group_rights.set_moderators(conn, "test", group, by)


def webmail(office: PostOffice, *recipients: str, name: str = "an", **more: Any) -> submission.Submitted:
    with office.directory.read() as people:
        submitter = find_account(people, name)
    assert submitter is not None
    octets = MESSAGE.replace(b"An <an@", f"X <{name}@".encode())
    order = Submission(submitter, f"{name}@city.vn", recipients, octets, "webmail", "192.0.2.1", **more)
    return submission.submit(office, order).result()


def from_outside(office: PostOffice, *recipients: str, judgement: Judgement | None = None) -> inbound.Arrival:
    mail = MailCommand("x@ngoai.example")
    taken = [inbound.offer_recipient(office, mail, RcptCommand(each)) for each in recipients]
    return inbound.receive(office, ORIGIN, mail, taken, MESSAGE, judgement).result()


def got(office: PostOffice) -> dict[str, int]:
    """How many messages of these tests each has in his INBOX, notices and reports aside."""
    return {
        name: count
        for name in PEOPLE
        if (
            count := sum(
                b"\nMessage-ID: <m1@city.vn>" in mail.partition(b"\r\n\r\n")[0] for mail in mails(office.store, name)
            )
        )
    }


def notices(office: PostOffice, name: str) -> list[bytes]:
    return [mail for mail in mails(office.store, name) if b"Auto-Submitted: auto-generated" in mail]


def held(office: PostOffice) -> list[str]:
    return [each.moderation for each in moderation.waiting(office.store)]


def relay_runs(office: PostOffice) -> None:
    """Whatever is due for our own domain is delivered."""
    office.store.write(lambda tx: lanes.claim(tx, "me", 100)).result()
    with office.store.read() as connection:
        items = spool.load_items(connection)
    for item in items:
        due = [each for each in item.recipients if each.state == spool.DUE and each.domain == "city.vn"]
        if due:
            judgement = relay.deliver_here(office, item, due)
            office.store.write(lambda tx, found=judgement: settling.write_down(tx, "me", [found])).result()  # type: ignore[misc]


def approve(office: PostOffice, *ids: int, by: str = "chi") -> int:
    return moderation.approve(office.store, office.directory, by, ids, origin="here", reason="")


def only_item(office: PostOffice) -> int:
    (item,) = moderation.waiting(office.store)
    return item.id


def test_it_waits_for_a_moderator_and_then_reaches_everybody_once(any_office: PostOffice) -> None:
    done = webmail(any_office, "everyone@city.vn", keep_sent=True)
    assert done.refused == {}
    assert (got(any_office), held(any_office)) == ({}, ["everyone@city.vn"])
    assert len(mails(any_office.store, "an", "Sent")) == 1
    relay_runs(any_office)
    assert got(any_office) == {}
    (notice,) = notices(any_office, "chi")
    assert b"Content-Type: message/rfc822" in notice
    assert notice.count(b"<m1@city.vn>") == 1
    assert notices(any_office, "an") == notices(any_office, "dung") == []
    assert approve(any_office, only_item(any_office)) == 1
    relay_runs(any_office)
    assert got(any_office) == {"an": 1, "binh": 1, "chi": 1, "dung": 1}
    with any_office.store.read() as connection:
        (rest,) = spool.load_items(connection)
    assert [each.forward_path for each in rest.recipients] == ["khach@ngoai.example"]
    with any_office.directory.read() as conn:
        (entry,) = record.search(conn, action="group.approve")
    assert (entry.actor, entry.subject) == ("chi", "everyone@city.vn")
    assert "Lịch họp" in entry.details
    with pytest.raises(NoSuchMessage):
        approve(any_office, 12345)


def test_from_outside_and_junk_stays_junk(any_office: PostOffice) -> None:
    judgement = Judgement(Findings(), Verdict(Action.JUNK, "spam"))
    from_outside(any_office, "everyone@city.vn", judgement=judgement)
    # of junk nobody is told, nor does it keep moderators from being told of the rest
    assert (got(any_office), notices(any_office, "chi")) == ({}, [])
    approve(any_office, only_item(any_office))
    relay_runs(any_office)
    assert got(any_office) == {}
    assert len(mails(any_office.store, "binh", "Junk")) == 1


def test_inside_another_group_only_its_members_wait(any_office: PostOffice) -> None:
    webmail(any_office, "outer@city.vn", name="binh")
    assert (got(any_office), held(any_office)) == ({"an": 1}, ["everyone@city.vn"])
    approve(any_office, only_item(any_office))
    relay_runs(any_office)
    assert got(any_office) == {"an": 1, "binh": 1, "chi": 1, "dung": 1}


def test_two_moderators_one_behind_the_other(any_office: PostOffice) -> None:
    moderate(any_office, "outer", "dung")
    webmail(any_office, "outer@city.vn", name="binh")
    assert (got(any_office), held(any_office)) == ({}, ["outer@city.vn"])
    approve(any_office, only_item(any_office), by="dung")
    relay_runs(any_office)
    assert (got(any_office), held(any_office)) == ({"an": 1}, ["everyone@city.vn"])
    assert [len(notices(any_office, name)) for name in ("chi", "dung")] == [1, 1]
    approve(any_office, only_item(any_office))
    relay_runs(any_office)
    assert got(any_office) == {"an": 1, "binh": 1, "chi": 1, "dung": 1}


@pytest.mark.parametrize("way", ["alias", "forward"])
def test_no_way_leads_around_it(any_office: PostOffice, way: str) -> None:
    with any_office.directory.write() as conn:
        owner = {"group_id": "everyone"} if way == "alias" else {"forward_to": "everyone@city.vn"}
        add_address(conn, "moinguoi@city.vn", **owner)
    webmail(any_office, "moinguoi@city.vn")
    assert (got(any_office), held(any_office)) == ({}, ["everyone@city.vn"])
    webmail(any_office, "binh@city.vn", "moinguoi@city.vn", "everyone@city.vn", "outer@city.vn")
    assert (got(any_office), held(any_office)) == ({"an": 1, "binh": 1}, ["everyone@city.vn"] * 2)


def test_a_moderator_is_not_asked_about_his_own(any_office: PostOffice) -> None:
    webmail(any_office, "everyone@city.vn", name="chi")
    assert (held(any_office), len(got(any_office))) == ([], 4)


def test_later_and_out_of_quarantine_it_waits_too(any_office: PostOffice, clock: Clock) -> None:
    webmail(any_office, "everyone@city.vn", mail=MailCommand("an@city.vn", hold_for=60))
    assert held(any_office) == []
    clock.pass_by(61)
    relay_runs(any_office)
    assert (got(any_office), held(any_office)) == ({}, ["everyone@city.vn"])
    from_outside(any_office, "everyone@city.vn", judgement=Judgement(Findings(), Verdict(Action.QUARANTINE, "virus")))
    queue.release(any_office.store, Choice(state=queue.QUARANTINED))
    relay_runs(any_office)
    assert (got(any_office), held(any_office)) == ({}, ["everyone@city.vn"] * 2)
    assert len(notices(any_office, "chi")) == 2


def test_a_notice_to_hundreds_waits_as_one(any_office: PostOffice) -> None:
    names = [f"cb{number}" for number in range(local.FEW + 10)]
    with any_office.directory.write() as conn:
        for name in names:
            add_account(conn, name, None)
            add_address(conn, f"{name}@city.vn", account_id=name)
        add_group(conn, "canbo", "internal", names)
    moderate(any_office, "canbo", "dung")
    webmail(any_office, "canbo@city.vn")
    assert [len(mails(any_office.store, name)) for name in names] == [0] * len(names)
    approve(any_office, only_item(any_office))
    relay_runs(any_office)
    assert [len(mails(any_office.store, name)) for name in names] == [1] * len(names)


def test_no_operator_lets_it_pass_unseen(any_office: PostOffice) -> None:
    webmail(any_office, "everyone@city.vn")
    store = any_office.store
    for choice in (Choice(), Choice(state="held"), Choice(domain="city.vn"), Choice(state=queue.QUARANTINED)):
        assert queue.release(store, choice) == queue.remove(store, choice) == queue.retry(store, choice) == 0
        assert queue.list_queued(store, choice) == []
    assert held(any_office) == ["everyone@city.vn"]


def test_who_is_turned_away_is_told_if_he_is_ours(any_office: PostOffice) -> None:
    webmail(any_office, "everyone@city.vn")
    moderation.reject(any_office, "chi", [only_item(any_office)], origin="here", reason="không đúng nhóm")
    (report,) = mails(any_office.store, "an")
    assert b"Status: 5.7.2" in report
    from_outside(any_office, "everyone@city.vn")
    moderation.reject(any_office, "chi", [only_item(any_office)], origin="here", reason="")
    with any_office.store.read() as connection:
        assert spool.load_items(connection) == []
    relay_runs(any_office)
    assert got(any_office) == {}
    with any_office.directory.read() as conn:
        assert len(list(record.search(conn, action="group.reject"))) == 2


def test_only_a_moderator_decides(any_office: PostOffice) -> None:
    webmail(any_office, "everyone@city.vn")
    item = only_item(any_office)
    any_office.directory.administrator = "binh"
    with pytest.raises(Refused):
        approve(any_office, item, by="binh")
    with pytest.raises(Refused):
        moderation.reject(any_office, "binh", [item], origin="here", reason="")
    assert held(any_office) == ["everyone@city.vn"]
    any_office.directory.administrator = "chi"
    assert approve(any_office, item) == 1
    any_office.directory.administrator = ""


def test_moderators_who_do_not_answer_are_not_told_for_ever(
    any_office: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moderation, "_MOST_TOLD", 3)
    junk = Judgement(Findings(), Verdict(Action.JUNK, "spam"))
    for judgement in [junk] * 4 + [None] * 5:
        from_outside(any_office, "everyone@city.vn", judgement=judgement)
    assert len(notices(any_office, "chi")) == 3
    assert len(held(any_office)) == 9


def test_whoever_may_not_write_may_not_wait(any_office: PostOffice) -> None:
    moderate(any_office, "inner", "binh")
    with pytest.raises(NotPermitted):
        from_outside(any_office, "inner@city.vn")
    assert held(any_office) == []


def test_without_named_moderators_the_administrators_are_told(any_office: PostOffice) -> None:
    moderate(any_office, "everyone")
    webmail(any_office, "everyone@city.vn")
    assert [len(notices(any_office, name)) for name in PEOPLE] == [0, 0, 0, 1]


DAY = 86_400


def reports(office: PostOffice, name: str) -> list[bytes]:
    return [mail for mail in mails(office.store, name) if b"report-type=delivery-status" in mail]


def test_what_nobody_decides_about_is_turned_away_after_a_reminder(any_office: PostOffice, clock: Clock) -> None:
    days = any_office.config.reception.moderation_days
    webmail(any_office, "everyone@city.vn")
    junk = Judgement(Findings(), Verdict(Action.JUNK, "spam"))
    from_outside(any_office, "everyone@city.vn", judgement=junk)
    assert (moderation.remind(any_office), moderation.expire(any_office)) == (0, 0)
    clock.pass_by(days * DAY * 2 // 3 + DAY)  # the store has a clock of its own
    assert moderation.remind(any_office) == 1
    assert moderation.remind(any_office) == 0
    (_, reminder) = notices(any_office, "chi")
    assert b"still waits for a moderator (1)" in reminder
    assert moderation.expire(any_office) == 0
    clock.pass_by(days * DAY // 3)
    assert moderation.expire(any_office) == 2
    (report,) = reports(any_office, "an")
    assert b"Status: 5.4.7" in report
    with any_office.store.read() as connection:
        assert spool.load_items(connection) == []  # and to the junk's sender nothing goes
    with any_office.directory.read() as conn:
        told = list(record.search(conn, action="group.expire"))
    assert {(entry.actor, entry.subject) for entry in told} == {("housekeeper", "everyone@city.vn")}
    assert len(told) == 2


@pytest.mark.parametrize(
    ("status", "is_told"), [(Spf.PASS, True), (Spf.NEUTRAL, False), (Spf.SOFTFAIL, False), (None, False)]
)
def test_a_sender_outside_is_told_only_if_his_domain_is_proved(
    any_office: PostOffice, clock: Clock, status: Spf | None, is_told: bool
) -> None:
    found = Findings(mail_from=SpfResult(status, "ngoai.example") if status else None)
    from_outside(any_office, "everyone@city.vn", judgement=Judgement(found, Verdict(Action.ACCEPT)))
    clock.pass_by((any_office.config.reception.moderation_days + 1) * DAY)
    assert moderation.expire(any_office) == 1
    with any_office.store.read() as connection:
        sent = [each.forward_path for item in spool.load_items(connection) for each in item.recipients]
    assert sent == (["x@ngoai.example"] if is_told else [])


def test_where_it_may_wait_for_ever_it_does(any_office: PostOffice, clock: Clock) -> None:
    reception = replace(any_office.config.reception, moderation_days=0)
    any_office.config = replace(any_office.config, reception=reception)
    webmail(any_office, "everyone@city.vn")
    clock.pass_by(4000 * DAY)
    assert (moderation.remind(any_office), moderation.expire(any_office)) == (0, 0)
    assert len(held(any_office)) == 1


def test_what_a_moderator_lets_pass_meanwhile_is_not_turned_away(any_office: PostOffice) -> None:
    webmail(any_office, "everyone@city.vn")
    with any_office.store.read() as connection:
        (item,) = spool.load_items(connection)
    approve(any_office, item.id)
    assert moderation._turn_away(any_office, item, "5.4.7", "550 5.4.7 late") is False
    assert reports(any_office, "an") == []
    relay_runs(any_office)
    assert got(any_office)["binh"] == 1
