"""The life of an official in the directory: joins, takes further posts, moves, is renamed, leaves, returns.

Each function is one change with one entry in the audit record, within the caller's transaction.  ``actor`` is
who does it: a login, or ``cli:root``.
"""

from __future__ import annotations

from sqlalchemy import delete, insert, or_, update

from directory import app_passwords, scram_verifiers, search_index
from directory.accounts import Account, find_account
from directory.addresses import address_row, domain_to_ascii, is_local_domain, local_domains, spelled_out
from directory.database import Writing
from directory.dates import day_before
from directory.faults import Fault
from directory.intake import Intake, Joined, Joiner, check_issuable
from directory.names import PersonName, fold, order_key
from directory.people import Official, find_official
from directory.posting_changes import end_posts, new_post, open_posts
from directory.postings import Appointment, AppointmentKind, appointments_of, refresh
from directory.record import record
from directory.sessions import end_all
from directory.tables import (
    account,
    address,
    domain,
    group_account,
    group_poster,
    mailbox_right,
    person,
    state,
)

# How long mail to somebody who left goes to his successor, unless told otherwise.
REDIRECT_DAYS = 365


def add_domain(conn: Writing, actor: str, name: str, *, primary: bool = False) -> str:
    """A mail domain of the city; the first is primary.  Raises Fault."""
    wanted = domain_to_ascii(name.strip().rstrip("."))
    if not wanted or "@" in wanted or " " in wanted:
        raise Fault("address-malformed", address=name)
    if is_local_domain(conn, wanted):
        raise Fault("domain-exists", domain=wanted)
    is_primary = primary or not local_domains(conn)
    if is_primary:
        conn.execute(update(domain).values(is_primary=False))
    conn.execute(insert(domain), {"name": wanted, "is_primary": is_primary})
    # from the founding on the housekeeper knows which days it has yet to go through
    conn.execute(update(state).where(state.c.day == "").values(day=conn.today))
    record(conn, actor, "domain.add", wanted, primary=is_primary)
    return wanted


# --- people
# -----------------------------------------------------------------------------------------------------------


def join(conn: Writing, actor: str, joiner: Joiner, *, domain_name: str = "") -> Joined:
    """Somebody starts: person, account, address and first post.  Raises Fault."""
    intake = Intake(conn, actor, domain_name)
    joined = intake.join(joiner)
    intake.flush()
    return joined


def appoint(
    conn: Writing,
    actor: str,
    official_key: str,
    *,
    unit_id: str,
    position_id: str,
    from_day: str,
    until_day: str | None = None,
    title: str = "",
    kind: AppointmentKind = "substantive",
    rank: int | None = None,
    primary: bool = False,
    decision: str = "",
) -> Appointment:
    """One more post beside those held.  Raises Fault."""
    official = find_official(conn, official_key)
    _must_serve(official)
    made = new_post(
        conn, official, unit_id, position_id, from_day, until_day, title, kind, rank, primary=primary, decision=decision
    )
    record(
        conn,
        actor,
        "official.appoint",
        official.account.login,
        unit=made.unit_id,
        position=made.position_id,
        title=title,
        kind=kind,
        from_day=from_day,
        until_day=until_day,
        decision=decision,
    )
    refresh(conn, [official.person_id])
    return made


def dismiss(
    conn: Writing,
    actor: str,
    official_key: str,
    *,
    unit_id: str,
    last_day: str,
    position_id: str | None = None,
    decision: str = "",
) -> int:
    """End the posts held in a unit (only that at one position, if given); how many.  Raises Fault."""
    official = find_official(conn, official_key)
    ending = [
        post
        for post in appointments_of(conn, official.person_id)
        if post.unit_id == unit_id
        and position_id in (None, post.position_id)
        and (post.valid_until is None or post.valid_until > last_day)
    ]
    if not ending:
        raise Fault("appointment-unknown", official=official.full_name, unit=unit_id)
    end_posts(conn, ending, last_day)
    record(
        conn,
        actor,
        "official.dismiss",
        official.account.login,
        before=_told(ending),
        last_day=last_day,
        decision=decision,
    )
    refresh(conn, [official.person_id])
    return len(ending)


def move(
    conn: Writing,
    actor: str,
    official_key: str,
    *,
    unit_id: str,
    position_id: str,
    from_day: str,
    until_day: str | None = None,
    title: str = "",
    kind: AppointmentKind = "substantive",
    rank: int | None = None,
    keep_other_posts: bool = True,
    decision: str = "",
) -> Appointment:
    """The primary post ends on the eve, the new one is primary; address, mail and groups stay.  Raises Fault."""
    official = find_official(conn, official_key)
    _must_serve(official)
    ending = [
        post
        for post in appointments_of(conn, official.person_id)
        if (post.is_primary or not keep_other_posts) and (post.valid_until is None or post.valid_until >= from_day)
    ]
    end_posts(conn, ending, day_before(from_day))
    made = new_post(
        conn, official, unit_id, position_id, from_day, until_day, title, kind, rank, primary=True, decision=decision
    )
    record(
        conn,
        actor,
        "official.move",
        official.account.login,
        before=_told(ending),
        after=_told([made]),
        from_day=from_day,
        decision=decision,
    )
    refresh(conn, [official.person_id])
    return made


def rename(
    conn: Writing, actor: str, official_key: str, name: PersonName, *, new_address: str = "", decision: str = ""
) -> Official:
    """Another name; with ``new_address`` another primary address too, the old one staying as an alias.
    Raises Fault.
    """
    official = find_official(conn, official_key)
    if not name.full or not name.given:
        raise Fault("name-empty")
    conn.execute(
        update(person)
        .where(person.c.id == official.person_id)
        .values(
            full_name=name.full,
            family_name=name.family,
            middle_name=name.middle,
            given_name=name.given,
            folded_name=fold(name.full)[:300],
            sort_key=order_key(name),
        )
    )
    if new_address:
        set_primary_address(conn, official.account, new_address)
    record(
        conn,
        actor,
        "official.rename",
        official.account.login,
        before={"name": official.full_name, "address": official.account.login},
        after={"name": name.full, "address": new_address or official.account.login},
        decision=decision,
    )
    refresh(conn, [official.person_id])
    return find_official(conn, official.person_id)


def update_person(conn: Writing, actor: str, official_key: str, *, phone: str) -> None:
    official = find_official(conn, official_key)
    conn.execute(update(person).where(person.c.id == official.person_id).values(phone=phone[:40]))
    record(
        conn, actor, "official.update", official.account.login, before={"phone": official.phone}, after={"phone": phone}
    )


def leave(
    conn: Writing,
    actor: str,
    account_id: str,
    *,
    last_day: str,
    redirect_to: str = "",
    redirect_until: str | None = None,
    decision: str = "",
) -> None:
    """Somebody leaves, or a mailbox is closed: posts end, sign-in ends, addresses redirect or are retired.

    The mail stays where it is.  The addresses are never given to anybody else.  Raises Fault.
    """
    found = _account(conn, account_id)
    if found.status == "closed":
        raise Fault("account-closed", account=found.login)
    target = spelled_out(conn, redirect_to) if redirect_to else None
    if target is not None:
        _check_redirect(conn, found, target)
    official = find_official(conn, account_id) if found.kind == "person" else None
    ending = open_posts(conn, official, last_day) if official is not None else []
    if official is not None:
        end_posts(conn, ending, last_day)
        conn.execute(update(person).where(person.c.id == official.person_id).values(left_on=last_day))
    conn.execute(update(account).where(account.c.id == account_id).values(status="closed", closed_at=conn.now))
    conn.execute(
        update(address)
        .where(address.c.account_id == account_id, address.c.state == "active")
        .values(state="redirect" if target else "retired", forward_to=target, until=redirect_until if target else None)
    )
    conn.execute(delete(group_account).where(group_account.c.account_id == account_id))
    conn.execute(delete(group_poster).where(group_poster.c.account_id == account_id))
    conn.execute(
        delete(mailbox_right).where(
            or_(mailbox_right.c.account_id == account_id, mailbox_right.c.mailbox_id == account_id)
        )
    )
    end_all(conn, account_id)
    app_passwords.revoke_all(conn, account_id)
    scram_verifiers.forget(conn, account_id)
    search_index.remove(conn, account_id)
    if official is not None:
        refresh(conn, [official.person_id])
    action = "official.leave" if official else "mailbox.close"
    record(
        conn,
        actor,
        action,
        found.login,
        name=found.name,
        before={"status": found.status, "posts": _told(ending)},
        last_day=last_day,
        redirect_to=target,
        redirect_until=redirect_until if target else None,
        decision=decision,
    )


def come_back(
    conn: Writing,
    actor: str,
    official_key: str,
    *,
    unit_id: str,
    position_id: str,
    from_day: str,
    title: str = "",
    kind: AppointmentKind = "substantive",
    decision: str = "",
) -> None:
    """Somebody who left returns to the same mailbox and addresses; the password must be set anew.  Raises
    Fault.
    """
    official = find_official(conn, official_key)
    if official.account.status != "closed":
        raise Fault("account-not-closed", account=official.account.login)
    account_id = official.account.id
    conn.execute(
        update(account)
        .where(account.c.id == account_id)
        .values(status="active", closed_at=None, password_hash=None, password_set_at=None)
    )
    conn.execute(
        update(address).where(address.c.account_id == account_id).values(state="active", forward_to=None, until=None)
    )
    conn.execute(update(person).where(person.c.id == official.person_id).values(left_on=None))
    new_post(
        conn,
        official,
        unit_id,
        position_id,
        from_day,
        None,
        title,
        kind,
        None,
        primary=True,
        decision=decision,
    )
    record(conn, actor, "official.return", official.account.login, unit=unit_id, from_day=from_day, decision=decision)
    refresh(conn, [official.person_id])


# --- any account
# ------------------------------------------------------------------------------------------------------


def lock(conn: Writing, actor: str, account_id: str) -> None:
    """No sign-in from now on, sessions end; mail still arrives.  Raises Fault."""
    found = _open_account(conn, account_id)
    conn.execute(update(account).where(account.c.id == account_id).values(status="locked"))
    end_all(conn, account_id)
    record(conn, actor, "mailbox.lock", found.login, before={"status": found.status})


def unlock(conn: Writing, actor: str, account_id: str) -> None:
    found = _open_account(conn, account_id)
    conn.execute(update(account).where(account.c.id == account_id).values(status="active"))
    record(conn, actor, "mailbox.unlock", found.login, before={"status": found.status})


def set_password(
    conn: Writing,
    actor: str,
    account_id: str,
    password_hash: str | None,
    *,
    must_change: bool = False,
    scram_verifier: str | None = None,
) -> None:
    """Another password (hashed by the caller, outside of the transaction); all sessions end, all app passwords go.

    None takes the password away: nobody can sign in until another is set.  Raises Fault.
    """
    found = _open_account(conn, account_id)
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
    return wanted


# --- steps
# ------------------------------------------------------------------------------------------------------------


def _account(conn: Writing, account_id: str) -> Account:
    found = find_account(conn, account_id)
    if found is None:
        raise Fault("account-unknown", account=account_id)
    return found


def _open_account(conn: Writing, account_id: str) -> Account:
    found = _account(conn, account_id)
    if found.status == "closed":
        raise Fault("account-closed", account=found.login)
    return found


def _record_change(conn: Writing, actor: str, action: str, before: Account, **after: object) -> None:
    record(conn, actor, action, before.login, before={name: getattr(before, name) for name in after}, after=after)


def _told(posts: list[Appointment]) -> list[dict[str, str]]:
    """Posts as the audit record tells of them."""
    return [{"unit": post.unit_id, "position": post.position_id, "from": post.valid_from} for post in posts]


def _must_serve(official: Official) -> None:
    if official.account.status == "closed":
        raise Fault("account-closed", account=official.account.login)


def _check_redirect(conn: Writing, leaver: Account, target: str) -> None:
    domain_name = target.rpartition("@")[2]
    if not is_local_domain(conn, domain_name):
        # mail of a public office does not follow a person out of it
        raise Fault("domain-unknown", domain=domain_name or target)
    row = address_row(conn, target)
    if row is None or row.state != "active":
        raise Fault("address-unknown", address=target)
    if row.account_id == leaver.id:
        raise Fault("alias-loop", address=target)
