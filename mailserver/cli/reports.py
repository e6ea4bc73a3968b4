"""``citymail reports``: what other servers say of mail in our name, and of TLS to us.

Exit status: 0 found; 1 nothing found.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from mailserver.cli.options import allow, answering, open_store
from mailserver.cli.texts import Say, help_text

_SHOWN = 50
_STOPPED = ("reject", "quarantine")


def _read_days(_context: click.Context, _parameter: click.Parameter, value: str) -> int:
    found = re.fullmatch(r"(\d{1,5})d", value)
    if not found:
        raise click.BadParameter(help_text("citymail.days"))
    return int(time.time()) - int(found[1]) * 86_400


@click.command("reports", help=help_text("reports.help"))
@click.option("--domain", default="", help=help_text("reports.domain"))
@click.option("--kind", type=click.Choice(["dmarc", "tls"]), default=None, help=help_text("reports.kind"))
@click.option("--since", callback=_read_days, default="30d", show_default=True, help=help_text("reports.since"))
@answering
def reports(config_path: Path, domain: str, kind: str | None, since: int, as_json: bool, say: Say) -> None:
    from mailserver.delivery.received_reports import find

    allow(config_path, "reports.see")
    with open_store(config_path) as store, store.read() as connection:
        found = find(connection, kind=kind or "", domain=domain, since=since)
    if as_json:
        click.echo(json.dumps([_as_value(each) for each in found], ensure_ascii=False, indent=1))
    else:
        _show(found, say)
    sys.exit(0 if found else 1)


def _as_value(report: Mapping[str, Any]) -> dict[str, Any]:
    """One report; moments as people read them."""
    moments = {
        name.removesuffix("_at"): datetime.fromtimestamp(report[name], UTC).isoformat()
        for name in ("begin_at", "end_at", "received_at")
    }
    kept = {name: report[name] for name in ("kind", "domain", "reporter", "sender", "rows")}
    return {**kept, **moments}


def _show(found: list[dict[str, Any]], say: Say) -> None:
    if not found:
        click.echo(f"citymail: {say('reports.nothing')}", err=True)
    for kind, heading, show in (("dmarc", "reports.dmarc", _show_dmarc), ("tls", "reports.tls", _show_tls)):
        for domain in sorted({each["domain"] for each in found if each["kind"] == kind}):
            mine = [each for each in found if each["kind"] == kind and each["domain"] == domain]
            reporters = ", ".join(sorted({each["reporter"] or "?" for each in mine}))
            click.echo(say(heading, domain=domain, reports=len(mine), reporters=reporters))
            show([row for each in mine for row in each["rows"]], say)
    if unvouched := sum(not each["sender"] for each in found):
        click.echo(say("reports.unvouched", count=unvouched))


def _show_dmarc(rows: list[dict[str, Any]], say: Say) -> None:
    passed = sum(row["count"] for row in rows if _passes(row))
    stopped = sum(row["count"] for row in rows if row["disposition"] in _STOPPED)
    click.echo("  " + say("reports.sent", count=sum(row["count"] for row in rows), passed=passed, stopped=stopped))
    failing = _added(
        (row for row in rows if not _passes(row)), ("source", "header_from", "spf_result", "disposition", "signatures")
    )
    if failing:
        click.echo("  " + say("reports.failing"))
    for values, count in failing:
        told = "{source}  From {header_from}, SPF {spf_result}, DKIM {signatures}: {disposition}".format(**values)
        click.echo(f"    {count}  {told}")


def _passes(row: Mapping[str, Any]) -> bool:
    return "pass" in (row["dkim"], row["spf"])


def _show_tls(rows: list[dict[str, Any]], say: Say) -> None:
    good = sum(row["count"] for row in rows if not row["result"])
    failures = [row for row in rows if row["result"]]
    click.echo("  " + say("reports.sessions", good=good, bad=sum(row["count"] for row in failures)))
    for values, count in _added(failures, ("result", "host", "detail")):
        click.echo(f"    {count}  {values['result']}  {values['host']} {values['detail']}")


def _added(rows: Iterable[Mapping[str, Any]], names: tuple[str, ...]) -> list[tuple[dict[str, str], int]]:
    """Rows that say the same counted together, the most frequent first."""
    counted: Counter[tuple[str, ...]] = Counter()
    for row in rows:
        values = (row[name] for name in names)
        counted[tuple((", ".join(each) if isinstance(each, list) else each) or "-" for each in values)] += row["count"]
    return [(dict(zip(names, key, strict=True)), count) for key, count in counted.most_common(_SHOWN)]
