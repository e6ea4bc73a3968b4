"""Short questions to the store or the directory, from a loop that must not wait for a network."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, TypeVar

from mailserver.delivery.post_office import PostOffice

T = TypeVar("T")


async def ask(office: PostOffice, function: Callable[..., T], *arguments: Any, executor: Executor | None = None) -> T:
    """In place on the embedded engine, where it takes microseconds; else on a thread."""
    if office.in_place:
        return function(*arguments)
    return await asyncio.get_running_loop().run_in_executor(executor, function, *arguments)
