"""A signature by a key that is not ours to use: in its owner's token, or in his browser.

What is to be signed is composed twice, word for word the same.  The first time the signer has no signature yet, and
says what is to be signed (``SignatureAwaited``); somebody carries that to where the key is.  The second time it has
what came back, and gives it out for those very octets alone, if it is right.

Standards: RFC 5652 §5.4 (what is signed), §5.6 (how it is verified).
Limits: the moment of signing and the text must be the same both times, which is for who composes to see to.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from security.cms.algorithms import SignatureScheme
from security.cms.certificates import Certificate
from security.cms.keys import usual_scheme
from security.cms.reasons import CmsFault, Reason
from security.cms.signed import signature_fits


class SignatureAwaited(Exception):
    """``octets`` are to be signed with the key of ``certificate``."""

    def __init__(self, certificate: bytes, octets: bytes) -> None:
        super().__init__("the signature is awaited from elsewhere")
        self.certificate = certificate
        self.octets = octets


@dataclass(frozen=True, slots=True)
class SignerElsewhere:
    """A cms.Signer; ``signature`` is what came back, none the first time."""

    certificate: bytes
    signature: bytes | None = field(default=None, repr=False)

    @property
    def scheme(self) -> SignatureScheme:
        return usual_scheme(self.certificate)

    def sign(self, octets: bytes) -> bytes:
        """Raises SignatureAwaited, CmsFault."""
        if self.signature is None:
            raise SignatureAwaited(self.certificate, octets)
        if not signature_fits(Certificate(self.certificate), self.scheme, self.signature, octets):
            raise CmsFault(Reason.SIGNATURE_WRONG, "what came back is no signature over this")
        return self.signature
