"""What an entry may hold: attribute types and object classes, as the subschema publishes them.

Only what entries here can hold is listed, so that a client which reads the schema learns the truth.

Standards: RFC 4512 §2.4–2.6, §4.1, §4.2; RFC 4519; RFC 4524 (mail); RFC 2798 (inetOrgPerson); RFC 2247 (dcObject);
RFC 5020 (entryDN); RFC 3045 (vendorName); RFC 4522 §4 (``;binary``), RFC 4523 §2.1 and §4.1 (userCertificate).
Limits: ``member`` of groupOfNames may be absent: a group here may have nobody in it.  Parts of names are matched
without marks.  Certificates are not matched, but for their presence.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

from directory.ldap import matching as rules
from directory.ldap import syntaxes
from directory.ldap.matching import Rule

Usage = Literal["userApplications", "directoryOperation", "dSAOperation"]


@dataclass(frozen=True, slots=True)
class AttributeType:
    oid: str
    names: tuple[str, ...]  # the first is the one that is written
    syntax: str
    equality: Rule | None = None
    ordering: Rule | None = None
    substrings: Rule | None = None
    single: bool = False
    usage: Usage = "userApplications"
    transfer: str = ""  # the option without which its values are not sent (RFC 4522 §4)
    key: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", self.names[0].lower())

    @property
    def name(self) -> str:
        """As it is written with its values."""
        return self.names[0] + self.transfer

    @property
    def is_operational(self) -> bool:
        return self.usage != "userApplications"

    @property
    def description(self) -> str:
        parts = [self.oid, "NAME " + _quoted(self.names)]
        for word, rule in (("EQUALITY", self.equality), ("ORDERING", self.ordering), ("SUBSTR", self.substrings)):
            if rule is not None:
                parts.append(f"{word} {rule.name}")
        parts.append(f"SYNTAX {self.syntax}")
        if self.single:
            parts.append("SINGLE-VALUE")
        if self.is_operational:
            parts.append(f"NO-USER-MODIFICATION USAGE {self.usage}")
        return f"( {' '.join(parts)} )"


@dataclass(frozen=True, slots=True)
class ObjectClass:
    oid: str
    name: str
    kind: Literal["ABSTRACT", "STRUCTURAL", "AUXILIARY"]
    above: str = ""
    must: tuple[str, ...] = ()
    may: tuple[str, ...] = ()

    @property
    def description(self) -> str:
        parts = [self.oid, f"NAME '{self.name}'"]
        if self.above:
            parts.append(f"SUP {self.above}")
        parts.append(self.kind)
        for word, listed in (("MUST", self.must), ("MAY", self.may)):
            if listed:
                parts.append(f"{word} ( {' $ '.join(listed)} )")
        return f"( {' '.join(parts)} )"


def _quoted(names: tuple[str, ...]) -> str:
    listed = " ".join(f"'{name}'" for name in names)
    return listed if len(names) == 1 else f"( {listed} )"


def _named(oid: str, *names: str) -> AttributeType:
    """A person's name or a part of it."""
    return AttributeType(oid, names, syntaxes.DIRECTORY_STRING, rules.CASE_IGNORE, rules.NAME_ORDER, rules.FOLD_PARTS)


def _worded(oid: str, *names: str, single: bool = False) -> AttributeType:
    return AttributeType(
        oid, names, syntaxes.DIRECTORY_STRING, rules.CASE_IGNORE, rules.TEXT_ORDER, rules.FOLD_PARTS, single
    )


def _coded(oid: str, *names: str, single: bool = False) -> AttributeType:
    return AttributeType(
        oid,
        names,
        syntaxes.DIRECTORY_STRING,
        rules.CASE_IGNORE,
        rules.CASE_IGNORE_ORDER,
        rules.CASE_IGNORE_PARTS,
        single,
    )


def _in_ia5(oid: str, *names: str, single: bool = False) -> AttributeType:
    return AttributeType(oid, names, syntaxes.IA5, rules.IA5_IGNORE, rules.CASE_IGNORE_ORDER, rules.IA5_PARTS, single)


def _dn(oid: str, name: str, usage: Usage = "userApplications", *, single: bool = False) -> AttributeType:
    return AttributeType(oid, (name,), syntaxes.DN, rules.DISTINGUISHED_NAME, single=single, usage=usage)


def _oids(oid: str, name: str, usage: Usage) -> AttributeType:
    return AttributeType(oid, (name,), syntaxes.OID, rules.OBJECT_IDENTIFIER, usage=usage)


_COSINE = "0.9.2342.19200300.100.1"
_NETSCAPE = "2.16.840.1.113730.3.1"
_SERVER = "1.3.6.1.4.1.1466.101.120"

ATTRIBUTES = (
    AttributeType("2.5.4.0", ("objectClass",), syntaxes.OID, rules.OBJECT_IDENTIFIER),
    _named("2.5.4.3", "cn", "commonName"),
    _named("2.5.4.4", "sn", "surname"),
    _named("2.5.4.42", "givenName", "gn"),
    _named(f"{_NETSCAPE}.241", "displayName"),
    _coded(f"{_COSINE}.1", "uid", "userid"),
    _in_ia5(f"{_COSINE}.3", "mail", "rfc822Mailbox"),
    _worded("2.5.4.12", "title"),
    _worded("2.5.4.11", "ou", "organizationalUnitName"),
    _worded("2.5.4.10", "o", "organizationName"),
    _worded("2.5.4.15", "businessCategory"),
    _worded("2.5.4.13", "description"),
    _in_ia5(f"{_COSINE}.25", "dc", "domainComponent", single=True),
    AttributeType(
        "2.5.4.20",
        ("telephoneNumber",),
        syntaxes.TELEPHONE,
        rules.TELEPHONE_MATCH,
        substrings=rules.TELEPHONE_PARTS,
    ),
    _coded(f"{_NETSCAPE}.2", "departmentNumber"),
    _coded(f"{_NETSCAPE}.3", "employeeNumber", single=True),
    _coded(f"{_NETSCAPE}.39", "preferredLanguage", single=True),
    _dn("2.5.4.31", "member"),
    _dn("1.2.840.113556.1.2.102", "memberOf", "dSAOperation"),
    AttributeType(f"{_COSINE}.60", ("jpegPhoto",), syntaxes.JPEG),
    AttributeType("2.5.4.36", ("userCertificate",), syntaxes.CERTIFICATE, transfer=";binary"),
    _dn("2.5.4.34", "seeAlso"),
    AttributeType(
        "2.5.18.1",
        ("createTimestamp",),
        syntaxes.GENERALIZED_TIME,
        rules.TIME,
        rules.TIME_ORDER,
        single=True,
        usage="directoryOperation",
    ),
    AttributeType(
        "2.5.18.2",
        ("modifyTimestamp",),
        syntaxes.GENERALIZED_TIME,
        rules.TIME,
        rules.TIME_ORDER,
        single=True,
        usage="directoryOperation",
    ),
    AttributeType(
        "2.5.18.9",
        ("hasSubordinates",),
        syntaxes.BOOLEAN,
        rules.BOOLEAN_MATCH,
        single=True,
        usage="directoryOperation",
    ),
    AttributeType(
        "2.5.21.9",
        ("structuralObjectClass",),
        syntaxes.OID,
        rules.OBJECT_IDENTIFIER,
        single=True,
        usage="directoryOperation",
    ),
    _dn("2.5.18.10", "subschemaSubentry", "directoryOperation", single=True),
    _dn("1.3.6.1.1.20", "entryDN", "directoryOperation", single=True),
    AttributeType("2.5.21.4", ("matchingRules",), syntaxes.MATCHING_RULE, usage="directoryOperation"),
    AttributeType("2.5.21.5", ("attributeTypes",), syntaxes.ATTRIBUTE_TYPE, usage="directoryOperation"),
    AttributeType("2.5.21.6", ("objectClasses",), syntaxes.OBJECT_CLASS, usage="directoryOperation"),
    AttributeType(f"{_SERVER}.16", ("ldapSyntaxes",), syntaxes.SYNTAX, usage="directoryOperation"),
    _dn(f"{_SERVER}.5", "namingContexts", "dSAOperation"),
    _oids(f"{_SERVER}.7", "supportedExtension", "dSAOperation"),
    _oids(f"{_SERVER}.13", "supportedControl", "dSAOperation"),
    _oids("1.3.6.1.4.1.4203.1.3.5", "supportedFeatures", "dSAOperation"),
    AttributeType(
        f"{_SERVER}.14",
        ("supportedSASLMechanisms",),
        syntaxes.DIRECTORY_STRING,
        rules.CASE_IGNORE,
        usage="dSAOperation",
    ),
    AttributeType(
        f"{_SERVER}.15", ("supportedLDAPVersion",), syntaxes.INTEGER, rules.INTEGER_MATCH, usage="dSAOperation"
    ),
    AttributeType(
        "1.3.6.1.1.4", ("vendorName",), syntaxes.DIRECTORY_STRING, rules.CASE_IGNORE, single=True, usage="dSAOperation"
    ),
)

_PERSON_MAY = ("telephoneNumber", "seeAlso", "description")
CLASSES = (
    ObjectClass("2.5.6.0", "top", "ABSTRACT", must=("objectClass",)),
    ObjectClass("2.5.6.4", "organization", "STRUCTURAL", "top", ("o",), ("description", "businessCategory")),
    ObjectClass(
        "2.5.6.5",
        "organizationalUnit",
        "STRUCTURAL",
        "top",
        ("ou",),
        ("businessCategory", "description", "seeAlso", "telephoneNumber"),
    ),
    ObjectClass("2.5.6.6", "person", "STRUCTURAL", "top", ("sn", "cn"), _PERSON_MAY),
    ObjectClass("2.5.6.7", "organizationalPerson", "STRUCTURAL", "person", may=("title", "ou")),
    ObjectClass(
        "2.16.840.1.113730.3.2.2",
        "inetOrgPerson",
        "STRUCTURAL",
        "organizationalPerson",
        may=(
            *("businessCategory", "departmentNumber", "displayName", "employeeNumber", "givenName"),
            *("jpegPhoto", "mail", "o", "preferredLanguage", "uid", "userCertificate"),
        ),
    ),
    ObjectClass(
        "2.5.6.9",
        "groupOfNames",
        "STRUCTURAL",
        "top",
        ("cn",),
        ("member", "businessCategory", "description", "o", "ou", "seeAlso"),
    ),
    ObjectClass("2.5.20.1", "subschema", "AUXILIARY", may=("attributeTypes", "objectClasses", "matchingRules")),
    ObjectClass("1.3.6.1.4.1.1466.344", "dcObject", "AUXILIARY", "top", ("dc",)),
    ObjectClass("1.3.6.1.1.3.1", "uidObject", "AUXILIARY", "top", ("uid",)),
    ObjectClass("1.3.6.1.4.1.1466.101.120.111", "extensibleObject", "AUXILIARY", "top"),
)

_BY_NAME = {name.lower(): kind for kind in ATTRIBUTES for name in (kind.oid, *kind.names)}
_CLASS_BY_NAME = {name.lower(): each.name for each in CLASSES for name in (each.oid, each.name)}


_REMEMBERED, _SHORT = 500, 60


def find_attribute(description: str) -> AttributeType | None:
    """By OID or name in any case.  With another option than the one it is sent with (``;lang-vi``) it is a subtype,
    which no entry has.
    """
    return _recurring(description) if len(description) <= _SHORT else None


@lru_cache(_REMEMBERED)
def _recurring(description: str) -> AttributeType | None:
    name, mark, options = description.lower().partition(";")
    kind = _BY_NAME.get(name)
    return kind if kind is not None and mark + options in ("", kind.transfer) else None


def class_name(text: str) -> str:
    """A class's OID stands for its name."""
    return _CLASS_BY_NAME.get(text.strip().lower(), text)
