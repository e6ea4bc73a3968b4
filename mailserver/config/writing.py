"""Writes the configuration's file: every option with its words, those not given as comments."""

from __future__ import annotations

import json
import typing
from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

from mailserver.config.settings import Config


def render(values: Mapping[str, Mapping[str, Any]] | None = None) -> str:
    """The whole configuration as a commented TOML text; options not in ``values`` are shown commented out."""
    values = values or {}
    out = [
        "# CityMail. A line that begins with '#' and a name shows the default; remove the '#' to change it.",
        "",
    ]
    for part in fields(Config):
        if part.metadata.get("internal"):
            continue
        section_type = typing.cast("type[Any]", part.default_factory)
        out += [f"# {part.metadata['doc']}", f"[{part.name}]"]
        given = values.get(part.name, {})
        for option in fields(section_type):
            default = option.default if option.default is not MISSING else {}
            out += [f"# {line}" for line in option.metadata["doc"].split("\n")]
            prefix = "" if option.name in given else "#"
            out.append(f"{prefix}{option.name} = {_toml(given.get(option.name, default))}")
        out.append("")
    return "\n".join(out)


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        # A JSON string is a TOML basic string, but for DEL, which TOML wants escaped.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, tuple | list):
        return "[" + ", ".join(_toml(item if isinstance(item, str | int) else str(item)) for item in value) + "]"
    return "{ " + ", ".join(f"{_toml(k)} = {_toml(v)}" for k, v in value.items()) + " }" if value else "{}"
