"""``citymail unit plan``: reorganisations, from the file to the day and back.

Who proposes and who approves are administrators (``--as``), told apart by their accounts; without it whoever is logged
in to the machine (through sudo: who called it), not what he says of himself: these commands have no ``--by``.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from directory.cli.context import EXIT_REFUSED, CliContext, directory_command
from directory.cli.groups import Commands
from directory.cli.texts import help_text, text
from directory.database import CITY_TIME
from directory.faults import Fault
from directory.plans import life
from directory.plans.effects import Effects, Fact
from directory.plans.reading import Mistake, PlanText, read_plan

_file = click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
_plan = click.argument("plan")
_reason = click.option("--reason", default="", help=help_text("option.reason"))
_PEOPLE = ("official.move", "official.dismiss")


@click.group("plan", cls=Commands, help=help_text("plan.help"))
def group() -> None:
    pass


@group.command("check", help=help_text("plan.check"))
@_file
@directory_command
def check(cli: CliContext, file: Path) -> None:
    read = read_plan(file)
    with cli.directory.read() as conn:
        mistakes, effects = life.rehearse(conn, read)
    _refuse_mistakes(cli, mistakes)
    cli.give({"mistakes": [], "counts": _counts(effects)})
    cli.say("plan.checked", title=read.title, day=read.effective)
    _say_counts(cli, effects)


@group.command("show", help=help_text("plan.show"))
@click.argument("plan")
@click.option("--officials", is_flag=True, help=help_text("plan.officials"))
@directory_command
def show(cli: CliContext, plan: str, officials: bool) -> None:
    """A file, or a plan that was proposed: with what it would do, or did."""
    about: life.Plan | None = None
    with cli.directory.read() as conn:
        if Path(plan).is_file():
            read = read_plan(Path(plan))
        else:
            about = life.find_plan(conn, plan)
            read = life.text_of(conn, about.id)
        if about is not None and about.state in ("applied", "undone"):
            facts = life.facts_on_record(conn, about.id)
            rows = None
        else:
            mistakes, effects = life.rehearse(conn, read)
            facts, rows = effects.facts, len(effects.changes)
            if mistakes and about is not None and not cli.as_json:
                _sheet(cli, about)
            _refuse_mistakes(cli, mistakes)
    if cli.as_json:
        shown = [fact for fact in facts if officials or fact.action not in _PEOPLE]
        steps = [{"action": fact.action, "subject": fact.subject, **fact.details} for fact in shown]
        counts = dict(sorted(Counter(fact.action for fact in facts).items()))
        cli.give({"plan": about or _described(read), "rows": rows, "counts": counts, "steps": steps})
        return
    if about is not None:
        _sheet(cli, about)
    else:
        cli.sheet([("title", read.title), ("from", read.effective), ("decision", read.decision)])
    for fact in facts:
        if officials or fact.action not in _PEOPLE:
            click.echo(_line(cli, fact))
    _say_count_of(cli, facts)


@group.command("propose", help=help_text("plan.propose"))
@_file
@_reason
@directory_command
def propose(cli: CliContext, file: Path, reason: str) -> None:
    cli.reason = reason
    read = read_plan(file)
    with cli.directory.read() as conn:
        mistakes, _ = life.rehearse(conn, read)
    _refuse_mistakes(cli, mistakes)
    with cli.write() as conn:
        made = life.propose(conn, cli.actor, read)
    cli.give(made)
    cli.say("plan.proposed", id=made.id, title=made.title)


@group.command("approve", help=help_text("plan.approve"))
@_plan
@_reason
@directory_command
def approve(cli: CliContext, plan: str, reason: str) -> None:
    cli.reason = reason
    with cli.write() as conn:
        found = life.approve(conn, cli.actor, plan)
    cli.give(found)
    cli.say("plan.approved", title=found.title, day=found.effective)


@group.command("withdraw", help=help_text("plan.withdraw"))
@_plan
@_reason
@directory_command
def withdraw(cli: CliContext, plan: str, reason: str) -> None:
    cli.reason = reason
    with cli.write() as conn:
        found = life.withdraw(conn, cli.actor, plan)
    cli.give(found)
    cli.say("plan.withdrawn", title=found.title)


@group.command("apply", help=help_text("plan.apply"))
@_plan
@_reason
@directory_command
def apply(cli: CliContext, plan: str, reason: str) -> None:
    cli.reason = reason
    effects = life.apply(cli.directory, cli.actor, plan, origin=cli.origin, reason=cli.reason)
    with cli.directory.read() as conn:
        found = life.find_plan(conn, plan)
    cli.give({"plan": found, "rows": len(effects.changes), "counts": _counts(effects)})
    cli.say("plan.applied", title=found.title, rows=len(effects.changes))
    _say_counts(cli, effects)


@group.command("undo", help=help_text("plan.undo"))
@_plan
@_reason
@directory_command
def undo(cli: CliContext, plan: str, reason: str) -> None:
    cli.reason = reason
    rows = life.undo(cli.directory, cli.actor, plan, origin=cli.origin, reason=cli.reason)
    with cli.directory.read() as conn:
        found = life.find_plan(conn, plan)
    cli.give({"plan": found, "rows": rows})
    cli.say("plan.undone", title=found.title, rows=rows)


@group.command("list", help=help_text("plan.list"))
@directory_command
def list_(cli: CliContext) -> None:
    with cli.directory.read() as conn:
        found = life.plans(conn)
    cli.give(found)
    if not cli.as_json:
        cli.table(
            ("id", "from", "state", "title", "author", "approver"),
            [(plan.id, plan.effective, _state(cli, plan), plan.title, plan.author, plan.approver) for plan in found],
        )


# --- how it is said -----------------------------------------------------------------------------------------


def _refuse_mistakes(cli: CliContext, mistakes: list[Mistake]) -> None:
    """Every one of them, by file and line."""
    if not mistakes:
        return
    fault = Fault("plan-mistakes", count=len(mistakes))
    cli.give(
        {
            "error": fault.code,
            "message": fault.text(cli.language),
            "mistakes": [
                {"file": m.file, "line": m.line, "error": m.fault.code, "message": m.fault.text(cli.language)}
                for m in mistakes
            ],
        }
    )
    for mistake in mistakes:
        click.echo(f"{mistake.file}:{mistake.line}: {mistake.fault.text(cli.language)}", err=True)
    click.echo(f"citymail: {fault.text(cli.language)}", err=True)
    raise SystemExit(EXIT_REFUSED)


def _counts(effects: Effects) -> dict[str, int]:
    return dict(sorted(Counter(fact.action for fact in effects.facts).items()))


def _say_counts(cli: CliContext, effects: Effects) -> None:
    _say_count_of(cli, effects.facts)


def _say_count_of(cli: CliContext, facts: list[Fact]) -> None:
    counts = Counter(fact.action for fact in facts)
    cli.say(
        "plan.counts",
        made=counts["unit.add"],
        changed=counts["unit.alter"],
        ended=counts["unit.close"],
        moved=counts["official.move"],
        dismissed=counts["official.dismiss"],
        opened=counts["mailbox.add"],
        handed=counts["mailbox.hand-over"],
        closed=counts["mailbox.close"],
        rules=counts["group.follow"],
    )


def _described(read: PlanText) -> dict[str, Any]:
    return {
        "title": read.title,
        "effective": read.effective,
        "decision": read.decision,
        "redirect_until": read.redirect_until,
    }


def _sheet(cli: CliContext, about: life.Plan) -> None:
    cli.sheet(
        [
            ("id", about.id),
            ("title", about.title),
            ("from", about.effective),
            ("decision", about.decision),
            ("state", _state(cli, about)),
            ("author", about.author),
            ("approver", about.approver),
            ("at", datetime.fromtimestamp(about.applied_at, CITY_TIME).isoformat(" ") if about.applied_at else None),
            ("problem", about.problem.splitlines()),
        ]
    )


def _state(cli: CliContext, about: life.Plan) -> str:
    return text(f"state.{about.state}", cli.language)


def _line(cli: CliContext, fact: Fact) -> str:
    """``+`` begins, ``-`` ends, ``~`` changes, ``>`` goes somewhere."""
    told = dict(fact.details)
    name = told.get("name", fact.subject)
    to = told.get("to", "")
    if isinstance(to, list):
        to = ", ".join(to)
    match fact.action:
        case "unit.add":
            return f"+ {name} ({told['short_name']}) ‹ {told['under']}"
        case "unit.alter":
            after = told.get("after", {})
            changes = [f"{old} → {after.get(column, '')}" for column, old in told.get("before", {}).items()]
            return f"~ {name}: {'; '.join(changes)}"
        case "unit.close":
            return text("plan.line-close", cli.language).format(
                name=name, to=", ".join(told.get("successors", [])) or "–", count=told.get("officials", 0)
            )
        case "mailbox.add":
            return f"+ {fact.subject}"
        case "mailbox.close":
            return f"- {fact.subject} → {told['redirect_to']} ({told['redirect_until']})"
        case "official.move":
            position = f" ({told['title']} → {told['position']})" if told.get("position") else ""
            return f"> {name} <{fact.subject}>: {told['unit']} → {to}{position}"
        case "official.dismiss":
            return f"- {name} <{fact.subject}>: {told['unit']}, {told['title']}"
        case _:
            return f"> {fact.subject}: {told['unit']} → {to}"
