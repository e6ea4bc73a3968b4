"""Certificates as signatures and envelopes name them: by issuer and serial number, or by the identifier of the key.

Whether one may be believed is the path judge's question, not ours.

Standards: RFC 5652 §5.3, §6.2.1, §10.2.4; RFC 5280 §4.1, §4.2.1.2, §7.1 (comparison of names).
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from asn1crypto import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import load_der_public_key

from security.cms import der
from security.cms.reasons import CmsFault, Reason, malformed

_KEY_IDENTIFIER = bytes.fromhex("551d0e")
_CAPABILITIES = bytes.fromhex("2a864886f70d01090f")  # RFC 4262: as an extension


@dataclass(frozen=True, slots=True)
class Identifier:
    """SignerIdentifier, RecipientIdentifier: the one pair or the other."""

    issuer: bytes = b""  # DER
    serial: int = 0
    key_identifier: bytes = b""


def read_identifier(element: der.Element, *, key_identifier_tag: int = 0x80) -> Identifier:
    if element.tag == key_identifier_tag:
        return Identifier(key_identifier=element.content)
    parts = element.parts()
    if element.tag not in (der.SEQUENCE, 0xA0) or [part.tag for part in parts] != [der.SEQUENCE, der.INTEGER]:
        raise malformed("an identifier of a certificate cannot be read")
    return Identifier(parts[0].octets, int.from_bytes(parts[1].content, "big", signed=True))


@dataclass(frozen=True)
class Certificate:
    """One certificate as octets, and the parts of it that are asked for here.  Raises CmsFault when they are not."""

    octets: bytes
    _tbs: list[der.Element] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        outer = der.one(self.octets, der.SEQUENCE).parts()
        tbs = outer[0].parts() if outer else []
        if tbs and tbs[0].tag == 0xA0:
            del tbs[0]
        # serial number, signature, issuer, validity, subject, key
        if [part.tag for part in tbs[:6]] != [der.INTEGER, *[der.SEQUENCE] * 5]:
            raise malformed("a certificate cannot be read")
        object.__setattr__(self, "_tbs", tbs)

    @property
    def issuer(self) -> bytes:
        return self._tbs[2].octets

    @property
    def serial(self) -> int:
        return int.from_bytes(self._tbs[0].content, "big", signed=True)

    @cached_property
    def public_key(self) -> PublicKeyTypes:
        try:
            return load_der_public_key(self._tbs[5].octets)
        except UnsupportedAlgorithm as fault:
            raise CmsFault(Reason.UNSUPPORTED_ALGORITHM, f"the certificate's key is not known: {fault}") from fault
        except ValueError as fault:
            raise malformed("the certificate's key cannot be read") from fault

    @cached_property
    def key_identifier(self) -> bytes:
        """RFC 5280 §4.2.1.2: as the certificate says, else (1), the hash of its key."""
        said = self._extension(_KEY_IDENTIFIER)
        if said:
            return der.one(said, der.OCTET_STRING).content
        key = self._tbs[5].parts()
        if len(key) != 2:
            raise malformed("the certificate's key cannot be read")
        return hashlib.sha1(key[1].content[1:], usedforsecurity=False).digest()

    @property
    def capabilities(self) -> bytes:
        """SMIMECapabilities (RFC 4262 §2), DER; empty if the certificate tells none."""
        return self._extension(_CAPABILITIES)

    @property
    def identifier(self) -> bytes:
        """IssuerAndSerialNumber, DER."""
        return der.element(der.SEQUENCE, self.issuer, self._tbs[0].octets)

    def is_meant(self, identifier: Identifier) -> bool:
        if identifier.key_identifier:
            return identifier.key_identifier == self.key_identifier
        return identifier.serial == self.serial and _same_name(identifier.issuer, self.issuer)

    def _extension(self, oid: bytes) -> bytes:
        lists = [found for part in self._tbs[6:] if part.tag == 0xA3 for found in part.parts()]
        for found in lists:
            for extension in found.parts():
                fields = extension.parts()
                if len(fields) >= 2 and fields[0].content == oid:
                    return fields[-1].content
        return b""


def _same_name(one: bytes, other: bytes) -> bool:
    if one == other:
        return True
    try:  # another kind of string, other blanks: RFC 5280 §7.1
        return bool(x509.Name.load(one, strict=True) == x509.Name.load(other, strict=True))
    except (ValueError, TypeError, KeyError):
        return False


def readable(octets: Iterable[bytes]) -> list[Certificate]:
    """Those that can be read, each once: what a message brings besides helps nobody and harms nobody."""
    found = []
    for one in dict.fromkeys(octets):
        with contextlib.suppress(CmsFault):
            read = Certificate(one)
            _ = read.key_identifier  # which may be what it is asked for by
            found.append(read)
    return found
