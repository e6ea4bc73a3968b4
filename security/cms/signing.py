"""Signed data, made.

Standards: RFC 5652 §5; RFC 8551 §2.5, §2.6; RFC 5035.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from security.cms import der
from security.cms.algorithms import Digest, digest_identifier, signature_identifier
from security.cms.attributes import DATA, write_attributes
from security.cms.certificates import Certificate
from security.cms.keys import Signer
from security.cms.reasons import CmsFault, Reason
from security.cms.signed import SIGNED_DATA


@dataclass(frozen=True, slots=True)
class Signing:
    """Who signs, and when.  ``signers``: the author first, for some programs look at no other.

    ``companions``: what the signers' certificates are believed by, all but the root, and goes out with every signature.
    ``answer_to``: the certificate that answers are to be encrypted to.
    """

    signers: Sequence[Signer]
    at: datetime
    companions: Sequence[bytes] = ()
    answer_to: bytes | None = None

    @property
    def digests(self) -> list[Digest]:
        return list(dict.fromkeys(signer.scheme.digest for signer in self.signers))


def sign_content(
    content: Sequence[bytes | memoryview], signing: Signing, *, detached: bool
) -> Iterator[bytes | memoryview]:
    """A ContentInfo in pieces, of which the content's are the caller's own.  Signs at once, and yields after."""
    if not signing.signers:
        raise CmsFault(Reason.NO_SIGNER, "nobody to sign")
    hashes = {}
    for digest in signing.digests:
        hashing = hashlib.new(digest.name)
        for piece in content:
            hashing.update(piece)
        hashes[digest] = hashing.digest()
    infos = [_signer_info(signer, hashes[signer.scheme.digest], signing) for signer in signing.signers]
    certificates = [signer.certificate for signer in signing.signers]
    certificates += [*([signing.answer_to] if signing.answer_to else ()), *signing.companions]
    tail = der.element(0xA0, *dict.fromkeys(certificates)) + der.element(der.SET, *infos)

    size = 0 if detached else sum(map(len, content))
    inner = der.oid(DATA)
    if not detached:
        string = bytes((der.OCTET_STRING,)) + der.length_of(size)
        inner += b"\xa0" + der.length_of(len(string) + size) + string
    head = der.integer(1) + der.element(der.SET, *map(digest_identifier, signing.digests))
    head += bytes((der.SEQUENCE,)) + der.length_of(len(inner) + size) + inner
    for tag in (der.SEQUENCE, 0xA0):
        head = bytes((tag,)) + der.length_of(len(head) + size + len(tail)) + head
    head = der.oid(SIGNED_DATA) + head
    head = bytes((der.SEQUENCE,)) + der.length_of(len(head) + size + len(tail)) + head
    return iter((head, *(() if detached else content), tail))


def _signer_info(signer: Signer, digest: bytes, signing: Signing) -> bytes:
    """RFC 5652 §5.3, the signer named by issuer and serial number: what every program finds a certificate by."""
    scheme, certificate = signer.scheme, Certificate(signer.certificate)
    answer_to = signing.answer_to if signing.answer_to != signer.certificate else None
    attributes = write_attributes(digest, scheme, certificate, answer_to, signing.at)
    return der.element(
        der.SEQUENCE,
        der.integer(1),
        certificate.identifier,
        digest_identifier(scheme.digest),
        b"\xa0" + attributes[1:],
        signature_identifier(scheme),
        der.element(der.OCTET_STRING, signer.sign(attributes)),
    )
