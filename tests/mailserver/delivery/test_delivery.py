"""Delivery without a wire: broadcasts, the webmail's submissions, reports, trace fields; on both engines where rows
are written.
"""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest

from directory.database import open_directory
from directory.mail.accounts import find_account
from mailserver.delivery import bounce, inbound, lanes, local, relay, settling, spool, submission
from mailserver.delivery.checks import Findings
from mailserver.delivery.post_office import Origin, PostOffice
from mailserver.delivery.settling import Attempt
from mailserver.delivery.submission import Submission
from mailserver.delivery.trace import refuse_loops, trace_fields, without_return_path
from mailserver.delivery.verdict import Action, Judgement, Verdict
from mailserver.message.report import FAILED, Outcome
from mailserver.refusals import LimitReached, MalformedMessage, NoSuchRecipient, NotPermitted, OverQuota, TooLarge
from mailserver.smtp.commands import MailCommand, RcptCommand
from mailserver.smtp.replies import Reply
from mailserver.store.mailboxes import find_mailbox
from mailserver.store.messages import Target, append
from mailserver.store.reading import placements
from tests.mailserver.mailroom import add_account, add_address, add_group, mails, make_config, set_quota

MESSAGE = (
    b"From: An <an@city.vn>\r\nTo: binh@city.vn\r\nDate: Mon, 23 Nov 2026 10:00:00 +0700\r\n"
    b"Message-ID: <m1@city.vn>\r\nSubject: x\r\n\r\nbody\r\n"
)
ORIGIN = Origin("192.0.2.9", "client.example", "ESMTP")


@pytest.fixture
def any_office(any_store, city_template, tmp_path, clock):
    """A post office on each engine of the store."""
    shutil.copy(city_template, tmp_path / "directory.db")
    directory = open_directory(f"sqlite:///{tmp_path / 'directory.db'}", clock=clock, notice_within=0.0)
    yield PostOffice(
        store=any_store, directory=directory, config=make_config(tmp_path), clock=clock, random=lambda: 0.5
    )
    directory.close()


def account(office, name):
    with office.directory.read() as people:
        return find_account(people, name)


def webmail(office, *recipients, name="an", octets=MESSAGE, **more):
    """As the webmail sends."""
    order = Submission(
        submitter=account(office, name),
        reverse_path=f"{name}@city.vn",
        forward_paths=recipients,
        octets=octets,
        origin="webmail",
        client="192.0.2.1",
        **more,
    )
    return submission.submit(office, order).result()


def from_outside(office, *recipients, octets=MESSAGE, sender="x@ngoai.example"):
    mail = MailCommand(sender)
    taken = [inbound.offer_recipient(office, mail, RcptCommand(each)) for each in recipients]
    return inbound.receive(office, ORIGIN, mail, taken, octets).result()


def items(office):
    with office.store.read() as connection:
        return spool.load_items(connection)


def count_messages(office):
    with office.store.read() as connection:
        return connection.exec_driver_sql("SELECT count(*) FROM message").scalar()


# -- the sending door


def test_everything_in_one_go(any_office):
    done = webmail(any_office, "binh@city.vn", "x@far.example", "everyone@city.vn", keep_sent=True)
    assert (done.local, done.remote, done.refused) == (4, 2, {})
    store = any_office.store
    assert [len(mails(store, name)) for name in ("an", "binh", "chi", "dung")] == [1, 1, 1, 1]
    (sent,) = mails(store, "an", "Sent")
    assert sent.endswith(MESSAGE)
    assert count_messages(any_office) == 1
    (item,) = items(any_office)
    assert [each.forward_path for each in item.recipients] == ["khach@ngoai.example", "x@far.example"]
    with store.read() as connection:
        (row,) = placements(connection, find_mailbox(connection, "an", "Sent").id)
    assert row.flags == 1  # \Seen
    assert b"Received: from webmail ([192.0.2.1])\r\n\tby mail.city.vn with HTTPS id " in sent


def test_the_draft_goes_with_the_sending(any_office):
    store = any_office.store
    any_office.inbox_of("an")
    with store.read() as connection:
        drafts = find_mailbox(connection, "an", "Drafts").id
    content = store.prepare(MESSAGE)
    (kept,) = store.write(lambda tx: append(tx, content, [Target(drafts, flags=("\\Draft",))])).result()
    webmail(any_office, "binh@city.vn", keep_sent=True, replaces_draft=(drafts, kept.uid))
    assert mails(store, "an", "Drafts") == []
    assert len(mails(store, "an", "Sent")) == 1


def test_bcc_stays_in_the_senders_own_copy(any_office):
    octets = MESSAGE.replace(b"Subject", b"Bcc: chi@city.vn\r\nResent-Bcc: chi@city.vn\r\nSubject")
    webmail(any_office, "binh@city.vn", "chi@city.vn", octets=octets, keep_sent=True)
    assert b"Bcc" not in mails(any_office.store, "binh")[0]
    assert b"Bcc" not in mails(any_office.store, "chi")[0]
    assert mails(any_office.store, "an", "Sent") == [octets]


def test_some_recipients_are_refused_and_the_rest_is_sent(office):
    done = webmail(office, "binh@city.vn", "nobody@city.vn", "not an address")
    assert {path: type(refusal) for path, refusal in done.refused.items()} == {
        "nobody@city.vn": NoSuchRecipient,
        "not an address": NoSuchRecipient,
    }
    assert done.local == 1


@pytest.mark.parametrize(
    ("recipients", "more", "refusal"),
    [
        (["nobody@city.vn"], {}, NoSuchRecipient),
        ([], {}, NoSuchRecipient),
        (["binh@city.vn"] * 101, {}, LimitReached),
        (["binh@city.vn"], {"octets": b"Subject: x\r\n\r\nx\r\n"}, MalformedMessage),
        (["binh@city.vn"], {"octets": MESSAGE.replace(b"body\r\n", b"body\n")}, MalformedMessage),
        (["binh@city.vn"], {"octets": b" X: y\r\n" + MESSAGE}, MalformedMessage),
        (["binh@city.vn"], {"octets": MESSAGE.replace(b"<an@", b"<binh@")}, NotPermitted),
        (["binh@city.vn"], {"octets": MESSAGE + b"x" * 1_000_000 + b"\r\n"}, TooLarge),
    ],
)
def test_what_cannot_be_sent_at_all(office, recipients, more, refusal):
    with pytest.raises(refusal):
        webmail(office, *recipients, keep_sent=True, **more)
    assert mails(office.store, "an", "Sent") == []


def test_the_sender_must_be_the_submitters(office):
    order = Submission(account(office, "an"), "binh@city.vn", ("chi@city.vn",), MESSAGE, "webmail", "192.0.2.1")
    with pytest.raises(NotPermitted):
        submission.submit(office, order)


def test_authors_outside_ascii_are_known_by_their_octets(office):
    """RFC 6532: From is UTF-8."""
    with office.directory.write() as people:
        add_address(people, "ông.an@city.vn", account_id="an")
    webmail(office, "binh@city.vn", octets="From: Ông An <Ông.An@city.vn>\r\nSubject: x\r\n\r\nbody\r\n".encode())
    with pytest.raises(NotPermitted):
        webmail(office, "binh@city.vn", octets="From: ông.bình@city.vn\r\n\r\nbody\r\n".encode())


@pytest.mark.parametrize(
    ("author", "is_refused"),
    [
        ('"binh@city.vn" <an@city.vn>', True),
        ("binh@city.vn <an@city.vn>", True),
        ("An (thay binh@CITY.vn) <an@city.vn>", True),
        ("=?utf-8?b?YmluaEBjaXR5LnZu?= <an@city.vn>", True),
        ("<binh@city.vn> <an@city.vn>", True),
        ('"An, an@city.vn" <an@city.vn>', False),
        ('"an@o-nha.example" <an@city.vn>', False),
        ("Văn thư vanthu@city.vn <an@city.vn>", False),
    ],
)
def test_nobody_shows_a_colleagues_address_as_the_author(office, author, is_refused):
    octets = f"From: {author}\r\nSubject: x\r\n\r\nbody\r\n".encode()
    if is_refused:
        with pytest.raises(NotPermitted, match="may not show"):
            webmail(office, "chi@city.vn", octets=octets)
    else:
        webmail(office, "chi@city.vn", octets=octets)


@pytest.mark.parametrize(
    ("fields", "refusal"),
    [
        ("Resent-From: an@city.vn\r\nResent-Sender: an@city.vn\r\n", None),
        ("Resent-To: chi@city.vn\r\n", None),  # RFC 5321 §3.3: no reason to refuse
        ("Resent-From: binh@city.vn\r\n", NotPermitted),
        ("Resent-From: ban@ngoai.example\r\n", NotPermitted),
        ("Resent-From: an@city.vn\r\nResent-From: binh@city.vn\r\n", NotPermitted),
        ('Resent-From: "binh@city.vn" <an@city.vn>\r\n', NotPermitted),
        ("Resent-From: Bình\r\n", MalformedMessage),
        ("Resent-From: an@city.vn\r\nResent-Sender: binh@city.vn\r\n", NotPermitted),
        ("Sender: an@city.vn\r\n", None),
        ("Sender: binh@city.vn\r\n", NotPermitted),
        ("Sender: an@city.vn\r\nSender: an@city.vn\r\n", NotPermitted),
    ],
)
def test_nobody_sends_in_a_colleagues_name_nor_once_more(office, fields, refusal):
    octets = fields.encode() + MESSAGE
    if refusal is None:
        webmail(office, "chi@city.vn", octets=octets)
    else:
        with pytest.raises(refusal):
            webmail(office, "chi@city.vn", octets=octets)
    assert len(mails(office.store, "chi")) == (refusal is None)


@pytest.mark.parametrize("in_file", [True, False])
def test_no_author_hides_where_nobody_looks(office, in_file):
    octets = b"From: an@city.vn\r\n" + b"X: y\r\n" * 200_000 + b"From: binh@city.vn\r\n\r\nbody\r\n"
    path = office.incoming / "data-large"
    path.write_bytes(octets)
    office.config = replace(office.config, smtp=replace(office.config.smtp, max_message_size=10_000_000))
    with pytest.raises(MalformedMessage):
        webmail(office, "binh@city.vn", octets=path if in_file else octets)
    path.unlink()


def test_junk_that_had_to_wait_for_room_is_junk(any_office):
    office = any_office
    office.inbox_of("binh")  # with its Junk
    set_quota(office, "binh", 100)
    with office.directory.write() as people:
        add_group(people, "cho", "anyone", ["an", "binh"])
    mail = MailCommand("x@ngoai.example")
    taken = [inbound.offer_recipient(office, mail, RcptCommand("cho@city.vn"))]
    junk = Judgement(Findings(), Verdict(Action.JUNK, "listed"))
    inbound.receive(office, ORIGIN, mail, taken, MESSAGE, junk).result()
    assert [len(mails(office.store, "an", name)) for name in ("INBOX", "Junk")] == [0, 1]
    (item,) = items(office)
    set_quota(office, "binh", 0)
    judgement = relay.deliver_here(office, item, item.recipients)
    office.store.write(lambda tx: settling.write_down(tx, "", [judgement])).result()
    assert [len(mails(office.store, "binh", name)) for name in ("INBOX", "Junk")] == [0, 1]
    assert items(office) == []


def test_a_unit_writes_in_its_own_name(office):
    webmail(office, "binh@city.vn", octets=MESSAGE.replace(b"<an@city.vn>", b"<vanthu@city.vn>"))
    assert b"\r\nFrom: An <vanthu@city.vn>\r\n" in mails(office.store, "binh")[0]


# -- broadcast


def staff(office, count):
    names = [f"p{number:05}" for number in range(count)]
    with office.directory.write() as conn:
        for name in names:
            add_account(conn, name, None)
            add_address(conn, f"{name}@city.vn", account_id=name)
        add_group(conn, "all", "anyone", names)
    return names


def test_a_notice_to_many_is_one_body_and_one_set_operation(any_office):
    names = staff(any_office, 300)
    from_outside(any_office, "all@city.vn", "an@city.vn", "p00007@city.vn")
    assert count_messages(any_office) == 1
    assert all(len(mails(any_office.store, name)) == 1 for name in (*names[:5], "p00007", "p00299", "an"))


def test_those_without_room_are_found_among_many(office, monkeypatch):
    names = staff(office, 60)
    monkeypatch.setattr(local, "_MANY", 50)
    from_outside(office, "p00003@city.vn", "p00004@city.vn")
    set_quota(office, "p00003", 300)
    set_quota(office, "p00004", 10_000)
    from_outside(office, "all@city.vn")
    assert [len(mails(office.store, name)) for name in names[2:6]] == [1, 1, 2, 1]
    (item,) = items(office)
    assert [each.forward_path for each in item.recipients] == ["p00003@city.vn"]


def test_a_message_larger_than_a_quota_fits_no_empty_mailbox_either(office, monkeypatch):
    staff(office, 60)
    monkeypatch.setattr(local, "_MANY", 50)
    set_quota(office, "p00003", 10)
    from_outside(office, "all@city.vn")
    (item,) = items(office)
    assert [each.forward_path for each in item.recipients] == ["p00003@city.vn"]


def test_another_quota_counts_at_once(office):
    set_quota(office, "an", 10_000)
    from_outside(office, "an@city.vn")
    set_quota(office, "an", 300)
    with pytest.raises(OverQuota):
        from_outside(office, "an@city.vn")
    set_quota(office, "an", 10_000)
    from_outside(office, "an@city.vn")


def test_when_nobody_has_room_the_message_is_refused(office):
    set_quota(office, "an", 100)
    with pytest.raises(OverQuota):
        from_outside(office, "an@city.vn")


def test_room_is_counted_down_between_counts(office):
    set_quota(office, "an", 800)
    from_outside(office, "an@city.vn")
    from_outside(office, "an@city.vn")
    with pytest.raises(OverQuota):
        from_outside(office, "an@city.vn")


# -- reports


def waiting(office, *addresses, reverse_path="an@city.vn", **envelope):
    content = office.store.prepare(MESSAGE, prefix=b"Return-Path: <an@city.vn>\r\n")
    who = local.Distribution(remote=tuple(spool.SpoolRecipient(each) for each in addresses))
    office.store.write(lambda tx: local.deliver(tx, content, who, spool.Envelope(reverse_path, **envelope))).result()
    (lane, *_) = office.store.write(lambda tx: lanes.claim(tx, "me", 100)).result()
    with office.store.read() as connection:
        return lanes.load_due(connection, lane.key, 2**40, 100)[0][0]


def settle(office, item, attempt):
    judgement = settling.judge(office, item, item.recipients, attempt)
    office.store.write(lambda tx: settling.write_down(tx, "me", [judgement])).result()


def report_about(office, item, *outcomes):
    reports = bounce.report(office, item, outcomes)
    office.store.write(lambda tx: bounce.deliver(tx, reports)).result()


@pytest.mark.parametrize(("ret", "whole"), [("FULL", True), ("HDRS", False), ("", True)])
def test_what_a_report_returns(office, ret, whole):
    item = waiting(office, "x@far.example", ret=ret)
    report_about(office, item, Outcome("x@far.example", FAILED, "5.1.1", "550 5.1.1 no"))
    (report,) = mails(office.store, "an")
    assert (b"\r\n\r\nbody\r\n" in report) is whole
    assert report.count(b"Return-Path") == 1


@pytest.mark.parametrize("reverse_path", ["", "nobody@city.vn", "everyone@city.vn"])
def test_senders_that_are_told_nothing(office, reverse_path):
    item = waiting(office, "x@far.example", reverse_path=reverse_path)
    report_about(office, item, Outcome("x@far.example", FAILED, "5.1.1", "550 5.1.1 no"))
    assert mails(office.store, "an") == []
    assert len(items(office)) == 1


def test_settling_is_one_transaction(any_office):
    item = waiting(any_office, "x@far.example", "y@far.example")
    replies = {"x@far.example": Reply(250, "2.0.0", "ok"), "y@far.example": Reply(550, "5.1.1", "no")}
    settle(any_office, item, Attempt(replies, "mx.far.example"))
    assert items(any_office) == []
    (report,) = mails(any_office.store, "an")
    assert b"Remote-MTA: dns;mx.far.example" in report


def test_a_recipient_without_an_answer_is_tried_again(office):
    item = waiting(office, "x@far.example")
    settle(office, item, Attempt({}))
    (recipient,) = items(office)[0].recipients
    assert (recipient.state, recipient.attempts) == ("due", 1)


def test_a_message_is_read_in_pieces_and_without_our_return_path(office, monkeypatch):
    monkeypatch.setattr(relay, "CHUNK", 50)
    item = waiting(office, "x@far.example")
    opening = relay.open_message(office, item)
    pieces = list(relay.rest_of(office, item, opening))
    assert b"".join(pieces) == MESSAGE
    assert max(map(len, pieces)) == 50
    assert relay.envelope_for(item, item.recipients, opening.size, 0).size == len(MESSAGE)


# -- trace


def test_trace_fields():
    fields = trace_fields(
        replace(ORIGIN, client="2001:db8::1"),
        hostname="mail.city.vn",
        reference="R1",
        reverse_path="a@b.vn",
        forward_path="",
        now=1795402800,
    )
    assert fields == (
        b"Return-Path: <a@b.vn>\r\n"
        b"Received: from client.example ([IPv6:2001:db8::1])\r\n"
        b"\tby mail.city.vn with ESMTP id R1;\r\n"
        b"\tMon, 23 Nov 2026 10:00:00 +0700\r\n"
    )
    assert without_return_path(fields + MESSAGE).startswith(b"Received:")
    assert without_return_path(MESSAGE) == MESSAGE


@pytest.mark.parametrize("in_file", [True, False])
@pytest.mark.parametrize("is_ours", [True, False])
def test_the_return_path_is_the_envelopes_alone(office, is_ours, in_file):
    octets = b"Return-path: <an@city.vn>\r\n" + MESSAGE.replace(b"Subject", b"RETURN-PATH :\r\n <>\r\nSubject")
    path = office.incoming / "data-returned"
    path.write_bytes(octets)
    given = path if in_file else octets
    if is_ours:
        webmail(office, "chi@city.vn", octets=given)
    else:
        from_outside(office, "chi@city.vn", octets=given)
    (received,) = mails(office.store, "chi")
    assert received.endswith(b"\r\n" + MESSAGE)
    sender = b"an@city.vn" if is_ours else b"x@ngoai.example"
    assert received.lower().count(b"return-path") == 1
    assert received.startswith(b"Return-Path: <%b>\r\n" % sender)
    path.unlink(missing_ok=True)


@pytest.mark.parametrize("field", [b"Received: x\r\n", b"RECEIVED: x\r\n", b"received: x\r\n", b"ReCeIvEd: x\r\n"])
def test_loops_are_found_however_they_are_written(field):
    refuse_loops(field * 50 + b"X-Received: y\r\n" * 100, 50)
    with pytest.raises(MalformedMessage):
        refuse_loops(field * 51, 50)
