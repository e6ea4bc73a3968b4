"""What became of a signature, as values.

Standards: RFC 8601 §2.7.1 (results of method "dkim"), RFC 6008 (header.b), RFC 8617 §4.4 and RFC 8601 §2.7.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

DkimStatus = Literal["pass", "fail", "policy", "neutral", "temperror", "permerror"]


@dataclass(frozen=True, slots=True)
class DkimResult:
    """One signature's result.  A message without a signature has no result at all ("none").

    ``pass``: it verified, covers the whole body and From, and its key is sound.  ``fail``: the octets or the signature
    do not fit.  ``policy``: it may verify, but we do not take it (SHA-1, a key under 1024 bits, ``l=`` that leaves some
    of the body out, expired, an unsigned twin of a signed field).  ``neutral``: it cannot be read, or the domain is
    only testing (``t=y``: RFC 6376 §3.6.1, the same as no signature).  ``temperror``: the key could not be asked for
    now.  ``permerror``: there is no usable key, or From is not signed.

    ``domain`` and ``selector`` are in A-labels and lower case; empty where the signature does not tell.
    """

    status: DkimStatus
    domain: str = ""  # d=, for DMARC's alignment and header.d
    selector: str = ""  # s=, header.s
    identity: str = ""  # i= (or "@" and d=), header.i
    algorithm: str = ""  # a=, header.a
    signature: str = ""  # the first of b= that tells it from the others of the message (RFC 6008 §4), header.b
    reason: str = ""  # for people; ASCII, no quotes or line ends; empty for a plain pass
    is_testing: bool = False  # the key says t=y
    key_bits: int = 0  # of an RSA key; 0 when no key was seen, or for Ed25519
    is_weak: bool = False  # an RSA key from 1024 to 2047 bits: taken, but worth a remark (RFC 8301 §3.2)
    validated: bool = False  # DNSSEC vouches for the key
