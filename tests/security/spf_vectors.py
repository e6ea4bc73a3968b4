"""The published SPF test suite (vectors/rfc7208-tests.yml) as tables for a DNS."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from security.dns import Answer, Mx, Status
from tests.dns_table import DnsTable

PATH = Path(__file__).parent / "vectors" / "rfc7208-tests.yml"


@dataclass(frozen=True)
class Vector:
    name: str
    client: Any
    mail_from: str
    helo: str
    results: tuple[str, ...]
    explanation: str | None
    zone: dict[str, list[Any]]


def vectors() -> list[Vector]:
    found = []
    for scenario in yaml.safe_load_all(PATH.read_text("utf-8")):
        for name, test in scenario["tests"].items():
            result = test["result"]
            found.append(
                Vector(
                    name,
                    ipaddress.ip_address(test["host"]),
                    test["mailfrom"],
                    test["helo"],
                    tuple(result) if isinstance(result, list) else (result,),
                    test.get("explanation"),
                    scenario["zonedata"],
                )
            )
    return found


class ZoneTable(DnsTable):
    """The suite's zones: an SPF entry is a TXT record unless TXT is given; TIMEOUT is for what is not given."""

    def __init__(self, zone: dict[str, list[Any]]) -> None:
        records: dict[tuple[str, Any], list[Any]] = {}
        self.silent: set[str] = set()
        for name, entries in zone.items():
            kinds = {kind for entry in entries if isinstance(entry, dict) for kind in entry}
            for entry in entries:
                if entry == "TIMEOUT":
                    self.silent.add(name.lower())
                    continue
                for kind, value in entry.items():
                    if kind == "SPF" and "TXT" in kinds:
                        continue
                    if kind == "TXT" and value == "NONE":
                        continue
                    key = (name, "TXT" if kind == "SPF" else kind)
                    records.setdefault(key, []).append(_record(key[1], value))
        super().__init__(records)

    def answer(self, question: Any) -> Answer:
        found = super().answer(question)
        name = question.name.rstrip(".").lower()
        if found.status is not Status.FOUND and (name in self.silent or name.startswith("error.")):
            return Answer(Status.FAILED, fault="timed out")
        return found


def _record(kind: str, value: Any) -> Any:
    if value == "TIMEOUT":
        return Answer(Status.FAILED)
    if kind == "TXT":
        return "".join(value if isinstance(value, list) else [value]).encode()
    if kind == "MX":
        return Mx(value[0], value[1].rstrip(".") or ".")
    return str(value).rstrip(".")
