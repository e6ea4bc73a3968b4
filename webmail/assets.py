"""Scripts, styles and icons, under a path that names their content: ``/assets/DIGEST/main.js``.

A browser may keep them for ever; when a file changes, the whole path does, and with it what modules import from each
other.  An old path still answers with what is there now, but is not kept.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from flask import Blueprint, Response, send_from_directory

blueprint = Blueprint("assets", __name__)

FOLDER = Path(__file__).parent / "static"
YEAR = 31_536_000


@lru_cache(maxsize=1)
def version() -> str:
    digest = hashlib.blake2b(digest_size=8)
    for path in sorted(FOLDER.iterdir()):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def asset(name: str) -> str:
    return f"/assets/{version()}/{name}"


def script_modules() -> list[str]:
    """All script modules, so that a page can ask for them together instead of one after the other."""
    return [asset(path.name) for path in sorted(FOLDER.glob("*.js")) if path.name != "early.js"]


@blueprint.get("/assets/<given>/<name>")
def show(given: str, name: str) -> Response:
    response = send_from_directory(FOLDER, name, conditional=True)
    current = given == version()
    response.headers["Cache-Control"] = f"public, max-age={YEAR}, immutable" if current else "no-cache"
    return response
