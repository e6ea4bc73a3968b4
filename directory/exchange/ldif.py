"""Records as LDIF: officials and mailboxes as inetOrgPerson, units as organizationalUnit, groups as groupOfNames.

Names and attributes are those of our LDAP server; what these classes have no place for stands in attributes that begin
with ``citymail``, of which other programs need take no notice: posts as JSON, the middle name, quota, who may post.
Entries of other classes are passed over, and so are attributes that mean nothing here.

Standards: RFC 2849 (LDIF), RFC 2798 (inetOrgPerson), RFC 4519 §3, RFC 4514.
Limits: content records only, and of change records ``add``; values by URL are refused, for a file must not make us read
another.  Passwords are neither told nor taken: what LDIF has is hashed in somebody else's way.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import IO, Any

from directory.exchange.folding import fold, unfold
from directory.exchange.kinds import Kind, KindName, Record, one_record, posts_of, read_post, written_post
from directory.exchange.lines import Item, Lines, text_of
from directory.faults import Fault
from directory.ldap import dn
from directory.ldap.entries import BRANCHES
from directory.ldap.entries import CLASSES as SERVED

SUFFIX = ".ldif"
_WIDTH = 76
_PREFIX = "citymail"
_CLASSES: dict[KindName, tuple[str, ...]] = {
    "official": SERVED["account"],
    "mailbox": SERVED["account"],
    "unit": SERVED["unit"],
    "group": SERVED["group"],
}
# By which of its classes an entry, of whatever server, is one of the kind.
_KNOWN_BY: dict[KindName, frozenset[str]] = {
    "official": frozenset(("person", "organizationalperson", "inetorgperson", "user")),
    "mailbox": frozenset(("person", "organizationalperson", "inetorgperson", "user")),
    "unit": frozenset(("organizationalunit",)),
    "group": frozenset(("groupofnames", "groupofuniquenames", "groupofmembers", "group")),
}
# column → attribute; others are citymailColumn
_ATTRIBUTES: dict[KindName, dict[str, str]] = {
    "official": {
        "full_name": "cn",
        "family_name": "sn",
        "given_name": "givenName",
        "employee_code": "employeeNumber",
        "phone": "telephoneNumber",
        "language": "preferredLanguage",
        "address": "mail",
        "aliases": "mail",
        "unit": "ou",
        "position": "title",
    },
    "mailbox": {"name": "cn", "language": "preferredLanguage", "address": "mail", "aliases": "mail"},
    "unit": {"id": "uid", "name": "ou", "type": "businessCategory"},
    "group": {"name": "cn", "address": "mail", "aliases": "mail", "members": "member"},
}
# A post as a JSON object, and a member who is no entry of ours.
_POST = f"{_PREFIX}Post"
_OUTSIDE = f"{_PREFIX}OutsideMember"
_LINE = re.compile(rb"([A-Za-z0-9][A-Za-z0-9.-]*)((?:;[A-Za-z0-9-]+)*):(:|<|)[ ]*(.*)", re.DOTALL)


class Reader:
    def __init__(self, lines: Lines, kind: Kind, name: object) -> None:
        self._lines = lines
        self._kind = kind

    def items(self) -> Iterator[Item]:
        """RFC 2849: records stand apart by empty lines; lines that begin with # are comments, pieces and all."""
        first = 0
        raw: list[bytes] = []
        logical: list[bytes] = []
        for number, line, pieces in unfold(self._lines):
            if line:
                first = first if raw else number
                raw += pieces
                if not line.startswith(b"#"):
                    logical.append(line)
                continue
            yield from self._item(first, raw, logical)
            raw, logical = [], []
        yield from self._item(first, raw, logical)

    def _item(self, number: int, raw: list[bytes], logical: list[bytes]) -> Iterator[Item]:
        if logical and _is_version(logical[0]) and logical.pop(0).partition(b":")[2].strip() != b"1":
            raise Fault("line-malformed", problem="only LDIF version 1 is known")
        if not logical:
            return
        octets = b"\n".join(line for line in raw if not line.startswith(_NOTE) and not _is_version(line))
        try:
            record = self._record(_attributes(logical))
        except Fault as fault:
            yield Item(number, octets, fault=fault)
        else:
            if record is not None:
                yield Item(number, octets, record)

    def _record(self, found: Mapping[str, list[str]]) -> Record | None:
        """None: an entry of another kind."""
        name = self._kind.name
        classes = {each.lower() for each in found.get("objectclass", [])}
        if classes and not classes & _KNOWN_BY[name]:
            return None
        change = found.get("changetype", ["add"])[0].lower()
        if change != "add":
            raise Fault("value-invalid", value=f"changetype: {change}", what="content record")
        if name in ("official", "mailbox") and bool(found.get(f"{_PREFIX}mailbox")) != (name == "mailbox"):
            return None
        values: dict[str, Any] = {}
        for column in self._kind.told:
            given = found.get(_attribute(name, column.name).lower())
            if given is not None:
                values[column.name] = list(given) if column.many else given[0]
        return _finished(self._kind, values, found)

    def rejects_head(self) -> bytes:
        return b"version: 1\n"

    def rejected(self, item: Item, reason: str) -> bytes:
        return _NOTE + f" {item.line}: {' '.join(reason.split())}".encode() + b"\n" + item.octets + b"\n\n"


_NOTE = b"# rejected line"


def _is_version(line: bytes) -> bool:
    return line.lower().startswith(b"version:")


def _attributes(logical: list[bytes]) -> dict[str, list[str]]:
    """By name in lower case; options (``;lang-vi``) make no difference, but ``;binary`` is no text.  Raises Fault."""
    found: dict[str, list[str]] = {}
    for line in logical:
        match = _LINE.fullmatch(line)
        if match is None:
            if line == b"-":
                raise Fault("line-malformed", problem="a change, not an entry")
            raise Fault("line-malformed", problem=text_of(line)[:80])
        name, options, mark, octets = match[1].decode().lower(), match[2].lower(), match[3], match[4]
        if b";binary" in options or name in ("userpassword", "jpegphoto"):
            continue
        if mark == b"<":
            raise Fault("value-invalid", value=text_of(octets)[:80], what="value (a URL is not read)")
        if mark == b":":
            try:
                octets = base64.b64decode(octets, validate=True)
            except (binascii.Error, ValueError):
                raise Fault("line-malformed", problem=f"{match[1].decode()}: not base64") from None
        found.setdefault(name, []).append(text_of(octets))
    if "dn" not in found:
        raise Fault("line-malformed", problem="no dn")
    return found


def _finished(kind: Kind, values: dict[str, Any], found: Mapping[str, list[str]]) -> Record:
    if "aliases" in values:
        values["aliases"] = values["aliases"][1:]
    if kind.name == "official":
        if f"{_PREFIX}familyname" in found:
            values["family_name"] = found[f"{_PREFIX}familyname"][0]
        posts = [read_post(text) for text in found.get(_POST.lower(), [])]
        if posts or f"{_PREFIX}familyname" in found:
            values.pop("unit", None)
            values.pop("position", None)
        return one_record(kind, values, posts)
    if kind.name == "group":
        values["members"] = [_member(each) for each in values.get("members", [])] + found.get(_OUTSIDE.lower(), [])
    return one_record(kind, values)


def _member(text: str) -> str:
    """The address in a member's name.  Raises Fault."""
    try:
        (kind, value), *_ = dn.parse(text)[0]
    except (dn.DnFault, IndexError):
        raise Fault("value-invalid", value=text[:100], what="distinguished name") from None
    if kind.lower() not in ("uid", "mail"):
        raise Fault("value-invalid", value=text[:100], what="member (uid=… or mail=…)")
    return value


# --- writing ----------------------------------------------------------------------------------------------------------


def write(kind: Kind, records: Iterable[Record], out: IO[str]) -> int:
    out.write("version: 1\n")
    count = 0
    for record in records:
        count += 1
        for name, value in _entry(kind, record):
            out.write(_line(name, value))
        out.write("\n")
    return count


def _entry(kind: Kind, record: Record) -> Iterator[tuple[str, str]]:
    row = record[0]
    suffix = row["suffix"]
    yield "dn", _name(kind.name, row, suffix)
    for each in _CLASSES[kind.name]:
        yield "objectClass", each
    if kind.name in ("official", "mailbox"):
        yield "uid", row["address"]
        yield "sn", row.get("family_name") or row.get("full_name") or row["name"]
    if kind.name == "official":
        # inetOrgPerson wants an sn even of who has no family name, and shows one post
        yield f"{_PREFIX}FamilyName", row.get("family_name", "")
        yield "title", row["shown_title"]
        yield "ou", row["shown_unit"]
    if kind.name == "mailbox":
        yield f"{_PREFIX}Mailbox", "TRUE"
    for column in kind.told:
        value = row.get(column.name, "")
        if column.of_post or column.name == "family_name" or not value:
            continue
        name = _attribute(kind.name, column.name)
        for text in value if column.many else (value,):
            if column.name == "members":
                yield _written_member(text, row, suffix)
            else:
                yield name, text
    for post in posts_of(kind, record):
        yield _POST, written_post(post)


def _name(kind: KindName, row: Mapping[str, Any], suffix: str) -> str:
    branch = BRANCHES["account" if kind in ("official", "mailbox") else kind]  # type: ignore[index]
    rdn = {"unit": ("uid", "id"), "group": ("mail", "address")}.get(kind, ("uid", "address"))
    return f"{rdn[0]}={dn.escape(row[rdn[1]])},ou={branch},{suffix}"


def _written_member(text: str, row: Mapping[str, Any], suffix: str) -> tuple[str, str]:
    if text in row["outside"]:
        return _OUTSIDE, text
    kind: KindName = "group" if text in row["inner_groups"] else "official"
    return "member", _name(kind, {"address": text}, suffix)


def _attribute(kind: KindName, column: str) -> str:
    return _ATTRIBUTES[kind].get(column) or _PREFIX + "".join(word.capitalize() for word in column.split("_"))


def _line(name: str, value: str) -> str:
    """RFC 2849: SAFE-STRING as it stands, everything else in base64."""
    if not value:
        return f"{name}:\n"
    if value.isascii() and value[0] not in " :<" and value[-1] != " " and not any(c in value for c in "\r\n\0"):
        return fold(f"{name}: {value}", _WIDTH, "\n")
    return fold(f"{name}:: {base64.b64encode(value.encode()).decode()}", _WIDTH, "\n")
