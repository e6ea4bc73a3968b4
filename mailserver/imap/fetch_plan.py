"""FETCH items → a function that turns rows of the store into responses.

The store keeps ENVELOPE, BODYSTRUCTURE and the rest as ready octets, so a response is one formatting operation on a
row.  For each list of items a function is made that does exactly that and nothing else; it is kept, since clients
ask for the same few lists all day.  ``compiled`` shows its source for a look:

    compiled(("UID", "FLAGS"), ("uid", "flags"))  ->
    def render(numbers, rows, flags, offset):
        return [b'* %d FETCH (UID %d FLAGS %b)\\r\\n' % (n, uid, flags[mask]) for n, (uid, mask) in zip(numbers, rows)]

The source is put together from the table below, never from anything a client wrote.

ENVELOPE and BODYSTRUCTURE are 7-bit for every client.  After UTF8=ACCEPT and IMAP4rev2 a server may send UTF-8 there
(RFC 6855 §3, RFC 9051 §7.5.2); none has to, every client reads encoded words, and one form is rendered once.

Standards: RFC 9051 §7.5.2; RFC 8474 §5 (object ids), RFC 8970 (PREVIEW),
RFC 8514 (SAVEDATE), RFC 7162 §3.1.4.2 (MODSEQ),
RFC 9586 §3.3 (UIDFETCH).
"""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import Any

from mailserver.imap.grammar.fetch import Attribute, Section
from mailserver.imap.grammar.responses import quoted
from mailserver.imap.sections import column_of, header_selector

_EPOCH = date(1970, 1, 1).toordinal()
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class _Days(dict[int, bytes]):
    """Day since the epoch → ``05-Mar-2026``."""

    def __missing__(self, day: int) -> bytes:
        when = date.fromordinal(min(max(_EPOCH + day, 1), date.max.toordinal()))
        octets = b"%02d-%b-%04d" % (when.day, _MONTHS[when.month - 1].encode(), when.year)
        if len(self) < 50_000:
            self[day] = octets
        return octets


_DAYS = _Days()
_MINUTES = tuple(b"%02d:%02d" % divmod(minute, 60) for minute in range(1440))


def zone_name(offset: int) -> bytes:
    """``+0700`` for 25,200 seconds."""
    hours, minutes = divmod(abs(offset) // 60, 60)
    return b"%b%02d%02d" % (b"-" if offset < 0 else b"+", hours, minutes)


class _Zones(dict[int | None, bytes]):
    """Minutes east of Greenwich → ``+0700``; None → the city's own."""

    def __init__(self, offset: int) -> None:
        super().__init__({None: zone_name(offset)})

    def __missing__(self, minutes: int) -> bytes:
        name = self[minutes] = zone_name(minutes * 60)
        return name


_zones = lru_cache(maxsize=16)(_Zones)


def email_id(message_id: int) -> bytes:
    return b"M%d" % message_id


def thread_id(thread_key: str) -> bytes:
    """An objectid (RFC 8474 §7) of what the thread's messages share."""
    digest = hashlib.blake2b(thread_key.encode("utf-8", "replace"), digest_size=15).digest()
    return b"T" + urlsafe_b64encode(digest)


def _preview(text: str) -> bytes:
    return quoted(text.encode("utf-8", "replace"))


# date-time (RFC 9051 §9) of a moment {v} in a zone: INTERNALDATE in the one that it was given in, if it was.
_DATE_TIME = '"%b %b:%02d %b"'
_LOCAL = "days[(at := {v} + %s) // 86400], minutes[at %% 86400 // 60], at %% 60, zones[%s]"

# Item → (column, what is written, its arguments).  {v} stands for the column's value, {z} for that of the zone.
_FORMS: dict[Attribute, tuple[str, str, str]] = {
    Attribute.UID: ("uid", "UID %d", "{v}"),
    Attribute.FLAGS: ("flags", "FLAGS %b", "flags[{v}]"),
    Attribute.INTERNALDATE: (
        "internal_date",
        f"INTERNALDATE {_DATE_TIME}",
        _LOCAL % ("(offset if {z} is None else {z} * 60)", "{z}"),
    ),
    Attribute.SAVEDATE: ("saved_at", f"SAVEDATE {_DATE_TIME}", _LOCAL % ("offset", "None")),
    Attribute.SIZE: ("size", "RFC822.SIZE %d", "{v}"),
    Attribute.ENVELOPE: ("envelope", "ENVELOPE %b", "{v}"),
    Attribute.BODY: ("body", "BODY %b", "{v}"),
    Attribute.BODYSTRUCTURE: ("bodystructure", "BODYSTRUCTURE %b", "{v}"),
    Attribute.MODSEQ: ("modseq", "MODSEQ (%d)", "{v}"),
    Attribute.EMAILID: ("message_id", "EMAILID (%b)", "email_id({v})"),
    Attribute.THREADID: ("thread_key", "THREADID (%b)", "thread_id({v})"),
    Attribute.PREVIEW: ("preview", "PREVIEW %b", "preview({v})"),
}

RowItem = Attribute | Section
Render = Callable[[Iterable[int], Iterable[Sequence[Any]], Any, int], list[bytes]]


def columns_of(items: Iterable[RowItem]) -> tuple[str, ...]:
    """The columns that a list of items needs, the UID first."""
    items = tuple(items)
    needed = [_FORMS[item][0] if isinstance(item, Attribute) else column_of(item) for item in items]
    zone = ["zone"] if Attribute.INTERNALDATE in items else []
    return tuple(dict.fromkeys(["uid", *needed, *zone]))


@lru_cache(maxsize=512)
def renderer(
    items: tuple[RowItem, ...], columns: tuple[str, ...], whole: bool = True, uid_only: bool = False
) -> Render:
    """``render(numbers, rows, flag_lists, utc_offset)`` for rows of these columns.

    Sections must be of the header alone.  Without ``whole`` the closing parenthesis is left out, for more to follow.
    With ``uid_only`` the numbers are UIDs (RFC 9586 §3.3, UIDFETCH).
    """
    names = {column: f"c{place}" for place, column in enumerate(columns)}
    forms, arguments, prepared = [], ["n"], []
    scope: dict[str, Any] = {
        "days": _DAYS,
        "minutes": _MINUTES,
        "zones_of": _zones,
        "email_id": email_id,
        "thread_id": thread_id,
        "preview": _preview,
    }
    for place, item in enumerate(items):
        if isinstance(item, Attribute):
            column, form, argument = _FORMS[item]
            forms.append(form)
            arguments.append(argument.format(v=names[column], z=names.get("zone")))
        else:
            scope[f"select{place}"] = header_selector(item)
            scope[f"label{place}"] = item.label
            prepared.append(f"s{place} = select{place}({names[column_of(item)]})")
            forms.append("%b {%d}\\r\\n%b")
            arguments.append(f"label{place}, len(s{place}), s{place}")
    verb = "UIDFETCH" if uid_only else "FETCH"
    source = _source(verb, tuple(names.values()), forms, arguments, prepared, whole)
    exec(compile(source, "<fetch>", "exec"), scope)  # noqa: S102  (made from the table above)
    render: Render = scope["render"]
    return render


# Items that are numbers, where the columns come as texts.
_TEXT_FORMS = {
    Attribute.UID: ("uid", "UID {uid}"),
    Attribute.FLAGS: ("flags", "FLAGS {lists[flags]}"),
    Attribute.MODSEQ: ("modseq", "MODSEQ ({modseq})"),
}


class FlagTexts(dict[str, str]):
    """A mask as it is written → flags as IMAP writes them, of one set of keywords."""

    def __init__(self, lists: Mapping[int, bytes]) -> None:
        super().__init__()
        self._lists = lists

    def __missing__(self, mask: str) -> str:
        text = self[mask] = self._lists[int(mask)].decode("latin-1")
        return text


TextRender = Callable[[Iterable[Any], Sequence[Sequence[str]], FlagTexts], list[str]]


@lru_cache(maxsize=64)
def text_renderer(items: tuple[RowItem, ...], columns: tuple[str, ...], uid_only: bool = False) -> TextRender | None:
    """``render(numbers, columns, flag_texts)`` where the columns come as lists of texts; None if other items are asked
    for.  What every client asks of all messages when it looks for changes:

        def render(numbers, columns, lists):
            return [f'* {n} FETCH (UID {uid} FLAGS {lists[flags]})\r\n' for n, uid, flags in zip(numbers, *columns)]
    """
    if not _TEXT_FORMS.keys() >= set(items):
        return None
    form = " ".join(_TEXT_FORMS[item][1] for item in items if isinstance(item, Attribute))
    line = f"f'* {{n}} {'UIDFETCH' if uid_only else 'FETCH'} ({form})\\r\\n'"
    source = (
        f"def render(numbers, columns, lists):\n"
        f"    return [{line} for n, {', '.join(columns)} in zip(numbers, *columns)]\n"
    )
    scope: dict[str, Any] = {}
    exec(compile(source, "<fetch>", "exec"), scope)  # noqa: S102  (made from the table above)
    render: TextRender = scope["render"]
    return render


def _source(
    verb: str,
    names: Sequence[str],
    forms: Sequence[str],
    arguments: Sequence[str],
    prepared: Sequence[str],
    whole: bool,
) -> str:
    form = f"* %d {verb} (" + " ".join(forms) + (")\\r\\n" if whole else "")
    made = f"b'{form}' % ({', '.join(arguments)})"
    loop = f"for n, ({', '.join(names)},) in zip(numbers, rows)"
    if not prepared:
        body = f"    return [{made} {loop}]\n"
    else:
        steps = "".join(f"        {line}\n" for line in prepared)
        body = f"    out = []\n    {loop}:\n{steps}        out.append({made})\n    return out\n"
    zones = "    zones = zones_of(offset)\n" if "zones" in made else ""
    return f"def render(numbers, rows, flags, offset):\n{zones}{body}"
