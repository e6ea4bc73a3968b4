"""What the commands share: where the configuration is, how it is read, whose mailbox is meant, in which language."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from directory.cli.context import EXIT_UNKNOWN, CliContext
from mailserver.cli.texts import Say, environment_language, help_text
from mailserver.config import Config, ConfigFault, load

if TYPE_CHECKING:
    from directory.mail.accounts import Account
    from mailserver.store import Store

DEFAULT_CONFIG = "/etc/citymail/citymail.toml"

config_option = click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path, dir_okay=False),
    default=DEFAULT_CONFIG,
    envvar="CITYMAIL_CONFIG",
    show_default=True,
    help=help_text("option.config"),
)
json_option = click.option("--json", "as_json", is_flag=True, help=help_text("option.json"))


def answering(function: Callable[..., None]) -> Callable[..., None]:
    """The options of a command that tells something: ``config_path``, ``as_json``, ``say`` in the language asked."""

    @functools.wraps(function)
    def answer(*args: Any, lang: str | None, **kwargs: Any) -> None:
        function(*args, say=Say(lang or environment_language()), **kwargs)

    for option in (
        click.option("--lang", type=click.Choice(["vi", "en"]), envvar="CITYMAIL_LANG", help=help_text("option.lang")),
        json_option,
        config_option,
    ):
        option(answer)
    return answer


def recorded(function: Callable[..., None]) -> Callable[..., None]:
    """The options of a command that changes something: ``by``, ``reason``."""
    for name, key in (("--reason", "option.reason"), ("--by", "option.by")):
        function = click.option(name, default="", help=help_text(key))(function)
    return function


def read_age(_context: click.Context, _parameter: click.Parameter, value: str | None) -> int:
    """A callback: ``30m``, ``4h`` or ``2d`` in seconds."""
    if value is None:
        return 0
    found = re.fullmatch(r"(\d{1,6})([mhd])", value)
    if not found:
        raise click.BadParameter(help_text("citymail.age"))
    return int(found[1]) * {"m": 60, "h": 3600, "d": 86_400}[found[2]]


def read_config(path: Path) -> Config:
    """The configuration, or an end with every mistake named."""
    try:
        return load(path)
    except ConfigFault as fault:
        for problem in fault.problems:
            click.echo(problem, err=True)
        raise SystemExit(2) from None
    except FileNotFoundError:
        click.echo(help_text("citymail.no-config").format(path=path), err=True)
        raise SystemExit(2) from None
    except OSError as fault:
        click.echo(denied(fault), err=True)
        raise SystemExit(2) from None


def denied(fault: OSError) -> str:
    """What the machine denies."""
    if isinstance(fault, PermissionError) and fault.filename:
        return help_text("citymail.denied").format(path=fault.filename)
    return str(fault)


@contextmanager
def open_store(path: Path) -> Iterator[Store]:
    """The mail store of the installation that the configuration at ``path`` describes."""
    from mailserver.store import Store

    config = read_config(path)
    store = Store(config.store_url, config.data)
    try:
        yield store
    finally:
        store.close()


def end(text: str, status: int = EXIT_UNKNOWN) -> NoReturn:
    click.echo(f"citymail: {text}", err=True)
    raise SystemExit(status)


def tell(line: str) -> None:
    """A line with what others wrote in it: their words must not steer the terminal, nor make a further line."""
    click.echo(
        "".join(
            character if character.isprintable() or character == "\t" else f"\\x{ord(character):02x}"
            for character in line
        )
    )


def tell_header(block: bytes) -> None:
    for line in block.decode("utf-8", "replace").rstrip().split("\n"):
        tell(line.removesuffix("\r"))


def _answering_for(config_path: Path, by: str = "", reason: str = "") -> CliContext:
    """Who answers for what a command does: an administrator signs in here, once."""
    context = click.get_current_context()
    cli = context.find_object(CliContext)
    assert cli is not None
    cli.config_path = config_path
    cli.speak_for(by, reason)
    context.call_on_close(cli.close)
    return cli


def allow(config_path: Path, operation: str, subject: str = "") -> bool:
    """For a command that only looks; whether an administrator answers for it.  Raises Fault where he may not."""
    from directory.administration.authority import require

    cli = _answering_for(config_path)
    if cli.acting_as:
        with cli.write() as conn:
            require(conn, cli.actor, operation, subject)
    return bool(cli.acting_as)


def put_on_record(
    config_path: Path, action: str, subject: str, *, by: str = "", reason: str = "", **details: object
) -> None:
    """What a command is about to do: judged first, where an administrator answers for it.  Raises Fault."""
    all_on_record(config_path, action, [(subject, details)], by=by, reason=reason)


def all_on_record(
    config_path: Path, action: str, deeds: Iterable[tuple[str, dict[str, object]]], *, by: str = "", reason: str = ""
) -> None:
    """The same of several, with their subjects: all of them, or none is done."""
    from directory.record import record

    cli = _answering_for(config_path, by, reason)
    with cli.write() as conn:
        for subject, details in deeds:
            record(conn, cli.actor, action, subject, **details)


def owner_of(config: Config, key: str) -> Account | None:
    """Whose mailbox is meant: by address (of closed ones too), bare local part, or id."""
    from directory.database import open_directory
    from directory.mail.accounts import find_mailbox_owner

    directory = open_directory(config.directory_url)
    try:
        with directory.read() as reading:
            return find_mailbox_owner(reading, key)
    finally:
        directory.close()
