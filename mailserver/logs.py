"""How the processes write their log: one line an event, as text or JSON, to standard error."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

from mailserver.config import Log


class JsonFormatter(logging.Formatter):
    """One JSON object a line, for whatever collects logs."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "pid": record.process,
            "message": record.getMessage(),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False)


class TextFormatter(logging.Formatter):
    """Control characters of what a client sent must not forge lines of the log."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s [%(process)d] %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        head, *trace = super().format(record).split("\n") if record.exc_info else [super().format(record)]
        head = "".join(character if character.isprintable() else f"\\x{ord(character):02x}" for character in head)
        return "\n".join([head, *trace])


def set_up(settings: Log) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if settings.format == "json" else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.level.upper())
    # aiosmtpd and asyncio describe every line they read at INFO.
    for chatty in ("mail.log", "asyncio", "alembic", "uvicorn"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
