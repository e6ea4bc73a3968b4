"""``citymail official import`` and ``export``: officials from and to a CSV file."""

from __future__ import annotations

from pathlib import Path

import click

from directory import units
from directory.cli.context import EXIT_PARTLY, CliContext, changing_command, directory_command, written_to
from directory.cli.options import (
    Passwords,
    allow_weak_option,
    must_change_option,
    password_stdin_option,
)
from directory.cli.progress import progress_bar
from directory.cli.texts import help_text
from directory.official_export import export
from directory.official_import import ImportSettings, OfficialImport
from directory.sizes import parse_size


@click.command("import", help=help_text("official.import"))
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--dry-run", is_flag=True, help=help_text("import.dry-run"))
@click.option("--rejects", type=click.Path(path_type=Path, dir_okay=False), help=help_text("import.rejects"))
@click.option("--password", help=help_text("import.password"))
@password_stdin_option
@must_change_option
@allow_weak_option
@click.option("--quota", default="0", show_default=True, help=help_text("import.quota"))
@click.option("--domain", default="", help=help_text("official.domain"))
@changing_command
def import_(
    cli: CliContext,
    file: Path,
    dry_run: bool,
    rejects: Path | None,
    password: str | None,
    password_stdin: bool,
    must_change: bool,
    allow_weak: bool,
    quota: str,
    domain: str,
) -> None:
    common = Passwords(password, password_stdin, False, must_change, allow_weak).choose(cli)
    settings = ImportSettings(
        common_password_hash=common.hashed(()),
        common_scram_verifier=common.verifier(cli),
        offers_scram=cli.offers_scram,
        must_change_password=must_change,
        allow_weak=allow_weak,
        quota_bytes=parse_size(quota),
        domain=domain,
        dry_run=dry_run,
        reason=cli.reason,
        origin=cli.origin,
    )
    rejects = rejects or file.with_name(file.stem + ".rejects.csv")
    importer = OfficialImport(cli.directory, cli.actor, settings, language=cli.language)
    with progress_bar(file.stat().st_size, quiet=cli.as_json) as advance:
        outcome = importer.run(file, rejects, advance)
    cli.give(
        {
            "dry_run": dry_run,
            "added": outcome.added,
            "updated": outcome.updated,
            "unchanged": outcome.unchanged,
            "rejected": outcome.rejected,
            "rejects_file": str(rejects) if outcome.rejected else None,
            "problems": [{"line": line, "reason": reason} for line, reason in outcome.problems],
        }
    )
    cli.say(
        "import.rehearsed" if dry_run else "import.done",
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


@click.command("export", help=help_text("official.export"))
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True), default="-")
@click.option("--unit", default="", help=help_text("official.list-unit"))
@directory_command
def export_(cli: CliContext, file: Path, unit: str) -> None:
    with cli.directory.read() as conn, written_to(file) as out:
        within = None
        if unit:
            tree = units.tree(conn)
            within = [below.id for below in tree.subtree(tree.find(unit).id)]
        count = export(conn, out, within=within)
    if str(file) != "-":
        cli.give({"officials": count, "file": str(file)})
        cli.say("official.exported", count=count, file=file)


commands: list[click.Command] = [import_, export_]
