"""What was ordered for later is looked at again as it goes: who ordered it, for whom, and under which signature."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from directory import tables
from directory.mail import mailboxes
from directory.pki.certificates import SIGNING, certificates_of, revoke
from mailserver.delivery import postponing, submission
from mailserver.delivery.protecting import Protection
from mailserver.delivery.submission import Submission
from mailserver.store.tables import postponed
from tests.directory.authorities import found_pki
from tests.directory.certified import certify
from tests.mailserver.delivery.test_delivery import account, items
from tests.mailserver.delivery.test_protecting import letter
from tests.mailserver.mailroom import set_status


@pytest.fixture
def keys(office, tmp_path):
    pki = found_pki(office.directory, tmp_path / "pki")
    return {name: certify(office.directory, pki, name, days=30) for name in ("an", "vanthu")}


def order(office, keys, name="vanthu", *, submitter="an", writer="an", signed=True):
    """An orders a letter for tomorrow; the unit's unless said otherwise."""
    sent = Submission(
        submitter=account(office, submitter),
        reverse_path=f"{name}@city.vn",
        forward_paths=("binh@city.vn", "x@far.example"),
        octets=letter(author=f"{name}@city.vn"),
        origin="webmail",
        client="192.0.2.1",
        release_at=office.now() + 86_400,
        keep_sent=True,
        protection=Protection(keys[name].signer) if signed else None,
        writer=account(office, writer),
    )
    return submission.submit(office, sent).result()


def judged(office):
    """Why what waits does not go, as a relay finds it."""
    [item] = items(office)
    postponing.judge_again(office, [item])
    return "" if item.objection is None else str(item.objection)


def left(office):
    with office.store.read() as connection:
        return connection.execute(select(func.count()).select_from(postponed)).scalar()


@pytest.mark.parametrize("submitter", ["an", "vanthu"])  # from one's own mailbox for the unit, or from the unit's
def test_who_may_not_write_for_the_unit_any_more_is_not_its_voice(office, keys, submitter):
    order(office, keys, submitter=submitter)
    with office.directory.write() as conn:
        mailboxes.revoke(conn, "test", "vanthu", "an")
    assert judged(office) == "550 5.7.1 Not sent at its time: its sender may no longer write for this mailbox"
    assert judged(office)  # a second relay finds the same


@pytest.mark.parametrize("name", ["an", "vanthu"])
@pytest.mark.parametrize("status", ["locked", "closed"])
def test_who_is_locked_or_has_left_sends_nothing(office, keys, name, status):
    order(office, keys, name, signed=False)
    set_status(office, "an", status)
    assert "is locked or closed" in judged(office)


@pytest.mark.parametrize("how", ["revoked", "expired"])
def test_a_signature_that_nobody_will_believe_is_not_sent(office, keys, clock, how):
    order(office, keys)
    if how == "revoked":
        with office.directory.write() as conn:
            mine = [one for one in certificates_of(conn, "vanthu") if one.purpose == SIGNING]
            revoke(conn, "test", mine, "key-compromise")
    else:
        clock.pass_by(timedelta(days=31).total_seconds())
    assert "revoked or has expired" in judged(office)


def test_another_certificate_in_its_place_is_no_obstacle(office, keys):
    order(office, keys)
    with office.directory.write() as conn:
        conn.execute(update(tables.certificate).values(state="superseded"))
    assert judged(office) == ""


def test_what_may_go_is_not_asked_about_again(office, keys):
    order(office, keys)
    assert left(office) == 1
    assert judged(office) == ""
    assert left(office) == 0
    set_status(office, "an", "closed")
    assert judged(office) == ""  # another server was not there: it is tried again whatever became of its sender


def test_what_is_let_go_before_its_time_is_looked_at_too(office, keys):
    done = order(office, keys)
    with office.directory.write() as conn:
        mailboxes.revoke(conn, "test", "vanthu", "an")
    office.store.write(lambda tx: postponing.let_go(tx, "an", done.postponed)).result()
    assert "may no longer write" in judged(office)


def test_what_was_ordered_before_that_was_noted_goes(office, keys):
    order(office, keys)
    office.store.write(
        lambda tx: tx.connection.execute(update(postponed).values(writer_id="", author_id="", certificate=""))
    ).result()
    set_status(office, "an", "closed")
    assert judged(office) == ""


def test_the_order_remembers_who_for_whom_and_under_which_certificate(office, keys):
    order(office, keys)
    with office.store.read() as connection:
        [row] = connection.execute(select(postponed.c.writer_id, postponed.c.author_id, postponed.c.certificate)).all()
    with office.directory.read() as conn:
        [mine] = [one for one in certificates_of(conn, "vanthu") if one.purpose == SIGNING]
    assert tuple(row) == ("an", "vanthu", mine.fingerprint)
