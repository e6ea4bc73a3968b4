"""``citymail mailbox import``: bring an old mailbox over from mbox, Maildir or another IMAP server.

Exit status as everywhere: 0 all is here; 3 no such mailbox; 5 some messages were not brought; 75 broken off, run it
again.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import click

from directory.cli.context import EXIT_BUSY, EXIT_PARTLY
from mailserver.cli.options import allow, answering, end, owner_of, put_on_record, read_config, recorded
from mailserver.cli.texts import Say, help_text

if TYPE_CHECKING:
    from directory.mail.accounts import Account
    from mailserver.config import Config
    from mailserver.importing.importer import Progress, Report
    from mailserver.importing.source import Source

_SHOWN_FAILURES = 20


@click.command("import", help=help_text("bring.help"))
@click.argument("mailbox")
@click.argument("source")
@click.option(
    "--format",
    "kind",
    type=click.Choice(["auto", "mbox", "maildir"]),
    default="auto",
    show_default=True,
    help=help_text("bring.format"),
)
@click.option("--folder", default="INBOX", show_default=True, help=help_text("bring.folder"))
@click.option("--into", default="", help=help_text("bring.into"))
@click.option("--only", multiple=True, help=help_text("bring.only"))
@click.option("--leave", multiple=True, help=help_text("bring.leave"))
@click.option("--virtual", is_flag=True, help=help_text("bring.virtual"))
@click.option("--password-stdin", is_flag=True, help=help_text("bring.password-stdin"))
@click.option("--any-certificate", is_flag=True, help=help_text("bring.any-certificate"))
@click.option("--ignore-quota", is_flag=True, help=help_text("bring.ignore-quota"))
@click.option("--dry-run", is_flag=True, help=help_text("bring.dry-run"))
@click.option("--errors", type=click.Path(path_type=Path, dir_okay=False), help=help_text("bring.errors"))
@recorded
@answering
def import_command(mailbox: str, source: str, config_path: Path, say: Say, **options: Any) -> None:
    config = read_config(config_path)
    account = owner_of(config, mailbox)
    if account is None:
        end(say("mail.no-mailbox", key=mailbox))
    allow(config_path, "mailbox.import", account.login)
    if not options["dry_run"]:
        put_on_record(
            *(config_path, "mailbox.import", account.login),
            by=options["by"],
            reason=options["reason"],
            source=source,
            into=options["into"],
        )
    report = _bring(config, account, source, say, options)
    if options["errors"] is not None:
        _write_failures(options["errors"], report)
    if options["as_json"]:
        click.echo(json.dumps(asdict(report) | {"dry_run": options["dry_run"]}, ensure_ascii=False, indent=1))
    else:
        _tell(report, say, dry_run=options["dry_run"])
    sys.exit(EXIT_BUSY if report.stopped else EXIT_PARTLY if report.failures else 0)


def _bring(config: Config, account: Account, place: str, say: Say, options: dict[str, Any]) -> Report:
    from mailserver.importing.importer import Importer, Report
    from mailserver.importing.source import SourceFault
    from mailserver.store import open_store

    store = open_store(config.store_url, config.data, inline_limit=config.storage.inline_limit)
    try:
        with _progress(quiet=options["as_json"]) as progress:
            importer = Importer(
                store,
                account.id,
                into=options["into"],
                quota=0 if options["ignore_quota"] else account.quota_bytes,
                progress=progress,
                dry_run=options["dry_run"],
            )
            try:
                source = _open(place, say, options)
            except SourceFault as fault:
                return Report(stopped=str(fault))
            try:
                return importer.run(source, only=options["only"], leave=options["leave"])
            finally:
                source.close()
    finally:
        store.close()


def _open(place: str, say: Say, options: dict[str, Any]) -> Source:
    """The source behind a path or an address. Raises SourceFault."""
    from mailserver.importing.maildir import MaildirSource, is_maildir
    from mailserver.importing.mbox import MboxSource

    if place.startswith(("imap://", "imaps://")):
        return _open_server(place, say, options)
    path = Path(place)
    if not path.exists():
        raise click.UsageError(say("bring.no-source", place=place))
    if options["kind"] == "maildir" or (options["kind"] == "auto" and path.is_dir() and is_maildir(path)):
        return MaildirSource(path)
    return MboxSource(path, options["folder"])


def _open_server(place: str, say: Say, options: dict[str, Any]) -> Source:
    import ssl

    from mailserver.importing.imap_source import Account, ImapSource

    try:
        parts = urlsplit(place)
        port = parts.port
    except ValueError:
        raise click.UsageError(say("bring.address")) from None
    if not parts.hostname or not parts.username:
        raise click.UsageError(say("bring.address"))
    if parts.password:
        password = unquote(parts.password)
    elif options["password_stdin"]:
        password = sys.stdin.readline().rstrip("\r\n")
    else:
        password = click.prompt(say("bring.password"), hide_input=True, err=True)
    tls = None
    if parts.scheme == "imaps":
        tls = ssl.create_default_context()
        if options["any_certificate"]:
            tls.check_hostname = False
            tls.verify_mode = ssl.CERT_NONE
    port = port or (993 if tls is not None else 143)
    account = Account(parts.hostname, port, unquote(parts.username), password, tls)
    return ImapSource(account, virtual=options["virtual"])


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Callable[[Progress], None]]:
    """A line on a terminal that tells how far it is; nothing elsewhere."""
    if quiet or not sys.stderr.isatty():
        yield lambda progress: None
        return
    from rich.console import Console

    with Console(stderr=True).status("") as status:

        def show(progress: Progress) -> None:
            total = f"/{progress.total}" if progress.total is not None else ""
            status.update(f"{progress.folder}: {progress.done}{total}")

        yield show


def _write_failures(path: Path, report: Report) -> None:
    with path.open("w", newline="", encoding="utf-8-sig") as file:  # with the mark that Excel wants
        writer = csv.writer(file)
        writer.writerow(["folder", "message", "reason"])
        writer.writerows((failure.folder, failure.label, failure.reason) for failure in report.failures)


def _tell(report: Report, say: Say, *, dry_run: bool) -> None:
    from directory.cli.context import show_size
    from mailserver.refusals import OverQuota

    for theirs, ours in report.targets.items():
        if theirs != ours:
            click.echo(f"{theirs} → {ours}")
    size = show_size(report.octets)
    click.echo(say("bring.dry" if dry_run else "bring.brought", brought=report.brought, size=size, known=report.known))
    if report.failures:
        click.echo(say("bring.failed", count=len(report.failures)), err=True)
        for failure in report.failures[:_SHOWN_FAILURES]:
            click.echo(f"  {failure.folder} {failure.label}: {failure.reason}", err=True)
        if len(report.failures) > _SHOWN_FAILURES:
            click.echo(say("bring.more", count=len(report.failures) - _SHOWN_FAILURES), err=True)
    if report.stopped:
        reason = say("bring.full") if report.stopped == OverQuota.default_text else report.stopped
        click.echo(say("bring.stopped", reason=reason), err=True)
