"""A second proof beside the password: a code that the person's telephone shows, a security key, or one of ten codes
kept on paper.

Where it is on, the password alone opens nothing: the webmail asks for the proof, and mail programs, which cannot, need
an app password.  It is on once a code was shown for the secret that was given out, or a key was
added.

Standards: RFC 6238 §5.2 (no code is taken twice).
"""

from __future__ import annotations

from typing import Literal, cast

from sqlalchemy import bindparam, delete, func, insert, select, update

from directory.database import Question, Reading, Writing
from directory.faults import Fault
from directory.mail.accounts import find_account
from directory.record import record
from directory.signing_in import security_keys
from directory.tables import recovery_code, second_factor, second_factor_use, security_key
from security import totp
from security.webauthn import Site

MAX_CODE = 100

Proof = Literal["code", "key", "recovery"]

_HAS_CODES = select(second_factor.c.account_id).where(
    second_factor.c.account_id == bindparam("account"), second_factor.c.confirmed_at.is_not(None)
)
_HAS_KEYS = select(security_key.c.account_id).where(security_key.c.account_id == bindparam("account"))
_ON = Question(_HAS_CODES.union_all(_HAS_KEYS))


def is_on(conn: Reading | Writing, account_id: str) -> bool:
    shelf = conn.memory.shelf("second factors")
    found = shelf.get(account_id)
    if found is None:
        found = shelf[account_id] = bool(conn.rows(_ON, account=account_id))
    return cast(bool, found)


def has_codes(conn: Reading | Writing, account_id: str) -> bool:
    """Whether a telephone shows codes for it."""
    return conn.execute(_HAS_CODES, {"account": account_id}).first() is not None


def propose(conn: Writing, account_id: str) -> bytes:
    """A secret for the person's authenticator, the same until a code of it is shown.  Raises Fault if it was."""
    if has_codes(conn, account_id):
        raise Fault("second-factor-on")
    secret: bytes | None = conn.execute(
        select(second_factor.c.secret).where(second_factor.c.account_id == account_id)
    ).scalar()
    if secret is None:
        secret = int(conn.new_token(), 16).to_bytes(32, "big")[: totp.SECRET_OCTETS]
        conn.execute(insert(second_factor).values(account_id=account_id, secret=secret, confirmed_at=None))
    return secret


def turn_on(conn: Writing, actor: str, account_id: str, code: str) -> list[str]:
    """Recovery codes, which nobody can read again.  Raises Fault where the code is wrong."""
    secret = propose(conn, account_id)
    step = totp.matching_step(secret, code, conn.now)
    if step is None:
        raise Fault("second-factor-code")
    conn.execute(update(second_factor).where(second_factor.c.account_id == account_id).values(confirmed_at=conn.now))
    _use(conn, account_id, step)
    record(conn, actor, "second-factor.on", _login(conn, account_id))
    return renew_recovery_codes(conn, account_id)


def add_key(conn: Writing, actor: str, account_id: str, name: str, answer: str, site: Site) -> list[str]:
    """Recovery codes if this turned it on.  Raises Fault where the key's answer is not to what was asked."""
    was_on = is_on(conn, account_id)
    security_keys.add(conn, actor, account_id, name, answer, site)
    return [] if was_on else renew_recovery_codes(conn, account_id)


def remove_key(conn: Writing, actor: str, account_id: str, key_id: str) -> None:
    """With the last key, where no telephone is connected, all is off.  Raises Fault."""
    security_keys.remove(conn, actor, account_id, key_id)
    if not has_codes(conn, account_id) and not security_keys.keys_of(conn, account_id):
        conn.execute(delete(recovery_code).where(recovery_code.c.account_id == account_id))


def turn_off(conn: Writing, actor: str, account_id: str, operation: str = "second-factor.off") -> None:
    """By its owner, or by an administrator (``mailbox.second-factor``) for one who lost everything.  Raises Fault."""
    if not is_on(conn, account_id):
        raise Fault("second-factor-off")
    security_keys.remove_all(conn, account_id)
    for table in (recovery_code, second_factor_use, second_factor):
        conn.execute(delete(table).where(table.c.account_id == account_id))
    record(conn, actor, operation, _login(conn, account_id))


def renew_recovery_codes(conn: Writing, account_id: str) -> list[str]:
    """Those before hold no more."""
    numbers = iter(lambda: int(conn.new_token(), 16), None)
    codes = [totp.make_recovery_code(lambda below: next(numbers) % below) for _ in range(totp.RECOVERY_CODES)]
    conn.execute(delete(recovery_code).where(recovery_code.c.account_id == account_id))
    rows = [{"account_id": account_id, "digest": totp.recovery_digest(account_id, code)} for code in codes]
    conn.execute(insert(recovery_code), rows)
    return codes


def recovery_codes_left(conn: Reading | Writing, account_id: str) -> int:
    count = select(func.count()).select_from(recovery_code).where(recovery_code.c.account_id == account_id)
    return int(conn.execute(count).scalar_one())


def prove(conn: Writing, account_id: str, given: str, site: Site | None = None) -> Proof | None:
    """What is given, which is used up with that; None if it proves nothing.

    A browser at ``site`` gives a key's answer, which is JSON, in place of a code.
    """
    if given.startswith("{"):
        return "key" if site is not None and security_keys.prove(conn, account_id, given, site) else None
    code = given[:MAX_CODE]
    secret: bytes | None = conn.execute(
        select(second_factor.c.secret).where(
            second_factor.c.account_id == account_id, second_factor.c.confirmed_at.is_not(None)
        )
    ).scalar()
    if secret is not None and _is_fresh_code(conn, account_id, secret, code):
        return "code"
    digest = totp.recovery_digest(account_id, code)
    if digest is None:
        return None
    mine = recovery_code.c.account_id == account_id, recovery_code.c.digest == digest
    if not conn.execute(delete(recovery_code).where(*mine)).rowcount:
        return None
    login = _login(conn, account_id)
    record(conn, login, "second-factor.recovery", login, left=recovery_codes_left(conn, account_id))
    return "recovery"


def _is_fresh_code(conn: Writing, account_id: str, secret: bytes, code: str) -> bool:
    used = conn.execute(select(second_factor_use.c.step).where(second_factor_use.c.account_id == account_id)).scalar()
    step = totp.matching_step(secret, code, conn.now, -1 if used is None else used)
    if step is None:
        return False
    _use(conn, account_id, step)
    return True


def _use(conn: Writing, account_id: str, step: int) -> None:
    conn.execute(delete(second_factor_use).where(second_factor_use.c.account_id == account_id))
    conn.execute(insert(second_factor_use).values(account_id=account_id, step=step))


def _login(conn: Reading | Writing, account_id: str) -> str:
    owner = find_account(conn, account_id)
    if owner is None:
        raise Fault("account-unknown", account=account_id)
    return owner.login
