"""``citymail queue``: look at what waits to be sent to other servers, and hold, release, retry, reroute or remove it.

Messages are named by their numbers, or chosen by what they have in common; every change is told in the audit record.

Exit status as everywhere: 0 done; 2 a wrong call; 3 no such message.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from directory.cli.groups import Commands
from mailserver.cli.options import (
    allow,
    answering,
    end,
    open_store,
    put_on_record,
    read_age,
    recorded,
    tell,
    tell_header,
)
from mailserver.cli.texts import Say, help_text
from mailserver.config.options import TARGET

if TYPE_CHECKING:
    from mailserver.delivery.queue import Choice, Queued, QueuedRecipient

_STATES = ("waiting", "sending", "held", "failing")


@click.group(cls=Commands, help=help_text("queue.help"))
def queue() -> None:
    pass


def _choosing(function: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option("--state", type=click.Choice(_STATES), help=help_text("queue.state")),
        click.option("--older-than", callback=read_age, help=help_text("queue.older-than")),
        click.option("--sender", default="", help=help_text("queue.sender")),
        click.option("--domain", default="", help=help_text("queue.domain")),
    ):
        function = option(function)
    return function


@dataclass(frozen=True, slots=True)
class _Filter:
    domain: str
    sender: str
    older_than: int
    state: str | None

    def choice(self, ids: tuple[int, ...] = ()) -> Choice:
        from mailserver.delivery.queue import Choice

        before = int(time.time()) - self.older_than if self.older_than else 0
        return Choice(ids, self.domain, self.sender, before, self.state or "")

    @property
    def says_something(self) -> bool:
        return bool(self.domain or self.sender or self.older_than or self.state)


@queue.command("list", help=help_text("queue.list"))
@click.option("--limit", type=click.IntRange(0), default=100, show_default=True, help=help_text("queue.limit"))
@_choosing
@answering
def list_command(config_path: Path, as_json: bool, say: Say, limit: int, **chosen: Any) -> None:
    from mailserver.delivery.queue import count_waiting, list_queued

    allow(config_path, "queue.see")
    with open_store(config_path) as store:
        items = list_queued(store, _Filter(**chosen).choice(), limit=limit or None)
        waiting = count_waiting(store)
    if as_json:
        click.echo(json.dumps([asdict(item) for item in items], ensure_ascii=False, indent=1))
        return
    for item in items:
        tell(_line(item, say))
        for recipient in item.recipients:
            if recipient.state in ("due", "sending", "held"):
                tell(f"    {_recipient(recipient, say)}")
                if recipient.last_reply:
                    tell(f"        {recipient.last_reply}")
    click.echo(say("queue.shown", count=len(items), waiting=waiting))


@queue.command("domains", help=help_text("queue.domains"))
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help=help_text("option.limit"))
@answering
def domains_command(config_path: Path, as_json: bool, say: Say, limit: int) -> None:
    from mailserver.delivery.queue import list_domains

    allow(config_path, "queue.see")
    with open_store(config_path) as store:
        found = list_domains(store, limit)
    if as_json:
        click.echo(json.dumps([asdict(each) for each in found], ensure_ascii=False, indent=1))
        return
    if not found:
        click.echo(say("queue.empty"))
    for each in found:
        tell(say("queue.waits-for", domain=each.domain, count=each.waiting, priority=each.priority))
        if each.failures:
            at = _time(each.ready_at)
            tell(f"    {say('queue.failing', count=each.failures, at=at, reply=each.last_reply)}")


@queue.command("show", help=help_text("queue.show"))
@answering
@click.argument("item_id", metavar="ID", type=int)
def show(config_path: Path, as_json: bool, say: Say, item_id: int) -> None:
    from mailserver.delivery.queue import Choice, header_of, list_queued

    allow(config_path, "queue.see")
    with open_store(config_path) as store:
        items = list_queued(store, Choice(ids=(item_id,)))
        header = header_of(store, item_id)
    if not items:
        end(say("queue.none", item_id=item_id))
    item = items[0]
    if as_json:
        shown = asdict(item) | {"header": header.decode("utf-8", "replace")}
        click.echo(json.dumps(shown, ensure_ascii=False, indent=1))
        return
    tell(_line(item, say))
    for recipient in item.recipients:
        tell(f"    {_recipient(recipient, say)}, {say('queue.attempts', count=recipient.attempts)}")
        if recipient.last_reply:
            tell(f"        {recipient.last_reply}")
    click.echo()
    tell_header(header)


def _change(name: str, doc: str, done: str) -> Callable[[Callable[..., dict[str, str]]], None]:
    """A command that changes what is chosen, and says so; the function reads what it needs besides."""

    def add(function: Callable[..., dict[str, str]]) -> None:
        def command(
            config_path: Path,
            as_json: bool,
            say: Say,
            by: str,
            reason: str,
            everything: bool,
            ids: tuple[int, ...],
            **rest: Any,
        ) -> None:
            from mailserver.delivery import queue as functions

            chosen = _Filter(**{key: rest.pop(key) for key in ("domain", "sender", "older_than", "state")})
            if bool(ids or chosen.says_something) == everything:
                raise click.UsageError(say("queue.name-some"))
            more = function(say, **rest)
            choice = chosen.choice(ids)
            with open_store(config_path) as store:
                count = functions.count(store, choice)
                if count:
                    # Judged and written down first: nothing is done that nobody can find out about.
                    said: dict[str, object] = {key: value for key, value in asdict(chosen).items() if value}
                    said |= {"count": count, "ids": list(ids[:1000])} | more
                    put_on_record(config_path, f"queue.{name}", "", by=by, reason=reason, **said)
                    count = getattr(functions, name)(store, choice, **more)
            click.echo(json.dumps({name: count}) if as_json else say(done, count=count))

        made = click.argument("ids", nargs=-1, type=int, required=False)(command)
        made = click.option("--all", "everything", is_flag=True, help=help_text("queue.all"))(recorded(made))
        for parameter in getattr(function, "__click_params__", ()):
            made.__dict__.setdefault("__click_params__", []).append(parameter)
        queue.command(name, help=doc)(answering(_choosing(made)))

    return add


@_change("hold", help_text("queue.hold"), "queue.was-held")
def _hold(_say: Say) -> dict[str, str]:
    return {}


@_change("release", help_text("queue.release"), "queue.was-released")
def _release(_say: Say) -> dict[str, str]:
    return {}


@_change("retry", help_text("queue.retry"), "queue.was-retried")
def _retry(_say: Say) -> dict[str, str]:
    return {}


@_change("remove", help_text("queue.remove"), "queue.was-removed")
def _remove(_say: Say) -> dict[str, str]:
    return {}


@_change("reroute", help_text("queue.reroute"), "queue.was-rerouted")
@click.option("--through", default="", help=help_text("queue.through"))
@click.option("--direct", is_flag=True, help=help_text("queue.direct"))
def _reroute(say: Say, through: str, direct: bool) -> dict[str, str]:
    if bool(through) == direct or (through and not re.fullmatch(TARGET[0], through)):
        raise click.UsageError(say("queue.way"))
    return {"target": through}


def _line(item: Queued, say: Say) -> str:
    at = datetime.fromtimestamp(item.created_at).astimezone().strftime("%Y-%m-%d %H:%M")
    shown = "queue.message-held" if item.held else "queue.message"
    return say(shown, id=item.id, at=at, size=item.size, path=item.reverse_path, subject=item.subject)


def _recipient(recipient: QueuedRecipient, say: Say) -> str:
    state = say(f"delivery.{recipient.state}", at=_time(recipient.next_attempt_at))
    way = "" if recipient.forward_path.lower().endswith(recipient.lane) else f"  [{recipient.lane}]"
    return f"{recipient.forward_path}{way}  {state}"


def _time(at: int) -> str:
    return f"{datetime.fromtimestamp(at).astimezone():%Y-%m-%d %H:%M:%S}"
