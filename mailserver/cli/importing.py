"""``citymail mailbox import``: bring an old mailbox over from mbox, Maildir or another IMAP server.

Exit status as everywhere: 0 all is here; 3 no such mailbox; 5 some messages were not brought; 75 broken off, run it
again.
"""

from __future__ import annotations

import csv
import json
import ssl
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import click

from directory.cli.context import EXIT_BUSY, EXIT_PARTLY, EXIT_UNKNOWN
from directory.cli.texts import environment_language
from mailserver.cli.options import allow, config_option, owner_of, put_on_record, read_config, speaker

if TYPE_CHECKING:
    from directory.mail.accounts import Account
    from mailserver.config import Config
    from mailserver.importing.importer import Progress, Report
    from mailserver.importing.source import Source

# key: (English, Vietnamese)
_TEXTS = {
    "no-mailbox": ("There is no mailbox {key}.", "Không có hộp thư {key}."),
    "password": ("Password at the other server", "Mật khẩu ở máy chủ kia"),
    "brought": (
        "{brought} messages brought ({size}), {known} were here already.",
        "Đã chuyển {brought} thư ({size}), {known} thư đã có từ trước.",
    ),
    "dry": (
        "{brought} messages would be brought ({size}), {known} are here already.",
        "Sẽ chuyển {brought} thư ({size}), {known} thư đã có từ trước.",
    ),
    "failed": ("{count} messages were not brought:", "{count} thư không chuyển được:"),
    "more": ("… and {count} more; --errors FILE names them all.", "… và {count} thư khác; --errors FILE ghi đầy đủ."),
    "stopped": (
        "Broken off: {reason}. Run the command again to go on from here.",
        "Bị gián đoạn: {reason}. Hãy chạy lại lệnh để tiếp tục từ chỗ này.",
    ),
}
_SHOWN_FAILURES = 20


@click.command("import")
@click.argument("mailbox")
@click.argument("source")
@config_option
@click.option("--format", "kind", type=click.Choice(["auto", "mbox", "maildir"]), default="auto", show_default=True)
@click.option("--folder", default="INBOX", show_default=True, help="What a single mbox file holds.")
@click.option("--into", default="", help="Put all folders below this mailbox of ours.")
@click.option("--only", multiple=True, help="Bring only this folder; may be repeated.")
@click.option("--leave", multiple=True, help="Leave this folder behind; may be repeated.")
@click.option("--virtual", is_flag=True, help="Also folders that only show others' mail (All Mail).")
@click.option("--password-stdin", is_flag=True, help="Read the other server's password from standard input.")
@click.option("--any-certificate", is_flag=True, help="Accept any certificate of the other server.")
@click.option("--ignore-quota", is_flag=True, help="Bring more than the mailbox may hold.")
@click.option("--dry-run", is_flag=True, help="Only count.")
@click.option("--errors", type=click.Path(path_type=Path, dir_okay=False), help="CSV file for what was not brought.")
@click.option("--reason", default="", help="Why, for the audit record.")
@click.option("--by", default="", help="In whose name, for the audit record. [default: cli:USER]")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
@click.option("--lang", type=click.Choice(["vi", "en"]), envvar="CITYMAIL_LANG", help="Language of the answer.")
def import_command(mailbox: str, source: str, config_path: Path, lang: str | None, **options: Any) -> None:
    """Bring the mail of SOURCE into MAILBOX (an address).

    SOURCE is an mbox file, a folder of mbox files, a Maildir, or imaps://user@host[:port] (imap:// for an unencrypted
    connection). Folders, flags and dates come along. Nothing at the source is changed, and the command may be run
    again at any time: what is here already is not brought twice.
    """
    say = speaker(_TEXTS, lang or environment_language())
    config = read_config(config_path)
    account = owner_of(config, mailbox)
    if account is None:
        click.echo(say("no-mailbox", key=mailbox), err=True)
        sys.exit(EXIT_UNKNOWN)
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


def _bring(config: Config, account: Account, place: str, say: Callable[..., str], options: dict[str, Any]) -> Report:
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


def _open(place: str, say: Callable[..., str], options: dict[str, Any]) -> Source:
    """The source behind a path or an address. Raises SourceFault."""
    from mailserver.importing.maildir import MaildirSource, is_maildir
    from mailserver.importing.mbox import MboxSource

    if place.startswith(("imap://", "imaps://")):
        return _open_server(place, say, options)
    path = Path(place)
    if not path.exists():
        raise click.UsageError(f"{place}: no such file or folder")
    if options["kind"] == "maildir" or (options["kind"] == "auto" and path.is_dir() and is_maildir(path)):
        return MaildirSource(path)
    return MboxSource(path, options["folder"])


def _open_server(place: str, say: Callable[..., str], options: dict[str, Any]) -> Source:
    from mailserver.importing.imap_source import Account, ImapSource

    try:
        parts = urlsplit(place)
        port = parts.port
    except ValueError as fault:
        raise click.UsageError(f"{place}: {fault}") from None
    if not parts.hostname or not parts.username:
        raise click.UsageError("an IMAP source is written imaps://user@host or imaps://user@host:port")
    if parts.password:
        password = unquote(parts.password)
    elif options["password_stdin"]:
        password = sys.stdin.readline().rstrip("\r\n")
    else:
        password = click.prompt(say("password"), hide_input=True, err=True)
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


def _tell(report: Report, say: Callable[..., str], *, dry_run: bool) -> None:
    from directory.cli.context import show_size

    for theirs, ours in report.targets.items():
        if theirs != ours:
            click.echo(f"{theirs} → {ours}")
    size = show_size(report.octets)
    click.echo(say("dry" if dry_run else "brought", brought=report.brought, size=size, known=report.known))
    if report.failures:
        click.echo(say("failed", count=len(report.failures)), err=True)
        for failure in report.failures[:_SHOWN_FAILURES]:
            click.echo(f"  {failure.folder} {failure.label}: {failure.reason}", err=True)
        if len(report.failures) > _SHOWN_FAILURES:
            click.echo(say("more", count=len(report.failures) - _SHOWN_FAILURES), err=True)
    if report.stopped:
        click.echo(say("stopped", reason=report.stopped), err=True)
