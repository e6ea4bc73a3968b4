"""``citymail trace``: what became of messages that came here or were sent, and why, also of those not taken.

Exit status: 0 found; 1 nothing found.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from directory.cli.texts import environment_language
from mailserver.cli.options import allow, answering, read_age, read_config, speaker, tell

# key: (English, Vietnamese)
_TEXTS = {
    "nothing": ("No such message is recorded.", "Không có thư nào như vậy được ghi lại."),
    "from": ("from <{path}> by {client} ({hello}), {size} octets", "từ <{path}> qua {client} ({hello}), {size} byte"),
    "author": ("author {author}", "người viết {author}"),
    "accept": ("taken", "đã nhận"),
    "junk": ("taken as junk", "đã nhận, là thư rác"),
    "quarantine": ("kept for administrators", "giữ lại chờ quản trị viên"),
    "refuse": ("refused", "bị từ chối"),
    "defer": ("put off", "bị hoãn"),
    "inbox": ("in the mailbox", "trong hộp thư"),
    "waiting": ("waits for room", "chờ chỗ trống"),
    "sent": ("sent", "đã gửi"),
    "failed": ("failed", "không gửi được"),
    "moderation": ("waits for a moderator", "chờ kiểm duyệt"),
    "relay": ("on its way elsewhere", "đang chuyển đi nơi khác"),
}
_ACTIONS = ("accept", "junk", "quarantine", "refuse", "defer")


@click.command()
@click.argument("reference", default="")
@click.option("--to", "forward_path", default="", help="For this recipient.")
@click.option("--sender", default=None, help="From this reverse-path; <> for reports.")
@click.option("--since", callback=read_age, help="Not older than: 30m, 4h, 2d.")
@click.option("--action", type=click.Choice(_ACTIONS), default=None, help="Of which this was the verdict.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="So many at most.")
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
    lang: str | None,
) -> None:
    """What became of messages that came in, newest first; or of the one whose REFERENCE its Received field tells."""
    from mailserver.delivery.tracing import Wanted, find
    from mailserver.store import Store

    config = read_config(config_path)
    say = speaker(_TEXTS, lang or environment_language())
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
            click.echo(f"citymail: {say('nothing')}", err=True)
    sys.exit(0 if found else 1)


def _show(row: Mapping[str, Any], say: Callable[..., str]) -> None:
    at = datetime.fromtimestamp(row["at"], UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S %z")
    reason = f": {row['reason']}" if row["reason"] else ""
    tell(f"{row['reference']}  {at}  {say(row['action'])}{reason}")
    tell(f"    {say('from', path=row['reverse_path'], client=row['client'], hello=row['hello'], size=row['size'])}")
    if row["author"]:
        tell(f"    {say('author', author=row['author'])}  {row['message_id_header']}")
    if row["results"]:
        tell(f"    {row['results']}")
    for fate in row["fates"]:
        outcome = say(fate.outcome) if fate.outcome in _TEXTS else fate.outcome
        tell(f"    → {fate.forward_path}: {outcome}")
    for word in row["relayed"]:
        at = datetime.fromtimestamp(word.at, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S %z")
        tell(f"    ⇒ {word.forward_path}: {say(word.state)} {at} {word.host}: {word.reply}")
