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
from directory.cli.texts import environment_language
from directory.faults import Fault
from mailserver.cli.options import DEFAULT_CONFIG, config_option, read_config
from mailserver.config import Config, render

if TYPE_CHECKING:
    from security.dns import Asking


# What administrators decide about, each by the right that his role gives; all else is done to the machine.
_ADMINISTERED = (
    *("unit", "official", "mailbox", "alias", "group", "dkim", "audit", "admin"),
    *("queue", "quarantine", "trace", "index", "reports", "doctor", "ca", "key"),
)


class _Commands(click.Group):
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
            raise click.ClickException(str(fault)) from None
        except Fault as fault:
            raise click.ClickException(fault.text(environment_language())) from None
        except Exception as fault:
            orig = getattr(fault, "orig", None)  # SQLAlchemy's, which is not imported for this
            if orig is None:
                raise
            hint = " (`citymail init` makes an installation)" if "no such table" in str(orig) else ""
            raise click.ClickException(f"the database cannot be used: {orig}{hint}") from None

    def _mounted(self) -> dict[str, click.Command]:
        from mailserver.cli.mounted import commands

        return commands()


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="citymail", prog_name="citymail")
@as_option
@click.pass_context
def main(ctx: click.Context, acting_as: str) -> None:
    """CityMail: e-mail and internal messaging for a whole city government."""
    if acting_as and ctx.invoked_subcommand not in _ADMINISTERED:
        raise click.UsageError(
            f"{ctx.invoked_subcommand} needs the rights of the machine's owner, which no administrator's role has"
        )

    def config(path: Path | None) -> Config:
        return read_config(path or Path(DEFAULT_CONFIG))

    def ask(path: Path | None, asking: Asking[Any]) -> Any:
        from mailserver.servers.dns import answer_once

        return answer_once(config(path), asking)

    ctx.obj = CliContext(lambda path: config(path).directory_url, lambda path: config(path).login.scram, ask, acting_as)


@main.command()
@click.option("--domain", required=True, help="The city's mail domain.")
@click.option("--hostname", default="", help="This server's name. [default: mail.DOMAIN]")
@click.option("--name", default="", help="The city's name.")
@click.option("--data", type=click.Path(path_type=Path), default=Path("/var/lib/citymail"), show_default=True)
@click.option("--database", default="", help="Database URL; empty for SQLite in the data folder.")
@click.argument("config_path", type=click.Path(path_type=Path, dir_okay=False), default=DEFAULT_CONFIG)
def init(domain: str, hostname: str, name: str, data: Path, database: str, config_path: Path) -> None:
    """Write a commented configuration, and make what it names: data folder, tables, a certificate to begin with."""
    from mailserver.installation import install

    if config_path.exists():
        raise click.ClickException(f"{config_path} exists already; nothing was changed")
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
    click.echo(f"{config_path} and {data} are ready. The certificate is our own; replace it before real use.")
    click.echo(f"Next: citymail serve --config {config_path}")
    click.echo(f"Then, an administrator: citymail official add --admin --generate --name … --config {config_path}")


@main.command()
@config_option
def serve(config_path: Path) -> None:
    """Serve mail until SIGTERM.  SIGHUP reads certificates and configuration anew."""
    read_config(config_path)
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "mailserver", str(config_path)])  # noqa: S606


@main.command()
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), default=Path("data/demo"), show_default=True)
@click.option("--port-base", type=click.IntRange(0, 64_000), default=10_000, show_default=True)
@click.option("--host", default="127.0.0.1", show_default=True)
def demo(data: Path, port_base: int, host: str) -> None:
    """Build a city to look at, on first start, and serve it."""
    from mailserver.demo.start import start

    start(data, port_base, host)


@main.command()
@config_option
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
def check(config_path: Path, as_json: bool) -> None:
    """Recount every invariant of the store and the directory.  Exit status 1 if one is broken."""
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
        click.echo("\n".join(problems) if problems else "All is well.")
    sys.exit(1 if problems else 0)


@main.command()
@config_option
def health(config_path: Path) -> None:
    """Ask every service whether it answers.  Exit status 1 if one does not."""
    from mailserver.cli.health import ask_all

    silent = ask_all(read_config(config_path))
    for name, reason in silent.items():
        click.echo(f"{name}: {reason}", err=True)
    click.echo("All services answer." if not silent else "Some services do not answer.")
    sys.exit(1 if silent else 0)
