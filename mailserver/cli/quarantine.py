"""``citymail quarantine``: messages that a scanner wants looked at before anybody gets them.

They wait in the spool; what is released is delivered as if it had just come, what is removed is gone, and its sender is
not told.  Both are in the audit record.

Exit status as everywhere: 0 done; 2 a wrong call; 3 no such message.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from directory.cli.texts import environment_language
from mailserver.cli.options import all_on_record, allow, answering, open_store, speaker, tell, tell_header

if TYPE_CHECKING:
    from mailserver.delivery.queue import Queued

# key: (English, Vietnamese)
_TEXTS = {
    "none": ("No message {item_id} is in quarantine.", "Không có thư {item_id} trong khu cách ly."),
    "empty": ("Nothing is in quarantine.", "Khu cách ly không có thư nào."),
    "octets": ("octets", "byte"),
    "to": ("to {paths}", "gửi tới {paths}"),
    "why": ("because: {reason}", "lý do: {reason}"),
    "release": ("{count} messages released", "đã cho chuyển {count} thư"),
    "remove": ("{count} messages removed", "đã xóa {count} thư"),
}
Say = Callable[..., str]


@click.group()
def quarantine() -> None:
    """Mail that a scanner wants looked at before anybody gets it."""


def _speaker(lang: str | None) -> Say:
    return speaker(_TEXTS, lang or environment_language())


@quarantine.command("list")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="So many at most.")
@answering
def list_command(config_path: Path, as_json: bool, lang: str | None, limit: int) -> None:
    """What is there, oldest first, and why."""
    from mailserver.delivery.queue import QUARANTINED, Choice, list_queued

    say = _speaker(lang)
    allow(config_path, "quarantine.see")
    with open_store(config_path) as store:
        items = list_queued(store, Choice(state=QUARANTINED), limit=limit)
    if as_json:
        click.echo(json.dumps([asdict(item) for item in items], ensure_ascii=False, indent=1))
        return
    if not items:
        click.echo(say("empty"))
    for item in items:
        _tell(item, say)


@quarantine.command()
@answering
@click.argument("item_id", metavar="ID", type=int)
def show(config_path: Path, as_json: bool, lang: str | None, item_id: int) -> None:
    """One message: its envelope, why it is there, and its header.  Its body is nobody's business here."""
    from mailserver.delivery.queue import QUARANTINED, Choice, header_of, list_queued

    say = _speaker(lang)
    allow(config_path, "quarantine.see")
    with open_store(config_path) as store:
        items = list_queued(store, Choice(ids=(item_id,), state=QUARANTINED))
        header = header_of(store, item_id) if items else b""
    if not items:
        _end(say("none", item_id=item_id))
    if as_json:
        shown = asdict(items[0]) | {"header": header.decode("utf-8", "replace")}
        click.echo(json.dumps(shown, ensure_ascii=False, indent=1))
        return
    _tell(items[0], say)
    click.echo()
    tell_header(header)


def _change(name: str, doc: str) -> None:
    """A command that does away with what is named."""

    def command(config_path: Path, as_json: bool, lang: str | None, by: str, reason: str, ids: tuple[int, ...]) -> None:
        from mailserver.delivery import queue
        from mailserver.delivery.queue import QUARANTINED, Choice, list_queued

        say = _speaker(lang)
        choice = Choice(ids, state=QUARANTINED)
        with open_store(config_path) as store:
            items = list_queued(store, choice)
            missing = set(ids) - {item.id for item in items}
            if missing:
                _end(say("none", item_id=min(missing)))
            # Written down first: nothing comes out of here that nobody can find out about.
            all_on_record(config_path, f"quarantine.{name}", map(_deed, items), by=by, reason=reason)
            count = {"release": queue.release, "remove": queue.remove}[name](store, choice)
        click.echo(json.dumps({name: count}) if as_json else say(name, count=count))

    made = click.argument("ids", metavar="ID...", nargs=-1, type=int, required=True)(command)
    made = click.option("--by", default="", help="In whose name, for the audit record. [default: cli:USER]")(made)
    made = click.option("--reason", default="", help="Why, for the audit record.")(made)
    quarantine.command(name, help=doc)(answering(made))


_change("release", "Let messages go on to whom they were sent.")
_change("remove", "Destroy messages. Their senders are not told.")


def _deed(item: Queued) -> tuple[str, dict[str, object]]:
    """As the audit record tells of it."""
    to = [each.forward_path for each in item.recipients]
    return item.reverse_path, {"to": to, "title": item.subject, "why": item.quarantine}


def _tell(item: Queued, say: Say) -> None:
    at = datetime.fromtimestamp(item.created_at).astimezone().strftime("%Y-%m-%d %H:%M")
    tell(f"{item.id}  {at}  {item.size} {say('octets')}  <{item.reverse_path}>  {item.subject}")
    tell(f"    {say('to', paths=', '.join(each.forward_path for each in item.recipients))}")
    tell(f"    {say('why', reason=item.quarantine)}")


def _end(text: str) -> None:
    click.echo(f"citymail: {text}", err=True)
    raise SystemExit(3)
