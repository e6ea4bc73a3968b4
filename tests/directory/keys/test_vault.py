"""Who gets what from the key process, asked over its socket."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from directory.database import Directory
from directory.keys import levels, pairs
from directory.keys.levels import SEALED, Level
from directory.keys.vault import Vault
from directory.mail import mailboxes
from directory.mail.account_changes import lock
from directory.mail.accounts import find_account
from directory.pki import certificates, enrolment
from directory.pki.certificates import ENCRYPTION, SIGNING
from directory.pki.trust import judging
from directory.record import entries
from directory.signing_in import sessions
from directory.staff.units import find_unit
from security import cms
from security.cms.verdicts import Verdict
from security.keys.client import KeyProcess, KeyRefused, Opened
from security.keys.wire import Refusal
from tests.directory.conftest import Clock
from tests.directory.keys.conftest import PASSWORD, Staff
from tests.directory.keys.test_proofs import SITE

MESSAGE = (
    b"From: a@city.gov.vn\r\nTo: b@city.gov.vn\r\nSubject: S\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\nNoi dung.\r\n"
)


def login_of(directory: Directory, account_id: str) -> str:
    with directory.read() as conn:
        found = find_account(conn, account_id)
        assert found is not None
        return found.login


def signed_by(staff: Staff, keys: KeyProcess, session: str, account_id: str) -> Verdict:
    """A mail of the account, signed in this session, as its reader finds it."""
    directory = staff.directory
    signer = keys.signer(session, account_id)
    assert not isinstance(signer, Refusal), signer
    at = datetime.fromtimestamp(directory.clock(), UTC)
    message = MESSAGE.replace(b"a@city.gov.vn", login_of(directory, account_id).encode())
    with directory.read() as conn:
        above = cms.Signing((signer,), at)
        read = cms.verify(b"".join(cms.sign(message, above)), at=at, judge=judging(conn))
        assert read.telling is not None
        return read.telling.verdict


def encrypted_for(staff: Staff, account_id: str) -> bytes:
    directory = staff.directory
    at = datetime.fromtimestamp(directory.clock(), UTC)
    login = login_of(directory, account_id)
    with directory.read() as conn:
        found = certificates.encryption_certificate(conn, login)
        assert found is not None
        return b"".join(cms.encrypt(MESSAGE, [cms.Recipient(found.der, login)], at=at, judge=judging(conn)))


def read_by(keys: KeyProcess, session: str, account_id: str, octets: bytes) -> bytes | Refusal:
    found = keys.decrypters(session, account_id)
    return found if isinstance(found, Refusal) else cms.decrypt(octets, keys=found).content


def set_level(staff: Staff, unit: str, level: Level | None) -> None:
    with staff.directory.write() as conn:
        levels.set_level(conn, "test", find_unit(conn, unit), level)


def audited(directory: Directory, action: str) -> list[tuple[str, str]]:
    with directory.read() as conn:
        return [(each.actor, each.subject) for each in entries(conn) if each.action == action]


@pytest.mark.parametrize("kind", ["rsa2048", "p256"])
def test_who_is_signed_in_signs_and_reads(staff: Staff, keys: KeyProcess, kind: str) -> None:
    staff.pki.use(kind)
    person = staff.join()
    session = staff.sign_in(person)
    assert keys.open(session, PASSWORD) == Opened("managed")
    assert signed_by(staff, keys, session, person) is Verdict.VALID
    assert b"Noi dung." in read_by(keys, session, person, encrypted_for(staff, person))  # type: ignore[operator]


def test_without_a_session_nothing_is_done(staff: Staff, keys: KeyProcess, clock: Clock) -> None:
    person = staff.join()
    assert keys.signer("made up", person) is Refusal.SIGNED_OUT
    session = staff.sign_in(person)
    signer = keys.signer(session, person)
    assert not isinstance(signer, Refusal)
    with staff.directory.write() as conn:
        sessions.end(conn, session)
    with pytest.raises(KeyRefused) as refused:
        signer.sign(_attributes(signer))
    assert refused.value.refusal is Refusal.SIGNED_OUT
    session = staff.sign_in(person)
    clock.advance(sessions.IDLE_SECONDS + 1)
    assert keys.decrypters(session, person) is Refusal.SIGNED_OUT
    session = staff.sign_in(person)
    with staff.directory.write() as conn:
        lock(conn, "test", person)
    assert keys.decrypters(session, person) is Refusal.SIGNED_OUT


def test_nobody_uses_a_colleagues_keys(staff: Staff, keys: KeyProcess) -> None:
    person, other = staff.join(), staff.join("Lê Thị Bình")
    session = staff.sign_in(other)
    assert keys.signer(session, person) is Refusal.NOT_ALLOWED
    assert keys.decrypters(session, person) is Refusal.NOT_ALLOWED
    mine = keys.signer(staff.sign_in(person), person)
    assert not isinstance(mine, Refusal)
    # the key's name under one's own account does not help
    named = mine.key_id.encode()  # type: ignore[attr-defined]
    assert keys.ask("sign", session.encode(), other.encode(), named, _attributes(mine)) is Refusal.NO_KEY


def _attributes(signer: cms.Signer) -> bytes:
    from security.cms.attributes import write_attributes
    from security.cms.certificates import Certificate

    at = datetime(2026, 3, 2, tzinfo=UTC)
    return write_attributes(bytes(32), signer.scheme, Certificate(signer.certificate), None, at)


def test_it_signs_mail_and_nothing_else(staff: Staff, keys: KeyProcess) -> None:
    person = staff.join()
    signer = keys.signer(staff.sign_in(person), person)
    assert not isinstance(signer, Refusal)
    assert signer.sign(_attributes(signer))
    for other in (b"", b"a contract", b"\x31\x00", bytes(32)):
        with pytest.raises(cms.CmsFault):
            signer.sign(other)


def test_a_signing_key_decrypts_nothing_and_the_other_way_round(staff: Staff, keys: KeyProcess) -> None:
    person = staff.join()
    session = staff.sign_in(person)
    signer, reader = keys.signer(session, person), keys.decrypters(session, person)
    assert not isinstance(signer, Refusal)
    assert not isinstance(reader, Refusal)
    with pytest.raises(KeyRefused):
        signer.agree(bytes(65))  # type: ignore[attr-defined]
    with pytest.raises(KeyRefused):
        reader[0].sign(_attributes(signer))  # type: ignore[attr-defined]


def test_a_unit_signs_by_whoever_may_send_for_it_and_he_is_recorded(staff: Staff, keys: KeyProcess) -> None:
    directory = staff.directory
    clerk, reader, stranger = staff.join(), staff.join("Lê Thị Bình"), staff.join("Trần Chí")
    with directory.write() as conn:
        unit = mailboxes.open_mailbox(
            conn, "test", address_text="vanthu.syt", name="Văn thư", unit_id=staff.city.units["SYT"]
        ).id
        mailboxes.grant(conn, "test", unit, clerk, may_read=True, may_send=True)
        mailboxes.grant(conn, "test", unit, reader, may_read=True, may_send=False)
    staff.enrol(unit)
    session = staff.sign_in(clerk)
    assert keys.prove(session, PASSWORD, "", SITE) == "password"
    assert signed_by(staff, keys, session, unit) is Verdict.VALID
    assert audited(directory, "key.sign") == [(login_of(directory, clerk), "vanthu.syt@city.gov.vn")]
    mail = encrypted_for(staff, unit)
    for _ in range(3):  # told once in an hour
        assert b"Noi dung." in read_by(keys, staff.sign_in(reader), unit, mail)  # type: ignore[operator]
    assert audited(directory, "key.decrypt") == [(login_of(directory, reader), "vanthu.syt@city.gov.vn")]
    assert keys.signer(staff.sign_in(reader), unit) is Refusal.NOT_ALLOWED
    assert keys.decrypters(staff.sign_in(stranger), unit) is Refusal.NOT_ALLOWED
    with directory.write() as conn:
        mailboxes.grant(conn, "test", unit, clerk, may_read=False, may_send=False)
    assert keys.signer(session, unit) is Refusal.NOT_ALLOWED


def test_a_sealed_key_opens_with_its_owners_password_alone(
    staff: Staff, keys: KeyProcess, vault: Vault, clock: Clock
) -> None:
    set_level(staff, "SYT", SEALED)
    person = staff.join()
    session = staff.sign_in(person)
    mail = encrypted_for(staff, person)
    # made before anybody knew a password: the installation's key opens it until the first sign-in
    assert keys.open(session) == Opened(SEALED)
    assert keys.open(session, "wrong") is Refusal.WRONG_PASSWORD
    assert keys.open(session, PASSWORD) == Opened(SEALED)
    with staff.directory.read() as conn:
        row = pairs.find_pair(conn, person)
    assert row is not None
    assert row.by_installation is None
    assert row.by_password is not None
    assert b"Noi dung." in read_by(keys, session, person, mail)  # type: ignore[operator]
    # another session of the same person has to show it again; and this one when it was idle
    assert keys.decrypters(staff.sign_in(person), person) is Refusal.LOCKED
    assert keys.open(staff.sign_in(person)) == Opened(SEALED, Refusal.LOCKED)
    reader = keys.decrypters(session, person)
    assert not isinstance(reader, Refusal)
    clock.advance(sessions.IDLE_SECONDS - 60)
    with staff.directory.write() as conn:
        found = sessions.find(conn, session)
        assert found is not None
        sessions.touch(conn, found)
    clock.advance(120)
    with pytest.raises(KeyRefused) as refused:
        cms.decrypt(mail, keys=reader)
    assert refused.value.refusal is Refusal.LOCKED
    assert keys.open(session, PASSWORD) == Opened(SEALED)
    assert b"Noi dung." in read_by(keys, session, person, mail)  # type: ignore[operator]
    keys.close(session)
    assert keys.signer(session, person) is Refusal.LOCKED
    # a certificate can be made anew while it is shut, and its key is there when it opens
    staff.enrol(person, anew=True)
    assert keys.open(session, PASSWORD).usable  # type: ignore[union-attr]
    assert signed_by(staff, keys, session, person) is Verdict.VALID
    assert len(keys.decrypters(session, person)) == 2  # type: ignore[arg-type]


def test_passwords_are_not_guessed_here(staff: Staff, keys: KeyProcess) -> None:
    set_level(staff, "SYT", SEALED)
    person = staff.join()
    session = staff.sign_in(person)
    assert [keys.open(session, f"guess {number}") for number in range(12)][-1] is Refusal.TOO_OFTEN
    assert keys.open(session, PASSWORD) is Refusal.TOO_OFTEN


def test_moving_between_levels_takes_hold_at_the_next_sign_in(staff: Staff, keys: KeyProcess) -> None:
    person = staff.join()
    session = staff.sign_in(person)
    assert keys.open(session, PASSWORD) == Opened("managed")
    set_level(staff, "UBND", SEALED)  # above his unit
    assert keys.open(session) == Opened(SEALED)
    assert keys.open(session, PASSWORD) == Opened(SEALED)
    assert keys.open(staff.sign_in(person)) == Opened(SEALED, Refusal.LOCKED)
    set_level(staff, "SYT", "managed")
    assert keys.open(staff.sign_in(person)) == Opened("managed", Refusal.LOCKED)
    assert keys.open(staff.sign_in(person), PASSWORD) == Opened("managed")
    assert keys.open(staff.sign_in(person)) == Opened("managed")
    assert signed_by(staff, keys, staff.sign_in(person), person) is Verdict.VALID


def test_a_revoked_key_signs_no_more_and_old_mail_stays_readable(staff: Staff, keys: KeyProcess) -> None:
    person = staff.join()
    session = staff.sign_in(person)
    mail = encrypted_for(staff, person)
    signer = keys.signer(session, person)
    assert not isinstance(signer, Refusal)
    with staff.directory.write() as conn:
        held = certificates.certificates_of(conn, person)
        certificates.revoke(conn, "test", held, "key-compromise")
    assert keys.signer(session, person) is Refusal.REVOKED
    with pytest.raises(KeyRefused) as refused:
        signer.sign(_attributes(signer))
    assert refused.value.refusal is Refusal.REVOKED
    assert b"Noi dung." in read_by(keys, session, person, mail)  # type: ignore[operator]


def test_keys_without_an_account_of_theirs_are_told_apart(staff: Staff, keys: KeyProcess) -> None:
    with staff.directory.write() as conn:
        person = staff.city.join(conn, "Nguyễn Văn Không").account_id
    session = staff.sign_in(person)
    assert keys.signer(session, person) is Refusal.NO_KEY
    staff.set_password(person, PASSWORD)
    assert keys.open(staff.sign_in(person), PASSWORD) == Opened("managed", Refusal.NO_KEY)


def test_two_newcomers_made_keys_at_once_have_one_pair(staff: Staff) -> None:
    with staff.directory.write() as conn:
        people = [staff.city.join(conn, f"Nguyễn Văn {name}").account_id for name in ("Một", "Hai", "Ba")]
    tally = enrolment.reconcile(staff.directory, staff.pki.open(staff.directory), threads=4)
    assert (tally.issued, tally.failed) == (6, 0)
    with staff.directory.read() as conn:
        assert len({pairs.find_pair(conn, each).public for each in people}) == 3  # type: ignore[union-attr]
        held = [one for each in people for one in certificates.certificates_of(conn, each)]
    assert sorted(one.purpose for one in held) == [ENCRYPTION] * 3 + [SIGNING] * 3
