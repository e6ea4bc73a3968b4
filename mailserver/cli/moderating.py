"""``citymail group held|approve|reject``: mail to moderated groups that waits.

A moderator decides with ``citymail --as``; who owns the machine may too, and it is marked in the audit record.

Exit status as everywhere: 0 done; 1 refused; 3 no such message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from directory.cli.context import EXIT_UNKNOWN, CliContext, changing_command, directory_command
from mailserver.cli.options import DEFAULT_CONFIG, read_config, speaker, tell

if TYPE_CHECKING:
    from mailserver.delivery.post_office import PostOffice
    from mailserver.delivery.queue import Queued
    from mailserver.refusals import Refusal

# key: (English, Vietnamese)
_TEXTS = {
    "empty": ("Nothing waits for a moderator.", "Không có thư nào chờ kiểm duyệt."),
    "waits": ("{age}, until {day}", "đã chờ {age}, đến {day}"),
    "waits-on": ("{age}", "đã chờ {age}"),
    "days": ("{count} days", "{count} ngày"),
    "hours": ("{count} hours", "{count} giờ"),
    "approved": ("{count} messages go on to the members.", "Đã cho {count} thư đến các thành viên."),
    "rejected": ("{count} messages turned away.", "Đã từ chối {count} thư."),
}


@contextmanager
def _office(cli: CliContext) -> Iterator[PostOffice]:
    """The post office, in which whoever types answers for what is changed."""
    from mailserver.wiring import build

    directory = cli.directory
    system = build(read_config(cli.config_path or Path(DEFAULT_CONFIG)))
    try:
        yield replace(system.office, directory=directory)
    finally:
        system.close()


def _waiting(cli: CliContext, office: PostOffice, group: str) -> list[Queued]:
    """What he may decide about."""
    from directory.administration.authority import may
    from directory.mail.groups import find_group
    from mailserver.delivery import moderation

    who = cli.directory.administrator
    with cli.directory.read() as conn:
        groups = (find_group(conn, group).address,) if group else ()
        return [
            each
            for each in moderation.waiting(office.store, groups)
            if not conn.is_delegated or may(conn, who, "group.approve", each.moderation).allowed
        ]


@click.command("held")
@click.argument("group", default="")
@directory_command
def held_command(cli: CliContext, group: str) -> None:
    """Mail that waits for a moderator: of GROUP, or of every group that one moderates."""
    say = speaker(_TEXTS, cli.language)
    from mailserver.delivery.moderation import expires_at

    with _office(cli) as office:
        found = _waiting(cli, office, group)
        now, days = office.now(), office.config.reception.moderation_days
    cli.give(
        [
            asdict(each)
            | {"waits_seconds": now - each.created_at, "expires_at": expires_at(each.created_at, days) or None}
            for each in found
        ]
    )
    if cli.as_json:
        return
    if not found:
        click.echo(say("empty"))
    for each in found:
        at = datetime.fromtimestamp(each.created_at).astimezone()
        waits = _waits(say, now - each.created_at, expires_at(each.created_at, days))
        tell(f"{each.id}  {at:%Y-%m-%d %H:%M} ({waits})  {each.moderation}  <{each.reverse_path}>  {each.subject}")


def _waits(say: Callable[..., str], seconds: int, until: int) -> str:
    """For how long it has waited, and the day on which it is turned away."""
    hours = seconds // 3600
    age = say("days", count=hours // 24) if hours >= 48 else say("hours", count=hours)
    if not until:
        return say("waits-on", age=age)
    return say("waits", age=age, day=f"{datetime.fromtimestamp(until).astimezone():%Y-%m-%d}")


def _end(refusal: Refusal) -> NoReturn:
    click.echo(f"citymail: {refusal.client_text}", err=True)
    raise SystemExit(EXIT_UNKNOWN)


@click.command("approve")
@click.argument("ids", metavar="ID...", nargs=-1, type=int, required=True)
@changing_command
def approve_command(cli: CliContext, ids: tuple[int, ...]) -> None:
    """Let messages go on to the members of the group."""
    from mailserver.delivery import moderation
    from mailserver.refusals import NoSuchMessage

    with _office(cli) as office:
        try:
            count = moderation.approve(
                office.store, cli.directory, cli.actor, ids, origin=cli.origin, reason=cli.reason
            )
        except NoSuchMessage as none:
            _end(none)
    cli.give({"approved": count})
    if not cli.as_json:
        click.echo(speaker(_TEXTS, cli.language)("approved", count=count))


@click.command("reject")
@click.argument("ids", metavar="ID...", nargs=-1, type=int, required=True)
@changing_command
def reject_command(cli: CliContext, ids: tuple[int, ...]) -> None:
    """Turn messages away; who sent them from here is told, with the reason."""
    from mailserver.delivery import moderation
    from mailserver.refusals import NoSuchMessage

    with _office(cli) as office:
        try:
            count = moderation.reject(office, cli.actor, ids, origin=cli.origin, reason=cli.reason)
        except NoSuchMessage as none:
            _end(none)
    cli.give({"rejected": count})
    if not cli.as_json:
        click.echo(speaker(_TEXTS, cli.language)("rejected", count=count))
