"""Every verdict has words in both languages, and whatever is not good says what to do."""

from __future__ import annotations

import ast
import string

import pytest

from mailserver.doctor.texts import FOUND, TO_DO
from tests.architecture.sources import dotted_name, modules, tree

# made of a value: ``dkim.{publication.value}``
COMPUTED = {("bad", "dkim.missing"), ("bad", "dkim.wrong")}


def made_verdicts() -> set[tuple[str, str]]:
    """Grade and code of every verdict that the code makes."""
    found = set(COMPUTED)
    for path in modules():
        if path.parent.name != "doctor":
            continue
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call) and dotted_name(node.func) in ("good", "warning", "bad", "_unanswered"):
                grade = "warning" if dotted_name(node.func) == "_unanswered" else dotted_name(node.func)
                if isinstance(node.args[0], ast.Constant):
                    found.add((grade, node.args[0].value))
    return found


@pytest.mark.parametrize("grade, code", sorted(made_verdicts()))
def test_a_verdict_has_words(grade, code):
    assert all(FOUND[code])
    if grade != "good":
        assert all(TO_DO[code])


def test_no_words_are_left_over():
    codes = {code for _, code in made_verdicts()}
    assert FOUND.keys() == codes
    assert codes >= TO_DO.keys()


@pytest.mark.parametrize("code", sorted(FOUND))
def test_both_languages_tell_the_same(code):
    for english, vietnamese in filter(None, (FOUND[code], TO_DO.get(code))):
        names = [
            sorted(name for _, name, _, _ in string.Formatter().parse(text) if name) for text in (english, vietnamese)
        ]
        assert names[0] == names[1]
