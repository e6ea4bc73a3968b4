"""Every kind of attack that other webmails were hit by: a letter of its kind does nothing, and does with its rule off.

Each ``Attack`` names where the kind was seen and the rule of ours that stops it.  It is tried twice on a bare page,
without policy and without sandbox, so that this one rule alone stands in its way: as it is, nothing runs, nothing is
asked of anybody and nothing covers the page; with the rule taken away, something does.  A rule that is lost, or a
letter that has lost its teeth, is therefore found.  test_hostile_mail.py tries the other walls, and many more letters.

============================  ================================================================================
Kind                          Seen in
============================  ================================================================================
foreign content               Roundcube CVE-2023-5631, CVE-2024-37383, CVE-2025-68461, CVE-2026-48848; MathML
parsers that disagree         SnappyMail CVE-2024-45800
changed after cleaning        Roundcube CVE-2024-42009
elements and attributes       Roundcube, Zimbra CVE-2022-24682: scripts, handlers, frames; SOGo: forms
addresses of links            Zimbra ``javascript:`` (ZCS-11198), Roundcube ``<area href>``
pictures and other leaks      Roundcube ``<image>``, ``<input type=image>``, CVE-2026-25916, -35542, -35545
style sheets                  Roundcube #5583, #6178, CVE-2026-35544, -48846; Zimbra CVE-2025-66376; SOGo ``@import``
plain text                    Roundcube CVE-2023-43770, CVE-2026-54433; Carbonio #1281; Bulwark (quote in an address)
============================  ================================================================================

Elsewhere: names and subjects (test_hostile_mail.py), attachments (tests/webmail/reading/test_previews.py), requests
made for a reader to places inside (tests/webmail/reading/test_pictures.py), words put into searches
(tests/webmail/reading/test_query.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import unescape
from types import SimpleNamespace
from typing import Any

import nh3
import pytest
from playwright.sync_api import Browser, Error

from tests.browser.laboratory import Laboratory, document
from tests.webmail.hostile import JS, URL
from webmail.contents import plain_text, sanitize, styles
from webmail.contents.plain_text import text_to_html
from webmail.contents.sanitize import clean_message

pytestmark = pytest.mark.browser

Change = Callable[[pytest.MonkeyPatch], None]
IMAGE = f"<img src=x onerror={JS}>"
QUOTED = f'">{IMAGE}'  # out of an attribute, too


def allowing(**elements: str) -> Change:
    """These elements, with these attributes, are no longer taken out."""

    def change(patch: pytest.MonkeyPatch) -> None:
        patch.setattr(sanitize, "REMOVED_WHOLE", sanitize.REMOVED_WHOLE - set(elements))
        patch.setattr(sanitize, "_TEXT_TAGS", sanitize._TEXT_TAGS | set(elements))
        known = sanitize._ATTRIBUTES
        more = {tag: known.get(tag, set()) | set(names.split()) for tag, names in elements.items()}
        patch.setattr(sanitize, "_ATTRIBUTES", {**known, **more})

    return change


def replacing(place: Any, name: str, value: Any) -> Change:
    return lambda patch: patch.setattr(place, name, value)


def both(*changes: Change) -> Change:
    def change(patch: pytest.MonkeyPatch) -> None:
        for each in changes:
            each(patch)

    return change


def afterwards(edit: Callable[[str], str]) -> Change:
    """The text is edited after it was cleaned."""
    return replacing(sanitize, "nh3", SimpleNamespace(clean=lambda html, **options: edit(nh3.clean(html, **options))))


def same(text: str) -> str:
    return text


any_scheme = both(
    replacing(sanitize, "safe_link", same),
    replacing(
        sanitize,
        "nh3",
        SimpleNamespace(
            clean=lambda html, **options: nh3.clean(
                html, **{**options, "url_schemes": {"javascript", "http"}, "set_tag_attribute_values": {}}
            )
        ),
    ),
)
any_picture = replacing(sanitize._MessageRules, "_picture", lambda _rules, address: address)
any_style = replacing(sanitize, "filter_declarations", same)
any_sheet = replacing(sanitize, "filter_style_sheet", same)


def moving(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(styles, "ALLOWED_PROPERTIES", styles.ALLOWED_PROPERTIES | {"position"})
    patch.setattr(sanitize, "filter_declarations", styles.filter_declarations.__wrapped__)  # past what it remembers


@dataclass(frozen=True)
class Attack:
    kind: str
    payload: str
    rule_off: Change


def uncleaned(kind: str, payload: str) -> Attack:
    """Where nh3 has a rule of its own besides ours."""
    return Attack(kind, payload, afterwards(lambda _clean: payload))


LETTERS = [
    Attack("svg: image", f"<svg><image href='{URL}'/></svg>", allowing(svg="", image="href")),
    Attack(
        "svg: feImage",
        f"<svg><filter id=f><feImage href='{URL}'/></filter><rect filter='url(#m-f)' width=9 height=9 /></svg>",
        allowing(svg="", filter="id", feImage="href", rect="filter width height"),
    ),
    uncleaned(
        "svg: animate",
        f'<svg width=99><a><animate attributeName=href values="javascript:{JS}"/><text y=20>x</text></a></svg>',
    ),
    Attack("svg: onload", f"<svg onload={JS}></svg>", allowing(svg="onload")),
    uncleaned("parsers that disagree", f'<noscript><p title="</noscript>{IMAGE}">x</p></noscript>'),
    Attack("changed after cleaning", f"&lt;img src=x onerror={JS}&gt;", afterwards(unescape)),
    uncleaned("script", f"<script>{JS}</script>"),
    Attack("handler", IMAGE, both(allowing(img="src onerror"), any_picture)),
    Attack("frame", f'<iframe srcdoc="<script>{JS}</script>"></iframe>', allowing(iframe="srcdoc")),
    Attack("object", f"<object data='{URL}'></object>", allowing(object="data")),
    Attack("refresh", f"<meta http-equiv=refresh content='0;url={URL}'>", allowing(meta="http-equiv content")),
    uncleaned("link", f"<link rel=stylesheet href='{URL}'>"),
    Attack("form", f"<form action='{URL}'><button>x</button></form>", allowing(form="action", button="")),
    Attack("video", f"<video poster='{URL}'></video>", allowing(video="poster")),
    Attack("javascript:", f'<a href="javascript:{JS}">x</a>', any_scheme),
    Attack("javascript: with a tabulator", f'<a href="java\tscript:{JS}">x</a>', any_scheme),
    Attack(
        "area",
        f"<img usemap='#m' width=50 height=50><map name=m><area href=javascript:{JS} shape=default></map>",
        both(
            allowing(map="name", area="href shape", img="usemap width height"), any_scheme,
            replacing(sanitize, "ID_PREFIX", ""),
        ),
    ),
    Attack("picture", f"<img src='{URL}'>", any_picture),
    Attack("picture: image", f"<image src='{URL}'>", any_picture),
    Attack("picture: srcset", f"<img srcset='{URL} 1x'>", allowing(img="srcset")),
    Attack("picture: input", f"<input type=image src='{URL}'>", both(allowing(input="type src"), any_picture)),
    Attack("picture: background", f"<table background='{URL}'><tr><td>x</table>", allowing(table="background")),
    Attack("style: url()", f"<p style='background:url({URL})'>x</p>", any_style),
    Attack("style: escaped url()", f"<p style='background:\\75 rl({URL})'>x</p>", any_style),
    Attack("style: image-set()", f"<p style='background:image-set(\"{URL}\" 1x)'>x</p>", any_style),
    Attack("style: var()", f"<p style='--x:url({URL});background:var(--x)'>x</p>", any_style),
    Attack("style: content", f"<style>p::before{{content:url({URL})}}</style><p>x</p>", any_sheet),
    Attack("style: @import", f"<style>@import '{URL}';</style>", any_sheet),
    Attack("style: @import, split", f"<style>@import/**/url({URL})screen;</style>", any_sheet),
    Attack("style: @import, escaped", f"<style>@\\69mport '{URL}';</style>", any_sheet),
    Attack(
        "style: @font-face",
        f"<style>@font-face{{font-family:x;src:url({URL})}}p{{font-family:x}}</style><p>x</p>",
        any_sheet,
    ),
    Attack("style: covering", "<p style='position:fixed !important'>x</p>", moving),
    Attack("style: covering by a sheet", "<style>p{position:fixed!important}</style><p>x</p>", moving),
]  # fmt: skip

TEXTS = [
    Attack("markup in plain text", IMAGE, replacing(plain_text, "escape", same)),
    Attack("markup beside a link", f"http://a.test/ {IMAGE}", replacing(plain_text, "escape", same)),
    Attack("markup in a quotation", f"> {IMAGE}", replacing(plain_text, "escape", same)),
    Attack(
        "a quote in an address",
        f'http://a.test/"style="display:block"onmouseenter="{JS}"',
        lambda patch: _any_link(patch, r"(?P<web>https?://.+)|(?P<mail>\0)"),
    ),
]  # fmt: skip


def _any_link(patch: pytest.MonkeyPatch, pattern: str) -> None:
    patch.setattr(plain_text, "_LINK", re.compile(pattern))
    patch.setattr(plain_text, "safe_link", same)
    patch.setattr(plain_text, "escape", same)


def named(attacks: list[Attack]) -> Any:
    return pytest.mark.parametrize("attack", attacks, ids=[each.kind for each in attacks])


# Whatever can be clicked is touched and clicked; whatever left its place is told.
TOUCH = """() => {
  const all = [...document.querySelectorAll("body *")];
  for (const each of all.filter((each) => each.matches("a, area, button, text"))) {
    each.dispatchEvent(new MouseEvent("mouseenter"));
    each.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true }));
  }
  return all.some((each) => getComputedStyle(each).position !== "static");
}"""


@pytest.fixture(scope="module")
def site(chromium: Browser) -> Iterator[Laboratory]:
    """One laboratory for all: a new one for each attack would cost more than the attack."""
    context = chromium.new_context()
    yield Laboratory(context)
    context.close()


def harm(laboratory: Laboratory, html: str, *, expected: bool) -> list[str]:
    """What came of showing this and clicking on it; ``expected``: it is waited for."""
    fresh = laboratory.page.context.new_page()
    for each in fresh.context.pages:
        if each != fresh:
            each.close()
    laboratory.page = fresh
    laboratory.ran.clear()
    laboratory.asked.clear()
    laboratory.put("/", html)
    try:
        laboratory.visit("/")
        covered = ["covered"] if laboratory.page.evaluate(TOUCH) else []
    except Error:
        covered = []  # the page went elsewhere meanwhile, which shows in what was asked for
    for _ in range(200 if expected else 2):
        if found := [*laboratory.ran, *laboratory.asked, *covered]:
            return found
        laboratory.page.wait_for_timeout(30)
    return []


def shown(payload: str) -> str:
    clean = clean_message(payload, inline_image=lambda _cid: None)
    return document(clean.html, clean.styles)


@named(LETTERS)
def test_a_letter(site: Laboratory, attack: Attack, monkeypatch: pytest.MonkeyPatch) -> None:
    assert harm(site, shown(attack.payload), expected=False) == []
    attack.rule_off(monkeypatch)
    assert harm(site, shown(attack.payload), expected=True) != []


@named(TEXTS)
def test_plain_text(site: Laboratory, attack: Attack, monkeypatch: pytest.MonkeyPatch) -> None:
    harm(site, document(text_to_html(attack.payload)), expected=False)
    assert site.ran == []  # an honest link in it may lead away
    attack.rule_off(monkeypatch)
    harm(site, document(text_to_html(attack.payload)), expected=True)
    assert site.ran
