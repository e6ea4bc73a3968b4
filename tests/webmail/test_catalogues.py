"""Both languages say everything, and what is compiled is what is written."""

from __future__ import annotations

import re

import pytest

from webmail.catalogues import LANGUAGES, collect, compiled, load, path_of, updated, written


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_translated(language: str) -> None:
    catalogue = load(language)
    silent = []
    for message in collect():
        if not message.id:
            continue
        known = catalogue.get(message.id[0] if isinstance(message.id, tuple) else message.id)
        texts = () if known is None else known.string if isinstance(known.string, tuple) else (known.string,)
        if not texts or not all(texts) or (known is not None and known.fuzzy):
            silent.append(message.id)
    assert silent == [], "run python -m webmail.catalogues and translate these"


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
