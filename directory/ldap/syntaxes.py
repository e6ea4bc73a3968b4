"""OIDs of the syntaxes that values here have.

Standards: RFC 4517 §3.3; RFC 4523 §2.1.
"""

from __future__ import annotations

_ARC = "1.3.6.1.4.1.1466.115.121.1"

ATTRIBUTE_TYPE = f"{_ARC}.3"
BOOLEAN = f"{_ARC}.7"
CERTIFICATE = f"{_ARC}.8"
DN = f"{_ARC}.12"
DIRECTORY_STRING = f"{_ARC}.15"
GENERALIZED_TIME = f"{_ARC}.24"
IA5 = f"{_ARC}.26"
INTEGER = f"{_ARC}.27"
JPEG = f"{_ARC}.28"
MATCHING_RULE = f"{_ARC}.30"
OBJECT_CLASS = f"{_ARC}.37"
OID = f"{_ARC}.38"
TELEPHONE = f"{_ARC}.50"
SYNTAX = f"{_ARC}.54"
SUBSTRING = f"{_ARC}.58"

NAMES = {
    ATTRIBUTE_TYPE: "Attribute Type Description",
    BOOLEAN: "Boolean",
    CERTIFICATE: "X.509 Certificate",
    DN: "DN",
    DIRECTORY_STRING: "Directory String",
    GENERALIZED_TIME: "Generalized Time",
    IA5: "IA5 String",
    INTEGER: "INTEGER",
    JPEG: "JPEG",
    MATCHING_RULE: "Matching Rule Description",
    OBJECT_CLASS: "Object Class Description",
    OID: "OID",
    TELEPHONE: "Telephone Number",
    SYNTAX: "LDAP Syntax Description",
    SUBSTRING: "Substring Assertion",
}
