"""The search operation: limits, pages, order, and what is said at the end.

A generator of steps, as every operation is (``session``): the look-ups are for a thread, or in place where they take
less time than the way to it; the octets are for the client.  What is plain may have been answered lately (``answers``).

Standards: RFC 4511 §4.5; RFC 2696 (paged results); RFC 2891 (sorting); draft-ietf-ldapext-ldapv3-vlv-09 (views).
Limits: more than ``SORTABLE`` entries are sorted by name only; a connection has ``MOST_PAGED`` searches whose next page
may be asked for, and the oldest is forgotten then.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from directory.database import Directory
from directory.ldap import root
from directory.ldap.answers import LONGEST, Answers
from directory.ldap.ber import BerFault
from directory.ldap.entries import SUBSCHEMA, Entry
from directory.ldap.filling import FILLED_IN, LARGE, fill_in
from directory.ldap.finding import asked_for, certain, narrow, unit_ids
from directory.ldap.look_ups import Finder
from directory.ldap.messages import (
    PAGED,
    SORT_REQUEST,
    SUCCESS,
    VIEW_REQUEST,
    Answer,
    Code,
    Control,
    Message,
    Page,
    Result,
    Search,
    SortKey,
    View,
    numbered,
    page_control,
    read_page,
    read_sort_keys,
    read_view,
    result_operation,
    sort_control,
    view_control,
    write_entry,
    write_result,
)
from directory.ldap.places import BASE, ONE_LEVEL, SUBTREE, NoSuchPlace
from directory.ldap.policy import Asker
from directory.ldap.seen import Selection, judge
from directory.ldap.sorting import Order, SortRefused, order_of
from directory.ldap.steps import Look, Send, Steps
from directory.ldap.viewing import EverybodyByName, SortedEntries, SortedList, ViewRefused, view
from directory.ldap.walking import Walk

SORTABLE = 2000
MOST_PAGED = 4
# Entries between looks at the clock and at what the client says meanwhile.
BATCH, BATCH_OF_LARGE = 128, 10
# Entries of a view with photos or certificates.
MOST_OF_LARGE = 50

OVER = Result(Code.INSUFFICIENT_ACCESS_RIGHTS, "Your login does not hold any more; bind again")
NOT_YOU = Result(Code.INSUFFICIENT_ACCESS_RIGHTS, "Bind first: the directory is for those who are in it")
UNSORTED = Result(Code.UNAVAILABLE_CRITICAL_EXTENSION, "These entries cannot be sorted so")  # RFC 2891 §2
UNVIEWED = Result(Code.VIRTUAL_LIST_VIEW_ERROR, "These entries cannot be viewed so")
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


@dataclass(slots=True)
class _Wanted:
    """What the controls ask for, and how badly."""

    page: Page | None = None
    keys: tuple[SortKey, ...] = ()
    view: View | None = None
    must_page: bool = False
    must_sort: bool = False
    must_view: bool = False


@dataclass(slots=True)
class _Begun:
    """How far a search has come: at its end with this result, or at a walk that is to be sorted, or at its entries."""

    result: Result
    controls: list[Control] = field(default_factory=list)
    asker: Asker | None = None
    walk: Walk | None = None
    order: Order | None = None
    paged: _Paged | None = None
    left: int = 0  # entries that may be given still
    has_more: bool = False  # than may be given
    entries: Sequence[bytes] = ()  # written, and not sent yet
    keep: Callable[[Sequence[bytes]], None] | None = None  # the whole answer


class Searches:
    """The searches of one connection."""

    def __init__(self, directory: Directory, finder: Finder, answers: Answers, monotonic: Callable[[], float]) -> None:
        self._directory = directory
        self._finder = finder
        self._answers = answers
        self._monotonic = monotonic
        self._paged: OrderedDict[bytes, _Paged] = OrderedDict()
        self._pages = 0

    def forget(self) -> None:
        """Somebody else asks from now on."""
        self._paged.clear()

    def public(
        self, message: Message, search: Search, mechanisms: Callable[[], Sequence[str]], *, offers_tls: bool
    ) -> Steps | None:
        """The answer, where the search is of one of the two entries that everybody may read."""
        if search.scope != BASE or search.base.strip().lower() not in ("", SUBSCHEMA):
            return None
        return self._public(message, search, mechanisms(), offers_tls)

    def _public(self, message: Message, search: Search, mechanisms: Sequence[str], offers_tls: bool) -> Steps:
        def make() -> Entry:
            if search.base.strip():
                return root.subschema()
            with self._directory.read() as conn:
                return root.root_dse(conn, mechanisms, offers_tls=offers_tls)

        entry: Entry = yield Look(make)
        if judge(search.filter, root.ANYBODY)(entry) is True:
            yield Send(numbered(message.id, _written([entry], search, root.ANYBODY)))
        controls = [page_control(b"") for control in message.controls if control.oid == PAGED]
        yield Send(write_result(message.id, Answer.DONE, SUCCESS, controls=controls))

    def recall(self, request: bytes, who: Callable[[], Asker | None]) -> Sequence[bytes] | None:
        """What was answered lately to the same octets, or that he is nobody any more."""
        with self._directory.read() as conn:
            asker = who()
            if asker is None:
                return (result_operation(Answer.DONE, OVER),)
            return self._answers.recall(conn.memory.state, asker, request)

    def run(
        self, operation: Operation, request: bytes, message: Message, search: Search, who: Callable[[], Asker | None]
    ) -> Steps:
        """``who``: tells, within a snapshot, in whose name; None: in nobody's any more."""
        began = self._monotonic()
        try:
            if search.scope not in (BASE, ONE_LEVEL, SUBTREE):
                raise BerFault("This scope is not known here")
            wanted = _read_controls(message.controls)
            keys = Selection.of(search.attributes).keys.union(asked_for(search.filter))
            is_everybodys = FILLED_IN.isdisjoint(keys)
            is_light = is_everybodys and (search.scope == BASE or self._finds_at_once(search))
            recurs = is_everybodys and not message.controls and len(request) <= LONGEST
            begin = partial(self._recurring, request, keys) if recurs else self._begun
            begun: _Begun = yield Look(partial(begin, search, wanted, who), is_light=is_light)
            if begun.walk is not None:
                begun = yield from self._sorted(operation, search, wanted, begun)
        except BerFault as fault:
            begun = _Begun(Result(Code.PROTOCOL_ERROR, str(fault)))
        if begun.paged is not None:
            yield from self._give(operation, search, begun, wanted.page, began)
        elif not operation.is_abandoned:
            done = write_result(operation.id, Answer.DONE, begun.result, controls=begun.controls)
            yield Send(numbered(operation.id, begun.entries) + done)

    def _finds_at_once(self, search: Search) -> bool:
        hint = narrow(search.filter)
        return self._finder.is_quick(hint, self._directory.clock()) and unit_ids(search.filter) is not None

    def _recurring(
        self, request: bytes, keys: frozenset[str], search: Search, wanted: _Wanted, who: Callable[[], Asker | None]
    ) -> _Begun:
        """A search whose answer others may be given."""
        with self._directory.read() as conn:
            begun = self._begun(search, wanted, who)
            if begun.asker is not None:
                begun.keep = partial(self._answers.keep, conn.memory.state, begun.asker.view(keys), request)
            return begun

    def _begun(self, search: Search, wanted: _Wanted, who: Callable[[], Asker | None]) -> _Begun:
        with self._directory.read():  # one snapshot for all of it
            asker = who()
            if asker is None or not asker.may_search:
                return _refused(asker)
            return self._begin(search, wanted, asker)

    def _begin(self, search: Search, wanted: _Wanted, asker: Asker) -> _Begun:
        """As much as most searches want."""
        page = wanted.page
        if page is not None and page.cookie:
            return self._continued(search, wanted, page, asker)
        controls: list[Control] = []
        order: Order | None = None
        try:
            if wanted.keys:
                order = order_of(wanted.keys, asker)
        except SortRefused as refused:
            controls.append(sort_control(refused.code, refused.attribute))
            if wanted.must_sort:
                return _Begun(UNSORTED, controls)
        if wanted.view is not None and order is None:
            code = Code.INAPPROPRIATE_MATCHING if wanted.keys else Code.SORT_CONTROL_MISSING
            return _Begun(UNVIEWED, [*controls, view_control(code)])
        try:
            most = SORTABLE if wanted.keys else self._allowed(search, asker, page, 0)
            by_name = order.by_name if order is not None else None
            walk = Walk(self._directory, self._finder, search, asker, by_name, wanted=most + 1)
        except NoSuchPlace as fault:
            return _Begun(fault.result, controls)
        begun = _Begun(SUCCESS, controls, asker, walk, order)
        if order is None or (walk.is_ordered and wanted.view is None):
            if order is not None:
                controls.append(sort_control(Code.SUCCESS))
            self._open(search, wanted, begun)
        return begun

    def _continued(self, search: Search, wanted: _Wanted, page: Page, asker: Asker) -> _Begun:
        """The next page of a search."""
        paged = self._paged.pop(page.cookie, None)
        if paged is None or paged.request != (search, wanted.keys):
            return _Begun(COOKIE_UNKNOWN, [page_control(b"")])
        if page.size == 0:  # RFC 2696 §3: the client has enough
            return _Begun(SUCCESS, [page_control(b"")])
        paged.walk.allow_more()
        return _Begun(SUCCESS, asker=asker, paged=paged, left=self._allowed(search, asker, page, paged.sent))

    def _open(self, search: Search, wanted: _Wanted, begun: _Begun) -> None:
        """From the walk to the first entries."""
        assert begun.walk is not None and begun.asker is not None
        begun.paged = _Paged((search, wanted.keys), begun.walk, 0)
        begun.walk = None
        begun.left = self._allowed(search, begun.asker, wanted.page, 0)
        self._next(search, begun)

    def _allowed(self, search: Search, asker: Asker, page: Page | None, sent: int) -> int:
        """How many entries may be given now."""
        left = self._most(search, asker, page) - sent
        return left if page is None else min(left, page.size)

    def _most(self, search: Search, asker: Asker, page: Page | None) -> int:
        most = asker.size_limit
        if page is not None and asker.account is not None:
            most = max(most, asker.policy.paged_limit)
        return min(most, search.size_limit) if search.size_limit else most

    def _next(self, search: Search, begun: _Begun) -> None:
        """The next entries, written; and whether there is one more, where no more are wanted."""
        paged, asker = begun.paged, begun.asker
        assert paged is not None and asker is not None
        entries = paged.walk.more(min(BATCH_OF_LARGE if _is_large(search) else BATCH, begun.left + 1))
        if len(entries) > begun.left:
            paged.walk.put_back(entries[begun.left :])
            entries, begun.has_more = entries[: begun.left], True
        begun.entries = [*begun.entries, *self._write(entries, search, asker)]
        begun.left -= len(entries)
        paged.sent += len(entries)

    def _sorted(self, operation: Operation, search: Search, wanted: _Wanted, begun: _Begun) -> Steps:
        """A list in an order that no index has; or a part of a list."""
        walk, order, asker = begun.walk, begun.order, begun.asker
        assert walk is not None and order is not None and asker is not None
        if wanted.view is not None and walk.is_ordered and certain(search.filter, asker):
            keys = Selection.of(search.attributes).keys
            everybody = EverybodyByName(self._directory, keys, reverse=bool(order.by_name))
            return (yield Look(partial(self._viewed, search, wanted.view, everybody, begun)))
        entries: list[Entry] = []
        while not walk.is_over and len(entries) <= SORTABLE and not operation.is_abandoned:
            entries += yield Look(partial(walk.more, SORTABLE + 1 - len(entries)))
        is_too_much = len(entries) > SORTABLE or not walk.is_whole
        if is_too_much:
            begun.controls.append(sort_control(Code.ADMIN_LIMIT_EXCEEDED))
            if wanted.view is not None:
                return _Begun(UNVIEWED, [*begun.controls, view_control(Code.ADMIN_LIMIT_EXCEEDED)])
            if wanted.must_sort:  # RFC 2891 §2
                return _Begun(UNSORTED, begun.controls)
        else:
            yield Look(partial(order.sort, entries, asker))
            begun.controls.append(sort_control(Code.SUCCESS))
        if wanted.view is not None:
            whole = SortedEntries(entries, order, asker)
            begun.controls.clear()
            return (yield Look(partial(self._viewed, search, wanted.view, whole, begun)))
        walk.put_back(entries)
        yield Look(partial(self._open, search, wanted, begun))
        return begun

    def _viewed(self, search: Search, wanted: View, whole: SortedList, begun: _Begun) -> _Begun:
        assert begun.asker is not None
        sorting = sort_control(Code.SUCCESS)
        try:
            most = self._most(search, begun.asker, None)
            most = min(most, MOST_OF_LARGE) if _is_large(search) else most
            entries, position, count, is_all = view(whole, wanted, most)
        except ViewRefused as refused:
            return _Begun(UNVIEWED, [sorting, view_control(refused.code)])
        result = SUCCESS if is_all else Result(Code.SIZE_LIMIT_EXCEEDED)
        controls = [sorting, view_control(Code.SUCCESS, position, count)]
        return _Begun(result, controls, entries=self._write(entries, search, begun.asker))

    def _give(self, operation: Operation, search: Search, begun: _Begun, page: Page | None, began: float) -> Steps:
        """Send entries until the page is full, a limit is reached, or there are no more."""
        paged, asker = begun.paged, begun.asker
        assert paged is not None and asker is not None
        walk = paged.walk
        seconds = min(asker.policy.time_limit, search.time_limit or asker.policy.time_limit)
        result = SUCCESS
        while not walk.is_over and not begun.has_more:
            if operation.is_abandoned:
                return
            if begun.left > 0 and self._monotonic() - began >= seconds:
                result = Result(Code.TIME_LIMIT_EXCEEDED)
                break
            if begun.entries:
                yield Send(numbered(operation.id, begun.entries))
                begun.entries, begun.keep = (), None
            yield Look(partial(self._next, search, begun))
        cookie = b""
        if result is SUCCESS:
            is_over = not begun.has_more and walk.is_whole
            if begun.has_more and paged.sent >= self._most(search, asker, page):
                result = Result(Code.SIZE_LIMIT_EXCEEDED)
            elif not is_over and page is not None:
                cookie = self._keep(paged)
            elif not is_over:
                result = Result(Code.ADMIN_LIMIT_EXCEEDED, "Ask for less: no index helps with this filter")
        if page is not None:
            begun.controls.append(page_control(cookie))
        if begun.keep is not None and result.code in (Code.SUCCESS, Code.SIZE_LIMIT_EXCEEDED):
            begun.keep([*begun.entries, result_operation(Answer.DONE, result)])
        if not operation.is_abandoned:
            done = write_result(operation.id, Answer.DONE, result, controls=begun.controls)
            yield Send(numbered(operation.id, begun.entries) + done)

    def _write(self, entries: Sequence[Entry], search: Search, asker: Asker) -> list[bytes]:
        with self._directory.read() as conn:
            fill_in(conn, entries, Selection.of(search.attributes).keys, asker.id)
        return _written(entries, search, asker)

    def _keep(self, paged: _Paged) -> bytes:
        self._pages += 1
        cookie = self._pages.to_bytes(8, "big")
        self._paged[cookie] = paged
        while len(self._paged) > MOST_PAGED:
            self._paged.popitem(last=False)
        return cookie


def _refused(asker: Asker | None) -> _Begun:
    return _Begun(OVER if asker is None else NOT_YOU)


def _is_large(search: Search) -> bool:
    """Whether photos or certificates are wanted."""
    return not LARGE.isdisjoint(Selection.of(search.attributes).keys)


def _read_controls(controls: Sequence[Control]) -> _Wanted:
    """Raises BerFault."""
    found = _Wanted()
    for control in controls:
        if control.oid == PAGED:
            found.page, found.must_page = read_page(control.value), control.critical
        elif control.oid == SORT_REQUEST:
            found.keys, found.must_sort = read_sort_keys(control.value), control.critical
        elif control.oid == VIEW_REQUEST:
            found.view, found.must_view = read_view(control.value), control.critical
    if found.page is not None and found.view is not None:
        # RFC 4511 §4.1.11: nobody has said what the two together mean
        if found.must_page and found.must_view:
            raise BerFault("Pages of a view do not exist")
        found.page, found.view = (found.page, None) if found.must_page else (None, found.view)
    return found


def _written(entries: Sequence[Entry], search: Search, asker: Asker) -> list[bytes]:
    shown = Selection.of(search.attributes).shown_to(asker)
    if search.types_only:
        return [write_entry(entry.dn, [(name, ()) for name, _ in shown(entry)]) for entry in entries]
    return [write_entry(entry.dn, shown(entry)) for entry in entries]
