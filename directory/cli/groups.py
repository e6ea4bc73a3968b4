"""How groups of commands show what is in them."""

from __future__ import annotations

import click
from click.exceptions import NoSuchCommand

from directory.cli.texts import help_text

_SENTENCE = 1000  # characters: where click would cut the first sentence of a help text


class Commands(click.Group):
    """A group that says a whole sentence of each command, on as many lines as it takes; and that knows what may have
    been meant by a name that it has not, among commands that are loaded late, too.
    """

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        found = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section(help_text("help.commands")):
            formatter.write_dl([(name, command.get_short_help_str(_SENTENCE)) for name, command in found if command])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except NoSuchCommand as fault:
            raise NoSuchCommand(fault.command_name, possibilities=self.list_commands(ctx), ctx=ctx) from None
