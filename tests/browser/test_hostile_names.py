"""Names, words and files of strangers on every screen: served by the webmail, shown without its policy, they stay text.

The policy of the pages would hide what a template lets through, so the pages are taken out of it: each is fetched as
it is served and shown on a bare site (``Laboratory``), where a script would run and a request would leave.  Each screen
is also shown with the one rule off, escaping, to see that the test would notice.

Seen elsewhere: Roundcube CVE-2026-48849 (subject of a draft), CVE-2024-42008, CVE-2023-47272, CVE-2026-35539 and
CVE-2026-54432 (attachments), Zimbra CVE-2025-27915 (text of a calendar) and ``st`` (a word of the address), SOGo
(categories), Modoboa (``To``), names of files, groups, mailboxes and contacts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from flask import Flask, Response
from playwright.sync_api import Browser

from directory.mail import groups, mailboxes
from directory.pki.certificates import SIGNING
from tests.browser.laboratory import Laboratory
from tests.directory.certified import make
from tests.mailserver.message.attachments.picture_files import plain
from tests.security.authority import making
from tests.webmail import town_hall
from tests.webmail.certified_hall import certified_hall, signed
from tests.webmail.conftest import Visitor
from tests.webmail.hostile import JS, URL
from tests.webmail.town_hall import DOMAIN, TownHall, letter, raw
from webmail import create_app, formatting
from webmail.contents import plain_text
from webmail.reading import attachments, message_body, previews
from webmail.writing import quoting

pytestmark = pytest.mark.browser

WORD = f"\"'><img src={URL} onerror={JS}>"
SHORT = f"<img src={URL}>"  # where a name may not be long
UNIT = "vanthu.snv"


@pytest.fixture
def bare(chromium: Browser) -> Iterator[Laboratory]:
    context = chromium.new_context()
    yield Laboratory(context)
    context.close()


@pytest.fixture
def city(tmp_path: Path) -> Iterator[TownHall]:
    founded = town_hall.build(tmp_path)
    yield founded
    founded.close()


def as_it_came(html: str, *_pictures: object) -> str:
    return html


def harm(bare: Laboratory, visitor: Visitor, path: str) -> list[str]:
    """What came of a page without its policy."""
    answer = visitor.get(path)
    assert answer.status_code == 200, path
    told = ("Content-Type", "Content-Disposition", "X-Content-Type-Options")
    headers = {name: answer.headers[name] for name in told if name in answer.headers}
    bare.ran.clear()
    bare.asked.clear()
    bare.bodies = {"/": (answer.get_data(as_text=True), headers)}
    if not headers.get("Content-Disposition", "").startswith("attachment"):  # which no browser shows
        bare.visit("/")
    return [*bare.ran, *bare.asked]


def told(city: TownHall, app: Flask) -> dict[str, tuple[Visitor, str]]:
    """The screens on which a stranger's words stand, each with the words on it."""
    with city.services.directory.write() as conn:
        mailboxes.grant(conn, "test", city.account(UNIT).id, city.account("an").id)
        groups.add_group(conn, "test", address_text=f"nhom@{DOMAIN}", name=WORD)
    an = Visitor(app, city).sign_in("an")
    an.post("/labels", {"action": "add", "name": SHORT, "colour": "2"})
    an.post("/searches", {"action": "keep", "name": SHORT, "query": WORD})
    an.post("/templates", {"action": "keep", "name": SHORT, "subject": WORD, "text": WORD})
    an.post("/contacts", {"action": "keep", "name": SHORT, "address": "x@ngoai.example", "note": WORD})
    an.post("/contacts", {"action": "keep-group", "name": SHORT, "members": "x@ngoai.example"})
    city.make_mailbox("an", WORD.replace("/", "⁄"))
    name = WORD.replace('"', "")
    for number in (1, 2):
        octets = letter(
            f"{name} <x{number}@ngoai.example>", subject=WORD, text=WORD, files=[(name, "text/plain", b"x")]
        )
        uid = city.put("an", octets)
    here = f"/mail/{city.mailbox('an').id}"
    draft = city.put("an", letter(f"{name} <an@{DOMAIN}>", subject=WORD, text=WORD), name="Drafts", flags=("\\Draft",))
    unit = Visitor(app, city).sign_in("an")
    unit.post("/open", {"account": city.account(UNIT).id})
    unit.get("/mailboxes")
    place = city.mailbox(UNIT).id
    noted = city.put(UNIT, letter(subject=WORD, text=WORD))
    unit.ask("/handling", {"action": "note", "item": f"{place}:{noted}", "text": WORD})
    return {
        "list": (an, here),
        "message": (an, f"{here}/{uid}"),
        "print": (an, f"{here}/{uid}/print"),
        "preview": (an, f"{here}/{uid}/part/2/view"),
        "search": (an, "/search?q=" + quote(WORD)),
        "snippets": (an, "/search?q=x1"),
        "labels": (an, "/labels"),
        "saved searches": (an, "/searches"),
        "templates": (an, "/templates"),
        "contacts": (an, "/contacts"),
        "mailboxes": (an, "/mailboxes"),
        "answer": (an, f"/compose?reply={here.rpartition('/')[2]}:{uid}"),
        "draft": (an, f"/compose/{draft}"),
        "groups": (an, f"/people/choose?draft={draft}&groups=1"),
        "notes": (unit, f"/mail/{place}/{noted}"),
    }


def test_words_on_every_screen(city: TownHall, bare: Laboratory) -> None:
    screens = told(city, create_app(city.services))
    found = {name: harm(bare, visitor, path) for name, (visitor, path) in screens.items()}
    assert {name: each for name, each in found.items() if each} == {}
    for name, (visitor, path) in screens.items():  # its own words, not only those of the sidebar
        page = visitor.page(path)
        assert "&lt;img" in (page.partition("<main")[2] or page), name


def test_words_without_escaping(city: TownHall, bare: Laboratory, monkeypatch: pytest.MonkeyPatch) -> None:
    app = create_app(city.services)
    app.jinja_env.autoescape = False
    monkeypatch.setattr(message_body, "escape", str)
    screens = told(city, app)
    assert [name for name, (visitor, path) in screens.items() if not harm(bare, visitor, path)] == []


CALENDAR = f"BEGIN:VCALENDAR\r\nDESCRIPTION:<img src={URL} onerror={JS}><script>{JS}</script>\r\nEND:VCALENDAR\r\n"
PAGE = f"<img src={URL} onerror={JS}><script>{JS}</script>"
FILES = {
    "web page": (("a.html", "text/html", PAGE), "shown", previews, "clean_message"),
    "text": (("a.txt", "text/plain", PAGE), "shown", plain_text, "escape"),
    "calendar": (("a.ics", "text/calendar", CALENDAR), "shown", plain_text, "escape"),
    "a name for a picture": ((f"{WORD}.png", "image/png", plain("PNG").decode("latin-1")), "shown", previews, "escape"),
}


@pytest.mark.parametrize("kind", FILES)
def test_files_looked_at(city: TownHall, bare: Laboratory, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    (name, media_type, text), way, module, rule = FILES[kind]
    an = Visitor(create_app(city.services), city).sign_in("an")
    uid = city.put("an", letter(files=[(name, media_type, text.encode("latin-1"))]))
    path = f"/mail/{city.mailbox('an').id}/{uid}/part/2/{way}"
    assert harm(bare, an, path) == []
    without: Callable[..., object] = str
    if rule == "clean_message":
        without = lambda html, **_more: type("Raw", (), {"html": html, "styles": ""})  # noqa: E731
    monkeypatch.setattr(module, rule, without)
    assert harm(bare, an, path) != []


def shown_as_page(octets: bytes, *_more: str) -> Response:
    return Response(octets, mimetype="text/html")


RAW = raw(f"From: x@ngoai.example\nSubject: {PAGE}\nContent-Type: text/html", PAGE)
OPENED = {
    "the original": ("original?view=1", (attachments, "_guarded", shown_as_page)),
    "a page that calls itself a picture": ("part/2/inline", (attachments, "as_download", shown_as_page)),
    "a drawing that runs": ("part/3/inline", (attachments, "as_download", shown_as_page)),
    "quoted in the editor": ("", (quoting, "clean_composed", as_it_came), (formatting, "clean_composed", as_it_came)),
}


@pytest.mark.parametrize("kind", OPENED)
def test_what_opens(city: TownHall, bare: Laboratory, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    place, *rules = OPENED[kind]
    an = Visitor(create_app(city.services), city).sign_in("an")
    files = [("a.png", "image/png", PAGE.encode()), ("a.svg", "image/svg+xml", f"<svg>{PAGE}</svg>".encode())]
    uid = city.put("an", letter(files=files) if place.startswith("part") else RAW)
    box = city.mailbox("an").id
    path = f"/mail/{box}/{uid}/{place}" if place else f"/compose?reply={box}:{uid}"
    assert harm(bare, an, path) == []
    for module, rule, without in rules:
        monkeypatch.setattr(module, rule, without)
    assert harm(bare, an, path) != []


def test_certificates(tmp_path: Path, bare: Laboratory) -> None:
    """Whoever makes an authority names it as he likes."""
    with certified_hall(tmp_path) as authorities:
        hall = authorities.hall
        before = authorities.now - timedelta(days=2)
        below = making.below(making.root(now=before), SHORT, now=before)
        key = make(below, SIGNING, "x@ngoai.example", hall.services.directory)
        octets = signed(letter("X <x@ngoai.example>", subject="x"), key, companions=(making.der(below.certificate),))
        path = f"/mail/{hall.mailbox('an').id}/{hall.put('an', octets)}/protection"
        for escaping in (True, False):
            app = create_app(hall.services)
            if not escaping:
                app.jinja_env.autoescape = False
            assert bool(harm(bare, Visitor(app, hall).sign_in("an"), path)) is not escaping
