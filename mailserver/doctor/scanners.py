"""The scanners of other makers, as a message meets them: each is shown a harmless one.

Limits: whether a scanner knows a virus when it sees one is not asked; its signatures are its own affair.
"""

from __future__ import annotations

import time

from mailserver.config import Config
from mailserver.doctor.verdicts import Verdict, bad, good, warning
from mailserver.message.dates import format_date
from mailserver.scanning.asking import Panel
from mailserver.scanning.opinion import Action, Letter, Opinion


def check_scanners(config: Config, now: int) -> list[Verdict]:
    panel = Panel(config.scanners, our_name=config.city.hostname, monotonic=time.monotonic)
    if not panel:
        return []
    return [_judge(config, opinion) for opinion in panel.ask(_letter(config, now))]


def _letter(config: Config, now: int) -> Letter:
    """From us to us, by an official: nothing that a scanner would look up about strangers plays a part."""
    address = f"postmaster@{config.city.domain}"
    octets = (
        f"From: <{address}>\r\nTo: <{address}>\r\nDate: {format_date(now)}\r\nSubject: citymail doctor\r\n"
        f"Message-ID: <doctor.{now}@{config.city.hostname}>\r\nMIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n\r\nIs everybody there?\r\n"
    )
    return Letter(
        octets.encode(),
        "doctor",
        client="127.0.0.1",
        hello="localhost",
        login=address,
        reverse_path=address,
        recipients=(address,),
    )


def _judge(config: Config, opinion: Opinion) -> Verdict:
    if opinion.is_blind:
        if config.scanners.if_it_fails == "accept":
            return bad("scanner.passed-by", opinion.scanner, fault=opinion.detail)
        return bad("scanner.silent", opinion.scanner, fault=opinion.detail)
    if opinion.action is not Action.CLEAN:
        return warning("scanner.harsh", opinion.scanner, action=opinion.action.name.lower(), detail=opinion.detail)
    return good("scanner.looks", opinion.scanner)
