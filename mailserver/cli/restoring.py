"""``citymail mailbox restore``: bring back what was removed from a mailbox, while it is kept.

Exit status as everywhere: 0 done, or nothing to do; 3 no such mailbox; 1 refused.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from directory.cli.context import show_size
from directory.cli.texts import environment_language
from mailserver.cli.options import allow, config_option, owner_of, put_on_record, read_config, speaker

if TYPE_CHECKING:
    from collections.abc import Callable

    from mailserver.store.recovery import Description, Lost

# key: (English, Vietnamese)
_TEXTS = {
    "none": ("Nothing to restore.", "Không có gì để khôi phục."),
    "would": (
        "{count} messages ({size}) would be restored:",
        "Sẽ khôi phục {count} thư ({size}):",
    ),
    "restored": ("{count} messages restored: {where}.", "Đã khôi phục {count} thư: {where}."),
    "more": ("… and {count} more", "… và {count} thư khác"),
    "no-mailbox": ("There is no mailbox {key}.", "Không có hộp thư {key}."),
    "day": (
        "{text} is no day or time (2026-11-22, 22/11/2026, or with 03:00 behind it)",
        "{text} không phải ngày giờ (22/11/2026, hoặc thêm 03:00 phía sau)",
    ),
    "no-subject": ("(no subject)", "(không có chủ đề)"),
}
_SHOWN = 50


@click.command("restore")
@click.argument("address")
@config_option
@click.option("--mailbox", default="", help="Only what was removed from this mailbox of his, there or removed itself.")
@click.option("--since", default="", help="Only what was removed since this day or time. [default: all that is kept]")
@click.option("--into", default="", help="Put it all into this mailbox. [default: back to where it was]")
@click.option("--drafts", is_flag=True, help="Also earlier states of drafts.")
@click.option("--dry-run", is_flag=True, help="Only tell what would be restored.")
@click.option("--reason", default="", help="Why, for the audit record.")
@click.option("--by", default="", help="In whose name, for the audit record. [default: cli:USER]")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
@click.option("--lang", type=click.Choice(["vi", "en"]), envvar="CITYMAIL_LANG", help="Language of the answer.")
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
    lang: str | None,
) -> None:
    """Bring back what was removed from the mailboxes of ADDRESS, in the last [storage] recoverable_days.

    Each message goes back to the mailbox it was in (the trash aside), with its date and flags; a mailbox that was
    removed is made again. What is still there is not brought a second time. While the system runs, clients see the
    messages come.
    """
    from mailserver.refusals import Refusal
    from mailserver.store import Store
    from mailserver.store.recovery import bring_back, describe, lost_messages
    from mailserver.store.unscanned import of_account

    say = speaker(_TEXTS, lang or environment_language())
    config = read_config(config_path)
    owner = owner_of(config, address)
    if owner is None:
        click.echo(say("no-mailbox", key=address), err=True)
        sys.exit(3)
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
            except Refusal as refusal:
                click.echo(f"citymail: {refusal.client_text}", err=True)
                sys.exit(1)
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


def _moment(text: str, say: Callable[..., str]) -> int:
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
        raise click.UsageError(say("day", text=text)) from None
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


def _tell(
    described: list[Description], came: dict[str, int], into: str, say: Callable[..., str], *, dry_run: bool
) -> None:
    if not described:
        click.echo(say("none"))
    elif dry_run:
        click.echo(say("would", count=len(described), size=show_size(sum(each.size for each in described))))
        for each in described[:_SHOWN]:
            at = datetime.fromtimestamp(each.lost.removed_at).astimezone()
            subject = each.subject or say("no-subject")
            click.echo(f"  {at:%Y-%m-%d %H:%M}  {into or each.lost.home}  {each.author_address}  {subject}")
        if len(described) > _SHOWN:
            click.echo(say("more", count=len(described) - _SHOWN))
    else:
        places = ", ".join(f"{name} {count}" for name, count in sorted(came.items()))
        click.echo(say("restored", count=sum(came.values()), where=places))
