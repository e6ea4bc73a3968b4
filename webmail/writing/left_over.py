"""Letters that a browser kept because no server had them: the key they lie there under, and which of them have come.

The browser keeps what is being written until the server has it (``front/local.ts``).  Where a session ends by itself
that stays on the computer, and somebody else may sit down there: it is encrypted under a key that only who is signed
in is told.  A window that closes sends its last words without hearing an answer; each draft therefore names the window
that wrote it and how far it had come, and the browser asks which it may forget.

Standards: RFC 2104 (HMAC).
Limits: the newest 300 drafts are looked through.
"""

from __future__ import annotations

import hmac
from base64 import b64encode

from flask import Blueprint, Flask, jsonify

from mailserver.message.headers import find_field
from webmail.account.login import person
from webmail.pages import Answer
from webmail.services import services
from webmail.writing import versions
from webmail.writing.letters import WINDOW_FIELD

blueprint = Blueprint("left_over", __name__)


def init_app(app: Flask) -> None:
    app.jinja_env.globals.update(letter_key=letter_key)


def letter_key() -> str:
    """For this person, in whichever browser."""
    purpose = b"letters in the browser\0" + person().id.encode()
    return b64encode(hmac.digest(services().secret_key, purpose, "sha256")).decode()


@blueprint.get("/compose/arrived")
def arrived() -> Answer:
    """Of each window that wrote one of the drafts: up to which of its changes."""
    with services().store.read() as conn:
        found = [find_field(header, WINDOW_FIELD) for _uid, header in versions.newest(conn)]
    return jsonify(windows=[each for each in found if each])
