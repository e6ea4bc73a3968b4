"""``citymail dkim``: the keys that outgoing mail is signed with, and their records in the DNS."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime

import click

from directory.cli.context import EXIT_REFUSED, CliContext, changing_command, directory_command
from directory.cli.groups import Commands
from directory.cli.texts import help_text, text
from directory.database import CITY_TIME
from directory.dkim import keys as dkim_keys
from directory.dkim import rotation as dkim_rotation
from directory.dkim.keys import ACTIVE, KINDS, REMOVED, RETIRED, DkimKey
from directory.dkim.rotation import Publication, Step

# What is said of each step of a rotation.
_SAID = {
    "made": "dkim.was-made",
    "published": "dkim.was-published",
    "activated": "dkim.activated",
    "retired": "dkim.retired",
    "removed": "dkim.was-removed",
    "waits": "dkim.waits",
    "lost": "dkim.lost",
}


@click.group()
def group() -> None:
    pass


@group.group("key", cls=Commands, help=help_text("dkim.key"))
def key_group() -> None:
    pass


def _since(key: DkimKey) -> str:
    at = max(filter(None, (key.created_at, key.published_at, key.activated_at, key.retired_at)))
    return datetime.fromtimestamp(at, CITY_TIME).isoformat(" ", "minutes")[:16]


def _row(cli: CliContext, key: DkimKey) -> tuple[str, ...]:
    return key.domain, key.selector, key.kind, text(f"state.{key.state}", cli.language), _since(key)


def _zone(keys: Sequence[DkimKey]) -> None:
    for key in keys:
        click.echo(dkim_keys.zone_line(key))


@key_group.command("make", help=help_text("dkim.make"))
@click.argument("domain")
@click.option("--kind", type=click.Choice(KINDS), help=help_text("dkim.kind"))
@click.option("--selector", default="", help=help_text("dkim.selector"))
@changing_command
def make(cli: CliContext, domain: str, kind: str | None, selector: str) -> None:
    if selector and kind is None:
        raise click.UsageError(text("dkim.selector-of", cli.language))
    with cli.write() as conn:
        made = dkim_keys.make(conn, cli.actor, domain, (kind,) if kind else KINDS, selector=selector)
    cli.give(made)
    cli.say("dkim.publish")
    if not cli.as_json:
        _zone(made)


@key_group.command("list", help=help_text("dkim.list"))
@click.argument("domain", default="")
@click.option("--removed", is_flag=True, help=help_text("dkim.removed"))
@directory_command
def list_(cli: CliContext, domain: str, removed: bool) -> None:
    with cli.directory.read() as conn:
        found = dkim_keys.list_keys(conn, domain, removed=removed)
    cli.give(found)
    if not cli.as_json:
        cli.table(("domain", "selector", "algorithm", "state", "since"), [_row(cli, key) for key in found])


@key_group.command("activate", help=help_text("dkim.activate"))
@click.argument("domain")
@click.argument("selector")
@click.option("--unseen", is_flag=True, help=help_text("dkim.unseen"))
@changing_command
def activate(cli: CliContext, domain: str, selector: str, unseen: bool) -> None:
    with cli.write() as conn:
        key = dkim_keys.activate(conn, cli.actor, domain, selector, unseen=unseen)
    cli.give(key)
    cli.say("dkim.activated", name=key.name)


@key_group.command("retire", help=help_text("dkim.retire"))
@click.argument("domain")
@click.argument("selector")
@changing_command
def retire(cli: CliContext, domain: str, selector: str) -> None:
    with cli.write() as conn:
        key = dkim_keys.retire(conn, cli.actor, domain, selector)
    cli.give(key)
    cli.say("dkim.retired", name=key.name)


@key_group.command("remove", help=help_text("dkim.remove"))
@click.argument("domain")
@click.argument("selector")
@changing_command
def remove(cli: CliContext, domain: str, selector: str) -> None:
    with cli.write() as conn:
        key = dkim_keys.remove(conn, cli.actor, domain, selector)
    cli.give(key)
    cli.say("dkim.was-removed", name=key.name)


@key_group.command("dns", help=help_text("dkim.dns"))
@click.argument("domain", default="")
@directory_command
def dns(cli: CliContext, domain: str) -> None:
    with cli.directory.read() as conn:
        found = [key for key in dkim_keys.list_keys(conn, domain) if key.state != REMOVED]
    cli.give([{"name": key.name, "type": "TXT", "strings": dkim_keys.txt_strings(key.record)} for key in found])
    if not cli.as_json:
        _zone(found)


@group.command("check", help=help_text("dkim.check"))
@click.argument("domain", default="")
@changing_command
def check(cli: CliContext, domain: str) -> None:
    with cli.directory.read() as conn:
        keys = dkim_rotation.to_look_for(conn, domain)
    seen = cli.ask(dkim_rotation.look(keys))
    with cli.write() as conn:
        dkim_rotation.note_seen(conn, cli.actor, keys, seen)
        keys = dkim_rotation.to_look_for(conn, domain)
    found = [(key, seen.get((key.domain, key.selector), Publication.UNKNOWN)) for key in keys]
    cli.give([{"name": key.name, "state": key.state, "dns": publication.value} for key, publication in found])
    if not cli.as_json:
        cli.table(
            ("domain", "selector", "algorithm", "state", "since", "dns"),
            [(*_row(cli, key), text(f"state.{publication.value}", cli.language)) for key, publication in found],
        )
    if any(key.state == ACTIVE and publication is not Publication.RIGHT for key, publication in found):
        sys.exit(EXIT_REFUSED)


@group.command("rotate", help=help_text("dkim.rotate"))
@click.option(
    "--serve-days", type=click.IntRange(1, 3650), default=180, show_default=True, help=help_text("dkim.serve-days")
)
@click.option(
    "--keep-days", type=click.IntRange(7, 3650), default=30, show_default=True, help=help_text("dkim.keep-days")
)
@changing_command
def rotate(cli: CliContext, serve_days: int, keep_days: int) -> None:
    with cli.directory.read() as conn:
        keys = dkim_rotation.to_look_for(conn)
    seen = cli.ask(dkim_rotation.look([key for key in keys if key.state != RETIRED]))
    with cli.write() as conn:
        steps = dkim_rotation.rotate(conn, cli.actor, seen, serve_days=serve_days, keep_days=keep_days)
    cli.give([{"action": step.action, "name": step.key.name, "record": step.key.record} for step in steps])
    for step in steps:
        _tell(cli, step)
    if not steps:
        cli.say("dkim.nothing")
    if any(step.action == "lost" for step in steps):
        sys.exit(EXIT_REFUSED)


def _tell(cli: CliContext, step: Step) -> None:
    if step.action == "lost":
        cli.warn(_SAID[step.action], name=step.key.name)
        return
    cli.say(_SAID[step.action], name=step.key.name)
    if step.action == "waits" and not cli.as_json:
        _zone([step.key])
