"""Changes of any account, a person's or a unit's: lock, password, quota, language, rights, primary address."""

from __future__ import annotations

from sqlalchemy import insert, select, update

from directory.database import Reading, Writing
from directory.faults import Fault
from directory.keys.pairs import keep_password_wrap
from directory.mail import identities
from directory.mail.accounts import Account, find_account
from directory.mail.addresses import address_row, check_issuable, spelled_out
from directory.record import record
from directory.signing_in import app_passwords, scram_verifiers
from directory.signing_in.admission import password_stamp
from directory.signing_in.sessions import end_all
from directory.tables import account, address


def lock(conn: Writing, actor: str, account_id: str) -> None:
    """No sign-in from now on, sessions end; mail still arrives.  Raises Fault."""
    found = _open_account(conn, account_id)
    conn.execute(update(account).where(account.c.id == account_id).values(status="locked", opens_on=None))
    end_all(conn, account_id)
    record(conn, actor, "mailbox.lock", found.login, before={"status": found.status})


def unlock(conn: Writing, actor: str, account_id: str) -> None:
    found = _open_account(conn, account_id)
    conn.execute(update(account).where(account.c.id == account_id).values(status="active", opens_on=None))
    record(conn, actor, "mailbox.unlock", found.login, before={"status": found.status})


def opens_on(conn: Reading | Writing, account_id: str) -> str | None:
    """The day from which somebody who has not started may sign in."""
    found: str | None = conn.execute(select(account.c.opens_on).where(account.c.id == account_id)).scalar()
    return found


def open_due(conn: Writing, actor: str) -> None:
    """Whoever starts today may sign in; who was locked for another reason since stays so."""
    starts = account.c.opens_on <= conn.today
    due = conn.execute(select(account.c.id, account.c.login).where(starts).order_by(account.c.login)).all()
    for row in due:
        conn.execute(update(account).where(account.c.id == row.id).values(status="active", opens_on=None))
        record(conn, actor, "official.start", row.login)


def set_password(
    conn: Writing,
    actor: str,
    account_id: str,
    password_hash: str | None,
    *,
    must_change: bool = False,
    scram_verifier: str | None = None,
    key_wrap: bytes | None = None,
) -> None:
    """Another password (hashed by the caller, outside of the transaction); all sessions end, all app passwords go.

    None takes the password away: nobody can sign in until another is set.  What an administrator chose must be changed,
    so that he cannot use it unseen.  ``key_wrap``: the account's keys under the new one (``KeyProcess.rewrap``);
    without it sealed keys stay under the password that they were sealed with.  Raises Fault.
    """
    found = _open_account(conn, account_id)
    must_change = must_change or (conn.is_delegated and password_hash is not None)
    conn.execute(
        update(account)
        .where(account.c.id == account_id)
        .values(
            password_hash=password_hash,
            password_set_at=conn.now if password_hash else None,
            must_change_password=must_change,
        )
    )
    scram_verifiers.forget(conn, account_id)
    scram_verifiers.keep(conn, account_id, password_hash, scram_verifier)
    if key_wrap is not None:
        keep_password_wrap(conn, account_id, key_wrap, password_stamp(password_hash))
    revoked = app_passwords.revoke_all(conn, account_id)
    end_all(conn, account_id)
    record(
        conn,
        actor,
        "mailbox.passwd",
        found.login,
        must_change=must_change,
        removed=password_hash is None,
        app_passwords_revoked=revoked or None,
    )


def set_quota(conn: Writing, actor: str, account_id: str, quota_bytes: int) -> None:
    """0 means no limit.  Raises Fault."""
    found = _open_account(conn, account_id)
    if quota_bytes < 0:
        raise Fault("value-invalid", value=quota_bytes, what="quota")
    conn.execute(update(account).where(account.c.id == account_id).values(quota_bytes=quota_bytes))
    _record_change(conn, actor, "mailbox.quota", found, quota_bytes=quota_bytes)


def set_language(conn: Writing, actor: str, account_id: str, language: str) -> None:
    found = _open_account(conn, account_id)
    if language not in ("vi", "en"):
        raise Fault("value-invalid", value=language, what="language")
    conn.execute(update(account).where(account.c.id == account_id).values(language=language))
    _record_change(conn, actor, "mailbox.language", found, language=language)


def set_admin(conn: Writing, actor: str, account_id: str, is_admin: bool) -> None:
    found = _open_account(conn, account_id)
    conn.execute(update(account).where(account.c.id == account_id).values(is_admin=is_admin))
    _record_change(conn, actor, "mailbox.admin", found, is_admin=is_admin)


def set_primary_address(conn: Writing, owner: Account, text: str) -> str:
    """Make an address the primary one: a new one, or one of the owner's aliases.  Raises Fault."""
    if owner.status == "closed":
        raise Fault("account-closed", account=owner.login)
    wanted = spelled_out(conn, text)
    check_issuable(conn, wanted, function=owner.kind != "person")
    row = address_row(conn, wanted)
    if row is None:
        conn.execute(
            insert(address),
            {"address": wanted, "state": "active", "account_id": owner.id, "created_at": conn.now},
        )
    elif row.account_id != owner.id or row.state != "active":
        raise Fault("address-taken", address=wanted)
    conn.execute(update(account).where(account.c.id == owner.id).values(login=wanted))
    identities.carry_over(conn, owner.id, owner.login, wanted)
    return wanted


def known_account(conn: Writing, account_id: str) -> Account:
    found = find_account(conn, account_id)
    if found is None:
        raise Fault("account-unknown", account=account_id)
    return found


def _open_account(conn: Writing, account_id: str) -> Account:
    found = known_account(conn, account_id)
    if found.status == "closed":
        raise Fault("account-closed", account=found.login)
    return found


def _record_change(conn: Writing, actor: str, action: str, before: Account, **after: object) -> None:
    record(conn, actor, action, before.login, before={name: getattr(before, name) for name in after}, after=after)
