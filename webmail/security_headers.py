"""What every response says about itself, and which requests are heard at all.

The application's pages run only scripts from this server, as files: no inline script, no eval, and Trusted Types, so
that text can become markup only through the one policy in ``front/trusted.ts``.  Responses that carry a stranger's
content set a narrower policy of their own (``webmail.reading.message_body``, ``webmail.reading.attachments``), which
stays.

A request that changes something must come from our own pages: Fetch Metadata says so in every current browser, the
Origin header in older ones, and the CSRF token of Flask-WTF in all.

Standards: CSP Level 3, Trusted Types, Fetch Metadata, RFC 6454 (Origin), RFC 6797 (HSTS), RFC 9111 §5.2.2.5.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from flask import Flask, Response, abort, request
from flask_wtf.csrf import CSRFProtect

APPLICATION_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "frame-src 'self'",
        "manifest-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types citymail",
    )
)
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def init_app(app: Flask) -> None:
    CSRFProtect(app)
    app.before_request(refuse_foreign_requests)
    app.after_request(add_headers)


def refuse_foreign_requests() -> None:
    site = request.headers.get("Sec-Fetch-Site")
    if request.method in _SAFE_METHODS:
        # Other sites may link to us, but neither frame us nor load us as a picture or a script.
        if site in ("cross-site", "same-site") and request.headers.get("Sec-Fetch-Mode") != "navigate":
            abort(403)
        if site == "cross-site" and request.headers.get("Sec-Fetch-Dest") in ("iframe", "frame", "object", "embed"):
            abort(403)
        return
    if site is not None:
        if site not in ("same-origin", "none"):
            abort(403)
        return
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != request.host:
        abort(403)


def add_headers(response: Response) -> Response:
    headers = response.headers
    headers.setdefault("Content-Security-Policy", APPLICATION_POLICY)
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("X-Frame-Options", "DENY")  # for browsers that do not know frame-ancestors
    # Not "no-referrer": a form would then be sent with "Origin: null", and older browsers tell nothing else.
    headers.setdefault("Referrer-Policy", "same-origin")
    headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
    if "Cache-Control" not in headers:
        headers["Cache-Control"] = "no-store"
    if request.is_secure and not _is_address(request.host):
        headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    return response


def _is_address(host: str) -> bool:
    name = urlsplit(f"//{host}").hostname or ""
    if name == "localhost":
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
