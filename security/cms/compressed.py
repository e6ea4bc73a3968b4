"""Compressed data: zlib around a MIME entity.

Standards: RFC 3274; RFC 8551 §2.4.5, §3.6.
Limits: what comes out is ``LARGEST`` octets at the most, whatever went in.
"""

from __future__ import annotations

import io
import zlib

from security.cms import der
from security.cms.algorithms import read_algorithm
from security.cms.attributes import DATA
from security.cms.ber import Reader
from security.cms.reasons import CmsFault, Reason, malformed

COMPRESSED_DATA = "1.2.840.113549.1.9.16.1.9"
LARGEST = 64 << 20
_ZLIB = "1.2.840.113549.1.9.16.3.8"


def decompress(reader: Reader, largest: int = LARGEST) -> bytes:
    """Behind ``enter_content_info``.  RFC 3274 §1.1."""
    reader.enter(der.SEQUENCE)
    reader.element(der.INTEGER)
    if read_algorithm(der.one(reader.element(der.SEQUENCE), der.SEQUENCE))[0] != _ZLIB:
        raise CmsFault(Reason.UNSUPPORTED_ALGORITHM, "another compression than zlib's")
    reader.enter(der.SEQUENCE)
    if der.dotted(der.one(reader.element(der.OID), der.OID).content) != DATA:
        raise CmsFault(Reason.UNSUPPORTED_CONTENT, "what is compressed is no MIME entity")
    if reader.peek() == 0:
        raise CmsFault(Reason.CONTENT_MISSING, "the compressed content is elsewhere")
    reader.enter(0xA0)
    content, inflater = io.BytesIO(), zlib.decompressobj()
    try:
        for piece in reader.content(der.OCTET_STRING):
            content.write(inflater.decompress(piece, largest - content.tell() + 1))
            if content.tell() > largest:
                raise CmsFault(Reason.TOO_LARGE, f"more than {largest} octets come out of it")
    except zlib.error as fault:
        raise malformed("the compressed content cannot be read") from fault
    if not inflater.eof:
        raise malformed("the compressed content is cut off")
    return content.getvalue()


def compress(content: bytes | memoryview) -> bytes:
    """A ContentInfo in DER."""
    inner = der.element(
        der.SEQUENCE, der.oid(DATA), der.element(0xA0, der.element(der.OCTET_STRING, zlib.compress(content)))
    )
    algorithm = der.element(der.SEQUENCE, der.oid(_ZLIB))
    return der.element(
        der.SEQUENCE,
        der.oid(COMPRESSED_DATA),
        der.element(0xA0, der.element(der.SEQUENCE, der.integer(0), algorithm, inner)),
    )
