"""Waiting for what a page has ordered: it shows what it did before the server has done it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from playwright.sync_api import Page

T = TypeVar("T")

_PATIENCE = 30  # seconds


def becomes(page: Page, read: Callable[[], T], wanted: T) -> None:
    """Until ``read`` says what is wanted; the page goes on meanwhile."""
    deadline = time.monotonic() + _PATIENCE
    while (found := read()) != wanted:
        assert time.monotonic() < deadline, f"{found!r} did not become {wanted!r}"
        page.wait_for_timeout(20)


def until(page: Page, condition: str) -> None:
    """A condition in JavaScript (``wait_for_function`` would need a policy that allows eval)."""
    becomes(page, lambda: bool(page.evaluate(condition)), True)
