"""``citymail queue``: look at what waits to be sent to other servers, and hold, release, retry or remove it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mailserver.cli.options import config_option, read_config

if TYPE_CHECKING:
    from mailserver.delivery.queue import Queued
    from mailserver.store import Store

_json_option = click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
_ids = click.argument("ids", nargs=-1, type=int, required=False)
_all_option = click.option("--all", "everything", is_flag=True, help="All of them.")


@click.group()
def queue() -> None:
    """Mail that waits to be sent to other servers."""


@contextmanager
def _store(config_path: Path) -> Iterator[Store]:
    from mailserver.store import Store

    config = read_config(config_path)
    store = Store(config.store_url, config.data)
    try:
        yield store
    finally:
        store.close()


@queue.command("list")
@config_option
@_json_option
def list_command(config_path: Path, as_json: bool) -> None:
    """What waits, oldest first."""
    from mailserver.delivery.queue import list_queued

    with _store(config_path) as store:
        items = list_queued(store, int(time.time()))
    if as_json:
        click.echo(json.dumps([asdict(item) for item in items], ensure_ascii=False, indent=1))
        return
    for item in items:
        click.echo(_line(item))
        for recipient in item.recipients:
            if recipient.state in ("due", "sending"):
                click.echo(f"    {recipient.forward_path}  {_when(recipient.state, recipient.next_attempt_at)}")
                if recipient.last_reply:
                    click.echo(f"        {recipient.last_reply}")
    click.echo(f"{len(items)} messages")


@queue.command()
@config_option
@_json_option
@click.argument("item_id", metavar="ID", type=int)
def show(config_path: Path, as_json: bool, item_id: int) -> None:
    """One message: its envelope, each recipient's state, its header."""
    from mailserver.delivery.queue import header_of, list_queued

    with _store(config_path) as store:
        items = list_queued(store, int(time.time()), [item_id])
        header = header_of(store, item_id).decode("utf-8", "replace")
    if not items:
        click.echo(f"citymail: no message {item_id} is waiting", err=True)
        raise SystemExit(3)
    item = items[0]
    if as_json:
        click.echo(json.dumps(asdict(item) | {"header": header}, ensure_ascii=False, indent=1))
        return
    click.echo(_line(item))
    for recipient in item.recipients:
        state = _when(recipient.state, recipient.next_attempt_at)
        click.echo(f"    {recipient.forward_path}  {state}, {recipient.attempts} attempts")
        if recipient.last_reply:
            click.echo(f"        {recipient.last_reply}")
    click.echo()
    click.echo(header.rstrip())


def _change(name: str, done: str, doc: str) -> None:
    @queue.command(name, help=doc)
    @config_option
    @_all_option
    @_json_option
    @_ids
    def command(config_path: Path, everything: bool, as_json: bool, ids: tuple[int, ...]) -> None:
        from mailserver.delivery import queue as functions

        if bool(ids) == everything:
            raise click.UsageError("Name the messages, or say --all.")
        with _store(config_path) as store:
            chosen = ids or tuple(item.id for item in functions.list_queued(store, int(time.time())))
            count = getattr(functions, name)(store, chosen)
        if as_json:
            click.echo(json.dumps({name: count}))
        else:
            click.echo(f"{count} {done}")


_change("hold", "messages held", "Keep messages from being sent until they are released.")
_change("release", "messages released", "Let held messages be sent again.")
_change("retry", "recipients due now", "Try now instead of at the next time.")
_change("remove", "messages removed", "Forget messages. Their senders are not told.")


def _line(item: Queued) -> str:
    at = datetime.fromtimestamp(item.created_at).astimezone().strftime("%Y-%m-%d %H:%M")
    held = "  HELD" if item.held else ""
    return f"{item.id}  {at}  {item.size} octets  <{item.reverse_path}>  {item.subject}{held}"


def _when(state: str, at: int) -> str:
    if state != "due":
        return state
    return f"due {datetime.fromtimestamp(at).astimezone():%Y-%m-%d %H:%M:%S}"
