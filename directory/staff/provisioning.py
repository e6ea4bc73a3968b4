"""The life of an official in the directory: joins, takes further posts, moves, is renamed (``leaving``: and leaves).

Each function is one change with one entry in the audit record, within the caller's transaction.  ``actor`` is
who does it: a login, or ``cli:root``.
"""

from __future__ import annotations

from sqlalchemy import update

from directory.administration.authority import settled
from directory.database import Reading, Writing
from directory.dates import day_before, days_after
from directory.faults import Fault
from directory.mail import groups, mailboxes
from directory.mail.account_changes import set_primary_address
from directory.record import record
from directory.staff.intake import Intake, Joined, Joiner
from directory.staff.people import Official, find_official
from directory.staff.posting_changes import end_posts, new_post, told
from directory.staff.postings import Appointment, AppointmentKind, appointments_of, refresh
from directory.staff.units import tree
from directory.tables import person
from directory.words.names import PersonName, fold, order_key


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
    ended = _end_rights(conn, official, ending, days_after(last_day, 1))
    record(
        conn,
        actor,
        "official.dismiss",
        official.account.login,
        before=told(ending),
        rights_ended=ended,
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
    leave_groups: bool = False,
    decision: str = "",
) -> Appointment:
    """The primary post ends on the eve, the new one is primary; address and mail stay, while rights over the mailboxes
    of a unit in which no post is left end with it.  Groups stay, but with ``leave_groups`` those of parts of the city
    that he leaves today (``groups_left``).  Raises Fault.
    """
    official = find_official(conn, official_key)
    _must_serve(official)
    if leave_groups and from_day > conn.today:
        raise Fault("groups-later", official=official.full_name, day=from_day)
    ending = [
        post
        for post in appointments_of(conn, official.person_id)
        if (post.is_primary or not keep_other_posts) and (post.valid_until is None or post.valid_until >= from_day)
    ]
    end_posts(conn, ending, day_before(from_day))
    made = new_post(
        conn, official, unit_id, position_id, from_day, until_day, title, kind, rank, primary=True, decision=decision
    )
    ended = _end_rights(conn, official, ending, from_day)
    left = groups_left(conn, official, ending, from_day) if leave_groups else []
    record(
        conn,
        actor,
        "official.move",
        official.account.login,
        before=told(ending),
        after=told([made]),
        rights_ended=ended,
        groups_left=[group.address for group in left],
        from_day=from_day,
        decision=decision,
    )
    with settled(conn):  # it follows from the move
        for group in left:
            groups.remove_member(conn, actor, group.id, official.account.login)
    refresh(conn, [official.person_id])
    return made


def groups_left(
    conn: Reading | Writing, official: Official, ended: list[Appointment], from_day: str
) -> list[groups.Group]:
    """Groups that name him, of parts of the city in which he holds no post from a day on."""
    known = tree(conn)

    def parts(posts: list[Appointment]) -> set[str]:
        return {unit.id for post in posts for unit in known.path(post.unit_id)}

    held = appointments_of(conn, official.person_id)
    left = parts(ended) - parts([post for post in held if post.valid_until is None or post.valid_until >= from_day])
    return [group for group in groups.groups_of(conn, official.account.id) if group.unit_id in left]


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
    refresh(conn, [official.person_id])


def _end_rights(conn: Writing, official: Official, ended: list[Appointment], from_day: str) -> list[str]:
    """Over mailboxes of units in which he holds no post from a day on."""
    kept = {
        post.unit_id
        for post in appointments_of(conn, official.person_id)
        if post.valid_until is None or post.valid_until >= from_day
    }
    left = {post.unit_id for post in ended} - kept
    return mailboxes.end_rights_in(conn, official.account.id, left, day_before(from_day)) if left else []


def _must_serve(official: Official) -> None:
    if official.account.status == "closed":
        raise Fault("account-closed", account=official.account.login)
