"""Put a domain's name to a message: DKIM-Signature fields, one for each of its keys.

Form relaxed/relaxed, so that a signature survives what relays may do to white space.  Fields that a reader goes by
are named once more often than they stand there, so that none can be added (RFC 6376 §5.4, §8.15); what changes on the
way (Received, Return-Path, Authentication-Results) is left out.  There is never an ``l=``.

Standards: RFC 6376 §3.5, §3.7, §5; RFC 8301 §3 (rsa-sha256, 2048 bits); RFC 8463 (ed25519-sha256, beside RSA for
those who do not know it).
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from security.dkim.keys import SOUND_RSA_BITS
from security.dkim.message import Message, relaxed
from security.dkim.signature import SINGLE, covered_fields

# Besides those that may stand once, which are named once more than they are there: these are named as often as they
# are, for lists and later senders may add more of them.
COVERED = (
    *("content-disposition", "content-id", "content-description", "content-language", "auto-submitted", "importance"),
    *("disposition-notification-to", "resent-date", "resent-from", "resent-sender", "resent-to", "resent-cc"),
    *("resent-message-id", "list-id", "list-help", "list-unsubscribe", "list-unsubscribe-post", "list-subscribe"),
    *("list-post", "list-owner", "list-archive", "tls-report-domain", "tls-report-submitter"),
)
# A signature is of no use after this: longer than any queue keeps a message (RFC 5321 §4.5.4.1), ours and the next.
LIFETIME = 14 * 86_400
_WIDTH = 76

PrivateKey = rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
_PREHASHED = Prehashed(hashes.SHA256())
_PKCS1 = padding.PKCS1v15()


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key under the name by which others find its public half."""

    domain: str  # A-labels
    selector: str
    key: PrivateKey

    @property
    def algorithm(self) -> str:
        return "rsa-sha256" if isinstance(self.key, rsa.RSAPrivateKey) else "ed25519-sha256"

    def sign(self, digest: bytes) -> bytes:
        """Over data of this SHA-256."""
        if isinstance(self.key, rsa.RSAPrivateKey):
            return self.key.sign(digest, _PKCS1, _PREHASHED)
        return self.key.sign(digest)  # RFC 8463 §3

    def __repr__(self) -> str:
        return f"Signer({self.selector}._domainkey.{self.domain})"


def make_key(kind: str) -> PrivateKey:
    """``rsa`` or ``ed25519``."""
    if kind == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=SOUND_RSA_BITS)
    return ed25519.Ed25519PrivateKey.generate()


def pack_key(key: PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def unpack_key(octets: bytes) -> PrivateKey:
    """One that ``pack_key`` packed.  Raises ValueError."""
    # Its primes are not proven anew, which takes longer than forty signatures: we made it.
    key = serialization.load_der_private_key(octets, None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(key, rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey):
        raise ValueError("neither an RSA nor an Ed25519 key")
    return key


def sign(message: Message, signers: Sequence[Signer], now: int) -> bytes:
    """The DKIM-Signature fields to put in front of the message, RSA's first.

    Raises ValueError for a message that no signature holds for: with a bare CR or LF in its header, or without From.
    """
    if message.fault:
        raise ValueError(message.fault)
    if not message.named("from"):
        raise ValueError("the message has no From")
    names = fields_to_sign(message, guarded=SINGLE, covered=COVERED)
    body = base64.b64encode(message.digest_of_body("relaxed").digest).decode()
    before = b"".join(message.canonical(place, "relaxed") for place in covered_fields(message, names))
    fields = []
    for signer in signers:
        tags = [
            ("v", "1"),
            ("a", signer.algorithm),
            ("c", "relaxed/relaxed"),
            ("d", signer.domain),
            ("s", signer.selector),
            ("t", str(now)),
            ("x", str(now + LIFETIME)),
            ("h", ":".join(names)),
            ("bh", body),
        ]
        fields.append(signed_field("DKIM-Signature", tags, signer, before))
    return b"".join(fields)


def fields_to_sign(message: Message, *, guarded: Sequence[str], covered: Sequence[str]) -> list[str]:
    """The names for ``h=``."""
    counts: dict[str, int] = {}
    for field in message.fields:
        counts[field.name] = counts.get(field.name, 0) + 1
    names = [name for name in guarded for _ in range(counts.get(name, 0) + 1)]
    return names + [name for name in covered for _ in range(counts.get(name, 0))]


def signed_field(name: str, tags: Sequence[tuple[str, str]], signer: Signer, before: bytes) -> bytes:
    """The whole field, b= at its end; ``before`` is what is hashed before it."""
    start = _folded(name, tags)
    bare = relaxed(name.lower(), start[len(name) + 1 :] + b"\r\n")
    digest = hashlib.sha256(before + bare[:-2]).digest()
    signature = base64.b64encode(signer.sign(digest)).decode()
    lines = "".join(
        f"\r\n  {signature[position : position + _WIDTH - 4]}" for position in range(0, len(signature), _WIDTH - 4)
    )
    return start + lines.encode() + b"\r\n"


def _folded(name: str, tags: Sequence[tuple[str, str]]) -> bytes:
    """``Name: a=…; …; b=``, in lines of moderate length."""
    lines = [f"{name}:"]
    for tag, value in tags:
        piece = f" {tag}={value};"
        if tag == "h":
            # FWS is allowed on either side of the colon (RFC 6376 §3.5)
            first, *others = value.split(":")
            lines.append(f" h={first}")
            for other in others:
                if len(lines[-1]) + len(other) + 2 > _WIDTH:
                    lines[-1] += ":"
                    lines.append(f"  {other}")
                else:
                    lines[-1] += f":{other}"
            lines[-1] += ";"
        elif len(lines[-1]) + len(piece) > _WIDTH:
            lines.append(piece)
        else:
            lines[-1] += piece
    return "\r\n".join([*lines, " b="]).encode()
