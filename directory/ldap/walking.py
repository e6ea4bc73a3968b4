"""A search under way: which entries come next, a batch at a time, so that neither memory nor a snapshot is held.

Standards: RFC 4511 §4.5.2.
Limits: ``EXAMINED`` entries are looked at; a search that needs more of them (no index fits its filter) ends with what
was found, and says that it is not all.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial

from sqlalchemy import select

from directory.addresses import owner_row
from directory.database import Directory, Reading
from directory.ldap.entries import Entry, account_entries, branch_name, group_entries, unit_entries
from directory.ldap.filters import And, Filter, Not, Or, evaluate
from directory.ldap.finding import Finder, narrow, possible
from directory.ldap.messages import Search
from directory.ldap.places import NoSuchPlace, Reach, locate, missing, reach
from directory.ldap.policy import Asker
from directory.ldap.schema import find_attribute
from directory.ldap.seen import Seen, Selection
from directory.tables import account, mail_group

EXAMINED = 5000
_BATCH, _LEAST = 100, 10
# So many candidates of an index are looked up at first; most searches are content with less.
_FIRST = 400
# Entries that are looked at before the asker is asked whether he still waits.
AT_ONCE = 500


class Walk:
    """``more`` may be called from any thread, by one at a time."""

    def __init__(self, directory: Directory, finder: Finder, search: Search, asker: Asker) -> None:
        self._directory = directory
        self._filter = search.filter
        self._asker = asker
        self._selection = Selection.of(search.attributes)
        self._with_members = self._selection.wants("member") or _asks_members(search.filter)
        self._ready: deque[Entry] = deque()
        self._left = EXAMINED
        self.is_whole = True  # False: there may be more, which was not looked at
        self.is_over = False
        with directory.read() as conn:
            self._start(conn, finder, reach(conn, locate(conn, search.base), search.scope))

    def _start(self, conn: Reading, finder: Finder, wanted: Reach) -> None:
        self._ready.extend(entry for entry in wanted.fixed if self._matches(entry))
        self._units: list[str] = []
        self._subjects: list[str] | None = []  # accounts and groups; None: all, by their cursors
        self._accounts_after: str | None = None
        self._groups_after: str | None = None
        self._further: Callable[[Reading], tuple[list[str], bool]] | None = None
        self._examined: frozenset[str] = frozenset()
        if wanted.leaf is not None:
            self._start_at_leaf(conn, wanted)
            return
        kinds = [kind for kind in wanted.kinds if possible(self._filter, kind)]
        if "unit" in kinds:
            self._units = list(unit_entries(conn))
        if "account" not in kinds and "group" not in kinds:
            return
        hint = narrow(self._filter)
        if hint is not None:
            self._kinds = kinds
            self._subjects, is_whole = finder.subjects(conn, hint, self._asker, _FIRST)
            if not is_whole:
                self._further = partial(finder.subjects, hint=hint, asker=self._asker, most=EXAMINED)
                self._examined = frozenset(self._subjects)
            return
        self._kinds = kinds
        self._subjects = None
        self._accounts_after = "" if "account" in kinds else None
        self._groups_after = "" if "group" in kinds else None

    def _start_at_leaf(self, conn: Reading, wanted: Reach) -> None:
        place = wanted.leaf
        assert place is not None and place.branch is not None
        self._kinds = [place.branch]
        if place.branch == "unit":
            ids = [place.key] if place.key in unit_entries(conn) else []
            self._units = ids
        else:
            row = owner_row(conn, place.key)
            owner = (row.account_id if place.branch == "account" else row.group_id) if row is not None else None
            ids = [owner] if owner is not None and self._is_named(conn, owner, place.key) else []
            self._subjects = ids
        if not ids:
            raise NoSuchPlace(missing(branch_name(conn, place.branch)))

    def _is_named(self, conn: Reading, subject: str, key: str) -> bool:
        """An entry is named by the primary address; by others it is only found."""
        return any(entry.name[0][0][1] == key for entry in self._load(conn, [subject]))

    def _matches(self, entry: Entry) -> bool:
        return evaluate(self._filter, Seen(entry, self._asker)) is True

    def more(self, most: int) -> list[Entry]:
        """The next entries that match, perhaps none yet; ``is_over`` tells whether there are more."""
        found: list[Entry] = []
        until = self._left - AT_ONCE
        with self._directory.read() as conn:
            while len(found) < most:
                if self._ready:
                    found.append(self._ready.popleft())
                elif not self._fill(conn, max(_LEAST, min(_BATCH, most - len(found)))):
                    self.is_over = True
                    break
                elif self._left <= until and not self._ready:
                    break
        return found

    def put_back(self, entries: Sequence[Entry]) -> None:
        """They come next."""
        self._ready.extendleft(reversed(entries))
        self.is_over = self.is_over and not entries

    def allow_more(self) -> None:
        """For the next page as much may be examined again."""
        if self._left <= 0:
            self.is_whole, self.is_over = True, False
        self._left = EXAMINED

    def _fill(self, conn: Reading, size: int) -> bool:
        """Examine a batch; False when there is no more."""
        if self._left <= 0:
            self.is_whole = False
            return False
        batch = self._next(conn, size)
        if not batch:
            return False
        self._left -= len(batch)
        self._ready.extend(entry for entry in batch if self._matches(entry))
        return True

    def _next(self, conn: Reading, size: int) -> Sequence[Entry]:
        while True:
            if self._units:
                ids, self._units = self._units[:size], self._units[size:]
                known = unit_entries(conn)
                batch = [known[each] for each in ids if each in known]
            elif self._subjects is not None:
                if not self._subjects and not self._look_further(conn):
                    return ()
                ids, self._subjects = self._subjects[:size], self._subjects[size:]
                batch = self._load(conn, ids)
            elif self._accounts_after is not None:
                batch = self._next_accounts(conn, self._accounts_after, size)
            elif self._groups_after is not None:
                batch = self._next_groups(conn, self._groups_after, size)
            else:
                return ()
            if batch:
                return batch

    def _look_further(self, conn: Reading) -> bool:
        """The rest of the index's candidates, once; those of the beginning are not examined again."""
        if self._further is None:
            return False
        subjects, self.is_whole = self._further(conn)
        self._subjects = [each for each in subjects if each not in self._examined]
        self._further, self._examined = None, frozenset()
        return bool(self._subjects)

    def _load(self, conn: Reading, ids: list[str]) -> list[Entry]:
        found: list[Entry] = []
        if "account" in self._kinds:
            found += account_entries(conn, ids)
        if "group" in self._kinds:
            found += group_entries(conn, ids, with_members=self._with_members)
        return found

    def _next_accounts(self, conn: Reading, after: str, size: int) -> list[Entry]:
        statement = (
            select(account.c.id, account.c.login)
            .where(account.c.login > after, account.c.status != "closed")
            .order_by(account.c.login)
            .limit(size)
        )
        rows = conn.execute(statement).all()
        self._accounts_after = rows[-1].login if rows else None
        return account_entries(conn, [row.id for row in rows])

    def _next_groups(self, conn: Reading, after: str, size: int) -> list[Entry]:
        statement = (
            select(mail_group.c.id, mail_group.c.address)
            .where(mail_group.c.address > after, mail_group.c.closed_at.is_(None))
            .order_by(mail_group.c.address)
            .limit(size)
        )
        rows = conn.execute(statement).all()
        self._groups_after = rows[-1].address if rows else None
        return group_entries(conn, [row.id for row in rows], with_members=self._with_members)


def _asks_members(wanted: Filter) -> bool:
    if isinstance(wanted, And | Or):
        return any(map(_asks_members, wanted.parts))
    if isinstance(wanted, Not):
        return _asks_members(wanted.part)
    kind = find_attribute(wanted.attribute) if wanted.attribute else None
    return kind is not None and kind.key == "member"
