"""What the city publishes about its certificates, under the host name that stands in them, to whoever asks.

Over plain HTTP: what is signed needs no TLS, and whoever checks a server's certificate cannot be sent to another one.

Standards: RFC 2585 §2.1; RFC 6960 appendix A.1; RFC 5019 §5, §6.2 (GET may be cached); RFC 9111 §5.2.2, §5.3;
RFC 9110 §8.8.3.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from hashlib import sha256

from flask import Blueprint, Flask, Response, abort, current_app, request

from mailserver.certificate_answers import ANSWER_TYPE, REQUEST_TYPE, Publication
from security.authority.responder import LARGEST_REQUEST, Answer, read_get
from webmail.services import WebmailServices, services

blueprint = Blueprint("pki", __name__)

_EXTENSION = "citymail-pki"


def init_app(app: Flask, given: WebmailServices) -> None:
    """Nothing is served unless the configuration names a host."""
    if not given.config.pki.host:
        return
    from mailserver.certifying import responder_key  # and much that only who serves this needs

    app.extensions[_EXTENSION] = Publication(
        given.directory, lambda: responder_key(given.config), given.clock, time.monotonic
    )
    app.register_blueprint(blueprint)
    # clients that ask are no browsers, have no session, and change nothing
    app.extensions["csrf"].exempt(blueprint)


def _publication() -> Publication:
    if request.host.partition(":")[0].lower() != services().config.pki.host.lower():
        abort(404)
    publication = current_app.extensions[_EXTENSION]
    assert isinstance(publication, Publication)
    return publication


@blueprint.get("/pki/<name>")
def show(name: str) -> Response:
    document = _publication().document(name)
    if document is None:
        abort(404)
    response = Response(document.octets, content_type=document.media_type)
    return _cached(response, document.changed_at, document.expires_at or int(services().clock()) + 86_400)


@blueprint.post("/ocsp")
def answer_post() -> Response:
    publication = _publication()
    if request.mimetype != REQUEST_TYPE:
        abort(415)
    if (request.content_length or 0) > LARGEST_REQUEST:
        abort(413)
    return _respond(publication.answer(request.get_data(cache=False)), is_cached=False)


@blueprint.get("/ocsp/<path:asked>", merge_slashes=False)
def answer_get(asked: str) -> Response:
    publication = _publication()
    try:
        octets = read_get(asked)
    except ValueError:
        octets = b""  # is answered as what it is: no request
    return _respond(publication.answer(octets), is_cached=True)


def _respond(answer: Answer, *, is_cached: bool) -> Response:
    response = Response(answer.octets, content_type=ANSWER_TYPE)
    if is_cached and answer.keeps and answer.this_update and answer.next_update:
        return _cached(response, int(answer.this_update.timestamp()), int(answer.next_update.timestamp()))
    return response


def _cached(response: Response, changed_at: int, expires_at: int) -> Response:
    """Until it ends, and no longer (RFC 5019 §6.2)."""
    left = max(0, expires_at - int(services().clock()))
    response.headers["Cache-Control"] = f"max-age={left}, public, no-transform, must-revalidate"
    response.last_modified = datetime.fromtimestamp(changed_at, UTC)
    response.expires = datetime.fromtimestamp(expires_at, UTC)
    response.set_etag(sha256(response.get_data()).hexdigest())
    response.make_conditional(request)
    return response
