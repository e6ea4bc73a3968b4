"""What the webmail is given to work with, and how a request finds it.

``mailserver.wiring`` builds the values once for each process; views reach them through ``services()`` instead of
through globals, so that a test can build an application on a store of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from flask import current_app

from directory.ldap.vocabulary import Vocabulary
from mailserver.message.attachments.readers import AttachmentReaders
from security.pace import Pace, pace_memory
from webmail.reading.found import Kept

if TYPE_CHECKING:
    from directory.database import Directory
    from directory.signing_in.login import Gate
    from mailserver.config import Config
    from mailserver.delivery.post_office import PostOffice
    from mailserver.store import Store
    from security.keys.client import KeyProcess
    from security.shared_table import SharedTable

EXTENSION = "citymail"
# Look-ups of people that a session may make at once, and in a second: nobody types faster, and who copies the
# directory takes his time.
LOOK_UPS_AT_ONCE, LOOK_UPS_PER_SECOND = 60, 5.0


def look_up_pace(memory: SharedTable) -> Pace:
    return Pace(LOOK_UPS_AT_ONCE, LOOK_UPS_PER_SECOND, time.monotonic, memory)


@dataclass(frozen=True, slots=True)
class WebmailServices:
    store: Store
    directory: Directory
    gate: Gate
    office: PostOffice
    config: Config
    clock: Callable[[], float]
    secret_key: bytes
    look_ups: Pace = field(default_factory=lambda: look_up_pace(pace_memory()))
    vocabulary: Vocabulary = field(default_factory=Vocabulary)
    found: Kept = field(default_factory=Kept)
    attachments: AttachmentReaders = field(default_factory=AttachmentReaders)
    keys: KeyProcess | None = None  # private keys of whoever is signed in; none: nothing is signed or decrypted

    def __repr__(self) -> str:
        return f"WebmailServices({self.config.city.domain})"  # the secret key never reaches a log


def services() -> WebmailServices:
    return cast(WebmailServices, current_app.extensions[EXTENSION])
