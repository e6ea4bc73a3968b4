"""A signature that somebody makes with his own token and program, and brings to the letter afterwards.

What he signs is one file: the MIME entity that a multipart/signed shows (``signable``).  Whatever his program made of
it comes back: the detached signature as DER, PEM or plain base64, or a whole signed message, of which the signature
alone is taken.  Whether it fits is asked like of any message that comes in (``verify``).

Standards: RFC 8551 §3.5.3 (multipart/signed); RFC 5652 §5.2 (the content is absent where the signature is detached);
RFC 7468 §2, §8, §9 (PEM).
"""

from __future__ import annotations

import base64
import binascii
import re

from security.cms import der
from security.cms.algorithms import read_digest
from security.cms.ber import Reader
from security.cms.composing import clear_content, enclose_signature
from security.cms.mime import decoded, is_multipart_signed, is_signature, read_entity
from security.cms.reasons import CmsFault, Reason, malformed
from security.cms.signed import SIGNED_DATA, enter_content_info, read_signed

_PEM = re.compile(rb"-----BEGIN (PKCS7|CMS|PKCS #7 SIGNED DATA)-----\s+([A-Za-z0-9+/=\s]+?)\s*-----END \1-----")
_BASE64 = re.compile(rb"\s*[A-Za-z0-9+/]+[A-Za-z0-9+/=\s]*\Z")


def signable(message: bytes) -> bytes:
    """What is to be signed of a message in seven bits.  Raises CmsFault."""
    return b"".join(clear_content(message)[0])


def with_signature(message: bytes, brought: bytes) -> bytes:
    """The message with that signature; nothing is judged here.  Raises CmsFault for what is no detached signature."""
    signature = detached_signature(brought)
    reader = Reader([signature])
    if enter_content_info(reader) != SIGNED_DATA:
        raise CmsFault(Reason.UNSUPPORTED_CONTENT, "it is no signature")
    data = read_signed(reader)
    if data.content is not None:
        raise CmsFault(Reason.CONTENT_TWICE, "the signature brings a content of its own")
    if not data.signers:
        raise CmsFault(Reason.NO_SIGNER, "signed by nobody")
    digests = [read_digest(der.one(signer.digest_algorithm, der.SEQUENCE)) for signer in data.signers]
    content, outside = clear_content(message)
    return b"".join(enclose_signature(content, outside, signature, dict.fromkeys(digests)))


def detached_signature(brought: bytes) -> bytes:
    """In DER or BER, out of whatever a program writes.  Raises CmsFault."""
    if brought[:1] == bytes((der.SEQUENCE,)):
        return brought
    found = _PEM.search(brought)
    text = found[2] if found is not None else brought if _BASE64.match(brought) else None
    if text is not None:
        try:
            return base64.b64decode(b"".join(text.split()), validate=True)
        except binascii.Error:
            raise malformed("it is no base64") from None
    entity = read_entity(brought)
    if is_multipart_signed(entity):
        parts = entity.parts()
        if len(parts) == 2 and is_signature(parts[1]):
            return b"".join(decoded(parts[1]))
    raise malformed("it is neither a signature nor a signed message")
