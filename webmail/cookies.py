"""The one cookie: signed, HttpOnly, SameSite=Strict, and only ever a reference.

It holds the opaque token of a session that the directory keeps (``directory.signing_in.sessions``), the CSRF secret,
and notices to show once.  Ending the session in the directory ends it everywhere; the cookie alone proves nothing.

Under TLS the cookie carries the ``__Host-`` prefix, so that no other host and no plain connection can set it.
Standards: RFC 6265bis §4.1.3 (prefixes), §5.5.7 (SameSite).
"""

from __future__ import annotations

from flask import Flask, has_request_context, request
from flask.sessions import SecureCookieSessionInterface
from itsdangerous import BadSignature

PLAIN_NAME = "citymail"
SECURE_NAME = "__Host-citymail"
TOKEN_KEY = "_user_id"  # noqa: S105  (where Flask-Login keeps what a user's get_id() gave)


class ServerSideSessions(SecureCookieSessionInterface):
    salt = "citymail-session"

    def get_cookie_name(self, app: Flask) -> str:
        return SECURE_NAME if self.get_cookie_secure(app) else PLAIN_NAME

    def get_cookie_secure(self, app: Flask) -> bool:
        return has_request_context() and request.is_secure


def read_cookies(app: Flask, cookies: dict[str, str], *, secure: bool) -> dict[str, object]:
    """What the cookie of a request says that Flask does not serve (the event stream); nothing if it is not ours."""
    serializer = app.session_interface.get_signing_serializer(app)  # type: ignore[attr-defined]
    value = cookies.get(SECURE_NAME if secure else PLAIN_NAME)
    if not value or serializer is None:
        return {}
    try:
        found = serializer.loads(value)
    except BadSignature:
        return {}
    return found if isinstance(found, dict) else {}
