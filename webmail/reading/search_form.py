"""The form beside the search box, which writes a query, and the terms of a query as chips that can be taken off.

The query is the one description of a search: it stands in the address, can be typed, kept and sent to a colleague.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from flask import Blueprint, request

from webmail.days import day_of, typed_day
from webmail.languages import _, choose
from webmail.pages import Answer, see_other
from webmail.reading.listing import MessageList
from webmail.reading.query import EVERYWHERE, MAX_QUERY, WORD, Term, parse, value_in, written

blueprint = Blueprint("search_form", __name__)

_TYPED = ("from", "to", "subject", "in", "label")


@dataclass(frozen=True, slots=True)
class Chip:
    """One term, and the address of the search without it."""

    text: str
    off: str


@blueprint.get("/search/form")
def write() -> Answer:
    """The same search as an address that says it all.  Terms of the text among the fields keep their meaning."""
    fields = request.args
    terms = parse(fields.get("words", ""))
    terms += [Term(name, value) for name in _TYPED if (value := " ".join(fields.get(name, "").split())[:MAX_QUERY])]
    terms += [Term(name, "attachment") for name in ("has",) if fields.get(name)]
    terms += [Term("is", value) for value in fields.getlist("is") if value in ("unread", "starred")]
    for name in ("after", "before"):
        if day := day_of(fields.get(name, "")):
            terms.append(Term(name, f"{day:%d/%m/%Y}"))
    larger = fields.get("larger", "")
    if larger.isdecimal() and len(larger) <= 4 and int(larger):
        terms.append(Term("larger", f"{int(larger)}MB"))
    return see_other("/search" + _address(terms, ""))


@blueprint.app_template_global("search_chips")
def chips(shown: MessageList) -> list[Chip]:
    terms = parse(shown.query)
    place = shown.parameters.get("in", "")
    return [Chip(_called(each), _address([*terms[:at], *terms[at + 1 :]], place)) for at, each in enumerate(terms)]


@blueprint.app_template_global("search_fields")
def fields(query: str) -> dict[str, str]:
    """What the form shows of a query: of each kind the last term; words, and whatever has no field left, as typed."""
    filled: dict[str, str] = {}
    rest: list[Term] = []
    for each in parse(query):
        if each.name == WORD or (each.name in filled and each.name != "is"):
            rest.append(each)
        elif each.name in ("after", "before"):
            day = day_of(each.value)
            filled[each.name] = typed_day(day, choose()) if day else ""
        elif each.name == "larger" and not each.value.removesuffix("MB").isdecimal():
            rest.append(each)
        elif each.name == "is":
            filled[f"is-{each.value}"] = "1"
        else:
            filled[each.name] = each.value.removesuffix("MB") if each.name == "larger" else each.value
    return filled | {"words": written(rest, choose())}


def _address(terms: list[Term], place: str) -> str:
    wanted = {"q": written(terms, choose())[:MAX_QUERY], "in": place}
    return "?" + urlencode({name: value for name, value in wanted.items() if value})


def _called(term: Term) -> str:
    if term.name == WORD:
        return term.value
    whole = {
        ("has", "attachment"): _("With attachments"),
        ("is", "unread"): _("Unread"),
        ("is", "starred"): _("Starred"),
        ("in", EVERYWHERE): _("Everywhere, the trash too"),
    }.get((term.name, term.value))
    names = {
        "from": _("From"),
        "to": _("To"),
        "subject": _("Subject"),
        "in": _("In"),
        "after": _("After"),
        "before": _("Before"),
        "larger": _("Larger than"),
        "label": _("Label"),
    }
    return whole or f"{names[term.name]}: {value_in(term, choose())}"
