"""``citymail group held|approve|reject``: mail to moderated groups that waits.

A moderator decides with ``citymail --as``; who owns the machine may too, and it is marked in the audit record.

Exit status as everywhere: 0 done; 1 refused; 3 no such message.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from directory.cli.context import CliContext, changing_command, directory_command
from mailserver.cli.options import DEFAULT_CONFIG, end, read_config, tell
from mailserver.cli.texts import Say, help_text, text

if TYPE_CHECKING:
    from mailserver.delivery.post_office import PostOffice
    from mailserver.delivery.queue import Queued


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


@click.command("held", help=help_text("moderation.held"))
@click.argument("group", default="")
@directory_command
def held_command(cli: CliContext, group: str) -> None:
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
        cli.say("moderation.empty")
    say = Say(cli.language)
    for each in found:
        at = datetime.fromtimestamp(each.created_at).astimezone()
        waits = _waits(say, now - each.created_at, expires_at(each.created_at, days))
        tell(f"{each.id}  {at:%Y-%m-%d %H:%M} ({waits})  {each.moderation}  <{each.reverse_path}>  {each.subject}")


def _waits(say: Say, seconds: int, until: int) -> str:
    """For how long it has waited, and the day on which it is turned away."""
    hours = seconds // 3600
    age = say("moderation.days", count=hours // 24) if hours >= 48 else say("moderation.hours", count=hours)
    if not until:
        return say("moderation.waits-on", age=age)
    return say("moderation.waits", age=age, day=f"{datetime.fromtimestamp(until).astimezone():%Y-%m-%d}")


@click.command("approve", help=help_text("moderation.approve"))
@click.argument("ids", metavar="ID...", nargs=-1, type=int, required=True)
@changing_command
def approve_command(cli: CliContext, ids: tuple[int, ...]) -> None:
    from mailserver.delivery import moderation
    from mailserver.refusals import NoSuchMessage

    with _office(cli) as office:
        try:
            count = moderation.approve(
                office.store, cli.directory, cli.actor, ids, origin=cli.origin, reason=cli.reason
            )
        except NoSuchMessage:
            end(text("moderation.none", cli.language))
    cli.give({"approved": count})
    cli.say("moderation.approved", count=count)


@click.command("reject", help=help_text("moderation.reject"))
@click.argument("ids", metavar="ID...", nargs=-1, type=int, required=True)
@changing_command
def reject_command(cli: CliContext, ids: tuple[int, ...]) -> None:
    from mailserver.delivery import moderation
    from mailserver.refusals import NoSuchMessage

    with _office(cli) as office:
        try:
            count = moderation.reject(office, cli.actor, ids, origin=cli.origin, reason=cli.reason)
        except NoSuchMessage:
            end(text("moderation.none", cli.language))
    cli.give({"rejected": count})
    cli.say("moderation.rejected", count=count)
