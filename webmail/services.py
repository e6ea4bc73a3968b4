"""What the webmail is given to work with, and how a request finds it.

``mailserver.wiring`` builds the values once for each process; views reach them through ``services()`` instead of
through globals, so that a test can build an application on a store of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from flask import current_app

if TYPE_CHECKING:
    from directory.database import Directory
    from directory.login import Gate
    from mailserver.config import Config
    from mailserver.delivery.post_office import PostOffice
    from mailserver.store import Store

EXTENSION = "citymail"


@dataclass(frozen=True, slots=True)
class WebmailServices:
    store: Store
    directory: Directory
    gate: Gate
    office: PostOffice
    config: Config
    clock: Callable[[], float]
    secret_key: bytes

    def __repr__(self) -> str:
        return f"WebmailServices({self.config.city.domain})"  # the secret key never reaches a log


def services() -> WebmailServices:
    return cast(WebmailServices, current_app.extensions[EXTENSION])
