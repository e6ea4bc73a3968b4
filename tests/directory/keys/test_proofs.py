"""Signing for a unit: only where whoever sits at the session has just shown that he sits there himself."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pytest

from directory.keys.proofs import HELD_FOR
from directory.keys.vault import Vault
from directory.mail import mailboxes
from directory.mail.account_changes import set_password
from directory.mail.accounts import find_account
from directory.record import entries
from directory.signing_in import second_factor, security_keys, sessions
from security import cms, totp
from security.cms.attributes import write_attributes
from security.cms.certificates import Certificate
from security.keys.client import KeyProcess, KeyRefused
from security.keys.wire import Refusal
from security.passwords import hash_password
from security.webauthn import Site
from tests.directory.conftest import Clock
from tests.directory.keys.conftest import PASSWORD, Staff
from tests.security.security_key import SoftKey

SITE = Site("mail.city.example", "https://mail.city.example", "")


@dataclass
class Desk:
    """A clerk who may send for a unit."""

    staff: Staff
    keys: KeyProcess
    clerk: str
    unit: str

    def sign_in(self) -> str:
        return self.staff.sign_in(self.clerk)

    def prove(self, session: str, password: str = PASSWORD, code: str = "", site: Site = SITE) -> str | Refusal:
        return self.keys.prove(session, password, code, site)

    def sign(self, session: str, account_id: str | None = None) -> bytes:
        """Raises KeyRefused."""
        return used(self.signer(session, account_id))

    def signer(self, session: str, account_id: str | None = None) -> cms.Signer:
        found = self.keys.signer(session, account_id or self.unit)
        if isinstance(found, Refusal):
            raise KeyRefused(found)
        return found

    def records(self) -> list[dict[str, Any]]:
        with self.staff.directory.read() as conn:
            return [json.loads(one.details) for one in entries(conn) if one.action == "key.sign"]


DIGEST = sha256(b"a letter").digest()


def used(signer: cms.Signer) -> bytes:
    at = datetime(2026, 3, 2, tzinfo=UTC)
    return signer.sign(write_attributes(DIGEST, signer.scheme, Certificate(signer.certificate), None, at))


def refused(desk: Desk, session: str) -> Refusal:
    with pytest.raises(KeyRefused) as raised:
        desk.sign(session)
    assert desk.records() == []
    return raised.value.refusal


@pytest.fixture
def desk(staff: Staff, keys: KeyProcess) -> Desk:
    clerk = staff.join()
    with staff.directory.write() as conn:
        unit = mailboxes.open_mailbox(
            conn, "test", address_text="vanthu.syt", name="Văn thư", unit_id=staff.city.units["SYT"]
        ).id
        mailboxes.grant(conn, "test", unit, clerk, may_read=True, may_send=True)
    staff.enrol(unit)
    return Desk(staff, keys, clerk, unit)


def test_a_unit_is_signed_for_after_a_proof_and_all_of_it_is_recorded(desk: Desk, clock: Clock) -> None:
    session = desk.sign_in()
    assert refused(desk, session) is Refusal.UNPROVEN
    assert desk.sign(session, desk.clerk)  # one's own letters ask for nothing
    assert desk.prove(session) == "password"
    proven_at = int(clock())
    clock.advance(60)
    assert desk.sign(session)
    [told] = desk.records()
    assert (told["proof"], told["proven_at"], told["digest"]) == ("password", proven_at, DIGEST.hex())
    assert told["key"]
    assert told["origin"] == "127.0.0.1"


def test_the_key_process_itself_asks_whatever_the_webmail_believes(desk: Desk) -> None:
    """A key whose name is known from a session that has proven is used by none that has not."""
    proven, other = desk.sign_in(), desk.sign_in()
    assert desk.prove(proven) == "password"
    signer = desk.signer(proven)
    at = datetime(2026, 3, 2, tzinfo=UTC)
    octets = write_attributes(DIGEST, signer.scheme, Certificate(signer.certificate), None, at)
    fields = desk.unit.encode(), signer.key_id.encode(), octets  # type: ignore[attr-defined]
    assert desk.keys.ask("sign", other.encode(), *fields) is Refusal.UNPROVEN
    assert desk.keys.ask("sign", b"made up", *fields) is Refusal.SIGNED_OUT
    assert desk.records() == []
    assert not isinstance(desk.keys.ask("sign", proven.encode(), *fields), Refusal)


def test_a_proof_is_one_sessions_and_not_the_persons(desk: Desk) -> None:
    assert desk.prove(desk.sign_in()) == "password"
    assert refused(desk, desk.sign_in()) is Refusal.UNPROVEN


def test_a_proof_ends_and_use_makes_it_last_no_longer(desk: Desk, clock: Clock) -> None:
    session = desk.sign_in()
    desk.prove(session)
    signer = desk.signer(session)
    clock.advance(HELD_FOR - 1)
    assert used(signer)
    clock.advance(1)
    with pytest.raises(KeyRefused) as stale:
        used(signer)
    assert stale.value.refusal is Refusal.UNPROVEN
    assert len(desk.records()) == 1


@pytest.mark.parametrize("ends", ["sign-out", "password", "rights", "restart"])
def test_what_ends_the_right_ends_the_proof(desk: Desk, vault: Vault, ends: str) -> None:
    session = desk.sign_in()
    desk.prove(session)
    directory, expected = desk.staff.directory, Refusal.SIGNED_OUT
    if ends == "restart":
        again = Vault(directory, desk.staff.pki.installation, monotonic=lambda: 0.0)
        assert again.keys(session, desk.unit, "signing") is Refusal.UNPROVEN
        return
    with directory.write() as conn:
        if ends == "sign-out":
            sessions.end(conn, session)
        elif ends == "password":
            set_password(conn, "test", desk.clerk, hash_password("another one altogether"))
        else:
            mailboxes.grant(conn, "test", desk.unit, desk.clerk, may_read=True, may_send=False)
            expected = Refusal.NOT_ALLOWED
    assert refused(desk, session) is expected


def test_wrong_answers_prove_nothing_and_are_bounded(desk: Desk) -> None:
    session = desk.sign_in()
    assert desk.prove("made up") is Refusal.SIGNED_OUT
    assert desk.prove(session, "wrong") is Refusal.WRONG_PASSWORD
    assert refused(desk, session) is Refusal.UNPROVEN
    assert [desk.prove(session, f"guess {number}") for number in range(12)][-1] is Refusal.TOO_OFTEN
    assert desk.prove(session) is Refusal.TOO_OFTEN
    assert refused(desk, session) is Refusal.UNPROVEN


def test_who_has_a_second_factor_shows_it_too(desk: Desk, clock: Clock) -> None:
    directory, session = desk.staff.directory, desk.sign_in()
    with directory.write() as conn:
        owner = find_account(conn, desk.clerk)
        assert owner is not None
        secret = second_factor.propose(conn, desk.clerk)
        code = totp.code_at(secret, int(clock()) // totp.STEP_SECONDS)
        [recovery, *_] = second_factor.turn_on(conn, owner.login, desk.clerk, code)
    assert desk.prove(session) is Refusal.WRONG_CODE
    assert desk.prove(session, code=code) is Refusal.WRONG_CODE  # it was used
    assert refused(desk, session) is Refusal.UNPROVEN
    clock.advance(totp.STEP_SECONDS)
    code = totp.code_at(secret, int(clock()) // totp.STEP_SECONDS)
    assert desk.prove(session, "wrong", code) is Refusal.WRONG_PASSWORD  # and the code is not spent
    assert desk.prove(session, code=code) == "code"
    desk.sign(session)
    assert desk.prove(session, code=recovery) == "recovery"
    desk.sign(session)
    assert [one["proof"] for one in desk.records()] == ["code", "recovery"]


def test_a_security_key_proves_at_its_own_site_alone(desk: Desk) -> None:
    directory, session, key = desk.staff.directory, desk.sign_in(), SoftKey()
    with directory.write() as conn:
        owner = find_account(conn, desk.clerk)
        assert owner is not None
        made = key.create(security_keys.ask_for_new(conn, desk.clerk, SITE), SITE.origin)
        second_factor.add_key(conn, owner.login, desk.clerk, "Khóa", made, SITE)

    def answer() -> str:
        with directory.write() as conn:
            return key.get(security_keys.ask_for_proof(conn, desk.clerk, SITE), SITE.origin)

    assert desk.prove(session) is Refusal.WRONG_CODE
    elsewhere = Site("mail.city-login.example", "https://mail.city-login.example", "")
    assert desk.prove(session, code=answer(), site=elsewhere) is Refusal.WRONG_CODE
    told = answer()
    assert desk.prove(session, code=told) == "key"
    assert desk.sign(session)
    assert desk.prove(session, code=told) is Refusal.WRONG_CODE  # not twice
