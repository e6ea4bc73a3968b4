"""What the form of a letter holds, whoever sent it: the script that saves as one writes, or a button without script."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from flask import request

from mailserver.message.html_text import html_to_text
from webmail.contents.composed import clean_composed
from webmail.services import services
from webmail.writing import letters, versions
from webmail.writing.enclosures import Enclosure, find_source, uploaded
from webmail.writing.inline_pictures import as_kept, carried_id, received, used_in
from webmail.writing.letters import Letter

MAX_ENCLOSURES = 200
MAX_FIELD = 50_000  # characters of one address field

_WORK = re.compile(r"[0-9a-f]{16}")
_WINDOW = re.compile(r"\d{1,10}-\d{1,10} \d{1,9}")


@dataclass(frozen=True, slots=True)
class Written:
    """The letter in the form, with what its draft encloses and what was just chosen."""

    letter: Letter
    is_overtaken: bool = False  # its draft is gone: somebody went on with it, or sent it
    pictures: tuple[str, ...] = ()  # the Content-IDs of those that came with the form
    is_refused: bool = False  # something was to stand in the text that is no picture


def written() -> Written:
    letter = letter_of(request.form)
    draft: Letter | None = None
    basis: Letter | None = None
    if letter.draft:
        with services().store.read() as conn:
            draft = letters.load(conn, letter.draft)
            newer = versions.latest(conn, letter.work) if draft is None else 0
            basis = draft or (letters.load(conn, newer) if newer else None)
    enclosures = list(basis.enclosures) if basis is not None else []
    enclosures += _carried()
    if not letter.rich:
        enclosures = _hanging(enclosures, basis)
    pictures = [received(each) for each in request.files.getlist("pictures")[:MAX_ENCLOSURES] if each.filename]
    good = [each for each in pictures if each is not None]
    files = [uploaded(each) for each in request.files.getlist("files")[:MAX_ENCLOSURES] if each.filename]
    new = [*good, *files]
    letter = replace(letter, enclosures=tuple(enclosures))
    if replace(letter, enclosures=(*enclosures, *new)).is_too_large:
        letter = letter.as_it_goes  # room is made for what is new
    return Written(
        replace(letter, enclosures=(*letter.enclosures, *new)[:MAX_ENCLOSURES]),
        is_overtaken=bool(letter.draft) and draft is None,
        pictures=tuple(each.content_id for each in good),
        is_refused=len(good) < len(pictures),
    )


def _carried() -> list[Enclosure]:
    """Parts of the message that is passed on."""
    found = [find_source(each) for each in request.form.getlist("carry")[:MAX_ENCLOSURES]]
    shown = [(each, find_source(each)) for each in request.form.getlist("carry_picture")[:MAX_ENCLOSURES]]
    return [replace(each, source="") for each in found if each is not None] + [
        replace(each, source="", content_id=carried_id(source)) for source, each in shown if each is not None
    ]


def _hanging(enclosures: Sequence[Enclosure], basis: Letter | None) -> list[Enclosure]:
    """In plain text no picture stands: those of the text so far become files, so that none is lost."""
    used = used_in(basis.html) if basis is not None else None
    return [each.as_file() for each in enclosures if not each.content_id or used is None or each.content_id in used]


def letter_of(form: Mapping[str, str]) -> Letter:
    def line(name: str, longest: int = MAX_FIELD) -> str:
        return " ".join(form.get(name, "").split())[:longest]

    rich = form.get("mode") == "rich"
    html = clean_composed(form.get("html", ""), as_kept) if rich else ""
    text = html_to_text(html) if rich else form.get("text", "")
    draft = form.get("draft", "")
    return Letter(
        author=line("author", 320),
        to=line("to"),
        cc=line("cc"),
        bcc=line("bcc"),
        subject=line("subject", 2000),
        text=text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", ""),
        html=html,
        in_reply_to=line("in_reply_to", 1000),
        references=line("references", 20_000),
        answers=line("answers", 60),
        draft=int(draft) if draft.isdecimal() and len(draft) < 19 else 0,
        work=work if _WORK.fullmatch(work := form.get("work", "")) else "",
        window=window if _WINDOW.fullmatch(window := form.get("window", "")) else "",
        rich=rich,
        # a box that is not ticked is not sent
        sign="sign" in form if "choices" in form else services().config.smime.sign,
        encrypt="encrypt" in form,
        secret=form.get("secret", "") == "1",
    )
