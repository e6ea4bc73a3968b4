"""How an option of the configuration is declared: its default, its words, and the form it must have."""

from __future__ import annotations

import ipaddress
from dataclasses import field
from typing import Any

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
MEBIBYTE = 1024 * 1024


# Forms that a text may have to have: the pattern, and how to say it.
_LABEL = r"[^\W_](?:[\w-]*[^\W_])?"
_NAME = rf"{_LABEL}(?:\.{_LABEL})*\.?"
_PORT = r"(?:[1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d\d|655[0-2]\d|6553[0-5])"
_HOST = rf"(?:{_NAME}|\[[0-9A-Fa-f:.]+\])"
ADDRESS = (rf"[^\s@]+@{_NAME}", "an address, as thongbao@thanhpho.example")
DOMAIN = (_NAME, "a domain name, as thanhpho.example")
SCANNER = (rf"{_HOST}:{_PORT}|/\S+", "host:port or the path of a socket")
TARGET = (rf"{_HOST}(?::{_PORT})?", "host or host:port")
RESOLVER = (
    rf"(?:[0-9.]+|\[[0-9A-Fa-f:.]+\])(?::{_PORT})?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*",
    "an IP address or address:port",
)
DATABASE = (
    r"sqlite:///.+|postgresql\+psycopg://.+",
    "sqlite:///PATH or postgresql+psycopg://user:password@host/name",
)


def option(default: Any, doc: str, **more: Any) -> Any:
    if isinstance(default, dict | list):
        return field(default_factory=lambda: type(default)(default), metadata={"doc": doc, **more})
    return field(default=default, metadata={"doc": doc, **more})
