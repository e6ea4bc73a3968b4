"""Help in both languages, with pictures: one page a language, as a person reads it from beginning to end.

The texts are whole pages (``templates/help/vi.html`` and ``en.html``), not texts of the catalogues: a page is written
and corrected as one piece.  A test holds both to the same sections and the same pictures.  The pictures are made from
a small town hall by ``make pictures`` (tests/browser/help_pictures.py).
"""

from __future__ import annotations

from pathlib import Path

from flask import Blueprint, Response, send_from_directory

from webmail import pages
from webmail.languages import _, choose
from webmail.pages import Answer
from webmail.services import services

blueprint = Blueprint("help", __name__)

PICTURES = Path(__file__).parent / "help_pictures"
DAY = 86_400


@blueprint.get("/help")
def show() -> Answer:
    with services().store.read() as conn:
        side = pages.sidebar(conn)
    return pages.render(f"help/{choose()}.html", _("Help"), sidebar=side, current=None)


@blueprint.get("/help/<name>.webp")
def picture(name: str) -> Response:
    response = send_from_directory(PICTURES, f"{name}.webp", conditional=True)
    response.headers["Cache-Control"] = f"private, max-age={DAY}"
    return response
