"""What the commands share: where the configuration is, how it is read, whose mailbox is meant, in which language."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from directory.cli.context import CliContext
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
    help="The configuration file.",
)


def answering(function: Callable[..., None]) -> Callable[..., None]:
    """The options of a command that tells something: ``config_path``, ``as_json``, ``lang``."""
    for option in (
        click.option("--lang", type=click.Choice(["vi", "en"]), envvar="CITYMAIL_LANG", help="Language of the answer."),
        click.option("--json", "as_json", is_flag=True, help="Answer in JSON."),
        config_option,
    ):
        function = option(function)
    return function


def read_age(_context: click.Context, _parameter: click.Parameter, value: str | None) -> int:
    """A callback: ``30m``, ``4h`` or ``2d`` in seconds."""
    if value is None:
        return 0
    found = re.fullmatch(r"(\d{1,6})([mhd])", value)
    if not found:
        raise click.BadParameter("must be minutes, hours or days: 30m, 4h, 2d")
    return int(found[1]) * {"m": 60, "h": 3600, "d": 86_400}[found[2]]


def read_config(path: Path) -> Config:
    """The configuration, or an end with every mistake named."""
    try:
        return load(path)
    except ConfigFault as fault:
        for problem in fault.problems:
            click.echo(problem, err=True)
        raise SystemExit(2) from None
    except OSError as fault:
        click.echo(f"{path}: {fault.strerror}. `citymail init` makes one.", err=True)
        raise SystemExit(2) from None


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


def speaker(texts: Mapping[str, tuple[str, str]], language: str) -> Callable[..., str]:
    """``say(key, …)`` for a command's own texts, which are (English, Vietnamese)."""

    def say(key: str, /, **values: object) -> str:
        english, vietnamese = texts[key]
        return (vietnamese if language == "vi" else english).format(**values)

    return say


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
