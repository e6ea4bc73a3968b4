"""``citymail official``: move, appoint, dismiss; the catalogue of positions."""

from __future__ import annotations

import click

from directory.cli.context import CliContext, changing_command, directory_command
from directory.cli.official_view import show_changed
from directory.cli.options import Post, decision_option, post_options
from directory.cli.texts import help_text
from directory.dates import day_before, parse_day
from directory.staff import people, postings, provisioning, units


@click.command("move", help=help_text("official.move"))
@click.argument("official")
@post_options
@click.option("--end-all", is_flag=True, help=help_text("official.end-all"))
@click.option("--leave-groups", is_flag=True, help=help_text("official.leave-groups"))
@changing_command
def move(cli: CliContext, official: str, post: Post, end_all: bool, leave_groups: bool) -> None:
    with cli.write() as conn:
        found = people.find_official(conn, official)
        before = postings.appointments_of(conn, found.person_id)
        made = provisioning.move(
            conn,
            cli.actor,
            found.person_id,
            unit_id=units.open_unit(conn, post.unit).id,
            position_id=postings.find_position(conn, post.position).id,
            from_day=post.first_day(conn.today),
            title=post.title,
            kind=post.kind,
            keep_other_posts=not end_all,
            leave_groups=leave_groups,
            decision=post.decision,
        )
        stays_in = [group.address for group in provisioning.groups_left(conn, found, before, made.valid_from)]
    show_changed(cli, found.person_id, "official.moved", {"groups_of_units_left": stays_in}, day=made.valid_from)
    for group in stays_in:
        cli.say("official.stays-in", group=group, login=found.account.login)


@click.command("appoint", help=help_text("official.appoint"))
@click.argument("official")
@post_options
@click.option("--until", help=help_text("option.until"))
@click.option("--primary", is_flag=True, help=help_text("official.primary"))
@changing_command
def appoint(cli: CliContext, official: str, post: Post, until: str | None, primary: bool) -> None:
    with cli.write() as conn:
        found = people.find_official(conn, official)
        made = provisioning.appoint(
            conn,
            cli.actor,
            found.person_id,
            unit_id=units.open_unit(conn, post.unit).id,
            position_id=postings.find_position(conn, post.position).id,
            from_day=post.first_day(conn.today),
            until_day=parse_day(until) if until else None,
            title=post.title,
            kind=post.kind,
            primary=primary,
            decision=post.decision,
        )
    show_changed(cli, found.person_id, "official.appointed", day=made.valid_from)


@click.command("dismiss", help=help_text("official.dismiss"))
@click.argument("official")
@click.option("--unit", required=True, help=help_text("official.unit"))
@click.option("--position", default="", help=help_text("official.position"))
@click.option("--last-day", help=help_text("option.last-day"))
@decision_option
@changing_command
def dismiss(cli: CliContext, official: str, unit: str, position: str, last_day: str | None, decision: str) -> None:
    with cli.write() as conn:
        found = people.find_official(conn, official)
        day = parse_day(last_day) if last_day else day_before(conn.today)
        provisioning.dismiss(
            conn,
            cli.actor,
            found.person_id,
            unit_id=units.find_unit(conn, unit).id,
            position_id=postings.find_position(conn, position).id if position else None,
            last_day=day,
            decision=decision,
        )
    show_changed(cli, found.person_id, "official.dismissed", day=day)


@click.command("positions", help=help_text("official.positions"))
@directory_command
def list_positions(cli: CliContext) -> None:
    with cli.directory.read() as conn:
        found = list(postings.positions(conn).values())
    cli.give(found)
    if not cli.as_json:
        cli.table(
            ("code", "title", "title_en", "rank", "clerk"),
            [(p.code, p.title, p.title_en, p.rank, "×" if p.is_clerk else "") for p in found],
        )


@click.command("define-position", help=help_text("official.define-position"))
@click.argument("code")
@click.option("--title", required=True, help=help_text("official.position-title"))
@click.option("--title-en", default="", help=help_text("option.name-en"))
@click.option("--rank", type=click.IntRange(1, 99), default=60, show_default=True, help=help_text("official.rank"))
@click.option("--clerk", is_flag=True, help=help_text("official.clerk"))
@changing_command
def define_position(cli: CliContext, code: str, title: str, title_en: str, rank: int, clerk: bool) -> None:
    with cli.write() as conn:
        made = postings.add_position(
            conn, cli.actor, code=code, title=title, title_en=title_en, rank=rank, is_clerk=clerk
        )
    cli.give(made)
    cli.say("official.position-defined", code=made.code, title=made.title)


commands: list[click.Command] = [move, appoint, dismiss, list_positions, define_position]
