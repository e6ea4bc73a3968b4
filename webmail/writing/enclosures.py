"""What goes along with a letter: files that hang on it, and pictures that stand in its text.

Standards: RFC 2392 (Content-ID names a part).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from werkzeug.datastructures import FileStorage

from mailserver.message.entity import Attachment
from mailserver.message.structure import Part
from mailserver.store import mailboxes as store_mailboxes
from mailserver.store import reading as store_reading
from webmail.account.login import account
from webmail.contents.body_parts import decoded, part_by_index, part_name
from webmail.services import services
from webmail.smime.contents import COLUMNS, contents_of


@dataclass(frozen=True, slots=True)
class Enclosure:
    """``source`` names a part of another message that is fetched when the letter is kept; ``content_id`` is what the
    text calls a picture by that stands in it.
    """

    name: str
    media_type: str
    size: int
    octets: bytes = b""
    source: str = ""  # mailbox:uid:index
    content_id: str = ""

    @property
    def attachment(self) -> Attachment:
        return Attachment(self.name, self.media_type, self.octets, self.content_id)

    def as_file(self) -> Enclosure:
        """Hanging on the letter, whatever it was."""
        return replace(self, content_id="")


def uploaded(upload: FileStorage) -> Enclosure:
    octets = upload.stream.read()
    return Enclosure(file_name(upload.filename or ""), _file_type(upload.mimetype), len(octets), octets)


def _file_type(given: str) -> str:
    known = given and given.isascii() and given.count("/") == 1 and not given.startswith(("multipart/", "message/"))
    return given if known else "application/octet-stream"


def file_name(name: str) -> str:
    """What a file is called that was handed in; never a path."""
    name = name.replace("\\", "/").rpartition("/")[2]
    return "".join(character for character in name if character.isprintable())[:150].strip() or "file"


def fetched(enclosures: Sequence[Enclosure]) -> tuple[Enclosure, ...]:
    """With the parts of other messages read in; each is looked up as this account's own, or left out."""
    found = (find_source(each.source) if each.source else each for each in enclosures)
    return tuple(
        replace(here, content_id=each.content_id)
        for each, here in zip(enclosures, found, strict=True)
        if here is not None
    )


def find_source(source: str) -> Enclosure | None:
    numbers = source.split(":")
    if len(numbers) != 3 or not all(each.isdecimal() and len(each) < 19 for each in numbers):
        return None
    mailbox_id, uid, index = map(int, numbers)
    with services().store.read() as conn:
        mailbox = store_mailboxes.get_mailbox(conn, mailbox_id)
        if mailbox is None or mailbox.account_id != account().id:
            return None
        row = next(store_reading.fetch(conn, mailbox_id, [(uid, uid)], COLUMNS), None)
        contents = contents_of(conn, row) if row is not None else None
        part = part_by_index(contents.root, index) if contents is not None else None
        if contents is None or part is None:
            return None
        octets = contents.read(part.body_start, part.end)
    content = decoded(part, octets)
    return Enclosure(part_name(part), safe_type(part), len(content), content, source)


def safe_type(part: Part) -> str:
    known = part.media_type.isascii() and part.media_type.count("/") == 1
    return part.media_type if known else "application/octet-stream"
