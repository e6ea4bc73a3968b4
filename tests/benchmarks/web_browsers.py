"""What a browser asks each webmail for, action by action, as requests: static files, which it has already, left out."""

from __future__ import annotations

import abc
import json
import random
import re
import time
from urllib.parse import urlencode

from tests.benchmarks.contender import COLLECTOR, PASSWORD
from tests.benchmarks.web_session import WebSession, csrf_token

# Roundcube's page has 50 rows, as ours.
ROWS = 50


class WebBrowser(abc.ABC):
    """One person with one browser.  Every action answers whether what came is what was asked for."""

    def __init__(self, port: int, seed: int) -> None:
        self.session = WebSession(port)
        self.chance = random.Random(seed)
        self.spent = 0.0  # milliseconds of the requests of one action

    def timed(self, action: str, *wanted: int | str) -> float:
        """Milliseconds until all that the action asks for has come."""
        self.spent = 0.0
        assert getattr(self, action)(*wanted), f"{action} {wanted}: something else came"
        return self.spent

    def _ask(self, method: str, path: str, form: dict[str, str] | None = None, wanted: int = 200) -> bytes:
        octets = self.session.ask(method, path, form, self._headers(), wanted)
        self.spent += self.session.spent
        return octets

    @abc.abstractmethod
    def _headers(self) -> dict[str, str]: ...

    @abc.abstractmethod
    def sign_in(self) -> bool: ...

    @abc.abstractmethod
    def whole_page(self) -> bool:
        """The mail screen as a browser asks for it that comes from elsewhere."""

    @abc.abstractmethod
    def first_page(self) -> bool:
        """The newest of the mailbox, asked for by the script of a screen that is there."""

    @abc.abstractmethod
    def far_page(self, number: int) -> bool: ...

    @abc.abstractmethod
    def open_message(self) -> bool:
        """Some message of the page that was asked for last: its head and its text."""

    @abc.abstractmethod
    def search_heads(self, words: str) -> bool: ...

    @abc.abstractmethod
    def search_text(self, words: str) -> bool: ...

    @abc.abstractmethod
    def mark(self) -> bool:
        """A star on some message of the page that was asked for last."""

    def close(self) -> None:
        self.session.close()


class CityMailBrowser(WebBrowser):
    """With script: parts of pages, as ``X-Fragments`` asks for."""

    _fragments = ""

    def _headers(self) -> dict[str, str]:
        return {"X-Fragments": self._fragments} if self._fragments else {}

    def sign_in(self) -> bool:
        form = {"login": COLLECTOR, "password": PASSWORD, "csrf_token": csrf_token(self._ask("GET", "/login"))}
        self._ask("POST", "/login", form, 303)
        self._ask("GET", "/", wanted=303)
        self._inbox = self.session.location
        page = self._ask("GET", self._inbox)
        self._token = csrf_token(page)
        return self._listed(page)

    def _listed_part(self, path: str) -> bool:
        return self._listed(json.loads(self._part(path, "list,sidebar"))["fragments"]["list"].encode())

    def _listed(self, octets: bytes) -> bool:
        self._uids = [int(uid) for uid in re.findall(rb'name="item" value="[0-9]+:([0-9]+)"', octets)]
        return 0 < len(self._uids) <= ROWS

    def _part(self, path: str, fragments: str) -> bytes:
        self._fragments = fragments
        try:
            return self._ask("GET", path)
        finally:
            self._fragments = ""

    def whole_page(self) -> bool:
        return self._listed(self._ask("GET", self._inbox))

    def first_page(self) -> bool:
        return self._listed_part(self._inbox)

    def far_page(self, number: int) -> bool:
        return self._listed_part(f"{self._inbox}?page={number}")

    def open_message(self) -> bool:
        path = f"{self._inbox}/{self.chance.choice(self._uids)}"
        head = self._part(path, "reading")
        return b"/body" in head and b"<html" in self._ask("GET", f"{path}/body")

    def search_heads(self, words: str) -> bool:
        return self.search_text(words)

    def search_text(self, words: str) -> bool:
        return self._listed_part("/search?" + urlencode({"q": words}))

    def mark(self) -> bool:
        key = f"{self._inbox.rpartition('/')[2]}:{self.chance.choice(self._uids)}"
        form = {"csrf_token": self._token, "action": f"star {key}", "next": self._inbox}
        self._ask("POST", "/actions", form, 303)
        return True


class RoundcubeBrowser(WebBrowser):
    _token = ""
    _is_remote = False

    def _headers(self) -> dict[str, str]:
        return {"X-Requested-With": "XMLHttpRequest", "X-Roundcube-Request": self._token} if self._is_remote else {}

    def sign_in(self) -> bool:
        found = re.search(rb'name="_token" value="([^"]+)"', self._ask("GET", "/?_task=login"))
        assert found is not None
        form = {"_task": "login", "_action": "login", "_timezone": "Asia/Ho_Chi_Minh", "_url": ""}
        form |= {"_token": found[1].decode(), "_user": COLLECTOR, "_pass": PASSWORD}
        self._ask("POST", "/?_task=login", form, 302)
        page = self._ask("GET", "/" + self.session.location.lstrip("./"))
        token = re.search(rb'"request_token":"([^"]+)"', page)
        assert token is not None, page[:500]
        self._token = token[1].decode()
        return b"messagelist" in page

    def _remote(self, method: str, **values: str) -> str:
        """What the page's script asks for, and the script that it is answered with."""
        self._is_remote = True
        query = {"_task": "mail", "_mbox": "INBOX", "_remote": "1", **values}
        try:
            if method == "POST":
                return str(json.loads(self._ask("POST", f"/?_task=mail&_action={values['_action']}", query))["exec"])
            query["_"] = str(time.time_ns())
            return str(json.loads(self._ask("GET", "/?" + urlencode(query)))["exec"])
        finally:
            self._is_remote = False

    def _listed(self, script: str) -> bool:
        self._uids = [int(uid) for uid in re.findall(r"add_message_row\((\d+)", script)]
        return 0 < len(self._uids) <= ROWS

    def whole_page(self) -> bool:
        return b"messagelist" in self._ask("GET", "/?_task=mail&_mbox=INBOX")

    def first_page(self) -> bool:
        return self._listed(self._remote("GET", _action="list", _refresh="1"))

    def far_page(self, number: int) -> bool:
        return self._listed(self._remote("GET", _action="list", _page=str(number)))

    def open_message(self) -> bool:
        query = {"_task": "mail", "_mbox": "INBOX", "_uid": str(self.chance.choice(self._uids)), "_framed": "1"}
        return b"messagebody" in self._ask("GET", "/?" + urlencode({**query, "_action": "preview"}))

    def search_heads(self, words: str) -> bool:
        return self._search(words, "subject,from")

    def search_text(self, words: str) -> bool:
        return self._search(words, "text")

    def _search(self, words: str, where: str) -> bool:
        asked = {"_q": words, "_headers": where, "_filter": "ALL", "_scope": "base", "_layout": "widescreen"}
        return self._listed(self._remote("GET", _action="search", **asked))

    def mark(self) -> bool:
        uid = str(self.chance.choice(self._uids))
        self._remote("POST", _action="mark", _uid=uid, _flag="flagged")
        return True
