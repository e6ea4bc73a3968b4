"""Everything the commands say, in English and Vietnamese: the directory's (the texts stand in ``phrases``), and what
those add that stand elsewhere.

The language is ``--lang``, else CITYMAIL_LANG, else Vietnamese where the locale says so, else English.  Scripts should
read ``--json``, whose keys do not change with the language.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from directory.cli.phrases import (
    addresses,
    administration,
    audit,
    dkim,
    files,
    leaving,
    logins,
    mailboxes,
    officials,
    options,
    plans,
    units,
    words,
)

TEXTS: dict[str, tuple[str, str]] = {
    key: texts
    for topic in (
        options,
        administration,
        units,
        plans,
        officials,
        files,
        mailboxes,
        leaving,
        logins,
        addresses,
        dkim,
        audit,
        words,
    )
    for key, texts in topic.TEXTS.items()
}


def environment_language(environment: Mapping[str, str] | None = None) -> str:
    """``vi`` or ``en``, from CITYMAIL_LANG or the locale (POSIX order of precedence)."""
    given = os.environ if environment is None else environment
    chosen = given.get("CITYMAIL_LANG", "")
    if chosen in ("vi", "en"):
        return chosen
    locale = given.get("LC_ALL") or given.get("LC_MESSAGES") or given.get("LANG") or ""
    return "vi" if locale.lower().startswith("vi") else "en"


def text(key: str, language: str) -> str:
    english, vietnamese = TEXTS[key]
    return vietnamese if language == "vi" else english


def help_text(key: str) -> str:
    """For the options' own descriptions and what is wrong with their values: said before --lang is read."""
    return text(key, environment_language())
