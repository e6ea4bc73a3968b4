"""``citymail``: set up, serve, look after; and the directory's own commands, mounted beside them.

Heavy modules are imported where they are needed, so that ``citymail --help`` answers at once.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from directory.cli.context import CliContext, as_option
from directory.cli.groups import Commands
from directory.faults import Fault
from mailserver.cli.click_words import translate_click
from mailserver.cli.options import DEFAULT_CONFIG, answering, config_option, denied, read_config
from mailserver.cli.texts import Say, environment_language, help_text
from mailserver.config import Config, render
from mailserver.refusals import Refusal

if TYPE_CHECKING:
    from security.dns import Asking


# Before the first option asks for one of its words
translate_click(environment_language())

# What administrators decide about, each by the right that his role gives; all else is done to the machine.
_ADMINISTERED = (
    *("unit", "official", "mailbox", "alias", "group", "dkim", "audit", "admin"),
    *("queue", "quarantine", "trace", "index", "reports", "doctor", "ca", "key"),
)


class _Commands(Commands):
    """Our commands, and the directory's, which are imported only when one of them is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *self._mounted()])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return super().get_command(ctx, cmd_name) or self._mounted().get(cmd_name)

    def invoke(self, ctx: click.Context) -> Any:
        """What the machine denies is said in one line; only a mistake of ours shows where it happened."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # whoever read the answer has read enough
            raise
        except OSError as fault:
            raise click.ClickException(denied(fault)) from None
        except Refusal as refusal:
            raise click.ClickException(refusal.client_text) from None
        except Fault as fault:
            raise click.ClickException(fault.text(environment_language())) from None
        except Exception as fault:
            orig = getattr(fault, "orig", None)  # SQLAlchemy's, which is not imported for this
            if orig is None:
                raise
            said = "citymail.no-tables" if "no such table" in str(orig) else "citymail.database"
            raise click.ClickException(help_text(said).format(problem=orig)) from None

    def _mounted(self) -> dict[str, click.Command]:
        from mailserver.cli.mounted import commands

        return commands()


@click.group(cls=_Commands, help=help_text("citymail.help"), context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="citymail", prog_name="citymail")
@as_option
@click.pass_context
def main(ctx: click.Context, acting_as: str) -> None:
    if acting_as and ctx.invoked_subcommand not in _ADMINISTERED:
        raise click.UsageError(help_text("citymail.owners").format(command=ctx.invoked_subcommand))

    def config(path: Path | None) -> Config:
        return read_config(path or Path(DEFAULT_CONFIG))

    def ask(path: Path | None, asking: Asking[Any]) -> Any:
        from mailserver.servers.dns import answer_once

        return answer_once(config(path), asking)

    ctx.obj = CliContext(lambda path: config(path).directory_url, lambda path: config(path).login.scram, ask, acting_as)


@main.command("init", help=help_text("init.help"))
@click.option("--domain", required=True, help=help_text("init.domain"))
@click.option("--hostname", default="", help=help_text("init.hostname"))
@click.option("--name", default="", help=help_text("init.name"))
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    default=Path("/var/lib/citymail"),
    show_default=True,
    help=help_text("init.data"),
)
@click.option("--database", default="", help=help_text("init.database"))
@click.argument("config_path", type=click.Path(path_type=Path, dir_okay=False), default=DEFAULT_CONFIG)
def init(domain: str, hostname: str, name: str, data: Path, database: str, config_path: Path) -> None:
    from mailserver.installation import install

    if config_path.exists():
        raise click.ClickException(help_text("init.exists").format(file=config_path))
    hostname = hostname or f"mail.{domain}"
    storage = {"data": str(data.resolve())} | ({"database": database} if database else {})
    values = {
        "city": {"domain": domain, "hostname": hostname, "name": name or domain},
        "storage": storage,
        "tls": {
            "certificate": str(data.resolve() / "tls/server.pem"),
            "key": str(data.resolve() / "tls/server.key"),
        },
    }
    config_path.parent.mkdir(parents=True, exist_ok=True)
    config_path.touch(mode=0o600)  # the database's password may be in it
    try:
        config_path.write_text(render(values), encoding="utf-8")
        install(read_config(config_path))
    except BaseException:
        config_path.unlink()  # so that a second try may begin where the first began
        raise
    click.echo(help_text("init.ready").format(file=config_path, data=data))
    click.echo(help_text("init.next").format(file=config_path))


@main.command("serve", help=help_text("serve.help"))
@config_option
def serve(config_path: Path) -> None:
    read_config(config_path)
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "mailserver", str(config_path)])  # noqa: S606


@main.command("demo", help=help_text("demo.help"))
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("data/demo"),
    show_default=True,
    help=help_text("demo.data"),
)
@click.option(
    "--port-base", type=click.IntRange(0, 64_000), default=10_000, show_default=True, help=help_text("demo.port-base")
)
@click.option("--host", default="127.0.0.1", show_default=True, help=help_text("demo.host"))
def demo(data: Path, port_base: int, host: str) -> None:
    from mailserver.demo.start import start

    start(data, port_base, host)


@main.command("check", help=help_text("check.help"))
@answering
def check(config_path: Path, as_json: bool, say: Say) -> None:
    from mailserver.wiring import build

    system = build(read_config(config_path))
    try:
        problems = [f"store: {problem}" for problem in system.store.check_consistency()]
        problems += [f"directory: {problem}" for problem in system.directory.check_consistency()]
    finally:
        system.close()
    if as_json:
        click.echo(json.dumps({"ok": not problems, "problems": problems}, ensure_ascii=False))
    else:
        click.echo("\n".join(problems) if problems else say("check.well"))
    sys.exit(1 if problems else 0)


@main.command("health", help=help_text("health.help"))
@config_option
def health(config_path: Path) -> None:
    from mailserver.cli.health import ask_all

    silent = ask_all(read_config(config_path))
    for name, reason in silent.items():
        click.echo(f"{name}: {reason}", err=True)
    click.echo(help_text("health.some" if silent else "health.all"))
    sys.exit(1 if silent else 0)
