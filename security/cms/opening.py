"""A message from its outermost layer to what is read: signatures, encryptions and compressions around one another.

Only the root is ever opened.  An encrypted part beside others is not decrypted, whoever asks (EFAIL: "direct
exfiltration"), and what comes out of one layer is the whole of what the next begins with.

Standards: RFC 8551 §3.7 (nested operations), RFC 2634 §1.1 (triple wrapping), RFC 8551 §6 (EFAIL), RFC 9788 §4.4.
Limits: ``MOST_LAYERS`` layers.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from security.cms.addresses import are_same, authors
from security.cms.algorithms import Cipher
from security.cms.ber import Reader
from security.cms.compressed import COMPRESSED_DATA, decompress
from security.cms.enveloped import AUTH_ENVELOPED_DATA, ENVELOPED_DATA, Decrypted, decrypt_enveloped
from security.cms.keys import Decrypter
from security.cms.mime import Entity, decoded, is_cms, is_multipart_signed, read_entity, walk
from security.cms.protected import ProtectedHeader, read_protected
from security.cms.reasons import CmsFault, Reason
from security.cms.signed import enter_content_info
from security.cms.soundness import require_one_entity
from security.cms.verdicts import Judge, Signature, SignedPart, Verdict
from security.cms.verifying import Moment, Sight, signed_parts, verify_part

MOST_LAYERS = 8
_NOTHING_SIGNED = (Verdict.ALTERED, Verdict.UNSUPPORTED)
_ENVELOPED = (ENVELOPED_DATA, AUTH_ENVELOPED_DATA)


@dataclass(frozen=True, slots=True)
class Compressed:
    """A layer that only made it smaller."""


@dataclass(frozen=True, slots=True)
class Encrypted:
    """A layer that was decrypted."""

    cipher: Cipher


Layer = SignedPart | Encrypted | Compressed


@dataclass(frozen=True, slots=True)
class Opened:
    """``entity`` is what is to be read, a MIME entity; ``layers`` come from the outside in.

    ``telling`` is the author's signature over it, None when there is none; ``fault`` is why a layer could not be
    opened, which then is what ``entity`` holds (``is_locked``: it is an encryption), or what it has among others.
    """

    entity: Entity
    layers: tuple[Layer, ...] = ()
    partial: tuple[SignedPart, ...] = ()  # signed parts among others
    header: ProtectedHeader | None = None
    fault: CmsFault | None = None
    is_locked: bool = False

    @property
    def is_encrypted(self) -> bool:
        return any(isinstance(layer, Encrypted) for layer in self.layers)

    @property
    def is_authenticated(self) -> bool:
        """Whether nobody on the way could have changed what was decrypted: by its cipher, or by a good signature."""
        ciphers = [layer.cipher for layer in self.layers if isinstance(layer, Encrypted)]
        if ciphers and ciphers[-1].is_authenticated:
            return True
        return self.verdict is not None and self.verdict.is_good

    @property
    def author_signature(self) -> SignedPart | None:
        """The innermost that is not around an encryption: one outside says nothing of what was written inside."""
        inside = () if self.is_locked else self.layers
        for number, layer in enumerate(self.layers):
            if isinstance(layer, Encrypted):
                inside = self.layers[number + 1 :]
        return next((layer for layer in reversed(inside) if isinstance(layer, SignedPart)), None)

    @property
    def telling(self) -> Signature | None:
        """What is said of the message as a whole."""
        found = self.author_signature or next(iter(self.partial), None)
        if found is not None:
            return found.telling
        outside = [layer.telling for layer in self.layers if isinstance(layer, SignedPart)]
        if outside and outside[-1].verdict.is_good:
            told = "signed was what is encrypted, and not what was written"
            return replace(outside[-1], verdict=Verdict.PARTLY_SIGNED, reason=Reason.OUTSIDE_ENCRYPTION, told=told)
        if outside:
            return outside[-1]
        if self.fault is not None and not self.is_locked and (is_cms(self.entity) or is_multipart_signed(self.entity)):
            return Signature(Verdict.UNSUPPORTED, self.fault.reason, str(self.fault))
        return None

    @property
    def verdict(self) -> Verdict | None:
        return self.telling.verdict if self.telling is not None else None

    @property
    def reason(self) -> Reason | None:
        return self.telling.reason if self.telling is not None else None


def open_message(octets: bytes, *, at: datetime, now: datetime, judge: Judge, keys: Sequence[Decrypter] = ()) -> Opened:
    """Whatever can be opened is; nothing is raised."""
    layers: list[Layer] = []
    fault: CmsFault | None = None
    moment = Moment(at, now)
    entity = header = Entity(octets, 0, 0, len(octets), ())
    partial: tuple[SignedPart, ...] = ()
    is_encrypted = False
    try:
        entity = header = read_entity(octets)
        while len(layers) < MOST_LAYERS:
            sight = Sight(header, judge, moment, is_encrypted)
            layer, inner = _open_layer(entity, sight, keys)
            if layer is None:
                break
            layers.append(layer)
            is_encrypted = is_encrypted or isinstance(layer, Encrypted)
            if inner is entity:
                break
            entity = inner
        else:
            raise CmsFault(Reason.TOO_LARGE, f"more than {MOST_LAYERS} layers")
        if not any(isinstance(layer, SignedPart) for layer in layers):
            partial = tuple(part for part in signed_parts(entity, sight) if part.place)
        if _has_encrypted_parts(entity):
            raise CmsFault(Reason.NOT_ALONE, "an encrypted part among others is not opened")
    except CmsFault as found:
        fault = found
    is_locked = fault is not None and _is_encrypted(entity)
    opened = Opened(entity, tuple(layers), partial, fault=fault, is_locked=is_locked)
    signature = opened.author_signature
    if not is_encrypted and (signature is None or signature.telling.verdict in _NOTHING_SIGNED):
        return opened  # nothing protects what stands inside
    return replace(opened, header=_protected_header(entity, header, is_encrypted=is_encrypted))


def _protected_header(entity: Entity, outer: Entity, *, is_encrypted: bool) -> ProtectedHeader | None:
    """RFC 9788 §4.4: of two authors the outer one is shown, for whom the way has checked, and who is not the signer."""
    found = read_protected(entity, is_encrypted=is_encrypted)
    if found is None or are_same(authors(found.entity), authors(outer)):
        return found
    shown = [field for field in outer.fields if field.name == "from"]
    return replace(found, fields=(*shown, *(field for field in found.fields if field.name != "from")))


def _open_layer(entity: Entity, sight: Sight, keys: Sequence[Decrypter]) -> tuple[Layer | None, Entity]:
    """What the layer was, and what it was around; None where there is none to take off."""
    if is_multipart_signed(entity):
        part = verify_part(entity, sight)
        return part, part.entity if part is not None else entity
    if not is_cms(entity):
        return None, entity
    entity.require_clear()
    reader = Reader(decoded(entity))
    kind = enter_content_info(reader)
    if kind in _ENVELOPED:
        found = decrypt_enveloped(reader, kind, keys)
        return Encrypted(found.cipher), _entity_of(found)
    if kind == COMPRESSED_DATA:
        return Compressed(), read_entity(decompress(reader))
    part = verify_part(entity, sight)
    return part, part.entity if part is not None else entity


def _entity_of(found: Decrypted) -> Entity:
    """Raises CmsFault when anything shows that somebody else than a sender made it."""
    return read_entity(found.content) if found.cipher.is_authenticated else require_one_entity(found.content)


def decrypt(octets: bytes, *, keys: Sequence[Decrypter]) -> Decrypted:
    """The one encryption around a message, taken off.  Raises CmsFault.

    NOT_ALONE: there is an encrypted part, and others beside it.  It is refused and not opened.
    """
    entity = read_entity(octets)
    if not is_cms(entity):
        if _has_encrypted_parts(entity):
            raise CmsFault(Reason.NOT_ALONE, "an encrypted part among others is not opened")
        raise CmsFault(Reason.NOT_ENCRYPTED, "the message is not encrypted")
    entity.require_clear()
    reader = Reader(decoded(entity))
    kind = enter_content_info(reader)
    if kind not in _ENVELOPED:
        raise CmsFault(Reason.NOT_ENCRYPTED, "the message is not encrypted")
    found = decrypt_enveloped(reader, kind, keys)
    _entity_of(found)
    return found


def is_encrypted(octets: bytes) -> bool:
    """Whether the whole of a message is an encryption; its beginning is enough to say so."""
    try:
        return _is_encrypted(read_entity(octets))
    except CmsFault:
        return False


def _has_encrypted_parts(entity: Entity) -> bool:
    """Beside others.  What cannot be taken apart hides none that anybody would open."""
    with contextlib.suppress(CmsFault):
        return any(place and _is_encrypted(part) for place, part in walk(entity))
    return False


def _is_encrypted(entity: Entity) -> bool:
    try:
        return is_cms(entity) and enter_content_info(Reader(decoded(entity))) in _ENVELOPED
    except CmsFault:
        return False
