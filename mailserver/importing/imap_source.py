"""Mail from another IMAP server, through aioimaplib: the one part of an import that runs an event loop.

The loop runs only while something is fetched (``asyncio.Runner``), so that the importer stays a plain function. The
server is asked for UIDs first, the journal for those it knows, and only the others are fetched. Mailboxes are opened
with EXAMINE and bodies fetched with PEEK: nothing changes over there.

aioimaplib parses an answer by calling itself for every line, so questions are asked in small portions.

Standards: RFC 9051 §6.3.3, §6.4.9; RFC 3501 §5.1.3 (modified UTF-7); RFC 2342 (NAMESPACE); RFC 6154 (special uses).
Limits: no STARTTLS (aioimaplib has none): TLS from the start, or none at all where that is asked for.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import aioimaplib

from mailserver.importing.names import decode_modified_utf7, joined, special_use_of, text_of
from mailserver.importing.source import (
    Folder,
    Item,
    Known,
    Passed,
    SourceFault,
    SourceMessage,
    Unreadable,
    content_token,
    uid_token,
)
from mailserver.message.dates import parse_date

T = TypeVar("T")


class _Lost(SourceFault):
    """The connection failed, or was never made."""


class _Refused(Exception):
    """The server said NO or BAD to a question, and goes on answering others."""


TIMEOUT = 120.0
_PORTION = 200  # messages asked about at once
_BODY_PORTION = 4 << 20  # octets fetched at once
_RECONNECTIONS = 3  # in a row, without a message fetched in between

_LIST_LINE = re.compile(rb'^(?:LIST |LSUB )?\(([^)]*)\) (?:"((?:[^"\\]|\\.))"|NIL) (?:"((?:[^"\\]|\\.)*)"|(.+))$')
_LITERAL = re.compile(rb"\{\d+\+?\}$")
_UID_VALIDITY = re.compile(rb"\[UIDVALIDITY (\d+)\]", re.IGNORECASE)
_EXISTS = re.compile(rb"\bMESSAGES (\d+)", re.IGNORECASE)
_UID = re.compile(rb"\bUID (\d+)", re.IGNORECASE)
_SIZE = re.compile(rb"\bRFC822\.SIZE (\d+)", re.IGNORECASE)
_FLAGS = re.compile(rb"\bFLAGS \(([^)]*)\)", re.IGNORECASE)
_DATE = re.compile(rb'\bINTERNALDATE "([^"]{1,40})"', re.IGNORECASE)
_NAMESPACE = re.compile(rb'^(?:NAMESPACE )?\(\("((?:[^"\\]|\\.)*)" ')
_SPECIAL = {
    "\\sent": "\\Sent",
    "\\drafts": "\\Drafts",
    "\\trash": "\\Trash",
    "\\junk": "\\Junk",
    "\\archive": "\\Archive",
}
# Mailboxes that show again what is in others
_VIRTUAL = frozenset({"\\all", "\\flagged", "\\important"})


@dataclass(frozen=True, slots=True)
class Account:
    """Where the mail is and who may read it. ``tls`` None means a connection in the clear."""

    host: str
    port: int
    user: str
    password: str
    tls: ssl.SSLContext | None


@dataclass(frozen=True, slots=True)
class _Meta:
    uid: int
    size: int
    flags: frozenset[str]
    date: int | None


class ImapSource:
    """``virtual`` also brings over what only shows other mailboxes' mail (Gmail's All Mail)."""

    def __init__(self, account: Account, *, virtual: bool = False) -> None:
        self._account = account
        self._virtual = virtual
        self._runner = asyncio.Runner()
        self._client: Any = None
        self._lost: asyncio.Event | None = None
        self._raw_names: dict[str, bytes] = {}
        self._selected = ""
        self._server = f"{account.user}@{account.host}"

    def close(self) -> None:
        if self._client is not None:
            with suppress(SourceFault):  # a polite farewell; the connection goes anyway
                self._run(self._client.logout())
        self._drop()
        self._runner.run(asyncio.sleep(0))  # lets the transport go
        self._runner.close()

    def folders(self) -> list[Folder]:
        try:
            return self._again(self._list)
        except _Refused as refusal:
            raise SourceFault(f"{self._server}: {refusal}") from refusal

    def messages(self, folder: Folder, known: Known) -> Iterator[Item]:
        try:
            uid_validity, uids = self._again(lambda: self._uids(folder))
        except _Refused as refusal:
            yield Unreadable("", str(refusal))
            return
        for start in range(0, len(uids), _PORTION):
            portion = uids[start : start + _PORTION]
            tokens = {uid: uid_token(self._server, folder.name, uid_validity, uid) for uid in portion}
            here = known(list(tokens.values()))
            wanted = [uid for uid in portion if tokens[uid] not in here]
            if len(wanted) < len(portion):
                yield Passed(len(portion) - len(wanted))
            yield from self._portion(folder, wanted, tokens)

    def _portion(self, folder: Folder, uids: Sequence[int], tokens: dict[int, bytes]) -> Iterator[Item]:
        if not uids:
            return
        try:
            metas = self._again(lambda: self._metas(folder, uids))
        except _Refused as refusal:
            yield from [Unreadable(f"UID {uid}", str(refusal)) for uid in uids]
            return
        for group in _groups([metas[uid] for uid in uids if uid in metas]):
            yield from self._group(folder, group, tokens)

    def _group(self, folder: Folder, group: list[_Meta], tokens: dict[int, bytes]) -> Iterator[Item]:
        try:
            bodies = self._again(lambda: self._bodies(folder, [meta.uid for meta in group]))
        except _Refused as refusal:
            if len(group) == 1:
                yield Unreadable(f"UID {group[0].uid}", str(refusal))
                return
            for meta in group:  # one of them is to blame, the others come
                yield from self._group(folder, [meta], tokens)
            return
        for meta in group:
            octets = bodies.get(meta.uid)
            if octets:
                both = (tokens[meta.uid], content_token(folder.name, octets))
                yield SourceMessage(f"UID {meta.uid}", both, octets, meta.flags, meta.date)
            else:
                yield Unreadable(f"UID {meta.uid}", "the server sent nothing")

    # The loop

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            return self._runner.run(self._unless_lost(work))
        except (OSError, TimeoutError, aioimaplib.AioImapException) as fault:
            self._drop()
            raise _Lost(f"{self._server}: {str(fault) or type(fault).__name__}") from fault

    async def _unless_lost(self, work: Coroutine[Any, Any, T]) -> T:
        """aioimaplib leaves a command waiting whose connection is gone: this ends it."""
        if self._lost is None:
            self._lost = asyncio.Event()
        asking = asyncio.ensure_future(work)
        losing = asyncio.ensure_future(self._lost.wait())
        try:
            await asyncio.wait({asking, losing}, return_when=asyncio.FIRST_COMPLETED)
            if not asking.done():
                raise ConnectionError("the connection was lost")
            return asking.result()
        finally:
            for task in (asking, losing):
                task.cancel()
            await asyncio.gather(asking, losing, return_exceptions=True)

    def _again(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Ask; after a lost connection, connect and ask anew."""
        for _ in range(_RECONNECTIONS):
            with suppress(_Lost):
                return self._run(work())
        return self._run(work())

    def _drop(self) -> None:
        """Forget the connection; the next question makes a new one."""
        client, self._client, self._lost, self._selected = self._client, None, None, ""
        if client is not None and client.protocol.transport is not None:
            client.protocol.transport.abort()

    async def _connected(self) -> Any:
        if self._client is not None:
            return self._client
        account = self._account
        if account.tls is not None:
            client = aioimaplib.IMAP4_SSL(account.host, account.port, timeout=TIMEOUT, ssl_context=account.tls)
        else:
            client = aioimaplib.IMAP4(account.host, account.port, timeout=TIMEOUT)
        lost = self._lost
        assert lost is not None
        client.protocol.conn_lost_cb = lambda _: lost.set()
        self._client = client
        await client.wait_hello_from_server()
        # aioimaplib quotes the password and not the name.
        answer = await client.login(_quoted(account.user), account.password)
        if answer.result != "OK":
            raise SourceFault(f"{self._server}: the server refused the login: {_remark(answer)}")
        return client

    # The questions

    async def _list(self) -> list[Folder]:
        client = await self._connected()
        self._raw_names = {}
        prefix = await self._prefix(client)
        subscribed = {raw for _, _, raw in _listed(_require(await client.lsub('""', "*"), "LSUB"))}
        folders: list[Folder] = []
        for attributes, delimiter, raw in _listed(_require(await client.list('""', "*"), "LIST")):
            if attributes & {"\\noselect", "\\nonexistent"} or (attributes & _VIRTUAL and not self._virtual):
                continue
            name = text_of(raw)
            if prefix and name.startswith(prefix) and len(name) > len(prefix):
                name = name[len(prefix) :]
            levels = name.split(delimiter) if delimiter else [name]
            ours = joined([decode_modified_utf7(level) for level in levels])
            if not ours or ours in self._raw_names:
                ours = joined([f"{ours or 'Folder'} {len(self._raw_names) + 1}"])
            self._raw_names[ours] = raw
            use = next((_SPECIAL[attribute] for attribute in attributes if attribute in _SPECIAL), None)
            status = await client.status(_quoted_octets(raw), "(MESSAGES)")
            count = _EXISTS.search(b" ".join(bytes(line) for line in status.lines))
            folders.append(
                Folder(ours, use or special_use_of(ours), raw in subscribed, int(count[1]) if count else None)
            )
        folders.sort(key=lambda folder: (folder.name != "INBOX", folder.name))
        return folders

    async def _prefix(self, client: Any) -> str:
        """What the server puts before all names of a person, such as ``INBOX.`` (RFC 2342)."""
        if not client.has_capability("NAMESPACE"):
            return ""
        answer = await client.namespace()
        found = _NAMESPACE.match(bytes(answer.lines[0])) if answer.result == "OK" and answer.lines else None
        return text_of(_unquoted(found[1])) if found else ""

    async def _opened(self, folder: Folder) -> tuple[Any, int]:
        client = await self._connected()
        answer = _require(await client.examine(_quoted_octets(self._raw_names[folder.name])), f"{folder.name}: EXAMINE")
        # aioimaplib does not know that EXAMINE selects a mailbox, and would refuse to fetch.
        client.protocol.state = aioimaplib.SELECTED
        self._selected = folder.name
        found = _UID_VALIDITY.search(b" ".join(bytes(line) for line in answer.lines))
        return client, int(found[1]) if found else 0

    async def _selected_client(self, folder: Folder) -> Any:
        if self._client is not None and self._selected == folder.name:
            return self._client
        return (await self._opened(folder))[0]

    async def _uids(self, folder: Folder) -> tuple[int, list[int]]:
        client, uid_validity = await self._opened(folder)
        answer = _require(await client.uid_search("ALL", charset=None), f"{folder.name}: SEARCH")
        # The last line is the server's closing remark, which may hold numbers too.
        words = b" ".join(bytes(line) for line in answer.lines[:-1]).split()
        return uid_validity, sorted({int(word) for word in words if word.isdigit()})

    async def _metas(self, folder: Folder, uids: Sequence[int]) -> dict[int, _Meta]:
        client = await self._selected_client(folder)
        answer = _require(
            await client.uid("fetch", _uid_set(uids), "(UID FLAGS INTERNALDATE RFC822.SIZE)"),
            f"{folder.name}: FETCH",
        )
        found: dict[int, _Meta] = {}
        for line in map(bytes, answer.lines):
            uid = _UID.search(line)
            if b" FETCH " not in line or uid is None:
                continue
            size, flags, date = _SIZE.search(line), _FLAGS.search(line), _DATE.search(line)
            names = text_of(flags[1]).split() if flags else []
            found[int(uid[1])] = _Meta(
                int(uid[1]),
                int(size[1]) if size else 0,
                frozenset(name for name in names if name.lower() != "\\recent"),
                parse_date(text_of(date[1])) if date else None,
            )
        return found

    async def _bodies(self, folder: Folder, uids: Sequence[int]) -> dict[int, bytes]:
        client = await self._selected_client(folder)
        answer = _require(await client.uid("fetch", _uid_set(uids), "(UID BODY.PEEK[])"), f"{folder.name}: FETCH")
        return _literals(answer.lines)


def _literals(lines: Sequence[bytes | bytearray]) -> dict[int, bytes]:
    """Bodies by UID. The UID may stand before the literal or behind it."""
    bodies: dict[int, bytes] = {}
    head, body = b"", None
    for line in lines:
        if isinstance(line, bytearray):
            body = bytes(line)
            continue
        if b" FETCH " in line:
            head = b""
        head += b" " + line
        uid = _UID.search(head)
        if body is not None and uid is not None:
            bodies[int(uid[1])] = body
            head, body = b"", None
    return bodies


def _listed(answer: Any) -> Iterator[tuple[set[str], str, bytes]]:
    """(attributes in lower case, delimiter, raw name) of LIST and LSUB answers."""
    lines = list(answer.lines[:-1])
    place = 0
    while place < len(lines):
        line = bytes(lines[place])
        place += 1
        if _LITERAL.search(line) and place < len(lines):  # the name comes as a literal
            name = bytes(lines[place])
            place += 1
            escaped = name.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
            line = _LITERAL.sub(b"", line) + b'"' + escaped + b'"'
        match = _LIST_LINE.match(line)
        if match is not None:
            attributes = {attribute.lower() for attribute in text_of(match[1]).split()}
            raw = _unquoted(match[3]) if match[3] is not None else match[4].strip()
            yield attributes, text_of(_unquoted(match[2] or b"")), raw


def _require(answer: Any, otherwise: str) -> Any:
    if answer.result != "OK":
        raise _Refused(f"{otherwise}: {_remark(answer)}")
    return answer


def _remark(answer: Any) -> str:
    return text_of(bytes(answer.lines[-1])) if answer.lines else ""


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _quoted_octets(raw: bytes) -> str:
    return _quoted(raw.decode("utf-8", "replace"))


def _unquoted(octets: bytes) -> bytes:
    return re.sub(rb"\\(.)", rb"\1", octets)


def _uid_set(uids: Sequence[int]) -> str:
    """1,2,3,7 as 1:3,7."""
    ranges: list[list[int]] = []
    for uid in sorted(uids):
        if ranges and uid == ranges[-1][1] + 1:
            ranges[-1][1] = uid
        else:
            ranges.append([uid, uid])
    return ",".join(str(first) if first == last else f"{first}:{last}" for first, last in ranges)


def _groups(metas: Sequence[_Meta]) -> Iterator[list[_Meta]]:
    """Messages to fetch together."""
    group: list[_Meta] = []
    size = 0
    for meta in metas:
        if group and size + meta.size > _BODY_PORTION:
            yield group
            group, size = [], 0
        group.append(meta)
        size += meta.size
    if group:
        yield group
