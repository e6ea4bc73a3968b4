"""One browser as far as HTTP goes: a connection that stays, and cookies."""

from __future__ import annotations

import http.client
import re
import time
from collections.abc import Mapping
from html import unescape
from urllib.parse import urlencode

from tests.benchmarks.contender import PASSWORD

_PATIENCE = 120.0


class WebSession:
    def __init__(self, port: int) -> None:
        self.port = port
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE)
        self.cookies: dict[str, str] = {}
        self.location = ""  # where the last answer leads
        self.spent = 0.0  # milliseconds until the last answer was read whole

    def ask(
        self,
        method: str,
        path: str,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        wanted: int = 200,
    ) -> bytes:
        """What came.  Fails if the status is another than ``wanted``."""
        sent = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()), **(headers or {})}
        body = None
        if form is not None:
            body = urlencode(form)
            sent["Content-Type"] = "application/x-www-form-urlencoded"
            sent["Origin"] = f"http://127.0.0.1:{self.port}"
        start = time.perf_counter()
        self._connection.request(method, path, body, sent)
        answer = self._connection.getresponse()
        octets = answer.read()
        self.spent = 1e3 * (time.perf_counter() - start)
        assert answer.status == wanted, f"{method} {path}: {answer.status}\n{octets[:500]!r}"
        for value in answer.headers.get_all("Set-Cookie", []):
            name, _, text = value.partition(";")[0].partition("=")
            self.cookies[name] = text
        self.location = answer.headers.get("Location", "")
        return octets

    def close(self) -> None:
        self._connection.close()


def signed_in(port: int, login: str) -> WebSession:
    """At CityMail."""
    session = WebSession(port)
    form = {"login": login, "password": PASSWORD, "csrf_token": csrf_token(session.ask("GET", "/login"))}
    session.ask("POST", "/login", form, wanted=303)
    return session


def csrf_token(page: bytes) -> str:
    found = re.search(rb'name="csrf[-_]token" (?:content|value)="([^"]+)"', page)
    assert found is not None, page[:500]
    return unescape(found[1].decode())
