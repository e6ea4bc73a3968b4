"""The mail that is measured with: a city office's, and the same octets for the same number for ever.

Sizes are 1.5 to 46 KB (median 5.7 KB): quoted-printable text, multipart/alternative, attachments with Vietnamese
file names, inline images, forwarded messages; Vietnamese subjects as encoded words.  45 % are replies with
References.  Every 1,000th message (``number % 1000 == 7``) has the rare word ``zebraquartz`` in its body, every 500th
(``number % 500 == 11``) has ``KH-2024`` in its subject.
"""

from __future__ import annotations

import base64
import quopri
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

RARE_WORD = "zebraquartz"
SUBJECT_MARK = "KH-2024"
# Some word that many subjects have.
COMMON_WORDS = "nghị quyết"

_VOCABULARY = """
ủy ban nhân dân thành phố quận phường kế hoạch công tác báo cáo quyết định nghị quyết thông báo về việc triển khai
thực hiện nhiệm vụ trọng tâm năm chuyển đổi số cải cách hành chính hồ sơ dịch vụ công trực tuyến giải quyết thủ tục
cán bộ công chức viên chức sở tài chính xây dựng giao thông vận tải giáo dục đào tạo y tế môi trường đô thị hội nghị
cuộc họp giấy mời đề nghị phối hợp kính gửi trân trọng cảm ơn ý kiến góp ý dự thảo văn bản số liệu tổng hợp
ngân sách đầu tư dự án quy hoạch đất đai phòng cháy chữa cháy an ninh trật tự
"""
_WORDS = _VOCABULARY.split()
_NAMES = (
    *("Nguyễn Văn An", "Trần Thị Bình", "Lê Hoàng Cường", "Phạm Thu Dung", "Vũ Đức Em", "Đặng Thị Giang"),
    *("Bùi Quang Hải", "Hoàng Thị Hạnh", "Đỗ Minh Khôi", "Ngô Thị Lan", "Huỳnh Văn Minh", "Võ Thị Nga"),
    *("Phan Thanh Phong", "Lý Thị Quyên"),
)
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# Message 0 came at the beginning of 2022, each further one half an hour later.
_EPOCH = 1_640_995_200
# Octets of a line of base64 with its CRLF.
_LINE = 78


def _sentence(rng: random.Random, words: int) -> str:
    text = " ".join(rng.choice(_WORDS) for _ in range(words))
    return text[0].upper() + text[1:]


def _crlf(octets: bytes) -> bytes:
    return octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def _base64(octets: bytes) -> bytes:
    return _crlf(base64.encodebytes(octets))


def _encoded_words(text: str, *, quoted: bool) -> str:
    """RFC 2047, folded at words."""
    pieces: list[str] = []
    current = ""
    for word in text.split(" "):
        if len(f"{current} {word}".encode()) > 42:
            pieces.append(current)
            current = word
        else:
            current = f"{current} {word}" if current else word
    pieces.append(current)
    octets = [(piece + " ").encode() for piece in pieces[:-1]] + [pieces[-1].encode()]
    if quoted:
        encoded = [f"=?UTF-8?Q?{''.join(map(_quoted_octet, piece))}?=" for piece in octets]
    else:
        encoded = [f"=?UTF-8?B?{base64.b64encode(piece).decode()}?=" for piece in octets]
    return "\r\n ".join(encoded)


def _quoted_octet(octet: int) -> str:
    if octet == 0x20:
        return "_"
    character = chr(octet)
    return character if octet < 128 and character.isalnum() else f"={octet:02X}"


# Pieces that all messages are put together from, made once.
_rng = random.Random(20240601)
_PARAGRAPHS = [
    ". ".join(_sentence(_rng, _rng.randint(8, 22)) for _ in range(_rng.randint(2, 5))) + "." for _ in range(300)
]
_QUOTED = [_crlf(quopri.encodestring(paragraph.encode())) + b"\r\n\r\n" for paragraph in _PARAGRAPHS]
_NOISE = _base64(_rng.randbytes(57 * 20_000))
_LONG_TEXT = _base64("\r\n".join(_rng.choice(_PARAGRAPHS) for _ in range(6000)).encode()[: 57 * 20_000])
_SUBJECTS = [_encoded_words(_sentence(_rng, _rng.randint(4, 11)), quoted=number % 3 == 0) for number in range(2000)]
_ENCODED_NAMES = [_encoded_words(name, quoted=False) for name in _NAMES]


def _moment(number: int) -> time.struct_time:
    return time.gmtime(_EPOCH + number * 1800 + (number * 7919) % 1700)


def _date(number: int) -> str:
    at = _moment(number)
    clock = f"{at.tm_hour:02}:{at.tm_min:02}:{at.tm_sec:02}"
    return f"{_DAYS[at.tm_wday]}, {at.tm_mday:02} {_MONTHS[at.tm_mon - 1]} {at.tm_year} {clock} +0700"


def internal_date(number: int) -> bytes:
    """As APPEND wants it."""
    at = _moment(number)
    clock = f"{at.tm_hour:02}:{at.tm_min:02}:{at.tm_sec:02}"
    return f"{at.tm_mday:02}-{_MONTHS[at.tm_mon - 1]}-{at.tm_year} {clock} +0000".encode()


def flags(number: int) -> bytes:
    """One in five is unread."""
    if number % 5 == 0:
        return b""
    return b"\\Seen" if number % 11 else b"\\Seen \\Answered"


def _message_id(number: int) -> str:
    return f"<m{number:06}.{number * 2654435761 & 0xFFFFFFFF:08x}@vanthu.thanhpho.example>"


def _parent(number: int) -> int | None:
    rng = random.Random(number * 31 + 5)
    return number - rng.randint(1, min(40, number)) if number and rng.random() < 0.45 else None


def _ancestors(number: int) -> list[int]:
    """Nearest first; eight at most."""
    found: list[int] = []
    parent = _parent(number)
    while parent is not None and len(found) < 8:
        found.append(parent)
        parent = _parent(parent)
    return found


def _chance(number: int) -> tuple[random.Random, int, int]:
    """A message's own chance, and its first two draws: author and subject."""
    rng = random.Random(number * 1_000_003 + 17)
    return rng, rng.randrange(len(_NAMES)), rng.randrange(len(_SUBJECTS))


@dataclass(slots=True)
class _Body:
    """A message body under way: its own chance, a boundary, and the rare word where it belongs."""

    number: int
    rng: random.Random
    author: int
    subject: int

    @property
    def boundary(self) -> str:
        return f"=_{self.number * 40503 & 0xFFFFFFFF:08x}_{self.number}"

    @property
    def rare(self) -> bytes:
        return f"{RARE_WORD} m=E1=BA=ABu\r\n".encode() if self.number % 1000 == 7 else b""

    def quoted(self, least: int, most: int) -> bytes:
        count = self.rng.randint(least, most) if least < most else least
        return self.rare + b"".join(_QUOTED[self.rng.randrange(300)] for _ in range(count))

    def html(self, count: int) -> bytes:
        paragraphs = "".join(f"<p>{_PARAGRAPHS[self.rng.randrange(300)]}</p>\n" for _ in range(count))
        return _base64(f"<html><body>{paragraphs}</body></html>".encode())

    def noise(self, least: int, most: int) -> bytes:
        """``least`` to ``most`` KB of base64."""
        start = self.rng.randrange(19_000)
        lines = self.rng.randint(least * 1024 // _LINE, most * 1024 // _LINE)
        return _NOISE[start * _LINE : (start + lines) * _LINE]

    def part(self, boundary: str, *fields: str) -> bytes:
        return f"--{boundary}\r\n{''.join(field + chr(13) + chr(10) for field in fields)}\r\n".encode()

    def end(self, boundary: str) -> bytes:
        return f"--{boundary}--\r\n".encode()

    def alternative(self, boundary: str, paragraphs: int) -> bytes:
        return (
            self.part(boundary, "Content-Type: text/plain; charset=UTF-8", _QP)
            + self.quoted(paragraphs, paragraphs)
            + self.part(boundary, "Content-Type: text/html; charset=UTF-8", _B64)
            + self.html(paragraphs)
            + self.end(boundary)
        )

    def plain(self) -> tuple[list[str], bytes]:
        return ["Content-Type: text/plain; charset=UTF-8", _QP], self.quoted(2, 8)

    def two_forms(self) -> tuple[list[str], bytes]:
        head = [f'Content-Type: multipart/alternative;\r\n boundary="{self.boundary}"']
        text = self.alternative(self.boundary, self.rng.randint(2, 7))
        return head, b"This is a multi-part message.\r\n" + text

    def attached(self) -> tuple[list[str], bytes]:
        inner = self.boundary + "a"
        out = self.part(self.boundary, f'Content-Type: multipart/alternative; boundary="{inner}"')
        out += self.alternative(inner, self.rng.randint(1, 5))
        for _ in range(1 if self.rng.random() < 0.7 else 2):
            out += self.part(
                self.boundary,
                f'Content-Type: application/pdf;\r\n name="van-ban-{self.number}.pdf"',
                _B64,
                "Content-Disposition: attachment;\r\n"
                f" filename*=UTF-8''C%C3%B4ng%20v%C4%83n%20s%E1%BB%91%20{self.number}.pdf",
            ) + self.noise(8, 20)
        head = [f'Content-Type: multipart/mixed; boundary="{self.boundary}"']
        return head, out + self.end(self.boundary)

    def illustrated(self) -> tuple[list[str], bytes]:
        out = self.part(self.boundary, "Content-Type: text/html; charset=UTF-8", _B64)
        out += self.html(self.rng.randint(2, 6))
        out += self.part(
            self.boundary,
            'Content-Type: image/png; name="logo.png"',
            _B64,
            f"Content-ID: <logo{self.number}>",
            'Content-Disposition: inline; filename="logo.png"',
        )
        out += self.noise(4, 16) + self.end(self.boundary)
        if self.rare:
            out = self.part(self.boundary, "Content-Type: text/plain") + RARE_WORD.encode() + b"\r\n" + out
        return [f'Content-Type: multipart/related; boundary="{self.boundary}"'], out

    def forwarded(self) -> tuple[list[str], bytes]:
        inner = [
            f"From: {_ENCODED_NAMES[self.author]} <a{self.number % 77}@thanhpho.example>",
            f"Subject: {_SUBJECTS[(self.subject + 1) % len(_SUBJECTS)]}",
            f"Date: {_date(max(0, self.number - 5))}",
            "MIME-Version: 1.0",
            "Content-Type: text/plain; charset=UTF-8",
            _QP,
        ]
        message = "\r\n".join([*inner, "", ""]).encode() + self.quoted(1, 4)
        out = self.part(self.boundary, "Content-Type: text/plain; charset=UTF-8", _QP) + self.quoted(2, 2)
        out += self.part(self.boundary, "Content-Type: message/rfc822", "Content-Disposition: attachment") + message
        return [f'Content-Type: multipart/mixed; boundary="{self.boundary}"'], out + self.end(self.boundary)


_QP = "Content-Transfer-Encoding: quoted-printable"
_B64 = "Content-Transfer-Encoding: base64"

# Share of all messages up to here, and how such a body is made.
_KINDS: tuple[tuple[float, Callable[[_Body], tuple[list[str], bytes]]], ...] = (
    (0.35, _Body.plain),
    (0.70, _Body.two_forms),
    (0.85, _Body.attached),
    (0.95, _Body.illustrated),
    (1.00, _Body.forwarded),
)


def message(number: int, to: str = "canbo@bench.example") -> bytes:
    rng, author, subject = _chance(number)
    ancestors = _ancestors(number)
    if ancestors:
        subject = _chance(ancestors[-1])[2]
    relay, address = number % 4, f"user{number % 900}@thanhpho.example"
    fields = [
        f"Return-Path: <{address}>",
        f"Received: from mx{relay}.thanhpho.example (mx{relay}.thanhpho.example [10.1.{number % 250}.{author}])\r\n"
        f"\tby mail.thanhpho.example (MTA) with ESMTPS id {number:08X}\r\n\tfor <{to}>; {_date(number)}",
        "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=thanhpho.example; s=s1;\r\n"
        "\th=from:to:subject:date:message-id; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=;\r\n"
        f"\tb={_NOISE[(number % 500) * _LINE : (number % 500) * _LINE + 76].decode()}",
        f"Message-ID: {_message_id(number)}",
        f"Date: {_date(number)}",
        f"From: {_ENCODED_NAMES[author]} <{address}>",
        f"To: {_ENCODED_NAMES[(author + 3) % len(_NAMES)]} <{to}>",
    ]
    if rng.random() < 0.4:
        readers = (
            f"{_ENCODED_NAMES[(author + k) % len(_NAMES)]} <user{(number * 7 + k) % 900}@thanhpho.example>"
            for k in range(rng.randint(1, 6))
        )
        fields.append("Cc: " + ",\r\n ".join(readers))
    mark = f"{SUBJECT_MARK} " if number % 500 == 11 else ""
    fields.append(f"Subject: {'Re: ' if ancestors else ''}{mark}{_SUBJECTS[subject]}")
    if ancestors:
        fields.append(f"In-Reply-To: {_message_id(ancestors[0])}")
        fields.append("References: " + "\r\n ".join(_message_id(each) for each in reversed(ancestors)))
    fields += ["X-Mailer: VanThu 3.1", "MIME-Version: 1.0"]
    kind = rng.random()
    make = next(make for share, make in _KINDS if kind < share)
    content_fields, body = make(_Body(number, rng, author, subject))
    return "\r\n".join([*fields, *content_fields, "", ""]).encode() + body


def sized(number: int, size: int, to: str, author: str = "vanthu@bench.example") -> bytes:
    """A plain message of exactly ``size`` octets, with a Message-ID of its own every time."""
    head = (
        f"From: Van thu <{author}>\r\nTo: <{to}>\r\nSubject: {_SUBJECTS[number % len(_SUBJECTS)]}\r\n"
        f"Date: {_date(number % 50_000)}\r\nMessage-ID: <s{time.time_ns():x}.{number}@bench.example>\r\n"
        f"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=UTF-8\r\n{_B64}\r\n\r\n"
    ).encode()
    need = max(size - len(head) - 2, 0)
    start = (number * 37 % 4000) * _LINE
    source = _LONG_TEXT[start:] + _LONG_TEXT if need < len(_LONG_TEXT) else _LONG_TEXT * (need // len(_LONG_TEXT) + 1)
    body = source[:need]
    if body.endswith(b"\r"):
        body = body[:-1] + b"A"
    return head + body + b"\r\n"


def dot_stuffed(octets: bytes) -> bytes:
    """As DATA wants it, with the final dot (RFC 5321 §4.5.2)."""
    if not octets.endswith(b"\r\n"):
        octets += b"\r\n"
    if octets.startswith(b"."):
        octets = b"." + octets
    return octets.replace(b"\r\n.", b"\r\n..") + b".\r\n"
