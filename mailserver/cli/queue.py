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

from directory.cli.texts import environment_language
from mailserver.cli.options import allow, answering, open_store, put_on_record, read_age, speaker, tell, tell_header
from mailserver.config.options import TARGET

if TYPE_CHECKING:
    from mailserver.delivery.queue import Choice, Queued, QueuedRecipient

# key: (English, Vietnamese)
_TEXTS = {
    "none": ("No message {item_id} is waiting.", "Không có thư {item_id} đang chờ."),
    "name-some": (
        "Name the messages, choose them by --domain, --sender, --older-than or --state, or say --all.",
        "Hãy nêu số thư, chọn bằng --domain, --sender, --older-than hoặc --state, hoặc dùng --all.",
    ),
    "way": ("Say --through HOST[:PORT], or --direct.", "Hãy dùng --through MÁY[:CỔNG] hoặc --direct."),
    "shown": (
        "{count} messages shown; {waiting} recipients wait in all",
        "{count} thư; tất cả {waiting} người nhận đang chờ",
    ),
    "held": ("  HELD", "  GIỮ LẠI"),
    "octets": ("octets", "byte"),
    "due": ("due {at}", "thử lúc {at}"),
    "sending": ("sending", "đang gửi"),
    "held-recipient": ("held", "giữ lại"),
    "sent": ("sent", "đã gửi"),
    "failed": ("failed", "không gửi được"),
    "attempts": ("{count} attempts", "đã thử {count} lần"),
    "domain": ("{domain}  {count} waiting, priority {priority}", "{domain}  {count} đang chờ, ưu tiên {priority}"),
    "failing": ("cannot be reached, {count} times; next try {at}", "không liên lạc được {count} lần; thử lại lúc {at}"),
    "hold": ("{count} messages held", "đã giữ lại {count} thư"),
    "release": ("{count} messages released", "đã cho gửi lại {count} thư"),
    "retry": ("{count} recipients due now", "{count} người nhận được thử ngay"),
    "reroute": ("{count} recipients rerouted", "{count} người nhận đi đường khác"),
    "remove": ("{count} messages removed", "đã xóa {count} thư"),
}
_STATES = ("waiting", "sending", "held", "failing")
Say = Callable[..., str]


@click.group()
def queue() -> None:
    """Mail that waits to be sent to other servers."""


def _choosing(function: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option("--state", type=click.Choice(_STATES), help="In this state."),
        click.option("--older-than", callback=read_age, help="That came so long ago or longer: 30m, 4h, 2d."),
        click.option("--sender", default="", help="From this reverse-path; <> for reports."),
        click.option("--domain", default="", help="For this domain."),
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


def _speaker(lang: str | None) -> Say:
    return speaker(_TEXTS, lang or environment_language())


@queue.command("list")
@click.option("--limit", type=click.IntRange(0), default=100, show_default=True, help="So many at most; 0: all.")
@_choosing
@answering
def list_command(config_path: Path, as_json: bool, lang: str | None, limit: int, **chosen: Any) -> None:
    """What waits, oldest first."""
    from mailserver.delivery.queue import count_waiting, list_queued

    say = _speaker(lang)
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
    click.echo(say("shown", count=len(items), waiting=waiting))


@queue.command("domains")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="So many at most.")
@answering
def domains_command(config_path: Path, as_json: bool, lang: str | None, limit: int) -> None:
    """For which domains most waits, and which cannot be reached."""
    from mailserver.delivery.queue import list_domains

    say = _speaker(lang)
    allow(config_path, "queue.see")
    with open_store(config_path) as store:
        found = list_domains(store, limit)
    if as_json:
        click.echo(json.dumps([asdict(each) for each in found], ensure_ascii=False, indent=1))
        return
    for each in found:
        tell(say("domain", domain=each.domain, count=each.waiting, priority=each.priority))
        if each.failures:
            tell(f"    {say('failing', count=each.failures, at=_time(each.ready_at))}: {each.last_reply}")


@queue.command()
@answering
@click.argument("item_id", metavar="ID", type=int)
def show(config_path: Path, as_json: bool, lang: str | None, item_id: int) -> None:
    """One message: its envelope, each recipient's state, its header."""
    from mailserver.delivery.queue import Choice, header_of, list_queued

    say = _speaker(lang)
    allow(config_path, "queue.see")
    with open_store(config_path) as store:
        items = list_queued(store, Choice(ids=(item_id,)))
        header = header_of(store, item_id)
    if not items:
        click.echo(f"citymail: {say('none', item_id=item_id)}", err=True)
        raise SystemExit(3)
    item = items[0]
    if as_json:
        shown = asdict(item) | {"header": header.decode("utf-8", "replace")}
        click.echo(json.dumps(shown, ensure_ascii=False, indent=1))
        return
    tell(_line(item, say))
    for recipient in item.recipients:
        tell(f"    {_recipient(recipient, say)}, {say('attempts', count=recipient.attempts)}")
        if recipient.last_reply:
            tell(f"        {recipient.last_reply}")
    click.echo()
    tell_header(header)


def _change(name: str, doc: str) -> Callable[[Callable[..., dict[str, str]]], None]:
    """A command that changes what is chosen; the function reads what it needs besides."""

    def add(function: Callable[..., dict[str, str]]) -> None:
        def command(
            config_path: Path,
            as_json: bool,
            lang: str | None,
            by: str,
            reason: str,
            everything: bool,
            ids: tuple[int, ...],
            **rest: Any,
        ) -> None:
            from mailserver.delivery import queue as functions

            say = _speaker(lang)
            chosen = _Filter(**{key: rest.pop(key) for key in ("domain", "sender", "older_than", "state")})
            if bool(ids or chosen.says_something) == everything:
                raise click.UsageError(say("name-some"))
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
            click.echo(json.dumps({name: count}) if as_json else say(name, count=count))

        command.__doc__ = doc
        made = click.argument("ids", nargs=-1, type=int, required=False)(command)
        for option in (
            click.option("--by", default="", help="In whose name, for the audit record. [default: cli:USER]"),
            click.option("--reason", default="", help="Why, for the audit record."),
            click.option("--all", "everything", is_flag=True, help="All of them."),
        ):
            made = option(made)
        for parameter in getattr(function, "__click_params__", ()):
            made.__dict__.setdefault("__click_params__", []).append(parameter)
        queue.command(name, help=doc)(answering(_choosing(made)))

    return add


@_change("hold", "Keep messages from being sent until they are released.")
def _hold(_say: Say) -> dict[str, str]:
    return {}


@_change("release", "Let held messages be sent again.")
def _release(_say: Say) -> dict[str, str]:
    return {}


@_change("retry", "Try now instead of at the next time.")
def _retry(_say: Say) -> dict[str, str]:
    return {}


@_change("remove", "Forget messages. Their senders are not told.")
def _remove(_say: Say) -> dict[str, str]:
    return {}


@_change("reroute", "Send messages through another host than their domains' own, or by these again.")
@click.option("--through", default="", help="HOST or HOST:PORT.")
@click.option("--direct", is_flag=True, help="By the domains' own hosts, or the routes of the configuration.")
def _reroute(say: Say, through: str, direct: bool) -> dict[str, str]:
    if bool(through) == direct or (through and not re.fullmatch(TARGET[0], through)):
        raise click.UsageError(say("way"))
    return {"target": through}


def _line(item: Queued, say: Say) -> str:
    at = datetime.fromtimestamp(item.created_at).astimezone().strftime("%Y-%m-%d %H:%M")
    held = say("held") if item.held else ""
    return f"{item.id}  {at}  {item.size} {say('octets')}  <{item.reverse_path}>  {item.subject}{held}"


def _recipient(recipient: QueuedRecipient, say: Say) -> str:
    if recipient.state == "due":
        state = say("due", at=_time(recipient.next_attempt_at))
    else:
        state = say("held-recipient" if recipient.state == "held" else recipient.state)
    way = "" if recipient.forward_path.lower().endswith(recipient.lane) else f"  [{recipient.lane}]"
    return f"{recipient.forward_path}{way}  {state}"


def _time(at: int) -> str:
    return f"{datetime.fromtimestamp(at).astimezone():%Y-%m-%d %H:%M:%S}"
