"""Reads BER as senders really write it: as DER where it is structure, in pieces where it is content.

Streaming senders (OpenSSL, NSS, Outlook) write indefinite lengths and cut the content into many octet strings.  A
``Reader`` goes through such octets once, from the first to the last: ``enter`` and ``leave`` follow the structure,
``element`` brings one part of it into DER, and ``content`` gives the pieces of the one large octet string, of which
it never holds more than one.

Which parts those are depends on the content type and cannot be told from the octets: ``[0]`` around a content is
IMPLICIT in enveloped data (its parts are strung together) and EXPLICIT in signed data (what is inside stands for
itself), and ``[0]`` as the second field of a signer's or recipient's information is an octet string.  So the callers,
who know the type, say what they expect, and nothing is guessed.  What was definite and primitive already stays as it
is, octet by octet: certificates and signed attributes are hashed over what was sent.

Standards: X.690 §8.1.3 (lengths), §8.7.3, §8.14 (constructed strings); RFC 5652 §5.4 (signed attributes are DER).
Limits: 24 levels, 65,536 elements and 4 MiB of structure, 200,000 pieces of content: with these, time and memory grow
with the octets and not faster.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from security.cms import der
from security.cms.reasons import CmsFault, Reason, malformed

DEEPEST = 24
MOST_ELEMENTS = 65_536
MOST_STRUCTURE = 4 << 20
MOST_PIECES = 200_000

# Constructed forms of what is a string of octets, bits or characters
_BIT_STRINGS = 0x23
_STRINGS = frozenset({_BIT_STRINGS, 0x24, 0x2C, *range(0x32, 0x37), *range(0x39, 0x3F)})
_IDENTIFIER = 0xA0


class Reader:
    """``pieces``: the octets, cut anywhere."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._held = b""
        self._at = 0  # in what is held
        self._position = 0  # in all
        self._ends: list[int | None] = []  # of what was entered; None for an indefinite length
        self._limit = -1  # the nearest definite end
        self._elements = 0
        self._structure = 0

    def peek(self) -> int:
        """The tag that comes next inside what was entered; 0 at its end."""
        end = self._ends[-1] if self._ends else None
        if end is not None and self._position == end:
            return 0
        self._need(1)
        tag = self._held[self._at]
        if tag == 0 and (end is not None or not self._ends):
            raise malformed("an end of contents where none is due")
        return tag

    def enter(self, tag: int) -> None:
        found, length, _ = self._header()
        if found != tag:
            raise malformed(f"expected the tag {tag:#04x}, found {found:#04x}")
        self._push(length)

    def leave(self) -> None:
        if self.peek() != 0:
            raise malformed("there is more in an element than belongs there")
        self._pop()

    def element(self, tag: int | None = None, *, has_identifier: bool = False) -> bytes:
        """The next element as DER.

        ``has_identifier``: it is a SignerInfo or KeyTransRecipientInfo, whose second field may be ``[0]`` IMPLICIT
        SubjectKeyIdentifier (RFC 5652 §5.3, §6.2.1).
        """
        found = self._element(has_identifier)
        if tag is not None and found[0] != tag:
            raise malformed(f"expected the tag {tag:#04x}")
        return found

    def verbatim(self) -> bytes:
        """The next element, not looked into if its length is definite: certificates and CRLs, which are DER."""
        tag, length, header = self._header()
        return (
            header + self._take(length) if length is not None else self._rest(tag, length, header, has_identifier=False)
        )

    def content(self, tag: int) -> Iterator[bytes]:
        """The pieces of an octet string, whole or in parts; ``tag`` is the one of its primitive form."""
        found, length, _ = self._header()
        if found & ~der.CONSTRUCTED != tag:
            raise malformed(f"expected the tag {tag:#04x}, found {found:#04x}")
        if not found & der.CONSTRUCTED:
            yield from self._stream(length)
            return
        base = len(self._ends)
        self._push(length)
        count = 0
        while len(self._ends) > base:
            if self.peek() == 0:
                self._pop()
                continue
            count += 1
            if count > MOST_PIECES:
                raise CmsFault(Reason.TOO_LARGE, f"the content comes in more than {MOST_PIECES} pieces")
            found, length, _ = self._header(counted=False)
            if found == der.OCTET_STRING:
                yield from self._stream(length)
            elif found == der.OCTET_STRING | der.CONSTRUCTED:
                self._push(length)
            else:
                raise malformed("a part of an octet string is none")

    def _element(self, has_identifier: bool) -> bytes:
        tag, length, header = self._header()
        if not tag & der.CONSTRUCTED:
            return header + self._take(length)
        return self._rest(tag, length, header, has_identifier=has_identifier)

    def _rest(self, tag: int, length: int | None, header: bytes, *, has_identifier: bool) -> bytes:
        """Of a constructed element whose header was read."""
        self._push(length)
        parts: list[bytes] = []
        while (following := self.peek()) != 0:
            part = self._element(has_identifier=False)
            if has_identifier and tag == der.SEQUENCE and len(parts) == 1 and following == _IDENTIFIER:
                part = _string(
                    _IDENTIFIER & ~der.CONSTRUCTED, [part_of.octets for part_of in der.one(part, following).parts()]
                )
            parts.append(part)
        self._pop()
        if tag in _STRINGS:
            return _string(tag & ~der.CONSTRUCTED, parts)
        content = b"".join(parts)
        if len(content) != length:
            header = bytes((tag,)) + der.length_of(len(content))
        return header + content

    def _header(self, *, counted: bool = True) -> tuple[int, int | None, bytes]:
        """Tag, length (None: indefinite) and the octets that told them."""
        self._need(2)
        start = self._at
        tag, length = self._held[start], self._held[start + 1]
        size = 2
        if tag == 0 or tag & 0x1F == 0x1F:
            raise malformed("an end of contents where none is due, or a long tag")
        found: int | None = length
        if length == 0x80:
            if not tag & der.CONSTRUCTED:
                raise malformed("an indefinite length where there can be none")
            found = None
        elif length > 0x80:
            size += length - 0x80
            if size > 10:
                raise malformed("the length of an element cannot be read")
            self._need(size)
            start = self._at
            found = int.from_bytes(self._held[start + 2 : start + size], "big")
        header = self._held[start : start + size]
        self._at += size
        self._position += size
        if counted:
            self._elements += 1
            self._structure += size
            if self._elements > MOST_ELEMENTS:
                raise CmsFault(Reason.TOO_LARGE, f"more than {MOST_ELEMENTS} elements")
        if self._limit >= 0 and self._position + (found or 0) > self._limit:
            raise malformed("an element reaches beyond the one it stands in")
        return tag, found, header

    def _push(self, length: int | None) -> None:
        if len(self._ends) >= DEEPEST:
            raise CmsFault(Reason.TOO_LARGE, f"more than {DEEPEST} levels")
        if length is None:
            self._ends.append(None)
        else:
            self._limit = self._position + length
            self._ends.append(self._limit)

    def _pop(self) -> None:
        """At the end of what was entered."""
        if self._ends.pop() is None:
            self._need(2)
            if self._held[self._at + 1] != 0:
                raise malformed("an end of contents with a content")
            self._at += 2
            self._position += 2
        self._limit = next((end for end in reversed(self._ends) if end is not None), -1)

    def _need(self, count: int) -> None:
        """Hold so many octets at least."""
        while len(self._held) - self._at < count:
            piece = next(self._pieces, None)
            if piece is None:
                raise malformed("the octets end too early")
            self._held = self._held[self._at :] + piece
            self._at = 0

    def _take(self, length: int | None) -> bytes:
        assert length is not None
        self._structure += length
        if self._structure > MOST_STRUCTURE:
            raise CmsFault(Reason.TOO_LARGE, f"more than {MOST_STRUCTURE} octets of structure")
        self._need(length)
        taken = self._held[self._at : self._at + length]
        self._at += length
        self._position += length
        return taken

    def _stream(self, length: int | None) -> Iterator[bytes]:
        assert length is not None
        while length:
            if self._at == len(self._held):
                self._need(1)
            piece = self._held[self._at : self._at + length]
            self._at += len(piece)
            self._position += len(piece)
            length -= len(piece)
            yield piece


def _string(tag: int, parts: list[bytes]) -> bytes:
    """One string of its parts, which are in DER."""
    contents = []
    for number, part in enumerate(parts, 1):
        found = next(der.elements(part))
        if found.tag not in (tag, der.OCTET_STRING):
            raise malformed("a part of a string is none")
        if tag != der.BIT_STRING:
            contents.append(found.content)
            continue
        # X.690 §8.6.4: only the last part may have unused bits, which its first octet counts
        if not found.content or (found.content[0] and number < len(parts)):
            raise malformed("a part of a bit string with unused bits")
        contents.append(found.content[1:])
        if number == len(parts):
            contents.insert(0, found.content[:1])
    return der.element(tag, *contents)
