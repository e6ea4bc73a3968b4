"""Files of many: ``citymail official|unit|group import|export``, ``citymail mailbox import-list|export-list``."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import click

from directory.cli.context import EXIT_PARTLY, CliContext, changing_command, written_to
from directory.cli.options import Passwords, allow_weak_option, must_change_option, password_stdin_option
from directory.cli.progress import progress_bar
from directory.cli.texts import help_text, text
from directory.exchange.exporting import records
from directory.exchange.formats import FORMATS, FormatName, format_of
from directory.exchange.groups import GroupTaker
from directory.exchange.importing import Change, FileSettings, Import, Outcome, Taker
from directory.exchange.kinds import KINDS, KindName
from directory.exchange.lines import ENCODINGS
from directory.exchange.mailboxes import MailboxTaker
from directory.exchange.officials import OfficialSettings, OfficialTaker
from directory.exchange.units import UnitTaker
from directory.record import record
from directory.sizes import parse_size
from directory.staff import units

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
@changing_command
def _import_officials(
    cli: CliContext,
    password: str | None,
    password_stdin: bool,
    must_change: bool,
    allow_weak: bool,
    quota: str,
    domain: str,
    **chosen: Any,
) -> None:
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
    _run(cli, OfficialTaker(settings), **chosen)


def _import_command(name: str, help_key: str, taker: Callable[[], Taker]) -> click.Command:
    @click.command(name, help=help_text(help_key))
    @_import_options
    @changing_command
    def take_in(cli: CliContext, **chosen: Any) -> None:
        _run(cli, taker(), **chosen)

    return take_in


def _run(
    cli: CliContext,
    taker: Taker,
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
    if not dry_run:
        _begin_on_record(cli, taker, file)
    rejects = rejects or file.with_name(f"{file.stem}.rejects{FORMATS[chosen].suffix}")
    importer = Import(cli.directory, cli.actor, taker, settings, language=cli.language)
    with (
        progress_bar(file.stat().st_size, quiet=cli.as_json) as advance,
        _told(cli, differences, dry_run=dry_run) as tell,
    ):
        outcome = importer.run(file, rejects, advance, tell)
    _answer(cli, outcome, rejects, dry_run=dry_run)


def _begin_on_record(cli: CliContext, taker: Taker, file: Path) -> None:
    """Which file was taken in; what each line did is told by itself.  Where two must agree, it is on this very file."""
    with file.open("rb") as octets:
        digest = hashlib.file_digest(octets, "sha256").hexdigest()
    with cli.write() as conn:
        record(conn, cli.actor, f"{taker.kind.name}.import-file", "", file=file.name, digest=digest)


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
                "import.would-add" if change.verb == "added" else "import.would-change",
                line=line,
                subject=change.subject,
                what="; ".join(
                    f"{each.what} {each.before} → {each.after}" if each.before else f"{each.what} {each.after}"
                    for each in change.differences
                ),
            )

    yield show
    if shown > _SHOWN:
        cli.say("import.more-differences", count=shown - _SHOWN)


def _answer(cli: CliContext, outcome: Outcome, rejects: Path, *, dry_run: bool) -> None:
    cli.give(
        {
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
    @changing_command
    def write_out(cli: CliContext, file: Path, format_name: str | None, unit: str) -> None:
        wanted = cast(FormatName, format_name) if format_name else format_of(file)
        chosen = FORMATS[wanted]
        if unit and kind == "group":
            raise click.UsageError(text("export.no-unit", cli.language))
        with cli.write() as writing:  # what so many are told at once of people is on record
            of_unit = units.tree(writing).find(unit).id if unit else ""
            record(writing, cli.actor, f"{kind}.export", of_unit, format=wanted)
        with cli.directory.read() as conn, written_to(file) as out:
            within = None
            if unit:
                tree = units.tree(conn)
                within = [below.id for below in tree.subtree(tree.find(unit).id)]
            count = chosen.write(KINDS[kind], records(conn, kind, within=within), out)
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
