"""A town hall and browsers without a window: Flask's test client signed in as one of the officials."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.webmail import town_hall
from tests.webmail.town_hall import TownHall
from webmail import create_app


class Visitor:
    """A browser without a window: follows no link by itself, sends the CSRF token of the page it saw last."""

    def __init__(self, app: Flask, hall: TownHall) -> None:
        self.client: FlaskClient = app.test_client()
        self.hall = hall
        self.token = ""

    def get(self, path: str, **more: Any) -> TestResponse:
        response = self.client.get(path, **more)
        self._note(response)
        return response

    def page(self, path: str) -> str:
        response = self.get(path)
        assert response.status_code == 200, f"{path}: {response.status} {response.headers.get('Location', '')}"
        return response.get_data(as_text=True)

    def post(self, path: str, data: dict[str, Any], *, follow: bool = False, **more: Any) -> TestResponse:
        response = self.client.post(path, data={"csrf_token": self.token, **data}, follow_redirects=follow, **more)
        self._note(response)
        return response

    def ask(self, path: str, data: dict[str, Any]) -> TestResponse:
        """As the script layer posts."""
        return self.post(path, data, headers={"X-Requested-With": "citymail"})

    def sign_in(self, login: str, password: str = town_hall.PASSWORD) -> Visitor:
        self.get("/login")
        response = self.post("/login", {"login": self.hall.address(login), "password": password})
        assert response.status_code == 303, response.get_data(as_text=True)
        self.get("/settings")
        return self

    def _note(self, response: TestResponse) -> None:
        if response.mimetype == "text/html":
            found = re.search(r'name="csrf[-_]token" (?:content|value)="([^"]+)"', response.get_data(as_text=True))
            if found:
                self.token = unescape(found[1])


@pytest.fixture
def hall(tmp_path: Path) -> Iterator[TownHall]:
    founded = town_hall.build(tmp_path)
    yield founded
    founded.close()


@pytest.fixture
def app(hall: TownHall) -> Flask:
    return create_app(hall.services)


@pytest.fixture
def visitor(app: Flask, hall: TownHall) -> Visitor:
    return Visitor(app, hall)


@pytest.fixture
def an(visitor: Visitor) -> Visitor:
    """Hoài An, signed in."""
    return visitor.sign_in("an")


@pytest.fixture
def sign_in(app: Flask, hall: TownHall) -> Callable[[str], Visitor]:
    return lambda login: Visitor(app, hall).sign_in(login)
