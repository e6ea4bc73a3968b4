"""The directory's command line as somebody types it, against one database."""

from __future__ import annotations

import json
from typing import Any

import click
from click.testing import CliRunner, Result

from directory.cli import commands
from directory.cli.context import CliContext, as_option
from directory.database import Directory
from directory.mail.accounts import credentials_by_login


@click.group()
@as_option
@click.pass_context
def main(ctx: click.Context, acting_as: str) -> None:
    url = ctx.obj
    ctx.obj = CliContext(lambda path: str(url), acting_as=acting_as)


for command in commands:
    main.add_command(command)


class Terminal:
    """Runs commands against one database."""

    def __init__(self, url: str) -> None:
        self.url = url

    def run(
        self, *arguments: str, status: int = 0, stdin: str = "", lang: str = "en", env: dict[str, str] | None = None
    ) -> Result:
        result = CliRunner().invoke(
            main,
            list(arguments),
            obj=self.url,
            input=stdin,
            env={"CITYMAIL_LANG": lang, "CITYMAIL_CONFIG": "", **(env or {})},
        )
        assert result.exit_code == status, f"{arguments}: {result.output}{result.exception!r}"
        return result

    def __call__(self, *arguments: str, **more: Any) -> str:
        return self.run(*arguments, **more).stdout

    def json(self, *arguments: str, **more: Any) -> Any:
        return json.loads(self(*arguments, "--json", **more))


def hash_of(directory: Directory, login: str) -> str | None:
    with directory.read() as conn:
        conn.memory.clear()
        found = credentials_by_login(conn, login)
    return found.password_hash if found else None
