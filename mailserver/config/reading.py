"""Reads the configuration's file, and says every mistake of it with its line."""

from __future__ import annotations

import ipaddress
import re
import tomllib
import types
import typing
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from mailserver.config.service import Listen, Login, Tls
from mailserver.config.settings import Config


class ConfigFault(ValueError):
    """The file has mistakes; ``problems`` lists them as ``file:line: what is wrong``."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


def load(path: Path) -> Config:
    """Read the file.  Raises ConfigFault naming every mistake with its line, OSError if it cannot be read."""
    octets = path.read_bytes()
    try:
        text = octets.decode("utf-8")
        document = tomllib.loads(text)
    except UnicodeDecodeError as fault:
        line = octets.count(b"\n", 0, fault.start) + 1
        raise ConfigFault([f"{path}:{line}: the file must be UTF-8"]) from None
    except tomllib.TOMLDecodeError as fault:
        raise ConfigFault([_with_line(path, str(fault), text)]) from None
    reader = _Reader(text)
    sections: dict[str, Any] = {}
    known = {f.name: f for f in fields(Config) if not f.metadata.get("internal")}
    for name, value in document.items():
        if name not in known:
            reader.complain(
                name,
                None,
                f"unknown section [{name}]" if isinstance(value, dict) else f"unknown key {name!r}",
            )
        elif not isinstance(value, dict):
            reader.complain(name, None, f"{name!r} must be a section, [{name}]")
        else:
            section_type = typing.cast("type", known[name].default_factory)
            sections[name] = reader.section(name, section_type, value)
    reader.compare(sections)
    if reader.problems:
        raise ConfigFault([f"{path}:{line}: {what}" for line, what in sorted(reader.problems)])
    return Config(**sections, path=path.resolve())


def _with_line(path: Path, fault: str, text: str) -> str:
    """tomllib writes ``… (at line 3, column 5)`` or ``… (at end of document)`` after what is wrong."""
    place = re.fullmatch(r"(.*) \(at (?:line (\d+), column \d+|end of document)\)", fault, re.DOTALL)
    if not place:
        return f"{path}:1: {fault}"
    return f"{path}:{place[2] or len(text.splitlines())}: {place[1]}"


class _Reader:
    def __init__(self, text: str) -> None:
        self.problems: list[tuple[int, str]] = []
        self.lines = _locate_keys(text)

    def complain(self, section: str, key: str | None, what: str) -> None:
        line = self.lines.get((section, key)) or self.lines.get((section, None)) or self.lines.get(("", section), 1)
        self.problems.append((line, what))

    def section(self, name: str, section_type: type, values: dict[str, Any]) -> Any:
        hints = typing.get_type_hints(section_type)
        known = {f.name: f for f in fields(section_type)}
        accepted: dict[str, Any] = {}
        for key, value in values.items():
            if key not in known:
                self.complain(name, key, f"unknown key {key!r} in [{name}]; known: {', '.join(known)}")
                continue
            try:
                accepted[key] = _convert(value, hints[key], known[key].metadata)
            except ValueError as fault:
                self.complain(name, key, f"[{name}] {key}: {fault}")
        return section_type(**accepted)

    def compare(self, sections: Mapping[str, Any]) -> None:
        """What is wrong only beside another option."""
        tls: Tls = sections.get("tls") or Tls()
        for given, missing in (("certificate", "key"), ("key", "certificate")):
            if getattr(tls, given) and not getattr(tls, missing):
                self.complain("tls", given, f"[tls] {given} is named without a {missing}")
        if tls.client_authorities and not tls.certificate:
            self.complain("tls", "client_authorities", "[tls] client_authorities is named without a certificate")
        login: Login = sections.get("login") or Login()
        for needed in ("oauth_audience", "oauth_keys", "oauth_claim"):
            if login.oauth_issuer and not getattr(login, needed):
                self.complain("login", "oauth_issuer", f"[login] oauth_issuer is named without {needed}")
        listen: Listen = sections.get("listen") or Listen()
        taken: dict[int, str] = {}
        for option in fields(Listen):
            port = getattr(listen, option.name)
            if option.name != "host" and port and taken.setdefault(port, option.name) != option.name:
                self.complain(
                    "listen", option.name, f"[listen] {option.name}: {port} is the port of {taken[port]} already"
                )


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def _convert(value: Any, wanted: Any, rules: Mapping[str, Any]) -> Any:
    origin = typing.get_origin(wanted)
    if wanted is bool:
        if not isinstance(value, bool):
            raise ValueError(f"must be true or false, not {value!r}")
    elif wanted is int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise ValueError(f"must be a whole number, not {value!r}")
        if "low" in rules and value < rules["low"]:
            raise ValueError(f"must be at least {rules['low']}, not {value}")
        if "high" in rules and value > rules["high"]:
            raise ValueError(f"must be at most {rules['high']}, not {value}")
    elif wanted is str:
        if not isinstance(value, str):
            raise ValueError(f"must be a text in quotes, not {value!r}")
        if rules.get("zone") and not _is_zone(value):
            raise ValueError(f"must be a time zone, as Asia/Ho_Chi_Minh, not {value!r}")
        if "choices" in rules and value not in rules["choices"]:
            raise ValueError(f"must be one of {', '.join(rules['choices'])}, not {value!r}")
        if "form" in rules and not (value == "" and rules.get("empty")):
            pattern, wording = rules["form"]
            if not re.fullmatch(pattern, value):
                raise ValueError(f"must be {wording}, not {value!r}")
    elif origin is tuple:
        if not isinstance(value, list):
            raise ValueError(f"must be a list in brackets, not {value!r}")
        if rules.get("filled") and not value:
            raise ValueError("must name one at least")
        return tuple(_convert(item, typing.get_args(wanted)[0], rules) for item in value)
    elif origin is types.UnionType:  # Network
        if not isinstance(value, str):
            raise ValueError(f"must be networks in quotes, not {value!r}")
        try:
            return ipaddress.ip_network(value)
        except ValueError as fault:
            raise ValueError(f"{value!r} is not a network: {fault}") from None
    else:  # Mapping[str, str]
        if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
            raise ValueError('must be a table of texts, { "a" = "b" }')
        return types.MappingProxyType({key: _convert(item, str, rules) for key, item in value.items()})
    return value


def _locate_keys(text: str) -> dict[tuple[str, str | None], int]:
    """(section, key) → line; (section, None) → line of its header.  Only for messages: tomllib gives no lines."""
    places: dict[tuple[str, str | None], int] = {}
    section = ""
    for number, line in enumerate(text.splitlines(), 1):
        header = re.match(r"\s*\[\s*([^\[\].]+?)\s*(?:\.\s*([^\[\].]+?)\s*)?\]", line)
        if header:
            section = header[1].strip("\"'")
            places.setdefault((section, None), number)
            if header[2]:
                places.setdefault((section, header[2].strip("\"'")), number)
            continue
        key = re.match(r"\s*([A-Za-z0-9_-]+|\"[^\"]+\"|'[^']+')\s*(?:\.|=)", line)
        if key:
            places.setdefault((section, key[1].strip("\"'")), number)
    return places
