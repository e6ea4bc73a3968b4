"""How things are said on the pages: days, sizes, names, initials; and the filters that the templates use.

Days are written dd/mm/yyyy, and in English, where that may mean two days, with the month's name; in the city's time
([city] timezone).
"""

from __future__ import annotations

import hashlib
from datetime import date, datetime
from functools import cache
from zoneinfo import ZoneInfo

from flask import Flask
from markupsafe import Markup

from mailserver.store.mailboxes import INBOX, Mailbox
from webmail.assets import asset, shared_scripts
from webmail.contents.composed import Picture, clean_composed
from webmail.languages import _, choose
from webmail.services import services
from webmail.templating import compiled_in

AVATAR_COLOURS = 8
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def init_app(app: Flask) -> None:
    app.jinja_env.filters.update(
        day_or_time=day_or_time,
        full_time=full_time,
        full_day=full_day,
        octets=readable_size,
        initials=initials,
        hue=hue,
        number=number,
        safe_html=safe_html,
    )
    compiled_in(app, icon=icon, asset=asset)
    app.jinja_env.globals.update(
        shared_scripts=shared_scripts,
        mailbox_label=mailbox_label,
        mailbox_icon=mailbox_icon,
        city_name=lambda: services().config.city.name,
    )


def city_zone() -> ZoneInfo:
    return ZoneInfo(services().config.city.timezone)


def local_time(moment: float) -> datetime:
    return datetime.fromtimestamp(min(max(moment, 0), 253_000_000_000), city_zone())


def day_or_time(moment: float) -> str:
    """Short, for lists: the hour today, the day this year, else the whole date."""
    then, now = local_time(moment), local_time(services().clock())
    if then.date() == now.date():
        return f"{then:%H:%M}"
    return full_day(then) if then.year != now.year else f"{then:%d/%m}" if choose() != "en" else _english(then)


def full_time(moment: float) -> str:
    then = local_time(moment)
    return f"{full_day(then)} {then:%H:%M}"


def full_day(day: date) -> str:
    return f"{_english(day)} {day.year}" if choose() == "en" else f"{day:%d/%m/%Y}"


def _english(day: date) -> str:
    return f"{day.day} {_MONTHS[day.month - 1]}"


def readable_size(octets: int) -> str:
    size = float(octets)
    for unit in ("B", "KB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            break
        size /= 1024
    text = f"{size:.0f}" if unit == "B" or size >= 100 else f"{size:.1f}".removesuffix(".0")
    return f"{text} {unit}".replace(".", _(".") if _(".") in (".", ",") else ".")


def number(count: int) -> str:
    """12345 as 12.345 in Vietnamese and 12,345 in English."""
    return f"{count:,}".replace(",", _(",") if _(",") in (".", ",") else ",")


def initials(name: str) -> str:
    """One or two letters for the picture of a person: of a Vietnamese name, the family name's and the given name's."""
    words = [word for word in name.replace("@", " ").replace(".", " ").replace('"', " ").split() if word[0].isalnum()]
    if not words:
        return "?"
    return (words[0][0] + (words[-1][0] if len(words) > 1 else "")).upper()


def hue(text: str) -> int:
    """A colour's number that stays the same for the same person."""
    return hashlib.blake2b(text.lower().encode("utf-8", "replace"), digest_size=2).digest()[0] % AVATAR_COLOURS


@cache
def icon(name: str, css_class: str = "") -> Markup:
    """An icon of the sprite; decoration only, so whatever it stands for is also said in words."""
    return Markup('<svg class="icon {}" aria-hidden="true" focusable="false"><use href="{}#{}"/></svg>').format(
        css_class, asset("icons.svg"), name
    )


def mailbox_label(mailbox: Mailbox, *, whole: bool = False) -> str:
    """What a mailbox is called: standard ones in the reader's language, others by (the last level of) their name."""
    if mailbox.name == INBOX:
        return _("Inbox")
    if mailbox.special_use and "/" not in mailbox.name:
        match mailbox.special_use:
            case "\\Drafts":
                return _("Drafts")
            case "\\Sent":
                return _("Sent")
            case "\\Junk":
                return _("Junk")
            case "\\Trash":
                return _("Trash")
            case "\\Archive":
                return _("Archive")
            case "\\Flagged":
                return _("Starred")
            case "\\Snoozed":
                return _("Snoozed")
            case "\\All":
                return _("All mail")
    return mailbox.name if whole else mailbox.name.rpartition("/")[2]


_MAILBOX_ICONS = {
    "\\Drafts": "drafts",
    "\\Sent": "send",
    "\\Junk": "junk",
    "\\Trash": "trash",
    "\\Archive": "archive",
    "\\Flagged": "star",
    "\\Snoozed": "clock",
}


def mailbox_icon(mailbox: Mailbox) -> str:
    return "inbox" if mailbox.name == INBOX else _MAILBOX_ICONS.get(mailbox.special_use or "", "folder")


def safe_html(html: str, picture: Picture) -> Markup:
    """For the editor alone: cleaned once more at the very place where it enters the page."""
    return Markup(clean_composed(html, picture))  # noqa: S704  (what nh3 wrote)
