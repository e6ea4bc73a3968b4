"""What every command of the directory shares: the database, how to answer, in whose name, in which language."""

from __future__ import annotations

import functools
import getpass
import json
import os
import socket
import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, is_dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, ParamSpec, TypeVar

import click

from directory.cli.texts import environment_language, help_text, text
from directory.faults import Fault

if TYPE_CHECKING:
    from directory.administration.approvals import Request
    from directory.database import Directory, Writing
    from security.dns import Asking

T = TypeVar("T")
P = ParamSpec("P")

EXIT_REFUSED, EXIT_UNKNOWN, EXIT_EXISTS, EXIT_PARTLY, EXIT_BUSY = 1, 3, 4, 5, 75
_EXIT = {"unknown": EXIT_UNKNOWN, "exists": EXIT_EXISTS, "invalid": EXIT_REFUSED, "in-use": EXIT_REFUSED}


def who() -> str:
    """Who types this, as the audit record names him."""
    try:
        return f"cli:{os.environ.get('SUDO_USER') or getpass.getuser()}"
    except (KeyError, OSError):
        return f"cli:{os.getuid()}"


def where() -> str:
    """From where: the far end of an SSH session, or this machine; and the terminal, if there is one."""
    far_end = os.environ.get("SSH_CONNECTION", "").partition(" ")[0]
    host = far_end or socket.gethostname()
    try:
        return f"{host} {os.ttyname(0).removeprefix('/dev/')}"
    except OSError:
        return host


def given_password(prompt: str) -> str:
    """Of who acts as administrator: from the environment, from a file that it names by its number, or typed."""
    given = os.environ.pop("CITYMAIL_ADMIN_PASSWORD", None)
    if given is not None:
        return given
    number = os.environ.pop("CITYMAIL_ADMIN_PASSWORD_FD", "")
    if number:
        try:
            with open(int(number), encoding="utf-8") as file:
                return file.readline().rstrip("\r\n")
        except (OSError, ValueError) as fault:
            raise click.UsageError(f"CITYMAIL_ADMIN_PASSWORD_FD={number}: {fault}") from None
    typed: str = click.prompt(prompt, hide_input=True, err=True)
    return typed


def given_code(prompt: str) -> str:
    """The second proof of who acts as administrator: from the environment, or typed."""
    given = os.environ.pop("CITYMAIL_ADMIN_CODE", None)
    return given if given is not None else str(click.prompt(prompt, err=True))


def _login(_ctx: click.Context, _parameter: click.Parameter, value: str | None) -> str:
    if value is None:
        return ""
    if not value.strip():  # who forgets to fill in a variable does not become the owner of the machine
        raise click.BadParameter(help_text("option.as-nobody"))
    return value.strip()


@dataclass(frozen=True, slots=True)
class Approving:
    """What is carried out as it is approved, and by whose leave: an account, or the owner of the machine."""

    request_id: str
    second: str


class CliContext:
    """``ctx.obj`` of the command line.  ``find_url`` tells the directory's URL from the path given as --config,
    ``offers_scram`` whether verifiers are kept beside password hashes; ``ask`` runs a function that asks the DNS;
    ``acting_as`` is the login of an administrator who is to answer for everything.
    """

    def __init__(
        self,
        find_url: Callable[[Path | None], str],
        offers_scram: Callable[[Path | None], bool] = lambda _: True,
        ask: Callable[[Path | None, Asking[Any]], Any] | None = None,
        acting_as: str = "",
    ) -> None:
        self._find_url = find_url
        self._offers_scram = offers_scram
        self._ask = ask
        self.config_path: Path | None = None
        self.as_json = False
        self.language = environment_language()
        self.actor = who()
        self.origin = where()
        self.reason = ""
        self.acting_as = acting_as
        self.words: tuple[str, ...] = ()  # the command, as it was typed
        self.approving: Approving | None = None
        self._directory: Directory | None = None

    @property
    def directory(self) -> Directory:
        if self._directory is None:
            from directory.database import open_directory

            opened = open_directory(self._find_url(self.config_path))
            try:
                self._answer_for(opened)
            except BaseException:
                opened.close()
                raise
            self._directory = opened
        return self._directory

    def _answer_for(self, opened: Directory) -> None:
        """Who answers for what is changed: an administrator who proves himself, or the owner of the machine."""
        from directory.administration.approvals import stand_by
        from directory.administration.bounds import is_governed
        from directory.administration.delegations import sign_in
        from directory.database import OWNER

        if self.approving:
            opened.administrator = self.approving.second
            stand_by(opened, self.actor, self.approving.request_id)
            self.actor, self.origin = self.acting_as, f"{where()} ({self.actor})"
        elif self.acting_as:
            prompt = text("password.administrator", self.language).format(login=self.acting_as)
            ask_code = functools.partial(given_code, text("code.administrator", self.language))
            password = given_password(prompt)
            administrator = sign_in(opened, self.acting_as, password, origin=self.origin, ask_code=ask_code)
            opened.administrator = administrator.id
            self.actor, self.origin = administrator.login, f"{where()} ({who()})"
        else:
            with opened.read() as conn:
                opened.administrator = OWNER if is_governed(conn) else ""

    def carrying_out(self, request: Request) -> CliContext:
        """For the words of somebody's request: he answers for what they do, and whoever is here approves it."""
        made = CliContext(self._find_url, self._offers_scram, self._ask, request.login)
        made.config_path, made.language, made.actor = self.config_path, self.language, self.actor
        made.approving = Approving(request.id, self.directory.administrator)
        return made

    @property
    def offers_scram(self) -> bool:
        return self._offers_scram(self.config_path)

    def ask(self, asking: Asking[T]) -> T:
        """What a function finds out that asks the DNS."""
        if self._ask is None:
            raise RuntimeError("this command line was given no way to ask the DNS")
        found: T = self._ask(self.config_path, asking)
        return found

    def speak_for(self, by: str, reason: str) -> None:
        """Why, and in whose name: who typed it is told beside.  An administrator speaks for himself."""
        if by and self.acting_as:
            raise click.UsageError(text("option.as-or-by", self.language))
        self.reason = reason
        if by:
            self.actor, self.origin = by, f"{where()} ({who()})"

    def write(self) -> AbstractContextManager[Writing]:
        """One change, with what the audit record is told of it beside who and what."""
        return self.directory.write(origin=self.origin, reason=self.reason, command=self._command_to_keep())

    def keep_in_hand(self) -> None:
        """What is done now shows or takes a secret: nobody else is to do it with these words."""
        self.words = ()

    def _command_to_keep(self) -> tuple[str, ...]:
        """The words that do it again wherever they are typed: without a file or a password that somebody has here."""
        context = click.get_current_context(silent=True)
        if context is not None:
            for parameter in context.command.params:
                name = parameter.name or ""
                is_of_here = isinstance(parameter.type, (click.Path, click.File)) or "password" in name
                if is_of_here and name != "config_path" and context.params.get(name):
                    return ()
        return _without_config(self.words)

    def close(self) -> None:
        if self._directory is not None:
            self._directory.close()
            self._directory = None

    # Answers

    def say(self, key: str, **values: object) -> None:
        """A line for people; nothing in JSON mode, where ``give`` answers."""
        if not self.as_json:
            click.echo(text(key, self.language).format(**values))

    def warn(self, key: str, **values: object) -> None:
        click.echo(text(key, self.language).format(**values), err=True)

    def give(self, value: Any) -> None:
        """The answer in JSON mode; dataclasses become objects."""
        if self.as_json:
            click.echo(json.dumps(value, ensure_ascii=False, default=_plain, indent=1))

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Columns under their headings (keys of the text table)."""
        heading = [text(f"column.{column}", self.language) for column in columns]
        body = [["" if cell is None else str(cell) for cell in row] for row in rows]
        widths = [max(map(_width, column)) for column in zip(heading, *body, strict=True)]
        for line in [heading, *body]:
            padded = (cell + " " * (width - _width(cell)) for cell, width in zip(line, widths, strict=True))
            click.echo("  ".join(padded).rstrip())

    def sheet(self, pairs: Iterable[tuple[str, object]]) -> None:
        """One thing: a line for each property that has a value."""
        shown = [(text(f"column.{name}", self.language), value) for name, value in pairs if value not in (None, "", [])]
        width = max((_width(name) for name, _ in shown), default=0)
        for name, value in shown:
            lines = [str(part) for part in value] if isinstance(value, list) else [str(value)]
            click.echo(f"{name}{' ' * (width - _width(name))}  {lines[0]}")
            for line in lines[1:]:
                click.echo(f"{' ' * width}  {line}")


def _without_config(words: tuple[str, ...]) -> tuple[str, ...]:
    """Where the installation is, is said by whoever types them again."""
    kept, left = [], iter(words)
    for word in left:
        if word == "--config":
            next(left, None)
        elif not word.startswith("--config="):
            kept.append(word)
    return tuple(kept)


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    return str(value)


def _width(cell: str) -> int:
    """Columns on a terminal: combining marks take none, wide letters two."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in cell)


as_option = click.option(
    "--as", "acting_as", envvar="CITYMAIL_AS", metavar="LOGIN", callback=_login, help=help_text("option.as")
)


def directory_command(function: Callable[..., None]) -> Callable[..., None]:
    """A command that reads: the common options, and faults told in the reader's language with their exit status."""

    @click.option(
        "--config",
        "config_path",
        type=click.Path(path_type=Path, dir_okay=False),
        envvar="CITYMAIL_CONFIG",
        help=help_text("option.config"),
    )
    @click.option("--json", "as_json", is_flag=True, help=help_text("option.json"))
    @click.option("--lang", type=click.Choice(["vi", "en"]), envvar="CITYMAIL_LANG", help=help_text("option.lang"))
    @click.pass_context
    @functools.wraps(function)
    def run(
        ctx: click.Context,
        /,
        *args: Any,
        config_path: Path | None,
        as_json: bool,
        lang: str | None,
        **kwargs: Any,
    ) -> None:
        cli = ctx.obj
        assert isinstance(cli, CliContext)
        cli.config_path, cli.as_json = config_path, as_json
        cli.language = lang or cli.language
        try:
            if cli.acting_as:
                assert cli.directory.administrator
            function(cli, *args, **kwargs)
        except Fault as fault:
            if cli.approving:  # told by the command that approves it
                raise
            _refuse(cli, fault.code, fault.text(cli.language), _EXIT[fault.kind])
        except Exception as problem:
            from sqlalchemy.exc import DBAPIError

            if not isinstance(problem, DBAPIError):
                raise
            _refuse(cli, "database", text("database", cli.language).format(problem=problem.orig), EXIT_BUSY)
        finally:
            cli.close()

    return run


def changing_command(function: Callable[..., None]) -> Callable[..., None]:
    """A command that changes something: in whose name and why, besides."""

    @functools.wraps(function)
    def change(cli: CliContext, *args: Any, by: str, reason: str, **kwargs: Any) -> None:
        cli.speak_for(by, reason)
        function(cli, *args, **kwargs)

    for name, key in (("--reason", "option.reason"), ("--by", "option.by")):
        click.option(name, default="", help=help_text(key))(change)
    return directory_command(change)


def _refuse(cli: CliContext, code: str, message: str, status: int) -> None:
    if cli.as_json:
        click.echo(json.dumps({"error": code, "message": message}, ensure_ascii=False))
    click.echo(f"citymail: {message}", err=True)
    sys.exit(status)


@contextmanager
def written_to(file: Path) -> Iterator[IO[str]]:
    """A file for a table, readable by its owner alone; ``-`` is standard output.  A file that fails is not left."""
    if str(file) == "-":
        yield sys.stdout
        return
    part = file.with_name(file.name + ".part")
    try:
        with open(
            os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8", newline=""
        ) as out:
            yield out
        part.replace(file)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def show_size(size: int) -> str:
    """5368709120 → 5G"""
    amount = float(size)
    for unit in ("", "K", "M", "G"):
        if amount < 1024:
            return f"{amount:.4g}{unit}"
        amount /= 1024
    return f"{amount:.4g}T"
