"""Messages as they go out: signed, encrypted, or signed and then encrypted.

What is given and what comes out are whole messages.  The body is never copied or written anew: the pieces that come
out hold it as it was given, so a large message costs its base64 and nothing else.

Standards: RFC 8551 §3.1 to §3.7; RFC 1847 §2.1; RFC 9788 §5; RFC 8550 §4.2 (recipients' certificates are judged too).
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from security.cms.algorithms import Digest
from security.cms.compressed import compress as compress_content
from security.cms.enveloped import Recipient, choose_cipher, encrypt_enveloped
from security.cms.mime import (
    Entity,
    count_bare,
    is_ascii,
    is_cms,
    is_multipart_signed,
    read_entity,
    to_base64,
    with_crlf,
)
from security.cms.protected import protect, unprotected
from security.cms.reasons import CmsFault, Reason
from security.cms.signing import Signing, sign_content
from security.cms.verdicts import Judge
from security.paths import Judgement, Purpose

Octets = bytes | memoryview
_VERSION = b"MIME-Version: 1.0\r\n"


@dataclass(frozen=True, slots=True)
class Refused:
    """A recipient to whom nothing is encrypted, and why."""

    address: str
    judgement: Judgement


class RecipientsRefused(CmsFault):
    """Nothing was encrypted, to nobody: all who stood in the way."""

    def __init__(self, refused: Sequence[Refused]) -> None:
        told = "; ".join(f"{one.address}: {one.judgement.state.value}, {one.judgement.reason}" for one in refused)
        super().__init__(Reason.RECIPIENT_REFUSED, told)
        self.refused = tuple(refused)


def sign(message: bytes, signing: Signing, *, opaque: bool = False) -> Iterator[Octets]:
    """Signed, as multipart/signed or, where it must survive careless relays, as one opaque part.

    Raises CmsFault, before the first piece.
    """
    if opaque:
        content, outside = _content(message)
        pieces = sign_content(content, signing, detached=False)
        return _chained((outside, _VERSION, _cms_header(b"signed-data")), to_base64(pieces))
    content, outside = clear_content(message)
    return _chained((outside, _VERSION), _clear_signed(content, signing))


def clear_content(message: bytes) -> tuple[tuple[Octets, ...], bytes]:
    """What a signature in clear is over, and the fields that stand outside.  Raises CmsFault."""
    content, outside = _content(message)
    if not all(is_ascii(piece, 0, len(piece)) for piece in content):
        # RFC 8551 §3.1.3: relays would encode it anew, and break the signature
        raise CmsFault(Reason.NOT_CANONICAL, "what is signed in clear must be encoded in seven bits")
    return content, outside


def enclose_signature(
    content: tuple[Octets, ...], outside: bytes, signature: bytes, digests: Iterable[Digest]
) -> Iterator[Octets]:
    """A message around what was signed elsewhere (``elsewhere``)."""
    return _chained((outside, _VERSION), _around(content, signature, digests))


def _content(message: bytes) -> tuple[tuple[Octets, ...], bytes]:
    entity = _readable(message)
    # what is signed or encrypted already has its header where it belongs
    inside, outside = unprotected(entity) if _is_wrapped(entity) else protect(entity, is_cipher=False)
    return (inside, *_canonical_body(entity)), outside


def encrypt(
    message: bytes,
    recipients: Sequence[Recipient],
    *,
    at: datetime,
    judge: Judge,
    signing: Signing | None = None,
    hides_subject: bool = True,
) -> Iterator[Octets]:
    """Encrypted to all of these or to none (RecipientsRefused); signed before, inside, if ``signing`` says by whom.

    The sender reads it again only if he is among the recipients; a Bcc needs a message of its own, for recipients see
    each other's certificates.
    """
    refused = [one for one in (_judge(recipient, judge, at) for recipient in recipients) if not one.judgement.good]
    if refused:
        raise RecipientsRefused(refused)
    entity = _readable(message)
    if _is_wrapped(entity):
        inside, outside = unprotected(entity)
    else:
        inside, outside = protect(entity, is_cipher=True, hides=hides_subject)
    content: tuple[Octets, ...] = (inside, *_canonical_body(entity))
    if signing is not None:
        content = _clear_signed(content, signing)  # no relay sees it: eight bits will do
    kind = b"authEnveloped-data" if choose_cipher(recipients).is_authenticated else b"enveloped-data"
    enveloped = encrypt_enveloped(content, recipients)
    return _chained((outside, _VERSION, _cms_header(kind)), to_base64(enveloped))


def compress(message: bytes) -> Iterator[Octets]:
    """Smaller, and nothing else: RFC 8551 §3.6."""
    entity = _readable(message)
    inside, outside = unprotected(entity)
    compressed = compress_content(b"".join((inside, *_canonical_body(entity))))
    return _chained((outside, _VERSION, _cms_header(b"compressed-data", b"p7z")), to_base64((compressed,)))


def _judge(recipient: Recipient, judge: Judge, at: datetime) -> Refused:
    addresses = (recipient.address,) if recipient.address else ()
    judgement = judge(
        recipient.certificate,
        companions=recipient.companions,
        purpose=Purpose.ENCRYPTION,
        addresses=addresses,
        moment=at,
        now=at,
    )
    return Refused(recipient.address, judgement)


def _readable(message: bytes) -> Entity:
    entity = read_entity(message)
    if not entity.is_clear or any(not field.name for field in entity.fields):
        raise CmsFault(Reason.AMBIGUOUS, "the message's own header can be read in two ways")
    if count_bare(message, 0, entity.body_start)[0]:
        raise CmsFault(Reason.NOT_CANONICAL, "a CR that ends no line")
    return entity


def _is_wrapped(entity: Entity) -> bool:
    return is_cms(entity) or is_multipart_signed(entity)


def _canonical_body(entity: Entity) -> tuple[Octets, ...]:
    """RFC 8551 §3.1.1: with CRLF."""
    source, start, end = entity.source, entity.body_start, entity.end
    if entity.encoding == "binary":
        return (entity.body,)
    returns, feeds = count_bare(source, start, end)
    if returns:
        raise CmsFault(Reason.NOT_CANONICAL, "a CR that ends no line")
    return (with_crlf(source[start:end]),) if feeds else (entity.body,)


def _clear_signed(content: tuple[Octets, ...], signing: Signing) -> tuple[Octets, ...]:
    """A multipart/signed around this entity, from its Content-Type on."""
    return _around(content, b"".join(sign_content(content, signing, detached=True)), signing.digests)


def _around(content: tuple[Octets, ...], signature: bytes, digests: Iterable[Digest]) -> tuple[Octets, ...]:
    boundary = b"=_" + secrets.token_hex(16).encode("ascii")
    micalgs = ",".join(digest.micalg for digest in digests).encode("ascii")
    encoded = b"".join(to_base64((signature,)))
    opening = (
        b'Content-Type: multipart/signed; protocol="application/pkcs7-signature";\r\n micalg='
        + (b'"' + micalgs + b'"' if b"," in micalgs else micalgs)
        + b';\r\n boundary="'
        + boundary
        + b'"\r\n\r\n'
        b"This is a signed message in MIME format.\r\n--" + boundary + b"\r\n"
    )
    closing = (
        b"\r\n--" + boundary + b'\r\nContent-Type: application/pkcs7-signature; name="smime.p7s"\r\n'
        b"Content-Transfer-Encoding: base64\r\n"
        b'Content-Disposition: attachment; filename="smime.p7s"\r\n\r\n' + encoded + b"\r\n--" + boundary + b"--\r\n"
    )
    return (opening, *content, closing)


def _cms_header(kind: bytes, suffix: bytes = b"p7m") -> bytes:
    return (
        b"Content-Type: application/pkcs7-mime; smime-type=" + kind + b';\r\n name="smime.' + suffix + b'"\r\n'
        b"Content-Transfer-Encoding: base64\r\n"
        b'Content-Disposition: attachment; filename="smime.' + suffix + b'"\r\n\r\n'
    )


def _chained(first: Iterable[Octets], then: Iterable[Octets]) -> Iterator[Octets]:
    yield from first
    yield from then
