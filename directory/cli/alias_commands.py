"""``citymail alias``: further addresses, redirects, and addresses of ours that lead outside."""

from __future__ import annotations

import click

from directory.cli.context import CliContext, changing_command, directory_command
from directory.cli.texts import help_text, text
from directory.mail import aliases
from directory.mail.aliases import Alias


@click.group()
def group() -> None:
    pass


def _listed(cli: CliContext, found: list[Alias]) -> None:
    cli.give(found)
    if not cli.as_json:
        cli.table(
            ("address", "leads_to", "state", "until"),
            [(a.address, a.leads_to, text(f"state.{a.state}", cli.language), a.until) for a in found],
        )


@group.command("add", help=help_text("alias.add"))
@click.argument("address")
@click.argument("target")
@changing_command
def add(cli: CliContext, address: str, target: str) -> None:
    with cli.write() as conn:
        made = aliases.add_alias(conn, cli.actor, address, target)
    cli.give(made)
    cli.say("alias.added", address=made.address, target=made.leads_to)


@group.command("show", help=help_text("alias.show"))
@click.argument("address")
@directory_command
def show(cli: CliContext, address: str) -> None:
    with cli.directory.read() as conn:
        found = aliases.find_alias(conn, address)
    cli.give(found)
    if not cli.as_json:
        cli.sheet(
            [
                ("address", found.address),
                ("leads_to", found.leads_to),
                ("state", text(f"state.{found.state}", cli.language)),
                ("until", found.until),
            ]
        )


@group.command("list", help=help_text("alias.list"))
@click.option("--retired", is_flag=True, help=help_text("alias.retired"))
@directory_command
def list_(cli: CliContext, retired: bool) -> None:
    with cli.directory.read() as conn:
        _listed(cli, list(aliases.list_aliases(conn, retired=retired)))


@group.command("search", help=help_text("alias.search"))
@click.argument("text")
@directory_command
def search(cli: CliContext, text: str) -> None:
    with cli.directory.read() as conn:
        _listed(cli, list(aliases.list_aliases(conn, text, retired=True)))


@group.command("remove", help=help_text("alias.remove"))
@click.argument("address")
@changing_command
def remove(cli: CliContext, address: str) -> None:
    with cli.write() as conn:
        found = aliases.find_alias(conn, address)
        aliases.remove_alias(conn, cli.actor, address)
    cli.give({"address": found.address, "state": "quarantined"})
    cli.say("alias.removed", address=found.address)
