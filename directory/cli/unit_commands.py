"""``citymail unit``: units, their versions and their kinds."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from directory.cli import file_commands
from directory.cli.context import CliContext, changing_command, directory_command
from directory.cli.plan_commands import group as plan_group
from directory.cli.texts import help_text, text
from directory.database import Reading, Writing
from directory.dates import day_before, parse_day
from directory.staff import unit_changes, unit_types, units
from directory.staff.units import Succession, Unit


@click.group()
def group() -> None:
    pass


for _command in (plan_group, *file_commands.unit_files):
    group.add_command(_command)


def _day(conn: Reading | Writing, given: str | None) -> str:
    return parse_day(given) if given else conn.today


def _json(conn: Reading | Writing, unit: Unit) -> dict[str, Any]:
    tree = units.tree(conn)
    return asdict(unit) | {"path": [above.name for above in tree.path(unit.id)]}


def _table(cli: CliContext, found: list[Unit], names: dict[str, str]) -> None:
    cli.table(
        ("id", "short_name", "name", "type", "from", "until"),
        [
            (unit.id, unit.short_name, unit.name, names.get(unit.type, unit.type), unit.valid_from, unit.valid_until)
            for unit in found
        ],
    )


def _type_names(cli: CliContext, conn: Reading) -> dict[str, str]:
    column = "name" if cli.language == "vi" else "name_en"
    return {row["code"]: row[column] for row in unit_types.types(conn)}


@group.command("add", help=help_text("unit.add"))
@click.argument("name")
@click.option("--short", default="", help=help_text("unit.short"))
@click.option("--type", "type_code", required=True, help=help_text("unit.type"))
@click.option("--under", default="", help=help_text("unit.under"))
@click.option("--code", default="", help=help_text("unit.code"))
@click.option("--order", "sort_order", type=int, default=0, show_default=True, help=help_text("unit.order"))
@click.option("--from", "from_day", help=help_text("option.from"))
@click.option("--decision", default="", help=help_text("option.decision"))
@changing_command
def add(
    cli: CliContext,
    name: str,
    short: str,
    type_code: str,
    under: str,
    code: str,
    sort_order: int,
    from_day: str | None,
    decision: str,
) -> None:
    with cli.write() as conn:
        made = unit_changes.add_unit(
            conn,
            cli.actor,
            name=name,
            short_name=short,
            type_code=unit_types.find_type(conn, type_code),
            valid_from=_day(conn, from_day),
            parent_id=units.open_unit(conn, under).id if under else None,
            agency_code=code,
            sort_order=sort_order,
            decision=decision,
        )
        answer = _json(conn, made)
    cli.give(answer)
    cli.say("unit.added", name=made.name, id=made.id)


@group.command("show", help=help_text("unit.show"))
@click.argument("unit")
@directory_command
def show(cli: CliContext, unit: str) -> None:
    with cli.directory.read() as conn:
        found = units.find_unit(conn, unit)
        versions = units.versions(conn, found.id)
        successions = units.successions(conn, found.id)
        answer = _json(conn, found) | {
            "versions": [asdict(version) for version in versions],
            "successions": [asdict(succession) for succession in successions],
            "children": [asdict(child) for child in units.tree(conn).children(found.id)],
        }
        names = {
            other: units.find_unit(conn, other).name
            for succession in successions
            for other in (succession.old_id, succession.new_id)
        }
        type_name = _type_names(cli, conn).get(found.type, found.type)
    if cli.as_json:
        cli.give(answer)
        return
    cli.sheet(
        [
            ("id", found.id),
            ("name", found.name),
            ("short_name", found.short_name),
            ("type", type_name),
            ("path", " › ".join(answer["path"])),
            ("agency_code", found.agency_code),
            ("from", found.valid_from),
            ("until", found.valid_until),
            ("decision", found.decision),
            ("versions", [f"{v.valid_from} – {v.valid_until or '…'}  {v.name}" for v in versions[:-1]]),
            ("follows", [_link(cli, s, names[s.old_id]) for s in successions if s.new_id == found.id]),
            ("followed_by", [_link(cli, s, names[s.new_id]) for s in successions if s.old_id == found.id]),
            ("children", [child["name"] for child in answer["children"]]),
        ]
    )


def _link(cli: CliContext, link: Succession, name: str) -> str:
    """``Phường Sài Gòn (sáp nhập 2025-07-01, 1685/NQ-UBTVQH15)``"""
    how = f"{text(f'link.{link.kind}', cli.language)} {link.effective}"
    return f"{name} ({how}, {link.decision})" if link.decision else f"{name} ({how})"


@group.command("list", help=help_text("unit.list"))
@click.option("--under", default="", help=help_text("unit.under"))
@click.option("--type", "type_code", default="", help=help_text("unit.type"))
@click.option("--on", "on_day", help=help_text("unit.on"))
@directory_command
def list_(cli: CliContext, under: str, type_code: str, on_day: str | None) -> None:
    with cli.directory.read() as conn:
        tree = units.tree(conn, _day(conn, on_day))
        if under:
            found = list(tree.subtree(tree.find(under).id))
        else:
            found = [unit for top in tree.children(None) for unit in tree.subtree(top.id)]
        if type_code:
            wanted = unit_types.find_type(conn, type_code)
            found = [unit for unit in found if unit.type == wanted]
        names = _type_names(cli, conn)
    cli.give(found)
    if not cli.as_json:
        _table(cli, found, names)


@group.command("search", help=help_text("unit.search"))
@click.argument("text")
@click.option("--closed", is_flag=True, help=help_text("unit.closed"))
@directory_command
def search(cli: CliContext, text: str, closed: bool) -> None:
    with cli.directory.read() as conn:
        found = units.search_units(conn, text, closed=closed)
        names = _type_names(cli, conn)
    cli.give(found)
    if not cli.as_json:
        _table(cli, found, names)


@group.command("move", help=help_text("unit.move"))
@click.argument("unit")
@click.option("--under", required=True, help=help_text("unit.under"))
@click.option("--from", "from_day", help=help_text("option.from"))
@click.option("--decision", default="", help=help_text("option.decision"))
@changing_command
def move(cli: CliContext, unit: str, under: str, from_day: str | None, decision: str) -> None:
    with cli.write() as conn:
        found, parent = units.open_unit(conn, unit), units.open_unit(conn, under)
        made = unit_changes.alter_unit(
            conn, cli.actor, found.id, from_day=_day(conn, from_day), parent_id=parent.id, decision=decision
        )
        answer = _json(conn, made)
    cli.give(answer)
    cli.say("unit.moved", name=made.name, under=parent.name, day=made.valid_from)


@group.command("rename", help=help_text("unit.rename"))
@click.argument("unit")
@click.option("--name", help=help_text("unit.name"))
@click.option("--short", help=help_text("unit.short"))
@click.option("--type", "type_code", help=help_text("unit.type"))
@click.option("--code", help=help_text("unit.code"))
@click.option("--order", "sort_order", type=int, help=help_text("unit.order"))
@click.option("--from", "from_day", help=help_text("option.from"))
@click.option("--decision", default="", help=help_text("option.decision"))
@changing_command
def rename(
    cli: CliContext,
    unit: str,
    name: str | None,
    short: str | None,
    type_code: str | None,
    code: str | None,
    sort_order: int | None,
    from_day: str | None,
    decision: str,
) -> None:
    with cli.write() as conn:
        found = units.open_unit(conn, unit)
        made = unit_changes.alter_unit(
            conn,
            cli.actor,
            found.id,
            from_day=_day(conn, from_day),
            name=name,
            short_name=short,
            type_code=unit_types.find_type(conn, type_code) if type_code else None,
            agency_code=code,
            sort_order=sort_order,
            decision=decision,
        )
        answer = _json(conn, made)
    cli.give(answer)
    cli.say("unit.renamed", before=found.name, name=made.name, day=made.valid_from)


@group.command("remove", help=help_text("unit.remove"))
@click.argument("unit")
@click.option("--last-day", help=help_text("option.last-day"))
@click.option("--successor", "successors", multiple=True, help=help_text("unit.successor"))
@click.option(
    "--kind",
    type=click.Choice(["merge", "split", "rename", "dissolve", "reparent"]),
    default="dissolve",
    show_default=True,
    help=help_text("unit.kind"),
)
@click.option("--force", is_flag=True, help=help_text("unit.force"))
@click.option("--decision", default="", help=help_text("option.decision"))
@changing_command
def remove(
    cli: CliContext,
    unit: str,
    last_day: str | None,
    successors: tuple[str, ...],
    kind: str,
    force: bool,
    decision: str,
) -> None:
    with cli.write() as conn:
        found = units.open_unit(conn, unit)
        day = parse_day(last_day) if last_day else day_before(conn.today)
        unit_changes.close_unit(
            conn,
            cli.actor,
            found.id,
            last_day=day,
            successors=[units.find_unit(conn, successor).id for successor in successors],
            kind=kind,
            decision=decision,
            force=force,
        )
    cli.give({"id": found.id, "last_day": day})
    cli.say("unit.removed", name=found.name, day=day)


@group.command("types", help=help_text("unit.types"))
@directory_command
def types(cli: CliContext) -> None:
    with cli.directory.read() as conn:
        found = unit_types.types(conn)
    cli.give(found)
    if not cli.as_json:
        cli.table(
            ("code", "name", "name_en", "from", "until"),
            [(row["code"], row["name"], row["name_en"], row["valid_from"], row["valid_until"]) for row in found],
        )


@group.command("define-type", help=help_text("unit.define-type"))
@click.argument("code")
@click.option("--name", required=True, help=help_text("unit.name"))
@click.option("--name-en", default="", help=help_text("option.name-en"))
@click.option("--from", "from_day", default="1945-09-02", show_default=True, help=help_text("unit.type-from"))
@click.option("--until", help=help_text("unit.type-until"))
@changing_command
def define_type(cli: CliContext, code: str, name: str, name_en: str, from_day: str, until: str | None) -> None:
    with cli.write() as conn:
        unit_types.define_type(
            conn, cli.actor, code, name, name_en or name, parse_day(from_day), parse_day(until) if until else None
        )
    cli.give({"code": code})
    cli.say("unit.type-defined", code=code)
