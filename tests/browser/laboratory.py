"""A made-up site in Chromium: serves what a test puts there, and sees what ran and what was asked for."""

from __future__ import annotations

from playwright.sync_api import BrowserContext, Page, Route

from tests.webmail import hostile

ORIGIN = "http://webmail.test"


class Laboratory:
    """Serves whatever a test puts at a path of a made-up origin; records what ran and what was asked for."""

    def __init__(self, context: BrowserContext) -> None:
        self.page: Page = context.new_page()
        self.ran: list[str] = []
        self.asked: list[str] = []
        self.bodies: dict[str, tuple[str, dict[str, str]]] = {}
        context.route("**/*", self._serve)
        context.on("console", lambda message: self._hear(message.text))
        context.on("page", lambda page: self.asked.append(f"popup {page.url}") if page != self.page else None)

    def _hear(self, text: str) -> None:
        # A policy's own complaint quotes the code it stopped; the canary itself stands alone.
        if text.strip() == hostile.CANARY:
            self.ran.append(text)

    def _serve(self, route: Route) -> None:
        # What a policy forbade never comes this far.
        path = route.request.url.removeprefix(ORIGIN)
        if not route.request.url.startswith(ORIGIN):
            self.asked.append(route.request.url)
        if path not in self.bodies:
            route.abort()
            return
        body, headers = self.bodies[path]
        route.fulfill(body=body, headers={"Content-Type": "text/html; charset=utf-8", **headers})

    def put(self, path: str, body: str, policy: str = "") -> None:
        self.bodies[path] = (body, {"Content-Security-Policy": policy} if policy else {})

    def visit(self, path: str) -> None:
        self.page.goto(ORIGIN + path, wait_until="load")
        self.page.mouse.move(20, 20)
        self.page.wait_for_timeout(40)

    def frames(self, sources: list[str], *, sandbox: str | None) -> None:
        """Several documents at once, each in a frame of its own."""
        attribute = "" if sandbox is None else f' sandbox="{sandbox}"'
        self.put(
            "/",
            "<!doctype html>"
            + "".join(f'<iframe src="{each}"{attribute} width=300 height=60></iframe>' for each in sources),
        )
        self.visit("/")


def document(inner: str, styles: str = "") -> str:
    return f"<!doctype html><html><head><meta charset=utf-8><style>{styles}</style></head><body>{inner}</body></html>"
