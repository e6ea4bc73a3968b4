"""The two entries everybody may read: what this server can, and what its entries may hold.

Standards: RFC 4512 §4.2 (subschema), §5.1 (root DSE); RFC 3674 (features); RFC 3673 (``+``), RFC 4526 (absolute
filters); RFC 3045 (vendorName).
"""

from __future__ import annotations

from collections.abc import Sequence

from directory.database import Reading
from directory.ldap import dn, syntaxes
from directory.ldap.entries import SUBSCHEMA, Entry, suffix
from directory.ldap.matching import RULES
from directory.ldap.messages import PAGED, SORT_REQUEST, START_TLS, VIEW_REQUEST, WHO_AM_I
from directory.ldap.policy import Asker, Policy
from directory.ldap.schema import ATTRIBUTES, CLASSES

CONTROLS = (PAGED, SORT_REQUEST, VIEW_REQUEST)
_ALL_OPERATIONAL, _ABSOLUTE_FILTERS = "1.3.6.1.4.1.4203.1.5.1", "1.3.6.1.4.1.4203.1.5.3"

# When what is below was changed last, so that clients which keep the schema know (RFC 4512 §4.2).
SCHEMA_OF = "20261123000000Z"

# Of these two entries everybody sees everything.
ANYBODY = Asker(None, Policy(anonymous=frozenset(kind.key for kind in ATTRIBUTES)))


def _encoded(texts: Sequence[str]) -> list[bytes]:
    return [text.encode("utf-8") for text in texts]


def root_dse(conn: Reading, mechanisms: Sequence[str], *, offers_tls: bool) -> Entry:
    """``mechanisms``: of SASL, those that this connection may use now."""
    context = suffix(conn)
    values = {
        "objectclass": ["top"],
        "namingcontexts": [dn.write(context)],
        "subschemasubentry": [SUBSCHEMA],
        "supportedcontrol": list(CONTROLS),
        "supportedextension": [WHO_AM_I, *([START_TLS] if offers_tls else [])],
        "supportedfeatures": [_ALL_OPERATIONAL, _ABSOLUTE_FILTERS],
        "supportedldapversion": ["3"],
        "supportedsaslmechanisms": list(mechanisms),
        "vendorname": ["CityMail"],
    }
    return Entry.of("", "top", {key: _encoded(texts) for key, texts in values.items() if texts})


def subschema() -> Entry:
    values = {
        "objectclass": ["top", "subschema", "extensibleObject"],
        "cn": ["subschema"],
        "entrydn": [SUBSCHEMA],
        "modifytimestamp": [SCHEMA_OF],
        "subschemasubentry": [SUBSCHEMA],
        "attributetypes": [kind.description for kind in ATTRIBUTES],
        "objectclasses": [each.description for each in CLASSES],
        "matchingrules": [rule.description for rule in RULES],
        "ldapsyntaxes": [f"( {oid} DESC '{name}' )" for oid, name in syntaxes.NAMES.items()],
    }
    return Entry.of(SUBSCHEMA, "top", {key: _encoded(texts) for key, texts in values.items()})
