"""Both languages say everything, and what is compiled is what is written."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from babel.messages.catalog import Catalog

from webmail.catalogues import LANGUAGES, collect, compiled, load, path_of, updated, written

FRONT = Path(__file__).parents[2] / "webmail" / "front"
TEMPLATES = FRONT.parent / "templates"


def silent(catalogue: Catalog) -> list[Any]:
    """What it does not say, of all that there is to say; a guess of a tool says nothing."""
    found = []
    for message in collect():
        if not message.id:
            continue
        known = catalogue.get(message.id[0] if isinstance(message.id, tuple) else message.id)
        texts = () if known is None else known.string if isinstance(known.string, tuple) else (known.string,)
        if not texts or not all(texts) or (known is not None and known.fuzzy):
            found.append(message.id)
    return found


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_translated(language: str) -> None:
    assert silent(load(language)) == [], "run python -m webmail.catalogues and translate these"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_text_that_is_missing_empty_or_guessed_is_named(language: str) -> None:
    plural = ("%(num)s message", "%(num)s messages")
    catalogue = load(language)
    catalogue.delete("Send")
    catalogue["Reply"].string = ""
    catalogue["Forward"].flags.add("fuzzy")
    catalogue[plural[0]].string = ("",) * catalogue.num_plurals
    assert set(silent(catalogue)) == {"Send", "Reply", "Forward", plural}


def test_scripts_say_only_what_templates_gave_them() -> None:
    """Scripts have no words of their own: pages hand them over, translated, in attributes."""
    sources = {path: path.read_text(encoding="utf-8") for path in FRONT.rglob("*.ts")}
    own = re.compile(
        r"""(?:\b(?:toast|tellNews|say|confirm|alert|prompt)\(|\.(?:textContent|title|ariaLabel) = )[`"'](?=\w)"""
    )
    assert [(path.name, found) for path, text in sources.items() for found in own.findall(text)] == []
    given = "".join(path.read_text(encoding="utf-8") for path in TEMPLATES.rglob("*.html"))
    asked = {
        name for text in sources.values() for name in re.findall(r"""\btext\("(\w+)"\)|dataset\.(text\w*)""", text)
    }
    for name in sorted({first or second for first, second in asked}):
        attribute = "data-" + re.sub("[A-Z]", lambda letter: "-" + letter[0].lower(), name)
        assert re.search(rf'{attribute}="[^"]*\{{\{{ _\(', given), attribute


def test_vietnamese_is_spelled_as_the_state_spells_it() -> None:
    """The tone on the first vowel of oa, oe and uy, as in Decree 30/2020/NĐ-CP: khóa, hủy; one spelling everywhere."""
    otherwise = re.compile(r"(?<!q)(?:o[áàảãạéèẻẽẹ]|u[ýỳỷỹỵ])(?!\w)", re.IGNORECASE)
    house = FRONT.parents[1]
    sources = [
        path_of("vi"),
        TEMPLATES / "help" / "vi.html",
        *(path for room in ("directory", "mailserver", "webmail") for path in (house / room).rglob("*.py")),
    ]
    found = [(path.name, word) for path in sources for word in otherwise.findall(path.read_text(encoding="utf-8"))]
    assert found == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_files_are_up_to_date(language: str) -> None:
    assert path_of(language).read_bytes() == written(updated(language)), "run python -m webmail.catalogues"
    assert path_of(language, "mo").read_bytes() == compiled(load(language)), "run python -m webmail.catalogues"


@pytest.mark.parametrize("language", LANGUAGES)
def test_translations_fill_in_the_same_values(language: str) -> None:
    holes = re.compile(r"%\((\w+)\)s|\{\w+\}")
    for message in load(language):
        if not message.id:
            continue
        ids = message.id if isinstance(message.id, tuple) else (message.id,)
        wanted = set().union(*(holes.findall(each) for each in ids))
        for text in message.string if isinstance(message.string, tuple) else (message.string,):
            assert set(holes.findall(text)) <= wanted, message.id
            if len(ids) == 1:
                assert set(holes.findall(text)) == wanted, message.id


def test_vietnamese_is_vietnamese() -> None:
    same = {"Text", "(", ".", ",", "ngân sách", "name@city"}
    untouched = [
        message.id
        for message in load("vi")
        if isinstance(message.id, str) and message.id and message.string == message.id and message.id not in same
    ]
    assert untouched == []
