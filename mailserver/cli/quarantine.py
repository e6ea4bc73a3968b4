"""``citymail quarantine``: messages that a scanner wants looked at before anybody gets them.

They wait in the spool; what is released is delivered as if it had just come, what is removed is gone, and its sender is
not told.  Both are in the audit record.

Exit status as everywhere: 0 done; 2 a wrong call; 3 no such message.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from directory.cli.groups import Commands
from mailserver.cli.options import all_on_record, allow, answering, end, open_store, recorded, tell, tell_header
from mailserver.cli.texts import Say, help_text

if TYPE_CHECKING:
    from mailserver.delivery.queue import Queued


@click.group(cls=Commands, help=help_text("quarantine.help"))
def quarantine() -> None:
    pass


@quarantine.command("list", help=help_text("quarantine.list"))
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help=help_text("option.limit"))
@answering
def list_command(config_path: Path, as_json: bool, say: Say, limit: int) -> None:
    from mailserver.delivery.queue import QUARANTINED, Choice, list_queued

    allow(config_path, "quarantine.see")
    with open_store(config_path) as store:
        items = list_queued(store, Choice(state=QUARANTINED), limit=limit)
    if as_json:
        click.echo(json.dumps([asdict(item) for item in items], ensure_ascii=False, indent=1))
        return
    if not items:
        click.echo(say("quarantine.empty"))
    for item in items:
        _tell(item, say)


@quarantine.command("show", help=help_text("quarantine.show"))
@answering
@click.argument("item_id", metavar="ID", type=int)
def show(config_path: Path, as_json: bool, say: Say, item_id: int) -> None:
    from mailserver.delivery.queue import QUARANTINED, Choice, header_of, list_queued

    allow(config_path, "quarantine.see")
    with open_store(config_path) as store:
        items = list_queued(store, Choice(ids=(item_id,), state=QUARANTINED))
        header = header_of(store, item_id) if items else b""
    if not items:
        end(say("quarantine.none", item_id=item_id))
    if as_json:
        shown = asdict(items[0]) | {"header": header.decode("utf-8", "replace")}
        click.echo(json.dumps(shown, ensure_ascii=False, indent=1))
        return
    _tell(items[0], say)
    click.echo()
    tell_header(header)


def _change(name: str, doc: str, done: str) -> None:
    """A command that does away with what is named, and says so."""

    def command(config_path: Path, as_json: bool, say: Say, by: str, reason: str, ids: tuple[int, ...]) -> None:
        from mailserver.delivery import queue
        from mailserver.delivery.queue import QUARANTINED, Choice, list_queued

        choice = Choice(ids, state=QUARANTINED)
        with open_store(config_path) as store:
            items = list_queued(store, choice)
            missing = set(ids) - {item.id for item in items}
            if missing:
                end(say("quarantine.none", item_id=min(missing)))
            # Written down first: nothing comes out of here that nobody can find out about.
            all_on_record(config_path, f"quarantine.{name}", map(_deed, items), by=by, reason=reason)
            count = {"release": queue.release, "remove": queue.remove}[name](store, choice)
        click.echo(json.dumps({name: count}) if as_json else say(done, count=count))

    made = click.argument("ids", metavar="ID...", nargs=-1, type=int, required=True)(command)
    quarantine.command(name, help=doc)(answering(recorded(made)))


_change("release", help_text("quarantine.release"), "quarantine.was-released")
_change("remove", help_text("quarantine.remove"), "quarantine.was-removed")


def _deed(item: Queued) -> tuple[str, dict[str, object]]:
    """As the audit record tells of it."""
    to = [each.forward_path for each in item.recipients]
    return item.reverse_path, {"to": to, "title": item.subject, "why": item.quarantine}


def _tell(item: Queued, say: Say) -> None:
    at = datetime.fromtimestamp(item.created_at).astimezone().strftime("%Y-%m-%d %H:%M")
    tell(say("queue.message", id=item.id, at=at, size=item.size, path=item.reverse_path, subject=item.subject))
    tell(f"    {say('quarantine.to', paths=', '.join(each.forward_path for each in item.recipients))}")
    tell(f"    {say('quarantine.why', reason=item.quarantine)}")
