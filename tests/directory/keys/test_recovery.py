"""Decryption keys are brought back by two officers and the holders of shares; and keys of old come under pairs."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import delete, insert, select, update

from directory.administration import delegations
from directory.database import Directory, Writing
from directory.faults import Fault
from directory.keys import catching_up, pairs, recovery
from directory.keys.levels import SEALED
from directory.keys.recovery import DONE, Recovery
from directory.keys.vault import Vault
from directory.mail.accounts import find_account
from directory.pki import enrolment
from directory.pki.certificates import ENCRYPTION
from directory.staff import leaving
from directory.tables import account_key, escrowed_key, key_pair, private_key
from security.cms.verdicts import Verdict
from security.keys import escrow
from security.keys.client import KeyProcess, KeyRefused, Opened
from security.keys.escrow import bring_back, read_answer, read_errand, write
from security.keys.installation import Succession
from security.keys.shares import Share, ShareFault
from security.keys.wire import Refusal
from security.keys.wrapping import WrappingFault, new_key
from tests.directory.conftest import Clock
from tests.directory.keys.conftest import PASSWORD, Staff
from tests.directory.keys.test_vault import audited, encrypted_for, login_of, read_by, set_level, signed_by

FORGOTTEN = "nobody remembers this one"


def found_recovery_key(directory: Directory) -> list[Share]:
    public, shares = escrow.found(5, 3, secrets.token_bytes)
    with directory.write() as conn:
        recovery.install(conn, "test", public, needed=3, shares=5)
    return shares


@pytest.fixture
def officers(staff: Staff) -> list[str]:
    made = [staff.join(name, "UBND", position="CT") for name in ("Phạm Thị Một", "Hồ Văn Hai")]
    with staff.directory.write() as conn:
        for each in made:
            delegations.grant(conn, "test", each, "city-admin")
    return made


@contextmanager
def acting(staff: Staff, officer: str) -> Iterator[Writing]:
    """What follows is done by this administrator, who has signed in."""
    before, staff.directory.administrator = staff.directory.administrator, officer
    try:
        with staff.directory.write() as conn:
            yield conn
    finally:
        staff.directory.administrator = before


def ask(staff: Staff, officer: str, person: str, reason: str = "Decision 12/QD") -> Recovery:
    with acting(staff, officer) as conn:
        owner = find_account(conn, person)
        assert owner is not None
        return recovery.ask(conn, "test", owner, reason)


def decide(staff: Staff, officer: str, asked: Recovery, *, approves: bool = True) -> Recovery:
    with acting(staff, officer) as conn:
        return recovery.decide(conn, "test", asked.id, approves=approves)


def give_up(staff: Staff, person: str) -> int:
    with staff.directory.write() as conn:
        owner = find_account(conn, person)
        assert owner is not None
        return recovery.give_up(conn, "test", owner)


def test_sealed_keys_are_brought_back_by_two_officers_and_three_shares(
    staff: Staff, keys: KeyProcess, officers: list[str]
) -> None:
    directory = staff.directory
    shares = found_recovery_key(directory)
    set_level(staff, "SYT", SEALED)
    person = staff.join()
    keys.open(staff.sign_in(person), FORGOTTEN)
    keys.open(staff.sign_in(person), PASSWORD)
    mail = encrypted_for(staff, person)
    staff.set_password(person, "set by the help desk")
    assert keys.open(staff.sign_in(person), "set by the help desk") == Opened(SEALED, Refusal.FORMER_PASSWORD)

    asked = ask(staff, officers[0], person)
    with directory.read() as conn, pytest.raises(Fault, match="not approved"):
        recovery.errand(conn, asked.id)
    with pytest.raises(Fault, match="another officer"):
        decide(staff, officers[0], asked)
    assert decide(staff, officers[1], asked).approved_by == officers[1]
    assert give_up(staff, person) == 0
    staff.enrol(person)  # a new pair, new certificates
    session = staff.sign_in(person)
    assert keys.open(session, "set by the help desk") == Opened(SEALED)
    reader = keys.decrypters(session, person)
    assert not isinstance(reader, Refusal)
    with pytest.raises(KeyRefused) as refused:
        read_by(keys, session, person, mail)
    assert refused.value.refusal is Refusal.NO_KEY

    with directory.read() as conn:
        errand = recovery.errand(conn, asked.id)
    assert (errand.login, errand.reason) == (login_of(directory, person), "Decision 12/QD")
    assert {errand.asked_by, errand.approved_by} == {login_of(directory, each) for each in officers}
    with pytest.raises(ShareFault, match="3 different shares are needed"):
        bring_back(errand, shares[:2])
    answer = bring_back(read_errand(write(errand)), [shares[4], shares[0], shares[2]])
    with directory.write() as conn:
        assert recovery.restore(conn, "test", read_answer(write(answer))) == len(errand.keys)
    assert b"Noi dung." in read_by(keys, session, person, mail)  # type: ignore[operator]
    assert signed_by(staff, keys, session, person) is Verdict.VALID
    with directory.write() as conn, pytest.raises(Fault, match="not approved"):
        recovery.restore(conn, "test", answer)  # once
    steps = ("key.recovery.ask", "key.recovery.approve", "key.give-up", "key.recovery.restore")
    assert [len(audited(directory, step)) for step in steps] == [1, 1, 1, 1]
    with directory.read() as conn:
        assert [each.state for each in recovery.recoveries(conn)] == [DONE]


def test_a_recovery_needs_a_reason_an_officer_and_something_to_recover(staff: Staff, officers: list[str]) -> None:
    person = staff.join()
    with pytest.raises(Fault, match="waits in escrow"):
        ask(staff, officers[0], person)
    found_recovery_key(staff.directory)
    staff.enrol(person, anew=True)
    with pytest.raises(Fault, match="reason"):
        ask(staff, officers[0], person, " ")
    for nobody in ("", "owner"):
        with pytest.raises(Fault, match="administrators who sign in"):
            ask(staff, nobody, person)
    with pytest.raises(Fault):
        ask(staff, officers[0], officers[0])
    asked = ask(staff, officers[0], person)
    with pytest.raises(Fault, match="waits already"):
        ask(staff, officers[1], person)
    assert decide(staff, officers[1], asked, approves=False).state == "refused"
    with pytest.raises(Fault, match="decided already"):
        decide(staff, officers[1], asked)


def test_signing_keys_are_not_in_escrow(staff: Staff) -> None:
    found_recovery_key(staff.directory)
    staff.join()
    with staff.directory.read() as conn:
        chosen = select(private_key.c.purpose).join(escrowed_key, escrowed_key.c.private_key_id == private_key.c.id)
        assert list(conn.execute(chosen).scalars()) == [ENCRYPTION]


def test_an_answer_for_another_pair_or_by_other_shares_is_not_taken(staff: Staff, officers: list[str]) -> None:
    shares = found_recovery_key(staff.directory)
    person = staff.join()
    asked = ask(staff, officers[0], person)
    decide(staff, officers[1], asked)
    with staff.directory.read() as conn, pytest.raises(Fault, match="give-up"):
        recovery.errand(conn, asked.id)  # nothing is lost
    give_up(staff, person)
    staff.enrol(person)
    with staff.directory.read() as conn:
        errand = recovery.errand(conn, asked.id)
    _, strange = escrow.found(3, 3, secrets.token_bytes)
    with pytest.raises(ShareFault, match="not of"):
        bring_back(errand, strange)
    answer = bring_back(errand, shares)
    give_up(staff, person)
    staff.enrol(person)
    with staff.directory.write() as conn, pytest.raises(Fault, match="anew"):
        recovery.restore(conn, "test", answer)


def test_keys_from_before_the_recovery_key_are_escrowed_when_they_open(staff: Staff, keys: KeyProcess) -> None:
    directory = staff.directory
    managed = staff.join()
    set_level(staff, "STC", SEALED)
    sealed = staff.join("Lê Thị Bình", "STC")
    keys.open(staff.sign_in(sealed), PASSWORD)
    with directory.read() as conn:
        assert recovery.count_unescrowed(conn) == 2
    found_recovery_key(directory)
    assert catching_up.escrow_all(directory, staff.pki.installation) == 1
    assert catching_up.escrow_all(directory, staff.pki.installation) == 0
    with directory.read() as conn:
        assert [each[0] for each in recovery._escrowed(conn, managed)]
        assert recovery._escrowed(conn, sealed) == []
    keys.open(staff.sign_in(sealed), PASSWORD)
    with directory.read() as conn:
        assert recovery.count_unescrowed(conn) == 0
    found_recovery_key(directory)  # another takes its place
    assert catching_up.escrow_all(directory, staff.pki.installation) == 1


def test_keys_of_old_come_under_pairs(staff: Staff, keys: KeyProcess) -> None:
    directory, installation = staff.directory, staff.pki.installation
    people = [staff.join(), staff.join("Lê Thị Bình")]
    mails = [encrypted_for(staff, each) for each in people]
    for person in people:
        as_of_old(directory, staff, person)
    assert keys.signer(staff.sign_in(people[0]), people[0]) is Refusal.NO_KEY
    stops = iter([False, True, True])
    assert catching_up.take_over(directory, installation, lambda: next(stops)) == 1  # stopped
    assert catching_up.take_over(directory, installation) == 1
    assert catching_up.take_over(directory, installation) == 0
    for person, mail in zip(people, mails, strict=True):
        session = staff.sign_in(person)
        assert signed_by(staff, keys, session, person) is Verdict.VALID
        assert b"Noi dung." in read_by(keys, session, person, mail)  # type: ignore[operator]


def as_of_old(directory: Directory, staff: Staff, account_id: str) -> None:
    """As rows lay before there were pairs."""
    with directory.write() as conn:
        row = pairs.find_pair(conn, account_id)
        assert row is not None
        assert row.by_installation is not None
        pair, own = pairs.unwrap(staff.pki.installation, account_id, row.by_installation), new_key()
        for each in conn.execute(select(private_key).where(private_key.c.account_id == account_id)).all():
            bound = (account_id, each.id, each.purpose)
            values = {"wrapped": own.wrap(pair.open(each.wrapped, *bound), *bound)}
            conn.execute(update(private_key).where(private_key.c.id == each.id).values(values))
        conn.execute(delete(key_pair).where(key_pair.c.account_id == account_id))
        wrapped = staff.pki.installation.wrap(own.octets, "account", account_id)
        conn.execute(insert(account_key), {"account_id": account_id, "wrapped": wrapped, "created_at": 1})


def test_an_escrowed_key_does_not_open_in_anothers_place(staff: Staff) -> None:
    shares = found_recovery_key(staff.directory)
    person, other = staff.join(), staff.join("Lê Thị Bình")
    with staff.directory.read() as conn:
        ((mine, _, _),) = recovery._escrowed(conn, person)
        ((_, _, theirs),) = recovery._escrowed(conn, other)
        row = pairs.find_pair(conn, person)
        (key,) = recovery.recovery_keys(conn)
    assert row is not None
    swapped = escrow.Errand("r", person, "l", "w", "a", "b", key.name, row.public, (escrow.SealedKey(mine, theirs),))
    with pytest.raises(WrappingFault):
        bring_back(swapped, shares)


def test_who_looks_after_a_leavers_mail_reads_what_was_sealed(
    staff: Staff, keys: KeyProcess, officers: list[str]
) -> None:
    directory = staff.directory
    shares = found_recovery_key(directory)
    set_level(staff, "SYT", SEALED)
    person, custodian = staff.join(), staff.join("Lê Thị Bình", "STC")
    keys.open(staff.sign_in(person), PASSWORD)
    mail = encrypted_for(staff, person)
    with directory.write(reason="nghỉ hưu") as conn:
        leaving.leave(conn, "test", person, last_day="2026-03-01", custodian_id=custodian)
    enrolment.take_back(directory)
    session = staff.sign_in(custodian)
    assert keys.signer(session, person) is Refusal.NOT_ALLOWED
    assert keys.decrypters(session, person) is Refusal.LOCKED
    asked = ask(staff, officers[0], person)
    decide(staff, officers[1], asked)
    give_up(staff, person)
    keys.prepare([person])
    with directory.read() as conn:
        errand = recovery.errand(conn, asked.id)
    with directory.write() as conn:
        recovery.restore(conn, "test", bring_back(errand, shares))
    assert b"Noi dung." in read_by(keys, session, person, mail)  # type: ignore[operator]
    assert audited(directory, "key.decrypt") == [(login_of(directory, custodian), login_of(directory, person))]
    with directory.read() as conn:
        chosen = select(private_key.c.purpose, private_key.c.wrapped.is_(None)).where(
            private_key.c.account_id == person
        )
        assert {tuple(row) for row in conn.execute(chosen)} == {("signing", True), ("encryption", False)}


def test_pairs_go_over_to_another_key_of_the_installation(staff: Staff, clock: Clock) -> None:
    person = staff.join()
    new = new_key()
    succession = Succession(new, staff.pki.installation)
    assert catching_up.succeed(staff.directory, succession) == 1
    assert catching_up.succeed(staff.directory, succession) == 0
    vault = Vault(staff.directory, new, monotonic=clock)
    session = staff.sign_in(person)
    found = vault.keys(session, person, ENCRYPTION)
    assert not isinstance(found, Refusal)
    assert not isinstance(vault.decrypter(session, person, found[0][0]), Refusal)
