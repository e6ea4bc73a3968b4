"""The event streams of the webmail: "something changed", to every open page, holding no thread.

A page's stream watches its account's mailboxes (``store.watch``).  After a wake-up a thread looks once
(``webmail.events.look``), and only if the look shows a change is anything sent.  The session is looked at with it, and
at every sign of life, so that a stream ends with its session.

Standards: HTML §9.2 (server-sent events).
Limits: ``STREAMS_PER_ACCOUNT`` and ``STREAMS`` at a time; a page above that goes without live news.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from concurrent.futures import Executor

from flask import Flask

from mailserver.servers.web_bridge import Receive, Scope, Send, answer, cookies_of
from webmail.events import Snapshot, greeting, look, news
from webmail.services import WebmailServices

STREAMS_PER_ACCOUNT = 12
STREAMS = 20_000
SIGN_OF_LIFE = 25.0
# Wake-ups that come close together are one look: a delivery touches several mailboxes, several deliveries come at once.
GATHER = 0.05
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-accel-buffering", b"no"),
]


class Streams:
    """All open streams of one process."""

    def __init__(self, app: Flask, services: WebmailServices, executor: Executor) -> None:
        self._app = app
        self._services = services
        self._executor = executor
        self._open: Counter[str] = Counter()
        self._ending = asyncio.Event()

    def end(self) -> None:
        """Let every stream finish; pages connect again by themselves."""
        self._ending.set()

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        if headers.get(b"sec-fetch-site", b"same-origin") not in (b"same-origin", b"none"):
            return await answer(send, 403)
        cookies = cookies_of(scope)
        secure = scope.get("scheme") == "https"
        now = await self._look(cookies, secure=secure)
        if now is None:
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            await send({"type": "http.response.body", "body": b"event: signed-out\ndata: {}\n\n"})
            return None
        if self._open[now.account_id] >= STREAMS_PER_ACCOUNT or self._open.total() >= STREAMS:
            return await answer(send, 429, [(b"retry-after", b"60")])
        self._open[now.account_id] += 1
        try:
            await self._stream(now, cookies, receive, send, secure=secure)
        finally:
            self._open[now.account_id] -= 1
            if not self._open[now.account_id]:
                del self._open[now.account_id]
        return None

    async def _stream(
        self, before: Snapshot, cookies: dict[str, str], receive: Receive, send: Send, *, secure: bool
    ) -> None:
        loop = asyncio.get_running_loop()
        woken = asyncio.Event()
        watch = self._services.store.watch(before.states, lambda: loop.call_soon_threadsafe(woken.set))
        gone = asyncio.create_task(_wait_for_end(receive))
        ending = asyncio.create_task(self._ending.wait())
        try:
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            await send({"type": "http.response.body", "body": b"retry: 2000\n\n", "more_body": True})
            await send(_chunk(f"event: state\ndata: {greeting(before)}\n\n"))
            woken.set()  # what changed between the look and the watch
            while True:
                waking = asyncio.create_task(woken.wait())
                done, _ = await asyncio.wait(
                    {waking, gone, ending}, timeout=SIGN_OF_LIFE, return_when=asyncio.FIRST_COMPLETED
                )
                waking.cancel()
                if gone in done or ending in done:
                    break
                await asyncio.sleep(GATHER)
                woken.clear()
                now = await self._look(cookies, secure=secure)
                if now is None:
                    await send(_chunk("event: signed-out\ndata: {}\n\n"))
                    break
                told = news(before, now)
                for mailbox_id in now.states.keys() - set(watch.mailboxes):
                    watch.add(mailbox_id)
                for mailbox_id in set(watch.mailboxes) - now.states.keys():
                    watch.remove(mailbox_id)
                before = now
                if told is not None:
                    await send(_chunk(f"event: change\ndata: {told}\n\n"))
                elif waking not in done:
                    await send(_chunk(": still here\n\n"))
            if gone not in done:
                await send({"type": "http.response.body", "body": b""})
        finally:
            watch.close()
            gone.cancel()
            ending.cancel()

    async def _look(self, cookies: dict[str, str], *, secure: bool) -> Snapshot | None:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._executor, lambda: look(self._app, self._services, cookies, secure=secure)
        )


async def _wait_for_end(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _chunk(text: str) -> dict[str, object]:
    return {"type": "http.response.body", "body": text.encode(), "more_body": True}
