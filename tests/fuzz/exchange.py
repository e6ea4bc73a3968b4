"""Files of the directory: whatever they hold is records or faults, and what is read and written is read alike again."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from directory.exchange.formats import FORMATS
from directory.exchange.kinds import KINDS, Kind, Record
from directory.exchange.lines import ENCODINGS, Item, Lines, refuse_damage
from directory.faults import Fault

# What the export adds for programs that are not ours.
_SHOWN = {"suffix": "dc=city,dc=vn", "shown_title": "", "shown_unit": "", "inner_groups": (), "outside": ()}


def files(octets: bytes) -> None:
    encoding = ENCODINGS[len(octets) % len(ENCODINGS)]
    for name, form in FORMATS.items():
        for kind in KINDS.values():
            reader: Any
            try:
                lines = Lines(io.BytesIO(octets), Path("x"), encoding)
                reader = form.reader(lines, kind, "x")
                items: list[Item] = list(reader.items())
            except Fault:
                continue
            for item in items:
                assert bool(item.record) != bool(item.fault)
                assert reader.rejected(item, "vì sao,\nthế")
            sound = [item.record for item in items if item.fault is None and _is_sound(kind, item.record)]
            out = io.StringIO(newline="")
            form.write(kind, [tuple(_SHOWN | row for row in record) for record in sound], out)
            again = form.reader(Lines(io.BytesIO(out.getvalue().encode()), "x"), kind, "x")
            assert [_told(item.record) for item in again.items()] == [_told(record) for record in sound], (name, kind)


def _is_sound(kind: Kind, record: Record) -> bool:
    """What an import would take, and so an export write: with a name, an address and parts that go together."""
    row = record[0]
    required = {"official": ("full_name", "given_name", "address"), "unit": ("id", "name")}
    try:
        refuse_damage(kind, record)
        "".join(str(value) for each in record for value in each.values()).encode()
    except (Fault, UnicodeEncodeError):
        return False
    has_posts = kind.name != "official" or all(each.get("unit") and each.get("position") for each in record)
    # several addresses of a column stand with spaces between
    row_lists = (each for name, value in row.items() if isinstance(value, list) and name != "rules" for each in value)
    if any(" " in each for each in row_lists):
        return False
    known = all(each.startswith("{") and each.endswith("}") for each in row.get("rules", ()))
    return has_posts and known and all(row.get(each) for each in required.get(kind.name, ("address", "name")))


def _told(record: Record) -> list[dict[str, Any]]:
    """Without what is empty, and without what is never written."""
    return [{k: v for k, v in row.items() if v not in ("", []) and k != "password"} for row in record]


def file_seeds() -> list[bytes]:
    person = {
        "employee_code": "CB1",
        "full_name": "Nguyễn Văn An",
        "given_name": "An",
        "family_name": "Nguyễn",
        "address": "an@c.vn",
        "aliases": ["b@c.vn"],
        "unit": "SYT",
        "position": "CV",
    }
    group = {"address": "g@c.vn", "name": "Nhóm", "members": ["an@c.vn"], "rules": ['{"unit": "SYT"}']}
    unit = {"id": "abc1", "name": "Sở Y tế", "type": "department"}
    found = []
    for kind, row in (("official", person), ("group", group), ("unit", unit)):
        for form in FORMATS.values():
            out = io.StringIO(newline="")
            form.write(KINDS[kind], [(row | _SHOWN,)], out)  # type: ignore[index]
            found.append(out.getvalue().encode())
    return [*found, found[0].decode().encode("utf-16"), "employee_code,name\nCB1,NguyÔn V¨n An\n".encode("cp1252")]
