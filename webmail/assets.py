"""Scripts, styles and icons, whose names tell their content: ``/assets/main-DECZE4NA.js``.

They are built from ``webmail/front`` (``make scripts``) and lie in ``webmail/static`` as they are sent.  A browser may
keep them for ever: what changes gets another name.  A name of an earlier release still answers, with what is there now,
but is not kept: a page that was open meanwhile goes on working.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from flask import Blueprint, Response, abort, send_from_directory

blueprint = Blueprint("assets", __name__)

FOLDER = Path(__file__).parent / "static"
YEAR = 31_536_000
_BUILT = re.compile(r"(?P<stem>\w+)-[0-9A-Z]{8}(?P<ending>\.\w+)")


@cache
def built() -> dict[str, str]:
    """The file of today by its plain name: ``main.js`` is ``main-DECZE4NA.js``."""
    return {_plain(path.name): path.name for path in sorted(FOLDER.iterdir())}


def asset(name: str) -> str:
    return f"/assets/{built()[name]}"


@cache
def shared_scripts() -> tuple[str, ...]:
    """What several scripts import, so that a page can ask for it together with them instead of after them."""
    return tuple(f"/assets/{name}" for name in built().values() if name.startswith("chunk-"))


def _plain(name: str) -> str:
    return _BUILT.sub(r"\g<stem>\g<ending>", name)


@blueprint.get("/assets/<name>")
def show(name: str) -> Response:
    current = (FOLDER / name).is_file()
    found = name if current else built().get(_plain(name))
    if found is None:
        abort(404)
    response = send_from_directory(FOLDER, found, conditional=True)
    response.headers["Cache-Control"] = f"public, max-age={YEAR}, immutable" if current else "no-cache"
    return response
