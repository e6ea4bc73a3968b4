"""``citymail trace``: what became of messages that came here or were sent, and why, also of those not taken.

Exit status: 0 found; 1 nothing found.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from mailserver.cli.options import allow, answering, read_age, read_config, tell
from mailserver.cli.texts import Say, help_text

_ACTIONS = ("accept", "junk", "quarantine", "refuse", "defer")


@click.command("trace", help=help_text("trace.help"))
@click.argument("reference", default="")
@click.option("--to", "forward_path", default="", help=help_text("trace.to"))
@click.option("--sender", default=None, help=help_text("queue.sender"))
@click.option("--since", callback=read_age, help=help_text("trace.since"))
@click.option("--action", type=click.Choice(_ACTIONS), default=None, help=help_text("trace.action"))
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help=help_text("option.limit"))
@answering
def trace(
    config_path: Path,
    reference: str,
    forward_path: str,
    sender: str | None,
    since: int,
    action: str | None,
    limit: int,
    as_json: bool,
    say: Say,
) -> None:
    from mailserver.delivery.tracing import Wanted, find
    from mailserver.store import Store

    config = read_config(config_path)
    reverse_path = None if sender is None else sender.strip("<>")
    is_delegated = allow(config_path, "trace.see", (forward_path or reverse_path or "").lower())
    after = int(time.time()) - since if since else 0
    wanted = Wanted(
        reference.upper(), forward_path, reverse_path, after, action or "", is_delegated and bool(forward_path)
    )
    store = Store(config.store_url, config.data)
    try:
        with store.read() as connection:
            found = find(connection, wanted, limit)
    finally:
        store.close()
    if as_json:
        lists = ("fates", "relayed")
        rows = [{**row, **{name: [asdict(each) for each in row[name]] for name in lists}} for row in found]
        click.echo(json.dumps(rows, ensure_ascii=False, indent=1))
    else:
        for row in found:
            _show(row, say)
        if not found:
            click.echo(f"citymail: {say('trace.nothing')}", err=True)
    sys.exit(0 if found else 1)


def _show(row: Mapping[str, Any], say: Say) -> None:
    at = datetime.fromtimestamp(row["at"], UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S %z")
    reason = f": {row['reason']}" if row["reason"] else ""
    tell(f"{row['reference']}  {at}  {say('fate.' + row['action'])}{reason}")
    came = say("trace.from", path=row["reverse_path"], **{name: row[name] for name in ("client", "hello", "size")})
    tell(f"    {came}")
    if row["author"]:
        tell(f"    {say('trace.author', author=row['author'])}  {row['message_id_header']}")
    if row["results"]:
        tell(f"    {row['results']}")
    for fate in row["fates"]:
        tell(f"    → {fate.forward_path}: {say('fate.' + fate.outcome)}")
    for word in row["relayed"]:
        at = datetime.fromtimestamp(word.at, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S %z")
        tell(f"    ⇒ {word.forward_path}: {say('delivery.' + word.state)} {at} {word.host}: {word.reply}")
