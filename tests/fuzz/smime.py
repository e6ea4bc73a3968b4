"""S/MIME: BER is read alike however it comes, only a CmsFault is raised, and no change makes a good signature."""

from __future__ import annotations

import contextlib
import functools

from security.cms import CmsFault, compress, decrypt, der, encrypt, open_message, sign
from security.cms.attributes import read_attributes
from security.cms.ber import Reader
from security.cms.certificates import readable
from security.cms.enveloped import encrypt_enveloped
from security.cms.mime import read_entity
from security.cms.signed import enter_content_info, read_signed
from tests.security.cms.forging import SHA256, honest, honest_attributes, indefinite
from tests.security.cms.people import BINH, LETTER, NOW, person, signing, trusting
from tests.security.cms.wrapping import PAYLOAD, detached, enclosed

_READER = person("rsa", BINH, capable=True)
_KINDS = ("rsa", "p256")


@functools.cache
def _cms() -> tuple[bytes, ...]:
    """What CMS is inside the messages below."""
    made = [honest(person(kind), PAYLOAD, opaque=opaque) for kind in _KINDS for opaque in (False, True)]
    readers = (person("rsa", BINH), _READER, person("p256", BINH))
    made += [b"".join(encrypt_enveloped([PAYLOAD], [reader.recipient])) for reader in readers]
    return (*made, *map(indefinite, made), honest_attributes(person(), PAYLOAD), person().certificate)


@functools.cache
def _messages() -> tuple[bytes, ...]:
    judge, to = trusting(), [_READER.recipient]
    return (
        b"".join(sign(LETTER, signing(person("p256")))),
        b"".join(sign(LETTER, signing(), opaque=True)),
        b"".join(encrypt(LETTER, to, at=NOW, judge=judge, signing=signing(person("p256")))),
        b"".join(compress(LETTER)),
        detached(honest(person(), PAYLOAD)),
        enclosed(honest(person(), PAYLOAD, opaque=True)),
    )


@functools.cache
def _signed() -> frozenset[bytes]:
    """All that was ever signed or sealed here."""
    keys = [_READER.memory]
    opened = [open_message(each, at=NOW, now=NOW, judge=trusting(), keys=keys) for each in _messages()]
    return frozenset({PAYLOAD, *(bytes(each.entity.octets) for each in opened)})


def smime_seeds() -> list[bytes]:
    return [*_cms(), *_messages()]


def smime(octets: bytes) -> None:
    _read_alike(octets)
    for message in (octets, enclosed(octets), detached(octets)):
        _open(message)
    with contextlib.suppress(CmsFault):
        reader = Reader([octets])
        enter_content_info(reader)
        readable(read_signed(reader).certificates)
    with contextlib.suppress(CmsFault):
        read_attributes(octets, SHA256, SHA256)
    for certificate in readable([octets]):
        with contextlib.suppress(CmsFault):
            _ = certificate.issuer, certificate.serial, certificate.key_identifier, certificate.capabilities
            _ = certificate.public_key


def _read_alike(octets: bytes) -> None:
    whole, pieces = _element([octets]), _element([octets[at : at + 3] for at in range(0, len(octets), 3)])
    assert whole == pieces
    if whole is not None:
        # what has come out is DER, and stays what it is
        assert _element([whole]) == whole
        assert len(list(der.elements(whole))) == 1


def _element(pieces: list[bytes]) -> bytes | None:
    try:
        return Reader(pieces).element()
    except CmsFault:
        return None


def _open(message: bytes) -> None:
    try:
        read_entity(message)
    except CmsFault:
        return
    known = _signed()
    opened = open_message(message, at=NOW, now=NOW, judge=trusting(), keys=[_READER.memory])
    if opened.verdict is not None and opened.verdict.is_good:
        assert bytes(opened.entity.octets) in known or bytes(opened.entity.octets).replace(b"\n", b"\r\n") in known
    try:
        found = decrypt(message, keys=[_READER.memory])
    except CmsFault:
        return
    assert found.content
    if found.cipher.is_authenticated:
        assert any(content in found.content or found.content in content for content in known)
