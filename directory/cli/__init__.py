"""The directory's part of the command line: ``citymail unit|official|mailbox|alias|group|dkim|audit|admin``.

The groups here are shells: the module with a group's commands, and with it the database, is imported only when one of
them is asked for, so that ``citymail --help`` answers at once.

Exit status: 0 done; 1 refused; 2 wrong usage; 3 no such thing; 4 exists already; 5 done in part (import with rejects);
75 try again (database busy).  ``--json`` answers in JSON, with the same keys in every language.
"""

from __future__ import annotations

from importlib import import_module

import click

from directory.cli.context import CliContext
from directory.cli.groups import Commands
from directory.cli.texts import help_text


class LazyGroup(Commands):
    """A group whose commands stand in a module of their own, as its attribute ``group``."""

    def __init__(self, name: str, module: str) -> None:
        super().__init__(name=name, help=help_text(f"{name}.help"))
        self._module = module

    def _loaded(self) -> click.Group:
        found = import_module(self._module).group
        assert isinstance(found, click.Group)
        return found

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *self._loaded().list_commands(ctx)})

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        cli = ctx.find_object(CliContext)
        assert cli is not None and ctx.info_name is not None
        cli.words = (ctx.info_name, *args)
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return super().get_command(ctx, cmd_name) or self._loaded().get_command(ctx, cmd_name)


commands: list[click.Command] = [
    LazyGroup("unit", "directory.cli.unit_commands"),
    LazyGroup("official", "directory.cli.official_commands"),
    LazyGroup("mailbox", "directory.cli.mailbox_commands"),
    LazyGroup("alias", "directory.cli.alias_commands"),
    LazyGroup("group", "directory.cli.group_commands"),
    LazyGroup("dkim", "directory.cli.dkim_commands"),
    LazyGroup("audit", "directory.cli.audit_commands"),
    LazyGroup("admin", "directory.cli.admin_commands"),
]
