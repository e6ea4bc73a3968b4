"""The life of a plan: proposed, approved by somebody else, applied on its day, undone.

Applying is one short transaction: a process that dies in it leaves the plan approved and the directory as it was, and
the next one applies it.  Accounts' titles and search words follow in steps (``catching_up``).  What a plan does is
worked out anew when it is applied, so that whoever joined since then goes where his unit goes; a plan that no longer
fits the directory is blocked, with the reason, and changes nothing.

Limits: undoing takes back what was, as if the plan had never been; it is refused once anything that the plan wrote was
changed by somebody else.  Addresses that the plan gave out are retired, not forgotten.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select, update

from directory.administration.authority import settled
from directory.administration.bounds import is_same_person
from directory.database import Directory, Reading, Writing
from directory.faults import Fault
from directory.mail.mailboxes import index
from directory.plans.effects import Effects, Fact, work_out
from directory.plans.journal import as_kept, forget, keep, kept
from directory.plans.reading import Mistake, PlanText, parse_source
from directory.plans.resolution import resolve
from directory.record import Recorder, entries, last_number, record, search
from directory.row_changes import Change, carry_out
from directory.signing_in.sessions import end_all
from directory.staff.catching_up import catch_up, in_chunks, put_off
from directory.staff.postings import refresh_mailboxes
from directory.tables import (
    account,
    address,
    appointment,
    custody,
    group_account,
    group_poster,
    mailbox_post,
    mailbox_right,
    metadata,
    plan,
    unit,
)

# How often a plan is worked out beside other writers before they have to wait for it.
_ATTEMPTS = 3
# Actions on record that change nothing on which a plan rests.
_BESIDE = ("mailbox.passwd", "mailbox.quota", "mailbox.language", "mailbox.absence", "mailbox.act", "mailbox.share",
           "mailbox.restore", "app-password.", "dkim.", "official.update")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Plan:
    id: str
    title: str
    effective: str
    decision: str
    state: str
    author: str
    proposed_at: int
    approver: str
    applied_at: int | None
    problem: str


_COLUMNS = (
    plan.c.id,
    plan.c.title,
    plan.c.effective,
    plan.c.decision,
    plan.c.state,
    plan.c.author,
    plan.c.proposed_at,
    plan.c.approver,
    plan.c.applied_at,
    plan.c.problem,
)


def plans(conn: Reading | Writing) -> list[Plan]:
    """Newest first."""
    found = conn.execute(select(*_COLUMNS).order_by(plan.c.proposed_at.desc(), plan.c.id.desc()))
    return [Plan(*tuple(row)) for row in found]


def find_plan(conn: Reading | Writing, plan_id: str) -> Plan:
    """Raises Fault."""
    row = conn.execute(select(*_COLUMNS).where(plan.c.id == plan_id.strip().lower())).first()
    if row is None:
        raise Fault("plan-unknown", plan=plan_id)
    return Plan(*tuple(row))


def text_of(conn: Reading | Writing, plan_id: str) -> PlanText:
    """The files as they were proposed."""
    source: dict[str, str] = json.loads(conn.execute(select(plan.c.source).where(plan.c.id == plan_id)).scalar_one())
    return parse_source(source)


def rehearse(conn: Reading | Writing, text: PlanText) -> tuple[list[Mistake], Effects]:
    """What is wrong with a plan, by file and line; or, where nothing is, all that it would do."""
    outline = resolve(conn, text)
    effects = work_out(conn, outline)
    order = {name: number for number, name in enumerate(text.source)}
    mistakes = sorted(outline.mistakes, key=lambda found: (order.get(found.file, 0), found.line))
    return mistakes, Effects() if mistakes else effects


def propose(conn: Writing, actor: str, text: PlanText) -> Plan:
    """Put a plan before the others.  Raises Fault if it has mistakes."""
    mistakes, effects = rehearse(conn, text)
    if mistakes:
        raise Fault("plan-mistakes", count=len(mistakes))
    made = Plan(conn.new_id(), text.title, text.effective, text.decision, "proposed", actor, conn.now, "", None, "")
    conn.execute(
        insert(plan),
        {
            "id": made.id,
            "title": made.title,
            "effective": made.effective,
            "decision": made.decision,
            "state": made.state,
            "source": json.dumps(dict(text.source), ensure_ascii=False),
            "author": actor,
            "proposed_at": made.proposed_at,
            "approver": "",
            "applied_at": None,
            "problem": "",
        },
    )
    _record(conn, actor, "plan.propose", made, rows=len(effects.changes))
    return made


def approve(conn: Writing, actor: str, plan_id: str) -> Plan:
    """By somebody who did not propose it; a blocked plan may be approved again.  Raises Fault."""
    found = _in_state(conn, plan_id, "proposed", "blocked")
    if is_same_person(conn, actor, found.author):
        raise Fault("plan-author", actor=actor)
    mistakes, effects = rehearse(conn, text_of(conn, found.id))
    if mistakes:
        raise Fault("plan-mistakes", count=len(mistakes))
    conn.execute(update(plan).where(plan.c.id == found.id).values(state="approved", approver=actor, problem=""))
    _record(conn, actor, "plan.approve", found, author=found.author, rows=len(effects.changes))
    return find_plan(conn, found.id)


def withdraw(conn: Writing, actor: str, plan_id: str) -> Plan:
    """Nobody wants it any more.  Raises Fault."""
    found = _in_state(conn, plan_id, "proposed", "approved", "blocked")
    conn.execute(update(plan).where(plan.c.id == found.id).values(state="withdrawn"))
    _record(conn, actor, "plan.withdraw", found, before={"state": found.state})
    return find_plan(conn, found.id)


def apply(directory: Directory, actor: str, plan_id: str, *, origin: str = "", reason: str = "") -> Effects:
    """All of it, or by a Fault nothing.

    It is worked out beside the others' writing, and written in one transaction, if nothing that it rests on was changed
    meanwhile; else it is worked out anew, at last with the others waiting.  Then accounts catch up, step by step.
    """
    for _ in range(_ATTEMPTS):
        with directory.read() as reading:
            reading.forget()
            seen = last_number(reading)
            effects = _due(reading, plan_id)
        journal = as_kept(plan_id, effects.changes)
        with directory.write(origin=origin, reason=reason) as conn:
            if _stands(conn, seen):
                _switch(conn, actor, plan_id, effects, journal)
                break
    else:
        with directory.write(origin=origin, reason=reason) as conn:
            effects = _due(conn, plan_id)
            _switch(conn, actor, plan_id, effects, as_kept(plan_id, effects.changes))
    catch_up(directory)
    return effects


def _due(conn: Reading | Writing, plan_id: str) -> Effects:
    """What an approved plan does now that its day has come.  Raises Fault."""
    found = _in_state(conn, plan_id, "approved")
    if conn.today < found.effective:
        raise Fault("plan-early", day=found.effective)
    mistakes, effects = rehearse(conn, text_of(conn, found.id))
    if mistakes:
        raise Fault("plan-mistakes", count=len(mistakes))
    return effects


def _stands(conn: Writing, seen: int) -> bool:
    """Whether nothing on which a plan rests was changed after the entry of this number."""
    return all(entry.action.startswith(_BESIDE) for entry in entries(conn, seen))


def _switch(conn: Writing, actor: str, plan_id: str, effects: Effects, journal: list[dict[str, Any]]) -> None:
    """From one day to the other, for all readers at once."""
    found = _in_state(conn, plan_id, "approved")
    carry_out(conn, effects.changes)
    keep(conn, journal)
    conn.execute(update(plan).where(plan.c.id == found.id).values(state="applied", applied_at=conn.now, problem=""))
    record(conn, actor, "plan.apply", found.id, title=found.title, decision=found.decision, rows=len(effects.changes))
    recorder = Recorder(conn, actor)
    for fact in effects.facts:
        recorder.add(fact.action, fact.subject, plan=found.id, from_day=found.effective, **fact.details)
    with settled(conn):  # two administrators have agreed on the whole
        recorder.flush()
    for account_id in effects.closed:
        end_all(conn, account_id)
    _bring_in_line(conn, effects.changes, effects.people)


def undo(directory: Directory, actor: str, plan_id: str, *, origin: str = "", reason: str = "") -> int:
    """Put every row back as it was; how many.  Raises Fault if one was changed since."""
    with directory.read() as reading:
        found = _in_state(reading, plan_id, "applied")
        changes = list(kept(reading, found.id))
        people = _holders(reading, changes)
    with directory.write(origin=origin, reason=reason) as conn:
        found = _in_state(conn, plan_id, "applied")
        _refuse_overgrown(conn, changes)
        back = (_taken_back(conn, change) for change in reversed(changes))
        # accounts show the units that the plan made until they have caught up, which then removes them
        carry_out(conn, [change for change in back if change.table != "unit"])
        _bring_in_line(conn, changes, people)
        # of what was given out the marks stay, so that the plan made again may have its addresses again
        forget(conn, found.id)
        keep(conn, as_kept(found.id, [c for c in changes if c.table == "address" and c.before is None]))
        conn.execute(update(plan).where(plan.c.id == found.id).values(state="undone"))
        _record(conn, actor, "plan.undo", found, rows=len(changes))
        for change in changes:
            if change.table == "account" and (change.before is None or change.before.get("status") == "closed"):
                end_all(conn, change.key["id"])
    catch_up(directory)
    return len(changes)


def facts_on_record(conn: Reading | Writing, plan_id: str) -> list[Fact]:
    """What an applied plan did, from the audit record, in its order."""
    found: list[Fact] = []
    for entry in search(conn, text=plan_id):
        details = json.loads(entry.details)
        if details.get("plan") == plan_id:
            found.append(Fact(entry.action, entry.subject, details))
    return found[::-1]


def apply_due(directory: Directory, actor: str) -> list[str]:
    """The housekeeper's part: approved plans whose day has come, oldest first; which were applied."""
    with directory.read() as conn:
        due = conn.execute(
            select(plan.c.id)
            .where(plan.c.state == "approved", plan.c.effective <= conn.today)
            .order_by(plan.c.effective, plan.c.proposed_at)
        )
        waiting = list(due.scalars())
    done = []
    for plan_id in waiting:
        try:
            apply(directory, actor, plan_id)
            done.append(plan_id)
        except Fault as fault:
            if fault.code != "plan-state":  # another process was quicker
                _block(directory, actor, plan_id, fault)
    return done


def _block(directory: Directory, actor: str, plan_id: str, fault: Fault) -> None:
    with directory.read() as reading:
        mistakes, _ = rehearse(reading, text_of(reading, plan_id))
    lines = [f"{mistake.file}:{mistake.line}: {mistake.fault.text('vi')}" for mistake in mistakes[:20]]
    problem = "\n".join([fault.text("vi"), *lines])
    with directory.write() as conn:
        found = _in_state(conn, plan_id, "approved")
        conn.execute(update(plan).where(plan.c.id == plan_id).values(state="blocked", problem=problem))
        _record(conn, actor, "plan.block", found, problem=fault.code)


def _in_state(conn: Reading | Writing, plan_id: str, *states: str) -> Plan:
    found = find_plan(conn, plan_id)
    if found.state not in states:
        raise Fault("plan-state", plan=found.id, state=found.state)
    return found


def _record(conn: Writing, actor: str, action: str, about: Plan, **details: object) -> None:
    record(
        conn, actor, action, about.id, title=about.title, decision=about.decision, effective=about.effective, **details
    )


# --- taking back --------------------------------------------------------------------------------------------


def _taken_back(conn: Writing, change: Change) -> Change:
    if change.before is None and change.after is not None:
        if change.table == "address":
            # mail may have come to it: nobody else ever gets it
            return Change("address", change.key, {"state": change.after["state"]}, {"state": "retired"})
        if change.table == "account":
            closed = {"status": "closed", "closed_at": conn.now, "kind": "role", "unit_id": None, "unit_name": ""}
            now = {column: change.after[column] for column in closed}
            return Change("account", change.key, now, closed)
    return change.reversed()


_HANGS_ON_UNITS = tuple(
    (table, key.parent) for table in metadata.sorted_tables for key in table.foreign_keys if key.column is unit.c.id
)
_HANGS_ON_MAILBOXES = (
    (address, address.c.account_id),
    (group_account, group_account.c.account_id),
    (group_poster, group_poster.c.account_id),
    (mailbox_right, mailbox_right.c.account_id),
    (mailbox_right, mailbox_right.c.mailbox_id),
    (mailbox_post, mailbox_post.c.mailbox_id),
    (custody, custody.c.holder_id),
)


def _refuse_overgrown(conn: Writing, changes: list[Change]) -> None:
    """What others put into the units and mailboxes that the plan made would hang in the air.  Raises Fault."""
    own = {(change.table, *change.key.values()) for change in changes if change.after is not None}
    units = [change.key["id"] for change in changes if change.table == "unit"]
    opened = [
        change.key["id"]
        for change in changes
        if change.table == "account" and change.after is not None and change.after.get("status") == "active"
    ]
    for ids, columns in ((units, _HANGS_ON_UNITS), (opened, _HANGS_ON_MAILBOXES)):
        for chunk in in_chunks(ids):
            for table, column in columns:
                statement = select(*table.primary_key).where(column.in_(chunk))
                if table is account:
                    statement = statement.where(account.c.kind != "person")
                for row in conn.execute(statement):
                    if (table.name, *row) not in own:
                        raise Fault("plan-overtaken", what=" ".join((table.name, *row)))


# --- what repeats the rows ----------------------------------------------------------------------------------


def _holders(conn: Reading | Writing, changes: list[Change]) -> set[str]:
    """Whose posts these are, with the plan and without it."""
    posts = [change for change in changes if change.table == "appointment"]
    rows = [row for change in posts for row in (change.before, change.after) if row is not None]
    found = {row["person_id"] for row in rows if "person_id" in row}
    for chunk in in_chunks(change.key["id"] for change in posts):
        found.update(conn.execute(select(appointment.c.person_id).where(appointment.c.id.in_(chunk))).scalars())
    return found


def _bring_in_line(conn: Writing, changes: list[Change], people: set[str]) -> None:
    """Names, units and search words that accounts repeat: of mailboxes now, of people later."""
    # whoever works in units that begin or end is among the people
    new = {change.key["id"] for change in changes if change.table == "unit"}
    altered = {change.key["unit_id"] for change in changes if change.table == "unit_version" and change.before is None}
    put_off(conn, people | refresh_mailboxes(conn, sorted(altered - new)))
    mailboxes = [change.key["id"] for change in changes if change.table == "account"]
    for chunk in in_chunks(mailboxes):
        index(conn, chunk)
