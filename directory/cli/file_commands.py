"""Files of many: ``citymail official|unit|group import|export``, ``citymail mailbox import-list|export-list``."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import click

from directory.cli.context import EXIT_PARTLY, CliContext, changing_command, written_to
from directory.cli.options import Passwords, allow_weak_option, must_change_option, password_stdin_option
from directory.cli.progress import progress_bar
from directory.cli.texts import help_text, text
from directory.dates import parse_day
from directory.exchange import removing
from directory.exchange.exporting import DATED, records
from directory.exchange.formats import FORMATS, FormatName, format_of
from directory.exchange.groups import GroupTaker
from directory.exchange.importing import Change, Difference, FileSettings, Import, Outcome, Taker
from directory.exchange.kinds import KINDS, KindName
from directory.exchange.lines import ENCODINGS
from directory.exchange.mailboxes import MailboxTaker
from directory.exchange.officials import OfficialSettings, OfficialTaker
from directory.exchange.units import UnitTaker
from directory.faults import Fault
from directory.record import record
from directory.sizes import parse_size
from directory.staff import units

_WOULD = {"added": "import.would-add", "updated": "import.would-change", "left": "import.would-leave"}
# Differences of a dry run that a terminal is shown; a file holds them all.
_SHOWN = 50
Command = Callable[..., Any]

_format_option = click.option(
    "--format", "format_name", type=click.Choice(list(FORMATS)), help=help_text("file.format")
)

_written = click.Path(path_type=Path, dir_okay=False)


def _import_options(function: Command) -> Command:
    for option in reversed(
        (
            click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False)),
            _format_option,
            click.option(
                *("--encoding",), type=click.Choice(ENCODINGS), default="auto", help=help_text("import.encoding")
            ),
            click.option("--dry-run", is_flag=True, help=help_text("import.dry-run")),
            click.option("--whole", is_flag=True, help=help_text("import.whole")),
            click.option(
                "--rejects", type=click.Path(path_type=Path, dir_okay=False), help=help_text("import.rejects")
            ),
            click.option(
                "--differences", type=click.Path(path_type=Path, dir_okay=False), help=help_text("import.differences")
            ),
        )
    ):
        function = option(function)
    return function


@click.command("import", help=help_text("official.import"))
@_import_options
@click.option("--password", help=help_text("import.password"))
@password_stdin_option
@must_change_option
@allow_weak_option
@click.option("--quota", default="0", show_default=True, help=help_text("import.quota"))
@click.option("--domain", default="", help=help_text("official.domain"))
@click.option("--removing", "is_removing", is_flag=True, help=help_text("import.removing"))
@click.option("--removing-in", default="", metavar="UNIT", help=help_text("import.removing-in"))
@click.option("--yes-remove", type=click.IntRange(1), metavar="N", help=help_text("import.yes-remove"))
@changing_command
def _import_officials(
    cli: CliContext,
    password: str | None,
    password_stdin: bool,
    must_change: bool,
    allow_weak: bool,
    quota: str,
    domain: str,
    is_removing: bool,
    removing_in: str,
    yes_remove: int | None,
    **chosen: Any,
) -> None:
    if (removing_in or yes_remove is not None) and not is_removing:
        raise click.UsageError(text("import.removing-first", cli.language))
    common = Passwords(password, password_stdin, False, must_change, allow_weak).choose(cli)
    settings = OfficialSettings(
        common_password_hash=common.hashed(()),
        common_scram_verifier=common.verifier(cli),
        offers_scram=cli.offers_scram,
        must_change_password=must_change,
        allow_weak=allow_weak,
        quota_bytes=parse_size(quota),
        domain=domain,
    )
    removal = _Removing(removing_in, yes_remove, domain) if is_removing else None
    _run(cli, OfficialTaker(settings), removal, **chosen)


def _import_command(name: str, help_key: str, taker: Callable[[], Taker]) -> click.Command:
    @click.command(name, help=help_text(help_key))
    @_import_options
    @changing_command
    def take_in(cli: CliContext, **chosen: Any) -> None:
        _run(cli, taker(), **chosen)

    return take_in


@dataclass(frozen=True, slots=True)
class _Removing:
    """Who is not in the file leaves: in which unit, how many of them are agreed to."""

    unit: str
    agreed: int | None
    domain: str

    def plan(self, cli: CliContext, file: Path, settings: FileSettings) -> removing.Removal:
        within = None
        if self.unit:
            with cli.directory.read() as conn:
                tree = units.tree(conn)
                within = frozenset(below.id for below in tree.subtree(tree.find(self.unit).id))
        return removing.plan(cli.directory, file, settings, within=within, domain=self.domain)


def _run(
    cli: CliContext,
    taker: Taker,
    removal: _Removing | None = None,
    *,
    file: Path,
    format_name: str | None,
    encoding: str,
    dry_run: bool,
    whole: bool,
    rejects: Path | None,
    differences: Path | None,
) -> None:
    chosen = cast(FormatName, format_name) if format_name else format_of(file)
    settings = FileSettings(
        format=chosen, encoding=encoding, dry_run=dry_run, whole=whole, reason=cli.reason, origin=cli.origin
    )
    planned = removal.plan(cli, file, settings) if removal is not None else None
    if not dry_run:
        if removal is not None and planned is not None:
            planned.check(removal.agreed)
        _begin_on_record(cli, taker, file, removal)
    rejects = rejects or file.with_name(f"{file.stem}.rejects{FORMATS[chosen].suffix}")
    importer = Import(cli.directory, cli.actor, taker, settings, language=cli.language)
    with (
        progress_bar(file.stat().st_size, quiet=cli.as_json) as advance,
        _told(cli, differences, dry_run=dry_run) as tell,
    ):
        outcome = importer.run(file, rejects, advance, tell)
        left = _remove(cli, planned, settings, outcome, tell) if planned is not None else None
    _answer(cli, outcome, rejects, left, dry_run=dry_run)


def _remove(
    cli: CliContext,
    planned: removing.Removal,
    settings: FileSettings,
    outcome: Outcome,
    tell: Callable[[int, Change], None],
) -> int:
    """Who is not in the file leaves, or would; nobody where a line was refused: it may have been his."""
    if outcome.rejected:
        cli.warn("import.nobody-leaves", count=len(planned.missing))
        return 0

    def told(who: removing.Missing, fault: Fault | None = None) -> None:
        if fault is not None:
            cli.warn("import.stays", login=who.login, why=fault.text(cli.language))
        else:
            tell(0, Change("left", who.login, (Difference("name", who.name, ""),)))

    if settings.dry_run:
        for who in planned.missing:
            told(who)
        return len(planned.missing)
    return removing.carry_out(cli.directory, cli.actor, planned, settings, told)


def _begin_on_record(cli: CliContext, taker: Taker, file: Path, removal: _Removing | None) -> None:
    """Which file was taken in; what each line did is told by itself.  Where two must agree, it is on this very file."""
    with file.open("rb") as octets:
        digest = hashlib.file_digest(octets, "sha256").hexdigest()
    more = {"removing": removal.unit or "*"} if removal is not None else {}
    with cli.write() as conn:
        record(conn, cli.actor, f"{taker.kind.name}.import-file", "", file=file.name, digest=digest, **more)


def _shown(each: Difference) -> str:
    if each.before and each.after:
        return f"{each.what} {each.before} → {each.after}"
    return f"{each.what} {each.after or each.before}"


@contextmanager
def _told(cli: CliContext, file: Path | None, *, dry_run: bool) -> Iterator[Callable[[int, Change], None]]:
    """Every difference into a file, if there is one; else the first of a dry run to the terminal."""
    if file is not None:
        with written_to(file) as out:
            table = csv.writer(out)
            table.writerow(("line", "change", "subject", "column", "before", "after"))

            def write(line: int, change: Change) -> None:
                table.writerows(
                    (line, change.verb, change.subject, each.what, each.before, each.after)
                    for each in change.differences
                )

            yield write
        return
    shown = 0

    def show(line: int, change: Change) -> None:
        nonlocal shown
        if not dry_run or cli.as_json or change.verb == "unchanged":
            return
        shown += 1
        if shown <= _SHOWN:
            cli.say(
                _WOULD[change.verb],
                line=line,
                subject=change.subject,
                what="; ".join(map(_shown, change.differences)),
            )

    yield show
    if shown > _SHOWN:
        cli.say("import.more-differences", count=shown - _SHOWN)


def _answer(cli: CliContext, outcome: Outcome, rejects: Path, left: int | None, *, dry_run: bool) -> None:
    cli.give(
        ({"left": left} if left is not None else {})
        | {
            "dry_run": dry_run,
            "undone": outcome.is_undone,
            "added": outcome.added,
            "updated": outcome.updated,
            "unchanged": outcome.unchanged,
            "rejected": outcome.rejected,
            "rejects_file": str(rejects) if outcome.rejected else None,
            "problems": [{"line": line, "reason": reason} for line, reason in outcome.problems],
        }
    )
    cli.say(
        "import.rehearsed" if dry_run else "import.undone" if outcome.is_undone else "import.done",
        added=outcome.added,
        updated=outcome.updated,
        unchanged=outcome.unchanged,
        rejected=outcome.rejected,
    )
    if left is not None:
        cli.say("import.would-leave-all" if dry_run else "import.left", count=left)
    if outcome.rejected:
        for line, reason in outcome.problems:
            cli.warn("import.problem", line=line, reason=reason)
        cli.warn("import.rejected", count=outcome.rejected, file=rejects)
        raise SystemExit(EXIT_PARTLY)


def _export_command(name: str, help_key: str, kind: KindName) -> click.Command:
    @click.command(name, help=help_text(help_key))
    @click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True), default="-")
    @_format_option
    @click.option("--unit", default="", help=help_text("export.unit"))
    @click.option("--on", default="", metavar="DAY", help=help_text("export.on"))
    @changing_command
    def write_out(cli: CliContext, file: Path, format_name: str | None, unit: str, on: str) -> None:
        wanted = cast(FormatName, format_name) if format_name else format_of(file)
        chosen = FORMATS[wanted]
        if unit and kind == "group":
            raise click.UsageError(text("export.no-unit", cli.language))
        if on and kind not in DATED:
            raise click.UsageError(text("export.no-day", cli.language))
        day = parse_day(on) if on else None
        with cli.write() as writing:  # what so many are told at once of people is on record
            of_unit = units.tree(writing, day).find(unit).id if unit else ""
            record(writing, cli.actor, f"{kind}.export", of_unit, format=wanted, on=day)
        with cli.directory.read() as conn, written_to(file) as out:
            within = None
            if unit:
                tree = units.tree(conn, day)
                within = [below.id for below in tree.subtree(tree.find(unit).id)]
            count = chosen.write(KINDS[kind], records(conn, kind, within=within, on=day), out)
        if str(file) != "-":
            cli.give({"count": count, "file": str(file)})
            cli.say("file.exported", count=count, file=file)

    return write_out


officials: list[click.Command] = [_import_officials, _export_command("export", "official.export", "official")]
unit_files: list[click.Command] = [
    _import_command("import", "unit.import", UnitTaker),
    _export_command("export", "unit.export", "unit"),
]
# `mailbox import` brings old mail in
mailbox_files: list[click.Command] = [
    _import_command("import-list", "mailbox.import", MailboxTaker),
    _export_command("export-list", "mailbox.export", "mailbox"),
]
group_files: list[click.Command] = [
    _import_command("import", "group.import", GroupTaker),
    _export_command("export", "group.export", "group"),
]
