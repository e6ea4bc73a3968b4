"""Pictures of messages from elsewhere, given to the page of whoever may read the message and asked for them.

A thread says whether the request is one of ours (``webmail.reading.pictures``); the fetching has its own place
(``servers.pictures``), so that neither a slow server nor a hostile one holds a thread of the pages.

Standards: RFC 9111 §5.2.2.7 (private); Fetch §3.6 (nosniff).
Limits: ``PER_ACCOUNT`` at a time.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from concurrent.futures import Executor

from flask import Flask

from mailserver.servers.dns import Dns
from mailserver.servers.pictures import Fetcher, FetchingThread
from mailserver.servers.web_bridge import Receive, Scope, Send, answer, cookies_of
from security.tls import client_context
from webmail.reading.attachments import POLICY
from webmail.reading.pictures import PATH, wanted
from webmail.services import WebmailServices

PER_ACCOUNT = 60


class Pictures:
    """One web process's door to pictures elsewhere."""

    def __init__(
        self, app: Flask, services: WebmailServices, executor: Executor, fetching: FetchingThread | None = None
    ) -> None:
        self._app = app
        self._services = services
        self._executor = executor
        self._fetching = fetching or FetchingThread(lambda: _fetcher(services))
        self._open: Counter[str] = Counter()

    def end(self) -> None:
        self._fetching.end()

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        if headers.get(b"sec-fetch-site", b"same-origin") != b"same-origin":
            return await answer(send, 403)
        secure = scope.get("scheme") == "https"
        token = scope["path"][len(PATH) :]
        asked = await asyncio.get_running_loop().run_in_executor(
            self._executor, lambda: wanted(self._app, self._services, cookies_of(scope), token, secure=secure)
        )
        if asked is None:
            return await answer(send, 404)
        if self._open[asked.account_id] >= PER_ACCOUNT:
            return await answer(send, 429, [(b"retry-after", b"10")])
        self._open[asked.account_id] += 1
        try:
            picture = await self._fetching.fetch(asked.url)
        finally:
            self._open[asked.account_id] -= 1
            if not self._open[asked.account_id]:
                del self._open[asked.account_id]
        if picture is None:
            return await answer(send, 404, _GUARDED)
        given = [
            (b"content-type", picture.media_type.encode()),
            (b"content-length", str(len(picture.octets)).encode()),
            (b"cache-control", b"private, max-age=3600"),
            *_GUARDED,
        ]
        await send({"type": "http.response.start", "status": 200, "headers": given})
        await send({"type": "http.response.body", "body": picture.octets})
        return None


_GUARDED = [
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
]


def _fetcher(services: WebmailServices) -> Fetcher:
    config = services.config
    names = Dns.from_config(config)

    async def resolve(host: str) -> tuple[str, ...]:
        return tuple((await names.addresses(host)).names)

    named = config.relay.authorities
    context = client_context(ca_file=config.resolve(named) if named else None)
    return Fetcher(resolve, context, services.attachments.picture)
