"""``citymail reports``: what other servers say of mail in our name, and of TLS to us.

Exit status: 0 found; 1 nothing found.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from directory.cli.texts import environment_language
from mailserver.cli.options import allow, config_option, open_store, speaker

# key: (English, Vietnamese)
_TEXTS = {
    "nothing": ("No report has come.", "Chưa nhận được báo cáo nào."),
    "dmarc": (
        "Mail in the name of {domain}, {reports} reports of {reporters}:",
        "Thư dưới tên {domain}, {reports} báo cáo từ {reporters}:",
    ),
    "sent": (
        "{count} messages, {passed} vouched for, {stopped} stopped",
        "{count} thư, {passed} được xác thực, {stopped} bị chặn",
    ),
    "failing": ("Not vouched for, by source:", "Không được xác thực, theo nguồn:"),
    "source": (
        "{count}  {source}  From {header_from}, SPF {spf_result}, DKIM {signatures}: {disposition}",
        "{count}  {source}  From {header_from}, SPF {spf_result}, DKIM {signatures}: {disposition}",
    ),
    "tls": (
        "TLS to {domain}, {reports} reports of {reporters}:",
        "TLS đến {domain}, {reports} báo cáo từ {reporters}:",
    ),
    "sessions": ("{good} connections went well, {bad} failed", "{good} kết nối tốt, {bad} thất bại"),
    "failure": ("{count}  {result}  {host} {detail}", "{count}  {result}  {host} {detail}"),
    "unvouched": (
        "{count} reports are of nobody's who is vouched for: they may be made up.",
        "{count} báo cáo không rõ người gửi thật: có thể bịa đặt.",
    ),
}
_SHOWN = 50
_STOPPED = ("reject", "quarantine")


def _read_days(_context: click.Context, _parameter: click.Parameter, value: str) -> int:
    found = re.fullmatch(r"(\d{1,5})d", value)
    if not found:
        raise click.BadParameter("must be days: 7d")
    return int(time.time()) - int(found[1]) * 86_400


@click.command()
@click.option("--domain", default="", help="On this domain of ours.")
@click.option("--kind", type=click.Choice(["dmarc", "tls"]), default=None, help="Only of this kind.")
@click.option("--since", callback=_read_days, default="30d", show_default=True, help="Not older than so many days.")
@click.option("--json", "as_json", is_flag=True, help="Every report as it was told, in JSON.")
@click.option("--lang", type=click.Choice(["vi", "en"]), envvar="CITYMAIL_LANG", help="Language of the answer.")
@config_option
def reports(config_path: Path, domain: str, kind: str | None, since: int, as_json: bool, lang: str | None) -> None:
    """Who sends in our name, and what failed, as others report it ([reports] received_at)."""
    from mailserver.delivery.received_reports import find

    allow(config_path, "reports.see")
    with open_store(config_path) as store, store.read() as connection:
        found = find(connection, kind=kind or "", domain=domain, since=since)
    if as_json:
        click.echo(json.dumps([_as_value(each) for each in found], ensure_ascii=False, indent=1))
    else:
        _show(found, speaker(_TEXTS, lang or environment_language()))
    sys.exit(0 if found else 1)


def _as_value(report: Mapping[str, Any]) -> dict[str, Any]:
    """One report; moments as people read them."""
    moments = {
        name.removesuffix("_at"): datetime.fromtimestamp(report[name], UTC).isoformat()
        for name in ("begin_at", "end_at", "received_at")
    }
    kept = {name: report[name] for name in ("kind", "domain", "reporter", "sender", "rows")}
    return {**kept, **moments}


def _show(found: list[dict[str, Any]], say: Callable[..., str]) -> None:
    if not found:
        click.echo(f"citymail: {say('nothing')}", err=True)
    for kind, show in (("dmarc", _show_dmarc), ("tls", _show_tls)):
        for domain in sorted({each["domain"] for each in found if each["kind"] == kind}):
            mine = [each for each in found if each["kind"] == kind and each["domain"] == domain]
            reporters = ", ".join(sorted({each["reporter"] or "?" for each in mine}))
            click.echo(say(kind, domain=domain, reports=len(mine), reporters=reporters))
            show([row for each in mine for row in each["rows"]], say)
    if unvouched := sum(not each["sender"] for each in found):
        click.echo(say("unvouched", count=unvouched))


def _show_dmarc(rows: list[dict[str, Any]], say: Callable[..., str]) -> None:
    passed = sum(row["count"] for row in rows if _passes(row))
    stopped = sum(row["count"] for row in rows if row["disposition"] in _STOPPED)
    click.echo("  " + say("sent", count=sum(row["count"] for row in rows), passed=passed, stopped=stopped))
    failing = _added(
        (row for row in rows if not _passes(row)), ("source", "header_from", "spf_result", "disposition", "signatures")
    )
    if failing:
        click.echo("  " + say("failing"))
    for values, count in failing:
        click.echo("    " + say("source", count=count, **values))


def _passes(row: Mapping[str, Any]) -> bool:
    return "pass" in (row["dkim"], row["spf"])


def _show_tls(rows: list[dict[str, Any]], say: Callable[..., str]) -> None:
    good = sum(row["count"] for row in rows if not row["result"])
    failures = [row for row in rows if row["result"]]
    click.echo("  " + say("sessions", good=good, bad=sum(row["count"] for row in failures)))
    for values, count in _added(failures, ("result", "host", "detail")):
        click.echo("    " + say("failure", count=count, **values))


def _added(rows: Iterable[Mapping[str, Any]], names: tuple[str, ...]) -> list[tuple[dict[str, str], int]]:
    """Rows that say the same counted together, the most frequent first."""
    counted: Counter[tuple[str, ...]] = Counter()
    for row in rows:
        values = (row[name] for name in names)
        counted[tuple((", ".join(each) if isinstance(each, list) else each) or "-" for each in values)] += row["count"]
    return [(dict(zip(names, key, strict=True)), count) for key, count in counted.most_common(_SHOWN)]
