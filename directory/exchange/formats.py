"""The formats by name, each with its reader and its writer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal, Protocol

from directory.exchange import csv_table, json_objects, ldif, vcard
from directory.exchange.kinds import Kind, Record
from directory.exchange.lines import Item, Lines

FormatName = Literal["csv", "json", "ldif", "vcard"]


class FormatReader(Protocol):
    def items(self) -> Iterator[Item]:
        """Every record of the file, and in its place every one that is broken."""

    def rejects_head(self) -> bytes:
        """How a file of records that were refused begins."""

    def rejected(self, item: Item, reason: str) -> bytes:
        """A record that was refused, as it was, with the reason."""


@dataclass(frozen=True, slots=True)
class Format:
    """``reader`` raises Fault where the file is no use at all; ``write`` tells how many records it wrote."""

    suffix: str
    reader: Callable[[Lines, Kind, object], FormatReader]
    write: Callable[[Kind, Iterable[Record], IO[str]], int]


FORMATS: dict[FormatName, Format] = {
    "csv": Format(csv_table.SUFFIX, csv_table.Reader, csv_table.write),
    "json": Format(json_objects.SUFFIX, json_objects.Reader, json_objects.write),
    "ldif": Format(ldif.SUFFIX, ldif.Reader, ldif.write),
    "vcard": Format(vcard.SUFFIX, vcard.Reader, vcard.write),
}


def format_of(file: Path) -> FormatName:
    """By the file's name; CSV where that tells nothing."""
    suffix = {".jsonl": ".json", ".ndjson": ".json", ".vcard": ".vcf"}.get(file.suffix.lower(), file.suffix.lower())
    return next((name for name, found in FORMATS.items() if found.suffix == suffix), "csv")
