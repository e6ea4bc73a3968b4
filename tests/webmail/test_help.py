"""Help says the same in both languages, shows pictures that are there, and calls everything as the pages do."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import pytest

from tests.webmail.conftest import Visitor
from webmail.catalogues import load
from webmail.help_pages import PICTURES
from webmail.languages import LANGUAGES

FOLDER = Path(__file__).parents[2] / "webmail" / "templates" / "help"
MOST = 400_000  # octets of pictures, which travel with the program


def text(language: str) -> str:
    return (FOLDER / f"{language}.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("found", [r'id="([\w-]+)"', r'href="([^"]+)"', r"picture\('([\w-]+)'", r"<(li|p|h2|ol|ul)\b"])
def test_both_languages_have_the_same_parts(found: str) -> None:
    assert re.findall(found, text("vi")) == re.findall(found, text("en"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_named_is_called_so_on_the_pages(language: str) -> None:
    called = {
        each for message in load(language) for each in ([message.string] if isinstance(message.string, str) else [])
    }
    named = re.findall(r"<strong>([^<]+)</strong>", text(language))
    assert named
    assert [each for each in named if unescape(each) not in called] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_leads_to_pages_and_pictures(an: Visitor, language: str) -> None:
    an.post("/language", {"language": language, "next": "/help"})
    page = an.page("/help")
    assert f'<html lang="{language}"' in page
    shown = re.findall(r'src="(/help/[^"]+)"', page)
    assert len(shown) == len(re.findall(r"\{\{ picture\(", text(language)))
    for each in shown:
        with an.get(each) as answer:
            assert (answer.status_code, answer.mimetype) == (200, "image/webp")
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
    within = set(re.findall(r'id="([\w-]+)"', page))
    for each in re.findall(r'href="([^"]+)"', text(language)):
        path, _hash, place = each.partition("#")
        assert place in (set(re.findall(r'id="([\w-]+)"', an.page(path))) if path else within) | {""}


def test_every_picture_is_shown_and_all_are_small() -> None:
    used = set(re.findall(r"picture\('([\w-]+)'", text("vi")))
    assert {each.name for each in PICTURES.iterdir()} == {f"{name}-{each}.webp" for name in used for each in LANGUAGES}
    assert sum(each.stat().st_size for each in PICTURES.iterdir()) < MOST


def test_strangers_are_asked_to_sign_in(visitor: Visitor) -> None:
    assert visitor.get("/help").status_code in (302, 303)
    assert visitor.get("/help/reading-vi.webp").status_code in (302, 303, 401)


def test_no_other_file_is_shown(an: Visitor) -> None:
    assert an.get("/help/..%2fhelp.webp").status_code == 404
    assert an.get("/help/nothing.webp").status_code == 404
