"""``citymail audit``: who changed what, when, from where and why; and whether the record is whole."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import click

from directory import record
from directory.administration import authority, openings
from directory.cli.context import EXIT_REFUSED, CliContext, changing_command, directory_command, written_to
from directory.cli.texts import help_text
from directory.database import CITY_TIME, Reading
from directory.dates import parse_day
from directory.faults import Fault
from directory.mail import accounts
from directory.mail.addresses import addresses_ever
from directory.staff import units
from security.audit import AuditEntry

_COLUMNS = ("number", "at", "actor", "origin", "action", "subject", "reason", "before", "after", "details", "digest")


@click.group()
def group() -> None:
    pass


def _time(at: int) -> str:
    return datetime.fromtimestamp(at, CITY_TIME).isoformat(" ", "seconds")[:19]


def _json(entry: AuditEntry) -> dict[str, Any]:
    details = json.loads(entry.details)
    told = {name: details.pop(name, None) for name in ("origin", "reason", "before", "after")}
    return {
        "number": entry.number,
        "at": datetime.fromtimestamp(entry.at, CITY_TIME).isoformat(),
        "actor": entry.actor,
        "action": entry.action,
        "subject": entry.subject,
        **told,
        "details": details,
        "digest": entry.digest,
    }


def _in_words(details: str) -> str:
    return "  ".join(
        f"{name}={value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"
        for name, value in json.loads(details).items()
    )


def _shown(cli: CliContext, found: list[AuditEntry]) -> None:
    cli.give([_json(entry) for entry in found])
    if not cli.as_json:
        cli.table(
            ("number", "at", "actor", "action", "subject", "details"),
            [(e.number, _time(e.at), e.actor, e.action, e.subject, _in_words(e.details)) for e in found],
        )


def _subjects(conn: Reading, key: str) -> list[str]:
    """Under which names the record may know what ``key`` stands for: all addresses of a mailbox, the id of a unit."""
    owner = accounts.find_mailbox_owner(conn, key)
    if owner is not None:
        return [owner.login, *addresses_ever(conn, owner.id), key]
    try:
        return [units.find_unit(conn, key).id, key]
    except Fault:
        return [key]


_limit = click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help=help_text("option.limit"))


def _allow(cli: CliContext) -> None:
    with cli.write() as conn:
        authority.require(conn, cli.actor, "audit.read")


@group.command("show", help=help_text("audit.show"))
@click.argument("key", metavar="ADDRESS|UNIT")
@_limit
@directory_command
def show(cli: CliContext, key: str, limit: int) -> None:
    _allow(cli)
    with cli.directory.read() as conn:
        found = list(record.search(conn, subjects=_subjects(conn, key), limit=limit))
    _shown(cli, found)


@group.command("search", help=help_text("audit.search"))
@click.argument("text", default="")
@click.option("--actor", default="", help=help_text("audit.actor"))
@click.option("--action", default="", help=help_text("audit.action"))
@click.option("--from", "from_day", help=help_text("audit.from"))
@click.option("--until", help=help_text("audit.until"))
@click.option("--emergency", is_flag=True, help=help_text("audit.emergency"))
@_limit
@directory_command
def search(
    cli: CliContext,
    text: str,
    actor: str,
    action: str,
    from_day: str | None,
    until: str | None,
    emergency: bool,
    limit: int,
) -> None:
    _allow(cli)
    with cli.directory.read() as conn:
        found = record.search(
            conn,
            text=text,
            actor=actor,
            action=action,
            emergency=emergency,
            first=_begin(from_day),
            last=_end(until),
            limit=limit,
        )
        _shown(cli, list(found))


def _begin(day: str | None) -> int | None:
    if day is None:
        return None
    return int(datetime.fromisoformat(parse_day(day)).replace(tzinfo=CITY_TIME).timestamp())


def _end(day: str | None) -> int | None:
    begin = _begin(day)
    return None if begin is None else begin + 86_399


@group.command("opened", help=help_text("audit.opened"))
@click.argument("mailbox")
@_limit
@directory_command
def opened(cli: CliContext, mailbox: str, limit: int) -> None:
    with cli.directory.read() as conn:
        owner = accounts.find_mailbox_owner(conn, mailbox)
        if owner is None:
            raise Fault("account-unknown", account=mailbox)
    if owner.id != cli.directory.administrator:
        _allow(cli)
    with cli.directory.read() as conn:
        found = list(openings.openings(conn, owner, limit=limit))
    cli.give([asdict(each) | {"at": datetime.fromtimestamp(each.at, CITY_TIME).isoformat()} for each in found])
    if not cli.as_json:
        cli.table(
            ("at", "actor", "action", "whom", "origin", "reason"),
            [(_time(each.at), each.actor, each.action, each.whom, each.origin, each.reason) for each in found],
        )


@group.command("verify", help=help_text("audit.verify"))
@click.option("--seal", default="", metavar="NUMBER:DIGEST", help=help_text("audit.seal"))
@directory_command
def verify(cli: CliContext, seal: str) -> None:
    with cli.directory.read() as conn:
        broken = record.check(conn, seal)
        newest = record.seal(conn)
    answer = {"ok": broken is None, "seal": newest}
    if broken is not None:
        answer |= {"number": broken.number, "reason": broken.reason}
    cli.give(answer)
    if broken is None:
        cli.say("audit.whole", seal=newest)
        return
    cli.warn("audit.broken", number=broken.number, reason=broken.reason)
    raise SystemExit(EXIT_REFUSED)


@group.command("export", help=help_text("audit.export"))
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True), default="-")
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "jsonl"]),
    default="csv",
    show_default=True,
    help=help_text("audit.format"),
)
@click.option("--after", type=click.IntRange(0), default=0, show_default=True, help=help_text("audit.after"))
@changing_command
def export(cli: CliContext, file: Path, form: str, after: int) -> None:
    with cli.write() as conn:
        record.record(conn, cli.actor, "audit.export", "", after=after or None)
    with cli.directory.read() as conn, written_to(file) as out:
        count = _write(out, form, record.entries(conn, after))
    if str(file) != "-":
        cli.give({"entries": count, "file": str(file)})
        cli.say("audit.exported", count=count, file=file)


def _write(out: IO[str], form: str, entries: Iterable[AuditEntry]) -> int:
    count = 0
    table = csv.writer(out) if form == "csv" else None
    if table is not None:
        table.writerow(_COLUMNS)
    for entry in entries:
        count += 1
        told = _json(entry)
        if table is None:
            out.write(json.dumps(told, ensure_ascii=False) + "\n")
            continue
        for name in ("before", "after", "details"):
            told[name] = json.dumps(told[name], ensure_ascii=False, sort_keys=True) if told[name] else ""
        table.writerow([told[name] for name in _COLUMNS])
    return count
