"""``citymail mailbox restore``: bring back what was removed from a mailbox, while it is kept.

Exit status as everywhere: 0 done, or nothing to do; 3 no such mailbox; 1 refused.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from directory.cli.context import EXIT_REFUSED, show_size
from mailserver.cli.options import allow, answering, end, owner_of, put_on_record, read_config, recorded
from mailserver.cli.texts import Say, help_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from mailserver.store.recovery import Description, Lost

_SHOWN = 50


@click.command("restore", help=help_text("restore.help"))
@click.argument("address")
@click.option("--mailbox", default="", help=help_text("restore.mailbox"))
@click.option("--since", default="", help=help_text("restore.since"))
@click.option("--into", default="", help=help_text("restore.into"))
@click.option("--drafts", is_flag=True, help=help_text("restore.drafts"))
@click.option("--dry-run", is_flag=True, help=help_text("restore.dry-run"))
@recorded
@answering
def restore_command(
    address: str,
    config_path: Path,
    mailbox: str,
    since: str,
    into: str,
    drafts: bool,
    dry_run: bool,
    reason: str,
    by: str,
    as_json: bool,
    say: Say,
) -> None:
    from mailserver.refusals import CannotDo, LimitReached
    from mailserver.store import Store
    from mailserver.store.recovery import bring_back, describe, lost_messages
    from mailserver.store.unscanned import of_account

    config = read_config(config_path)
    owner = owner_of(config, address)
    if owner is None:
        end(say("mail.no-mailbox", key=address))
    allow(config_path, "mailbox.restore", owner.login)
    earliest = _moment(since, say)
    wanted = _choice(mailbox, drafts, earliest)
    store = Store(config.store_url, config.data)
    try:
        with store.read_scanned(of_account(owner.id)) as connection:
            described = describe(connection, [each for each in lost_messages(connection, owner.id) if wanted(each)])
        came: dict[str, int] = {}
        if described:
            # an administrator's look into somebody's mailbox is told in the audit record, and his hand in it too
            put_on_record(
                config_path,
                "mailbox.restore",
                owner.login,
                by=by,
                reason=reason,
                restored=dict(Counter(into or each.lost.home for each in described)),
                since=since,
                dry_run=dry_run or None,
            )
        if described and not dry_run:
            try:
                ids = [each.lost.message_id for each in described]
                came = dict(store.write(lambda tx: bring_back(tx, owner.id, ids, into=into), heavy=True).result())
            except (CannotDo, LimitReached):
                end(say("restore.no-place"), EXIT_REFUSED)
    finally:
        store.close()
    if as_json:
        click.echo(json.dumps(_answer(described, came, into, dry_run=dry_run), ensure_ascii=False, indent=1))
    else:
        _tell(described, came, into, say, dry_run=dry_run)


def _choice(mailbox: str, drafts: bool, earliest: int) -> Callable[[Lost], bool]:
    """Drafts leave a tombstone for each state they were in: they are wanted only where that is said."""
    name = mailbox.casefold()

    def wanted(each: Lost) -> bool:
        return each.removed_at >= earliest and name in ("", each.home.casefold()) and (drafts or not each.is_draft)

    return wanted


def _moment(text: str, say: Say) -> int:
    """Epoch seconds of a day, or of a day and a time of it, in the city."""
    from directory.database import CITY_TIME
    from directory.dates import parse_day
    from directory.faults import Fault

    if not text:
        return 0
    day, _, hour = text.strip().replace("T", " ").partition(" ")
    try:
        begins = datetime.fromisoformat(f"{parse_day(day)} {hour.strip() or '00:00'}")
    except (Fault, ValueError):
        raise click.UsageError(say("restore.day", text=text)) from None
    return int(begins.replace(tzinfo=CITY_TIME).timestamp())


def _answer(described: list[Description], came: dict[str, int], into: str, *, dry_run: bool) -> dict[str, Any]:
    return {
        "dry_run": dry_run,
        "restored": sum(came.values()),
        "mailboxes": came,
        "messages": [
            {
                "subject": each.subject,
                "from": each.author_address,
                "size": each.size,
                "mailbox": into or each.lost.home,
                **{key: value for key, value in asdict(each.lost).items() if key in ("removed_at", "internal_date")},
            }
            for each in described
        ],
    }


def _tell(described: list[Description], came: dict[str, int], into: str, say: Say, *, dry_run: bool) -> None:
    if not described:
        click.echo(say("restore.none"))
    elif dry_run:
        click.echo(say("restore.would", count=len(described), size=show_size(sum(each.size for each in described))))
        for each in described[:_SHOWN]:
            at = datetime.fromtimestamp(each.lost.removed_at).astimezone()
            subject = each.subject or say("restore.no-subject")
            click.echo(f"  {at:%Y-%m-%d %H:%M}  {into or each.lost.home}  {each.author_address}  {subject}")
        if len(described) > _SHOWN:
            click.echo(say("mail.more", count=len(described) - _SHOWN))
    else:
        places = ", ".join(f"{name} {count}" for name, count in sorted(came.items()))
        click.echo(say("restore.restored", count=sum(came.values()), where=places))
