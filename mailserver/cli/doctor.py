"""``citymail doctor``: is the city's mail set up as others expect it, and what is to be done where it is not?

Exit status: 0 nothing is bad; 1 something is.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mailserver.cli.options import allow, answering, read_config
from mailserver.cli.texts import Say, help_text

if TYPE_CHECKING:
    from mailserver.config import Config
    from mailserver.doctor.policies import Fetched
    from mailserver.doctor.verdicts import Verdict
    from security.dns import Asking

_SECONDS = 60.0
_MARKS = {"good": "+", "warning": "!", "bad": "✗"}


@click.command("doctor", help=help_text("doctor.help"))
@click.option("--all", "show_all", is_flag=True, help=help_text("doctor.all"))
@answering
def doctor(config_path: Path, show_all: bool, as_json: bool, say: Say) -> None:
    from mailserver.doctor.examination import examine
    from mailserver.servers.dns import answer_once

    allow(config_path, "doctor.see")
    config = read_config(config_path)

    def ask(asking: Asking[list[Verdict]]) -> list[Verdict]:
        return answer_once(config, asking, within=_SECONDS)

    authorities = config.resolve(config.relay.authorities) if config.relay.authorities else None
    verdicts = examine(config, ask, lambda domain: _fetch(config, domain), datetime.now(UTC), authorities=authorities)
    if as_json:
        click.echo(json.dumps([_as_value(each, say.language) for each in verdicts], ensure_ascii=False, indent=1))
    else:
        _show(verdicts, say, show_all=show_all)
    sys.exit(1 if any(each.grade.value == "bad" for each in verdicts) else 0)


def _fetch(config: Config, domain: str) -> Fetched:
    from mailserver.doctor.policies import Fetched
    from mailserver.servers.https import HttpsFailed
    from mailserver.servers.https_once import request_once
    from security.mta_sts import WELL_KNOWN, host_name

    try:
        answer = request_once(config, "GET", host_name(domain), WELL_KNOWN)
    except HttpsFailed as fault:
        return Fetched(fault=str(fault))
    # RFC 8461 §3.3: nothing but 200, and the right type
    if answer.status != 200 or answer.content_type != "text/plain":
        return Fetched(fault=f"{answer.status}, {answer.content_type or '-'}")
    return Fetched(answer.body)


def _words(verdict: Verdict, language: str) -> tuple[str, str]:
    """How it is, and what to do."""
    from mailserver.doctor.texts import FOUND, TO_DO

    values = {"subject": verdict.subject, "domain": verdict.subject, **verdict.values}
    place = 1 if language == "vi" else 0
    found, to_do = FOUND[verdict.code][place], TO_DO.get(verdict.code, ("", ""))[place]
    return found.format(**values), to_do.format(**values)


def _as_value(verdict: Verdict, language: str) -> dict[str, object]:
    found, to_do = _words(verdict, language)
    return {
        "topic": verdict.topic,
        "code": verdict.code,
        "subject": verdict.subject,
        "grade": verdict.grade.value,
        "found": found,
        "to_do": to_do,
        "records": list(verdict.records),
    }


def _show(verdicts: list[Verdict], say: Say, *, show_all: bool) -> None:
    for verdict in verdicts:
        if verdict.grade.value == "good" and not show_all:
            continue
        found, to_do = _words(verdict, say.language)
        click.echo(f"{_MARKS[verdict.grade.value]} {verdict.topic}  {verdict.subject}: {found}")
        if to_do:
            click.echo(f"      → {to_do}")
        for record in verdict.records:
            click.echo(f"        {record}")
    counted = {grade: sum(each.grade.value == grade for each in verdicts) for grade in _MARKS}
    click.echo(say("doctor.counted", **counted))
