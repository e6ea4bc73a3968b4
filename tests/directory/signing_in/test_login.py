"""The gate: who gets in, who does not, what he is told and what it costs him."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest
from nacl.pwhash import argon2id

from directory.database import Directory
from directory.mail import account_changes, aliases, mailboxes
from directory.mail.accounts import account_by_login, credentials_by_login
from directory.record import entries
from directory.signing_in.admission import Admission
from directory.signing_in.login import Gate, LoginRefused
from directory.staff import leaving
from directory.staff.intake import Joined
from security import passwords
from security.passwords import hash_password
from security.peer import Peer
from security.proven import ProvenLogins
from security.sasl import Credentials as Shown
from security.throttle import FREE_PER_PAIR, Throttle
from tests.directory.conftest import City, Clock

PASSWORD = "Một mật khẩu tốt"
STORED = hash_password(PASSWORD)
HERE, ELSEWHERE = "198.51.100.7", "203.0.113.9"


@pytest.fixture
def gate(city: City, clock: Clock) -> Gate:
    return make_gate(city.directory, clock)


def make_gate(directory: Directory, clock: Clock) -> Gate:
    return Gate(
        directory,
        throttle=Throttle(["127.0.0.0/8"], monotonic=clock),
        proven=ProvenLogins(600, monotonic=clock),
    )


@pytest.fixture
def an(city: City) -> Joined:
    with city.directory.write() as conn:
        return city.join(conn, "Nguyễn Văn An", password_hash=STORED)


@pytest.fixture
def count_hashes(monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """Every hash that is really computed."""
    computed: list[str | None] = []
    verify = passwords.verify_password

    def counting(stored: str | None, password: str) -> bool:
        computed.append(stored)
        return verify(stored, password)

    monkeypatch.setattr("directory.signing_in.login.verify_password", counting)
    return computed


def refused(
    gate: Gate, login: str, password: str, client: str = HERE, protocol: str = "imap", authzid: str = ""
) -> LoginRefused:
    with pytest.raises(LoginRefused) as caught:
        gate.authenticate(login, password, client, protocol, authzid)
    return caught.value


def recall(gate: Gate, login: str, password: str, client: str, authzid: str = "") -> Admission | None:
    return gate.recall(Shown(authzid, login, password), Peer(client, "imap"))


def admit(
    gate: Gate, login: str, password: str, protocol: str = "imap", authzid: str = "", client: str = HERE
) -> Admission:
    return gate.judge(Shown(authzid, login, password), Peer(client, protocol))


def test_every_way_to_write_the_login(city: City, gate: Gate, an: Joined) -> None:
    with city.directory.write() as conn:
        aliases.add_alias(conn, "test", "nguyen.an", an.login)
    for login in ("annv@city.gov.vn", "ANNV@CITY.GOV.VN", "annv", "nguyen.an", "nguyen.an@city.gov.vn"):
        assert gate.authenticate(login, PASSWORD, HERE, "imap").id == an.account_id
    for login in ("annv+x@city.gov.vn", "an", "", "@", "annv@elsewhere.vn", "annv@city.gov.vn\x00"):
        assert refused(gate, login, PASSWORD).reason == "credentials"


def test_unknown_login_wrong_password_closed_account_and_none_set_are_told_alike(
    city: City, gate: Gate, an: Joined, count_hashes: list[str | None]
) -> None:
    with city.directory.write() as conn:
        gone = city.join(conn, "Trần Văn Hết", password_hash=STORED)
        leaving.leave(conn, "test", gone.account_id, last_day="2026-03-01")
        bare = city.join(conn, "Lê Chưa Có")
    told = [
        refused(gate, login, password)
        for login, password in (
            ("nobody", PASSWORD),
            (an.login, "wrong"),
            (gone.login, PASSWORD),
            (bare.login, PASSWORD),
            (bare.login, ""),
        )
    ]
    assert {(each.client_text, each.reason, each.delay) for each in told} == {
        ("Wrong login or password", "credentials", 1.0)
    }
    # and each of them cost one hash
    assert len(count_hashes) == len(told)


def test_a_locked_account_is_told_so_only_with_the_right_password(city: City, gate: Gate, an: Joined) -> None:
    with city.directory.write() as conn:
        account_changes.lock(conn, "test", an.account_id)
    assert refused(gate, an.login, "wrong").reason == "credentials"
    assert refused(gate, an.login, PASSWORD).reason == "locked"
    with city.directory.write() as conn:
        account_changes.unlock(conn, "test", an.account_id)
    assert gate.authenticate(an.login, PASSWORD, HERE, "imap").id == an.account_id


def test_a_password_that_must_be_changed_only_opens_the_web(city: City, gate: Gate) -> None:
    with city.directory.write() as conn:
        new = city.join(conn, "Lê Mới", password_hash=STORED, must_change_password=True)
    assert refused(gate, new.login, PASSWORD).reason == "must-change"
    assert gate.authenticate(new.login, PASSWORD, HERE, "webmail").id == new.account_id
    assert recall(gate, new.login, PASSWORD, HERE) is None


def test_the_second_login_costs_no_hash(city: City, gate: Gate, an: Joined, count_hashes: list[str | None]) -> None:
    assert recall(gate, an.login, PASSWORD, HERE) is None
    assert count_hashes == []
    for _ in range(5):
        assert gate.authenticate(an.login, PASSWORD, HERE, "imap").id == an.account_id
    recalled = recall(gate, "annv", PASSWORD, ELSEWHERE)
    assert recalled is not None
    assert recalled.account.id == an.account_id
    assert recall(gate, an.login, "wrong", HERE) is None
    assert recall(gate, "nobody", PASSWORD, HERE) is None
    assert len(count_hashes) == 1


def test_what_was_proven_ends(city: City, gate: Gate, an: Joined, clock: Clock) -> None:
    gate.authenticate(an.login, PASSWORD, HERE, "imap")
    clock.advance(601)
    assert recall(gate, an.login, PASSWORD, HERE) is None
    for change in (
        lambda conn: account_changes.set_password(conn, "test", an.account_id, hash_password(PASSWORD)),
        lambda conn: account_changes.lock(conn, "test", an.account_id),
    ):
        gate.authenticate(an.login, PASSWORD, HERE, "imap")
        assert recall(gate, an.login, PASSWORD, HERE) is not None
        with city.directory.write() as conn:
            change(conn)
        assert recall(gate, an.login, PASSWORD, HERE) is None


def test_a_change_by_another_process_ends_it_too(
    city: City, gate: Gate, an: Joined, other_process: Callable[[], Directory]
) -> None:
    gate.authenticate(an.login, PASSWORD, HERE, "imap")
    other = other_process()
    with other.write() as conn:
        account_changes.set_password(conn, "test", an.account_id, hash_password("another one"))
    city.directory._checked = float("-inf")  # half a second later
    assert recall(gate, an.login, PASSWORD, HERE) is None
    assert refused(gate, an.login, PASSWORD).reason == "credentials"
    assert gate.authenticate(an.login, "another one", HERE, "imap").id == an.account_id


def test_a_guesser_is_refused_unjudged(
    city: City, gate: Gate, an: Joined, clock: Clock, count_hashes: list[str | None]
) -> None:
    for number in range(FREE_PER_PAIR + 1):
        assert refused(gate, "annv", f"guess {number}", ELSEWHERE).reason == "credentials"
    judged = len(count_hashes)
    # under any of the account's names, and even with the right password
    for login in ("annv", "annv@city.gov.vn", "ANNV@city.gov.vn"):
        answer = refused(gate, login, PASSWORD, ELSEWHERE)
        assert answer.reason == "throttled"
        assert 0 < answer.delay <= 5
    assert len(count_hashes) == judged
    # the owner notices nothing
    assert gate.authenticate("annv", PASSWORD, HERE, "imap").id == an.account_id
    clock.advance(400)
    assert gate.authenticate("annv", PASSWORD, ELSEWHERE, "imap").id == an.account_id


def test_the_proven_owner_passes_from_a_guessers_address(gate: Gate, an: Joined) -> None:
    gate.authenticate("annv", PASSWORD, HERE, "imap")
    for number in range(FREE_PER_PAIR + 5):
        refused(gate, "annv", f"guess {number}")
    assert refused(gate, "annv", "one more").reason == "throttled"
    assert gate.authenticate("annv", PASSWORD, HERE, "imap").id == an.account_id


def test_never_slowed(gate: Gate, an: Joined) -> None:
    for number in range(20):
        answer = refused(gate, "annv", f"guess {number}", "127.0.0.1")
        assert (answer.reason, answer.delay) == ("credentials", 0.0)


def test_old_hashes_are_renewed(city: City, gate: Gate) -> None:
    old = argon2id.str(PASSWORD.encode(), opslimit=1, memlimit=8192 * 1024).decode()
    with city.directory.write() as conn:
        an = city.join(conn, "Nguyễn Văn An", password_hash=old)
    gate.authenticate(an.login, PASSWORD, HERE, "imap")
    with city.directory.read() as conn:
        found = credentials_by_login(conn, an.login)
    assert found is not None
    assert found.password_hash is not None
    assert found.password_hash.startswith("$argon2id$v=19$m=19456")
    assert recall(gate, an.login, PASSWORD, HERE) is not None
    assert "argon2" not in repr(found)


def test_acting_for_a_unit_mailbox(city: City, gate: Gate, an: Joined) -> None:
    with city.directory.write() as conn:
        office = mailboxes.open_mailbox(
            conn, "test", address_text="vanthu.syt", name="Văn thư", unit_id=city.units["SYT"]
        )
        binh = city.join(conn, "Lê Bình")
        mailboxes.grant(conn, "test", office.id, an.account_id, may_read=True, may_send=False)
    acting = admit(gate, an.login, PASSWORD, authzid=office.login)
    assert (acting.account.id, acting.actor.id) == (office.id, an.account_id)
    # who may read may not send
    assert refused(gate, an.login, PASSWORD, protocol="smtp", authzid=office.login).reason == "credentials"
    assert gate.authenticate(an.login, PASSWORD, HERE, "imap", "annv").id == an.account_id
    for other in (binh.login, "nobody"):
        assert refused(gate, an.login, PASSWORD, authzid=other).reason == "credentials"
    with city.directory.read() as conn:
        (entry,) = [each for each in entries(conn) if each.action == "mailbox.act"]
    assert (entry.actor, entry.subject) == (an.login, office.login)
    assert '"protocol":"imap"' in entry.details
    # the next time costs no hash and no record
    assert recall(gate, an.login, PASSWORD, HERE, office.login) is not None
    assert recall(gate, an.login, PASSWORD, HERE, binh.login) is None
    assert gate.still_holds(acting) is not None
    with city.directory.write() as conn:
        account_changes.lock(conn, "test", office.id)
    assert gate.still_holds(acting) is None
    assert refused(gate, an.login, PASSWORD, authzid=office.login).reason == "credentials"
    with city.directory.write() as conn:
        account_changes.unlock(conn, "test", office.id)
    assert gate.still_holds(acting) is not None
    with city.directory.write() as conn:
        mailboxes.revoke(conn, "test", office.id, an.account_id)
    assert gate.still_holds(acting) is None


def test_who_tries_mailboxes_one_by_one_is_told_and_slowed_as_for_wrong_passwords(
    city: City, gate: Gate, an: Joined
) -> None:
    with city.directory.write() as conn:
        binh = city.join(conn, "Lê Bình")
    gate.authenticate(an.login, PASSWORD, HERE, "imap")
    told = {
        (answer.client_text, answer.reason, answer.delay)
        for answer in (
            refused(gate, an.login, "wrong"),
            refused(gate, an.login, PASSWORD, authzid=binh.login),
            refused(gate, an.login, PASSWORD, authzid="nobody"),
        )
    }
    assert told == {("Wrong login or password", "credentials", 1.0)}


def test_an_admission_ends_with_what_it_rests_on(city: City, gate: Gate, an: Joined) -> None:
    for change in (
        lambda conn: account_changes.set_password(conn, "test", an.account_id, hash_password(PASSWORD)),
        lambda conn: account_changes.lock(conn, "test", an.account_id),
    ):
        admitted = admit(gate, an.login, PASSWORD)
        assert gate.still_holds(admitted) == admitted.account
        with city.directory.write() as conn:
            change(conn)
        assert gate.still_holds(admitted) is None


def test_no_password_reaches_the_log(gate: Gate, an: Joined, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        refused(gate, an.login, "hunter2-secret")
        gate.authenticate(an.login, PASSWORD, HERE, "imap")
    assert "hunter2" not in caplog.text
    assert PASSWORD not in caplog.text
    assert "annv@city.gov.vn" in caplog.text


def test_on_postgresql(any_city: City, clock: Clock) -> None:
    gate = make_gate(any_city.directory, clock)
    with any_city.directory.write() as conn:
        an = any_city.join(conn, "Nguyễn Văn An", password_hash=STORED)
    assert gate.authenticate("annv", PASSWORD, HERE, "imap").id == an.account_id
    assert recall(gate, "annv", PASSWORD, HERE) is not None
    assert refused(gate, "annv", "wrong").reason == "credentials"
    with any_city.directory.read() as conn:
        assert account_by_login(conn, "nobody") is None
