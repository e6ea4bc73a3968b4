"""The search operation: limits, pages, order, and what is said at the end.

A generator of steps, as every operation is (``session``): the look-ups are for a thread, the octets for the client.

Standards: RFC 4511 §4.5; RFC 2696 (paged results); RFC 2891 (sorting).
Limits: more than ``SORTABLE`` entries are not sorted; a connection has ``MOST_PAGED`` searches whose next page may be
asked for, and the oldest is forgotten then.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from directory.database import Directory
from directory.ldap import root
from directory.ldap.ber import BerFault
from directory.ldap.entries import SUBSCHEMA, Entry
from directory.ldap.filters import evaluate
from directory.ldap.finding import Finder
from directory.ldap.messages import (
    PAGED,
    SORT_REQUEST,
    SUCCESS,
    Answer,
    Code,
    Control,
    Message,
    Page,
    Result,
    Search,
    SortKey,
    page_control,
    read_page,
    read_sort_keys,
    sort_control,
    write_entry,
    write_result,
)
from directory.ldap.places import BASE, NoSuchPlace
from directory.ldap.policy import Asker
from directory.ldap.seen import Seen, Selection
from directory.ldap.sorting import Order, SortRefused, order_of
from directory.ldap.steps import Look, Send, Steps
from directory.ldap.walking import Walk

SORTABLE = 2000
MOST_PAGED = 4
# Entries between looks at the clock and at what the client says meanwhile.
BATCH = 50

NOT_YOU = Result(Code.INSUFFICIENT_ACCESS_RIGHTS, "Bind first: the directory is for those who are in it")
COOKIE_UNKNOWN = Result(Code.UNWILLING_TO_PERFORM, "This cookie is not known any more; begin anew")


class Operation:
    """A request under way; the session says when its client has lost interest."""

    __slots__ = ("id", "is_abandoned")

    def __init__(self, message_id: int) -> None:
        self.id = message_id
        self.is_abandoned = False


@dataclass(slots=True)
class _Paged:
    """A search between two pages."""

    request: tuple[Search, tuple[SortKey, ...]]
    walk: Walk
    sent: int


@dataclass(frozen=True, slots=True)
class _Wanted:
    page: Page | None
    keys: tuple[SortKey, ...]
    must_sort: bool


class Searches:
    """The searches of one connection."""

    def __init__(self, directory: Directory, finder: Finder, monotonic: Callable[[], float]) -> None:
        self._directory = directory
        self._finder = finder
        self._monotonic = monotonic
        self._paged: OrderedDict[bytes, _Paged] = OrderedDict()
        self._pages = 0

    def forget(self) -> None:
        """Somebody else asks from now on."""
        self._paged.clear()

    def public(self, message: Message, search: Search, mechanisms: Sequence[str], *, offers_tls: bool) -> Steps | None:
        """The answer, where the search is of one of the two entries that everybody may read."""
        if search.scope != BASE or search.base.strip().lower() not in ("", SUBSCHEMA):
            return None
        return self._public(message, search, mechanisms, offers_tls)

    def _public(self, message: Message, search: Search, mechanisms: Sequence[str], offers_tls: bool) -> Steps:
        def make() -> Entry:
            if search.base.strip():
                return root.subschema()
            with self._directory.read() as conn:
                return root.root_dse(conn, mechanisms, offers_tls=offers_tls)

        entry: Entry = yield Look(make)
        if evaluate(search.filter, Seen(entry, root.ANYBODY)) is True:
            yield Send(_written(message.id, [entry], search, root.ANYBODY))
        controls = [page_control(b"") for control in message.controls if control.oid == PAGED]
        yield Send(write_result(message.id, Answer.DONE, SUCCESS, controls=controls))

    def run(self, operation: Operation, message: Message, search: Search, asker: Asker) -> Steps:
        def done(result: Result, controls: Sequence[Control] = ()) -> Send:
            return Send(write_result(message.id, Answer.DONE, result, controls=controls))

        if not asker.may_search:
            yield done(NOT_YOU)
            return
        try:
            wanted = _read_controls(message.controls)
        except BerFault as fault:
            yield done(Result(Code.PROTOCOL_ERROR, str(fault)))
            return
        began = self._monotonic()
        controls: list[Control] = []
        request = search, wanted.keys
        page = wanted.page
        if page is not None and page.cookie:
            paged = self._paged.pop(page.cookie, None)
            if paged is None or paged.request != request:
                yield done(COOKIE_UNKNOWN, [page_control(b"")])
                return
            if page.size == 0:  # RFC 2696 §3: the client has enough
                yield done(SUCCESS, [page_control(b"")])
                return
            paged.walk.allow_more()
        else:
            try:
                order = order_of(wanted.keys, asker) if wanted.keys else None
                walk: Walk = yield Look(partial(Walk, self._directory, self._finder, search, asker))
                if order is not None:
                    code = yield from self._sort(operation, walk, order, asker)
                    if code != Code.SUCCESS:
                        raise SortRefused(code, "")
                    controls.append(sort_control(code))
            except NoSuchPlace as fault:
                yield done(fault.result)
                return
            except SortRefused as refused:
                controls.append(sort_control(refused.code, refused.attribute))
                if wanted.must_sort:  # RFC 2891 §2
                    text = "These entries cannot be sorted so"
                    yield done(Result(Code.UNAVAILABLE_CRITICAL_EXTENSION, text), controls)
                    return
                if refused.attribute:
                    walk = yield Look(partial(Walk, self._directory, self._finder, search, asker))
            paged = _Paged(request, walk, 0)
        yield from self._give(operation, search, asker, paged, page, controls, began)

    def _sort(self, operation: Operation, walk: Walk, order: Order, asker: Asker) -> Steps:
        entries: list[Entry] = []
        while not walk.is_over and len(entries) <= SORTABLE and not operation.is_abandoned:
            entries += yield Look(partial(walk.more, SORTABLE + 1 - len(entries)))
        is_too_much = len(entries) > SORTABLE
        if not is_too_much:
            yield Look(partial(order.sort, entries, asker))
        walk.put_back(entries)
        return Code.ADMIN_LIMIT_EXCEEDED if is_too_much else Code.SUCCESS

    def _give(
        self,
        operation: Operation,
        search: Search,
        asker: Asker,
        paged: _Paged,
        page: Page | None,
        controls: list[Control],
        began: float,
    ) -> Steps:
        """Send entries until the page is full, a limit is reached, or there are no more."""
        policy = asker.policy
        most = asker.size_limit
        if page is not None and asker.account is not None:
            most = max(most, policy.paged_limit)
        if search.size_limit:
            most = min(most, search.size_limit)
        seconds = min(policy.time_limit, search.time_limit or policy.time_limit)
        wanted = most - paged.sent
        if page is not None:
            wanted = min(wanted, page.size)
        result = SUCCESS
        while wanted > 0:
            size = min(BATCH, wanted)
            entries: list[Entry] = yield Look(partial(paged.walk.more, size))
            if operation.is_abandoned:
                return
            if entries:
                yield Send(_written(operation.id, entries, search, asker))
            paged.sent += len(entries)
            wanted -= len(entries)
            if paged.walk.is_over:
                break
            if wanted > 0 and self._monotonic() - began >= seconds:
                result = Result(Code.TIME_LIMIT_EXCEEDED)
                break
        cookie = b""
        if result is SUCCESS:
            more: list[Entry] = []
            while not more and not paged.walk.is_over and not operation.is_abandoned:
                more = yield Look(partial(paged.walk.more, 1))
            paged.walk.put_back(more)
            is_over = not more and paged.walk.is_whole
            if more and paged.sent >= most:
                result = Result(Code.SIZE_LIMIT_EXCEEDED)
            elif not is_over and page is not None:
                cookie = self._keep(paged)
            elif not is_over:
                result = Result(Code.ADMIN_LIMIT_EXCEEDED, "Ask for less: no index helps with this filter")
        if page is not None:
            controls.append(page_control(cookie))
        if not operation.is_abandoned:
            yield Send(write_result(operation.id, Answer.DONE, result, controls=controls))

    def _keep(self, paged: _Paged) -> bytes:
        self._pages += 1
        cookie = self._pages.to_bytes(8, "big")
        self._paged[cookie] = paged
        while len(self._paged) > MOST_PAGED:
            self._paged.popitem(last=False)
        return cookie


def _read_controls(controls: Sequence[Control]) -> _Wanted:
    """Raises BerFault."""
    page, keys, must_sort = None, (), False
    found: _Wanted
    for control in controls:
        if control.oid == PAGED:
            page = read_page(control.value)
        elif control.oid == SORT_REQUEST:
            keys, must_sort = read_sort_keys(control.value), control.critical  # type: ignore[assignment]
    found = _Wanted(page, keys, must_sort)
    return found


def _written(message_id: int, entries: Sequence[Entry], search: Search, asker: Asker) -> bytes:
    selection = Selection.of(search.attributes)
    return b"".join(
        write_entry(message_id, entry.dn, selection.of_entry(entry, asker, types_only=search.types_only))
        for entry in entries
    )
