"""What one login may send within an hour: counted exactly, refused beyond, and told to postmaster once."""

from __future__ import annotations

import time
from dataclasses import replace
from email import message_from_bytes

import pytest

from directory.mail.accounts import find_account
from mailserver.config import Sending
from mailserver.delivery import allowance, spool, submission
from mailserver.delivery.submission import Submission
from mailserver.refusals import SendingLimit
from mailserver.smtp.replies import refusal_reply
from mailserver.store import Store
from tests.mailserver.mailroom import add_group

MESSAGE = b"From: an@city.vn\r\nTo: x@ngoai.example\r\nSubject: x\r\n\r\nbody\r\n"


LIMITS = {"messages_per_hour": 3, "recipients_per_hour": 5}


@pytest.fixture(params=["sqlite", "postgresql"])
def any_office(request, make_office, clock, tmp_path):
    """A post office on each engine of the store."""
    office = make_office(sending=LIMITS)
    if request.param == "sqlite":
        yield office
        return
    store = Store(request.getfixturevalue("postgres_store_url"), tmp_path, clock=clock)
    yield replace(office, store=store)
    assert store.check_consistency() == []
    store.close()


def send(office, *recipients, name="an"):
    with office.directory.read() as people:
        submitter = find_account(people, name)
    octets = MESSAGE.replace(b"an@", name.encode() + b"@")
    order = Submission(submitter, f"{name}@city.vn", recipients, octets, "webmail", "192.0.2.1")
    return submission.submit(office, order).result()


def alarms(office, count):
    """What postmaster is told, as it lies in the spool, once there are so many."""
    until = time.monotonic() + 20
    while True:
        with office.store.read() as connection:
            items = [
                item
                for item in spool.load_items(connection)
                if any(each.forward_path == "postmaster@city.vn" for each in item.recipients)
            ]
            if len(items) >= count or time.monotonic() > until:
                return [office.store.octets(connection, item.message_id) for item in items]
        time.sleep(0.01)


def test_messages_are_counted_within_an_hour(any_office, clock):
    for _ in range(3):
        send(any_office, "x@ngoai.example")
    with pytest.raises(SendingLimit) as caught:
        send(any_office, "x@ngoai.example")
    assert refusal_reply(caught.value).code == 451
    assert "an@city.vn" in caught.value.reason
    send(any_office, "x@ngoai.example", name="binh")  # another's count is another's
    clock.pass_by(allowance.WINDOW + 1)
    send(any_office, "x@ngoai.example")


def test_different_recipients_are_counted_once_each(any_office):
    send(any_office, "a@ngoai.example", "b@ngoai.example", "c@ngoai.example")
    send(any_office, "A@ngoai.example", "b@ngoai.example", "binh@city.vn", "d@ngoai.example")
    with pytest.raises(SendingLimit, match="recipients"):
        send(any_office, "e@ngoai.example")
    send(any_office, "a@ngoai.example")  # what was refused is not counted


def test_a_group_is_one_recipient(any_office):
    with any_office.directory.write() as people:
        add_group(people, "staff", "internal", ["an", "binh"])
    send(any_office, "staff@city.vn", "a@ngoai.example", "b@ngoai.example", "c@ngoai.example", "d@ngoai.example")


def test_postmaster_is_told_once_an_hour(any_office, clock):
    for _ in range(3):
        send(any_office, "x@ngoai.example")
    assert alarms(any_office, 0) == []
    for _ in range(3):
        with pytest.raises(SendingLimit):
            send(any_office, "x@ngoai.example")
    (told,) = map(message_from_bytes, alarms(any_office, 1))
    text = told.get_payload(decode=True).decode()
    assert "an@city.vn" in text
    assert "192.0.2.1" in text
    clock.pass_by(allowance.WINDOW + 1)
    for _ in range(3):
        send(any_office, "x@ngoai.example")
    with pytest.raises(SendingLimit):
        send(any_office, "x@ngoai.example")
    assert len(alarms(any_office, 2)) == 2


def test_programs_may_be_unlimited(any_office):
    any_office.config = replace(any_office.config, sending=Sending(1, 1, unlimited=("an@city.vn",)))
    for number in range(5):
        send(any_office, f"{number}@ngoai.example", "x@ngoai.example")


def test_nothing_is_remembered_for_longer_than_it_counts(any_office, clock):
    send(any_office, "x@ngoai.example")
    clock.pass_by(allowance.WINDOW + 1)
    any_office.store.write(allowance.sweep).result()
    with any_office.store.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM sending").scalar() == 0
