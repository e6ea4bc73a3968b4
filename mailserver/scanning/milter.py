"""The milter protocol, as a mail server speaks it to a filter.

One connection is one message.  The filter is told of the connection, the envelope, every header field and the body,
and may answer each step: go on, accept, refuse, defer, discard, or a reply of its own; at the end it may also ask for
other header fields and for quarantine.  What it may not do here it is not offered: to change the body, the recipients
or the sender, for by then others have judged them.

Standards: Sendmail's libmilter, protocol version 6 (mfdef.h); versions 2 to 6 are understood.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Generator
from dataclasses import replace
from typing import NoReturn

from mailserver.message.headers import split
from mailserver.scanning.opinion import Action, Change, Conversation, Letter, Opinion, ScannerFailed, exactly
from mailserver.smtp.replies import Reply

_VERSION = 6
_MAX_PACKET = 1024 * 1024
_BODY_CHUNK = 65_535

# What a filter may ask us to do (SMFIF_…): add, change and remove header fields, quarantine.
_ADD_HEADERS, _CHANGE_HEADERS, _QUARANTINE = 0x01, 0x10, 0x20
_OFFERED_ACTIONS = _ADD_HEADERS | _CHANGE_HEADERS | _QUARANTINE
# Steps that it may leave out (SMFIP_NO…), and those that it may leave unanswered (SMFIP_NR_…).
_NO_CONNECT, _NO_HELO, _NO_MAIL, _NO_RCPT, _NO_BODY, _NO_HEADERS, _NO_EOH, _NO_UNKNOWN, _NO_DATA = (
    0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x100, 0x200,
)  # fmt: skip
_NR_HEADER, _NR_CONNECT, _NR_HELO, _NR_MAIL, _NR_RCPT, _NR_DATA, _NR_UNKNOWN, _NR_EOH, _NR_BODY = (
    0x80, 0x1000, 0x2000, 0x4000, 0x8000, 0x10000, 0x20000, 0x40000, 0x80000,
)  # fmt: skip
_SKIP = 0x400
_LEADING_SPACE = 0x100000
_OFFERED_STEPS = (
    _NO_CONNECT | _NO_HELO | _NO_MAIL | _NO_RCPT | _NO_BODY | _NO_HEADERS | _NO_EOH | _NO_UNKNOWN | _NO_DATA
    | _NR_HEADER | _NR_CONNECT | _NR_HELO | _NR_MAIL | _NR_RCPT | _NR_DATA | _NR_UNKNOWN | _NR_EOH | _NR_BODY
    | _SKIP | _LEADING_SPACE
)  # fmt: skip

# Answers to a step.
_CONTINUE, _ACCEPT, _REJECT, _TEMPFAIL, _DISCARD, _REPLY, _PROGRESS, _SKIPPED = (
    b"c",
    b"a",
    b"r",
    b"t",
    b"d",
    b"y",
    b"p",
    b"s",
)
_FINAL = (_ACCEPT, _REJECT, _TEMPFAIL, _DISCARD, _REPLY)
# Wishes at the end.
_WISH_ADD, _WISH_INSERT, _WISH_CHANGE, _WISH_QUARANTINE = b"h", b"i", b"m", b"q"

# A field, its folds included; the value begins right behind the colon.
_FIELD = re.compile(rb"^([!-9;-~]{1,100})[ \t]*:([^\n]*+(?:\n[ \t][^\n]*+)*+)", re.MULTILINE)
_OWN_REPLY = re.compile(r"([45]\d\d) (?:([245]\.\d{1,3}\.\d{1,3}) )?(.*)", re.DOTALL)

Packet = tuple[bytes, bytes]


class _Decided(Exception):
    """The filter has seen enough."""

    def __init__(self, command: bytes, data: bytes) -> None:
        self.command, self.data = command, data
        super().__init__(command)


class _Talk:
    """The connection: what was heard and not yet read, and what both sides agreed upon."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.buffer = bytearray()
        self.steps = 0

    def fail(self, what: str) -> NoReturn:
        raise ScannerFailed(f"milter {self.name}: {what}")

    def hear(self) -> Generator[bytes | None, bytes, Packet]:
        length = int.from_bytes((yield from exactly(4, self.buffer)), "big")
        if not 0 < length <= _MAX_PACKET:
            self.fail(f"a packet of {length} octets")
        packet = yield from exactly(length, self.buffer)
        return packet[:1], packet[1:]

    def negotiate(self) -> Generator[bytes | None, bytes, None]:
        offer = b"".join(number.to_bytes(4, "big") for number in (_VERSION, _OFFERED_ACTIONS, _OFFERED_STEPS))
        yield _packet(b"O", offer)
        command, data = yield from self.hear()
        if command != b"O" or len(data) < 12:
            self.fail("it does not speak the protocol")
        version, actions, steps = (int.from_bytes(data[at : at + 4], "big") for at in (0, 4, 8))
        if not 2 <= version <= _VERSION:
            self.fail(f"it speaks version {version}")
        if actions & ~_OFFERED_ACTIONS or steps & ~_OFFERED_STEPS:
            self.fail("it needs to do what it is not offered")
        self.steps = steps

    def tell(self, command: bytes, data: bytes, unwanted: int, unanswered: int) -> Generator[bytes | None, bytes, bool]:
        """One step; whether the filter wants more of its kind.  Raises _Decided."""
        if self.steps & unwanted:
            return False
        yield _packet(command, data)
        if self.steps & unanswered:
            return True
        answer, value = yield from self.answer()
        if answer in _FINAL:
            raise _Decided(answer, value)
        if answer not in (_CONTINUE, _SKIPPED):
            self.fail(f"{answer!r} is no answer to {command!r}")
        return answer == _CONTINUE

    def answer(self) -> Generator[bytes | None, bytes, Packet]:
        while True:
            packet = yield from self.hear()
            if packet[0] != _PROGRESS:  # it only asks for patience
                return packet


def scan(letter: Letter, *, name: str, our_name: str) -> Conversation:
    """``name`` of the filter, for the log; ``our_name`` for the macro ``j``.  Raises ScannerFailed."""
    talk = _Talk(name)
    try:
        yield from talk.negotiate()
        yield from _tell_envelope(talk, letter, our_name)
        yield from _tell_message(talk, letter)
        opinion = yield from _hear_wishes(talk)
    except _Decided as decided:
        opinion = _judge(name, decided.command, decided.data)
    yield _packet(b"Q", b"")
    return opinion


def _tell_envelope(talk: _Talk, letter: Letter, our_name: str) -> Generator[bytes | None, bytes, None]:
    yield _macros(b"C", {"j": our_name, "{daemon_name}": "CityMail", "v": "CityMail"})
    yield from talk.tell(b"C", _connection(letter.client), _NO_CONNECT, _NR_CONNECT)
    yield from talk.tell(b"H", _text(letter.hello or "unknown"), _NO_HELO, _NR_HELO)
    macros = {"i": letter.reference, "{mail_addr}": letter.reverse_path}
    yield _macros(b"M", {**macros, "{auth_authen}": letter.login, "{auth_type}": "PLAIN" if letter.login else ""})
    yield from talk.tell(b"M", _text(f"<{letter.reverse_path}>"), _NO_MAIL, _NR_MAIL)
    for recipient in letter.recipients:
        yield _macros(b"R", {"{rcpt_addr}": recipient})
        yield from talk.tell(b"R", _text(f"<{recipient}>"), _NO_RCPT, _NR_RCPT)
    yield _macros(b"T", {"i": letter.reference})
    yield from talk.tell(b"T", b"", _NO_DATA, _NR_DATA)


def _tell_message(talk: _Talk, letter: Letter) -> Generator[bytes | None, bytes, None]:
    header, body = _split(letter)
    for name, value in header:
        # Without SMFIP_HDR_LEADSPC the space behind the colon is not part of the value.
        if not talk.steps & _LEADING_SPACE:
            value = value.removeprefix(b" ")
        yield from talk.tell(b"L", name + b"\0" + value + b"\0", _NO_HEADERS, _NR_HEADER)
    yield from talk.tell(b"N", b"", _NO_EOH, _NR_EOH)
    wants_more = True
    for chunk in body:
        wants_more = wants_more and (yield from talk.tell(b"B", chunk, _NO_BODY, _NR_BODY))
        if not wants_more:
            break


def _hear_wishes(talk: _Talk) -> Generator[bytes | None, bytes, Opinion]:
    yield _packet(b"E", b"")
    fields: list[tuple[str, str]] = []
    changes: list[Change] = []
    quarantine = ""
    while True:
        command, data = yield from talk.answer()
        if command in (_WISH_ADD, _WISH_INSERT):
            name, value = _texts(talk, data if command == _WISH_ADD else data[4:], 2)[:2]
            fields.append((name, value.strip()))
        elif command == _WISH_CHANGE:
            name, value = _texts(talk, data[4:], 2)[:2]
            changes.append(Change(name, int.from_bytes(data[:4], "big"), value.strip()))
        elif command == _WISH_QUARANTINE:
            quarantine = _texts(talk, data, 1)[0] or "quarantined"
        elif command in (_CONTINUE, *_FINAL):
            break
        else:
            talk.fail(f"it asks for {command!r}, which it was not offered")
    decided = _judge(talk.name, command, data)
    if quarantine and decided.action is Action.CLEAN:
        decided = Opinion(talk.name, Action.QUARANTINE, quarantine)
    return replace(decided, fields=tuple(fields), changes=tuple(changes))


def _judge(name: str, command: bytes, data: bytes) -> Opinion:
    if command == _REPLY:
        text = data.rstrip(b"\0").decode("utf-8", "replace")
        own = _OWN_REPLY.fullmatch(text)
        if own is None:
            raise ScannerFailed(f"milter {name}: {text[:100]!r} is no reply")
        code = int(own[1])
        reply = Reply(code, own[2] or ("4.7.1" if code < 500 else "5.7.1"), own[3][:400])
        return Opinion(name, Action.DEFER if code < 500 else Action.REFUSE, text[:400], reply)
    # Nothing is ever thrown away in silence here: what a filter would discard waits for an administrator.
    actions = {_REJECT: Action.REFUSE, _TEMPFAIL: Action.DEFER, _DISCARD: Action.QUARANTINE}
    return Opinion(name, actions.get(command, Action.CLEAN), "discard" if command == _DISCARD else "")


# Octets


def _packet(command: bytes, data: bytes) -> bytes:
    return (len(data) + 1).to_bytes(4, "big") + command + data


def _text(value: str) -> bytes:
    return value.replace("\0", "").encode("utf-8", "surrogateescape") + b"\0"


def _texts(talk: _Talk, data: bytes, count: int) -> list[str]:
    if not data.endswith(b"\0") or data.count(b"\0") < count:
        talk.fail("a text has no end")
    return [part.decode("utf-8", "replace") for part in data.split(b"\0")]


def _macros(command: bytes, values: dict[str, str]) -> bytes:
    return _packet(b"D", command + b"".join(_text(name) + _text(value) for name, value in values.items() if value))


def _connection(client: str) -> bytes:
    """Host name, family, port, address; the name is the address in brackets, for none was looked up here."""
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return _text("localhost") + b"U"
    family = b"4" if address.version == 4 else b"6"
    shown = client if address.version == 4 else f"IPv6:{client}"
    return _text(f"[{client}]") + family + (0).to_bytes(2, "big") + _text(shown)


def _split(letter: Letter) -> tuple[list[tuple[bytes, bytes]], Generator[bytes, None, None]]:
    """The header fields with raw values (folds kept, as LF), and the body in chunks."""
    chunks = letter.chunks(_BODY_CHUNK)
    start = b""
    for chunk in chunks:
        start += chunk
        if b"\r\n\r\n" in start or start.startswith(b"\r\n") or len(start) > _MAX_PACKET:
            break
    header, rest = split(start)
    fields = [(match[1], match[2].rstrip(b"\r").replace(b"\r\n", b"\n")) for match in _FIELD.finditer(header)]

    def body() -> Generator[bytes, None, None]:
        for at in range(0, len(rest), _BODY_CHUNK):
            yield rest[at : at + _BODY_CHUNK]
        yield from chunks

    return fields, body()
