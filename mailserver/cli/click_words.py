"""click's own words in Vietnamese (``phrases.click_itself``).

click asks gettext for them, whose catalogues follow the locale alone: CITYMAIL_LANG would not be heard.  So its modules
ask here, by the two names under which they know gettext.
"""

from __future__ import annotations

import click

from mailserver.cli.phrases.click_itself import VIETNAMESE

_ASKING = (click.core, click.decorators, click.exceptions, click.formatting, click.parser, click.termui, click.types)


def translate_click(language: str) -> None:
    if language == "vi":
        for module in _ASKING:
            vars(module).update(_=_word, ngettext=_counted)


def _word(english: str) -> str:
    return VIETNAMESE.get(english, english)


def _counted(one: str, several: str, count: int) -> str:
    return _word(one if count == 1 else several)
