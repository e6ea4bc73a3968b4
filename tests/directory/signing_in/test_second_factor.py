"""The second proof beside the password, at the gate and in the tables."""

from __future__ import annotations

from typing import Any

import pytest

from directory.faults import Fault
from directory.mail.account_changes import set_password
from directory.signing_in import app_passwords, second_factor
from directory.signing_in.login import Gate, LoginRefused
from security import sasl, totp
from security.passwords import hash_password
from security.peer import Peer
from security.proven import ProvenLogins
from security.throttle import FREE_PER_PAIR, Throttle
from tests.directory.conftest import City, Clock

PASSWORD = "mật khẩu của An 1"
HASHED = hash_password(PASSWORD)


@pytest.fixture
def gate(city: City, clock: Clock) -> Gate:
    return Gate(city.directory, throttle=Throttle([], monotonic=clock), proven=ProvenLogins(600, monotonic=clock))


@pytest.fixture
def an(city: City) -> Any:
    with city.directory.write() as conn:
        return city.join(conn, "Nguyễn Văn An", password_hash=HASHED)


def secret_of(city: City, account: Any) -> bytes:
    with city.directory.write() as conn:
        return second_factor.propose(conn, account.account_id)


def code_now(secret: bytes, clock: Clock, steps: int = 0) -> str:
    return totp.code_at(secret, int(clock()) // totp.STEP_SECONDS + steps)


def turn_on(city: City, account: Any, clock: Clock) -> tuple[bytes, list[str]]:
    secret = secret_of(city, account)
    with city.directory.write() as conn:
        codes = second_factor.turn_on(conn, account.login, account.account_id, code_now(secret, clock))
    return secret, codes


def prove(city: City, account: Any, code: str) -> str | None:
    with city.directory.write() as conn:
        return second_factor.prove(conn, account.account_id, code)


def shown(account: Any, password: str = PASSWORD) -> sasl.Credentials:
    return sasl.Credentials("", account.login, password)


def test_it_is_on_when_a_code_was_shown(city: City, an: Any, clock: Clock) -> None:
    secret = secret_of(city, an)
    assert secret_of(city, an) == secret
    with city.directory.read() as conn:
        assert not second_factor.is_on(conn, an.account_id)
    assert prove(city, an, code_now(secret, clock)) is None
    with pytest.raises(Fault, match="code is not right"), city.directory.write() as conn:
        second_factor.turn_on(conn, an.login, an.account_id, "000000")
    _, codes = turn_on(city, an, clock)
    assert len(set(codes)) == totp.RECOVERY_CODES
    with city.directory.read() as conn:
        assert second_factor.is_on(conn, an.account_id)
    with pytest.raises(Fault, match="is on already"):
        secret_of(city, an)


def test_no_code_is_taken_twice(city: City, an: Any, clock: Clock) -> None:
    secret, codes = turn_on(city, an, clock)
    assert prove(city, an, code_now(secret, clock)) is None  # it has turned it on
    clock.advance(60)
    code = code_now(secret, clock)
    assert prove(city, an, code) == "code"
    assert prove(city, an, code) is None
    assert prove(city, an, code_now(secret, clock, -1)) is None  # nor an older one
    assert prove(city, an, codes[3].upper()) == "recovery"
    assert prove(city, an, codes[3]) is None
    with city.directory.read() as conn:
        assert second_factor.recovery_codes_left(conn, an.account_id) == totp.RECOVERY_CODES - 1


def test_new_recovery_codes_end_the_old(city: City, an: Any, clock: Clock) -> None:
    _, codes = turn_on(city, an, clock)
    with city.directory.write() as conn:
        fresh = second_factor.renew_recovery_codes(conn, an.account_id)
    assert prove(city, an, codes[0]) is None
    assert prove(city, an, fresh[0]) == "recovery"


def test_turned_off_nothing_is_left(city: City, an: Any, clock: Clock) -> None:
    _, codes = turn_on(city, an, clock)
    with city.directory.write() as conn:
        second_factor.turn_off(conn, "quan.tri@city.vn", an.account_id, "mailbox.second-factor")
    assert prove(city, an, codes[0]) is None
    with pytest.raises(Fault, match="is not on"), city.directory.write() as conn:
        second_factor.turn_off(conn, an.login, an.account_id)


@pytest.mark.parametrize("protocol", ["imap", "smtp", "ldap"])
def test_mail_programs_need_an_app_password(city: City, gate: Gate, an: Any, clock: Clock, protocol: str) -> None:
    peer = Peer("192.0.2.1", protocol)
    scope = "ldap" if protocol == "ldap" else "both"
    admission = gate.judge(shown(an), peer)
    with city.directory.write() as conn:
        _, letters = app_passwords.add(conn, an.login, an.account_id, "Điện thoại", scope)
    turn_on(city, an, clock)
    assert gate.still_holds(admission) is None
    assert gate.recall(shown(an), peer) is None
    with pytest.raises(LoginRefused) as refused:
        gate.judge(shown(an), peer)
    assert refused.value.reason == "second-factor"
    assert gate.judge(shown(an, letters), peer).means == "app-password"
    assert gate.judge(shown(an), Peer("192.0.2.1", "webmail")).means == "password"


def test_who_knows_no_password_learns_nothing_of_it(city: City, gate: Gate, an: Any, clock: Clock) -> None:
    turn_on(city, an, clock)
    with pytest.raises(LoginRefused) as refused:
        gate.judge(shown(an, "falsch"), Peer("192.0.2.1", "imap"))
    assert refused.value.reason == "credentials"


def test_codes_are_guessed_no_more_than_passwords(city: City, gate: Gate, an: Any, clock: Clock) -> None:
    secret, _ = turn_on(city, an, clock)
    owner = gate.authenticate(an.login, PASSWORD, "192.0.2.1", "webmail")
    clock.advance(60)
    wrong = (
        f"{number:06}"
        for number in range(1, 1000)
        if f"{number:06}" not in {code_now(secret, clock, at) for at in (-1, 0, 1)}
    )
    for _ in range(FREE_PER_PAIR + 1):
        with pytest.raises(LoginRefused) as refused:
            gate.judge_code(owner, next(wrong), "192.0.2.1")
        assert refused.value.reason == "credentials"
    with pytest.raises(LoginRefused) as refused:
        gate.judge_code(owner, code_now(secret, clock), "192.0.2.1")
    assert refused.value.reason == "throttled"
    gate.judge_code(owner, code_now(secret, clock), "198.51.100.7")


def test_another_password_leaves_it_on(city: City, an: Any, clock: Clock) -> None:
    turn_on(city, an, clock)
    with city.directory.write() as conn:
        set_password(conn, "quan.tri@city.vn", an.account_id, HASHED)
    with city.directory.read() as conn:
        assert second_factor.is_on(conn, an.account_id)
