"""A search under way: which entries come next, a batch at a time, so that neither memory nor a snapshot is held.

Candidates come from an index where the filter has a hint for one, first few, then more; otherwise from cursors over
everybody, by login or, where the client wants them so, by name.

Standards: RFC 4511 §4.5.2.
Limits: ``EXAMINED`` entries are looked at; a search that needs more of them (no index fits its filter) ends with what
was found, and says that it is not all.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from sqlalchemy import bindparam, select, tuple_

from directory.database import Directory, Reading
from directory.ldap.entries import Entry, Kind, branch_text
from directory.ldap.filling import FILLED_IN, fill_in
from directory.ldap.finding import Hint, asked_for, narrow, possible, unit_ids
from directory.ldap.group_entries import group_entries
from directory.ldap.look_ups import Finder
from directory.ldap.messages import Search
from directory.ldap.people_entries import account_entries
from directory.ldap.places import NoSuchPlace, Reach, locate, missing, reach
from directory.ldap.policy import Asker
from directory.ldap.seen import Selection, judge
from directory.ldap.unit_entries import unit_entries
from directory.mail.addresses import owner_row
from directory.questions import Question
from directory.tables import account, mail_group

EXAMINED = 5000
_BATCH, _LEAST = 128, 12
# So many candidates of an index are looked up at first, or a few more than are wanted, and then so many times more.
_FIRST, _SPARE, _MORE = 150, 10, 6
# Entries that are looked at before the asker is asked whether he still waits.
AT_ONCE = 256

_LIMIT = bindparam("most", type_=account.c.created_at.type)
_BY_LOGIN = Question(
    select(account.c.id, account.c.login)
    .where(account.c.login > bindparam("after"), account.c.status != "closed")
    .order_by(account.c.login)
    .limit(_LIMIT)
)
_place = tuple_(account.c.sort_key, account.c.id)
_after = tuple_(bindparam("after_key", type_=account.c.sort_key.type), bindparam("after", type_=account.c.id.type))
_shown = select(account.c.id, account.c.sort_key).where(account.c.status != "closed")
# the other way round: yes or no
_BY_NAME = {
    False: Question(_shown.where(_place > _after).order_by(account.c.sort_key, account.c.id).limit(_LIMIT)),
    True: Question(
        _shown.where(_place < _after).order_by(account.c.sort_key.desc(), account.c.id.desc()).limit(_LIMIT)
    ),
}
_GROUPS = Question(
    select(mail_group.c.id, mail_group.c.address)
    .where(mail_group.c.address > bindparam("after"), mail_group.c.closed_at.is_(None))
    .order_by(mail_group.c.address)
    .limit(_LIMIT)
)
# Greater than every key of a name and every id.
_LAST_KEY, _LAST_ID = b"\xff", "\x7f"


class Walk:
    """``more`` may be called from any thread, by one at a time.  ``by_name``: the order that the client would like,
    False upwards and True downwards; ``is_ordered`` tells whether they come so.  ``wanted``: how many may be asked for.
    """

    def __init__(
        self,
        directory: Directory,
        finder: Finder,
        search: Search,
        asker: Asker,
        by_name: bool | None = None,
        *,
        wanted: int = _FIRST,
    ) -> None:
        self._directory = directory
        self._finder = finder
        self._filter = search.filter
        self._judge = judge(search.filter, asker)
        self._asker = asker
        self._judged_by = frozenset(asked_for(search.filter))
        self._wanted = Selection.of(search.attributes).keys | self._judged_by
        self._ready: deque[Entry] = deque()
        self._left = EXAMINED
        self._units: list[str] = []
        self._kinds: list[Kind] = []
        self._subjects: list[str] | None = []  # accounts and groups; None: all, by their cursors
        self._hint: Hint | None = None  # where further candidates may come from
        self._most = min(_FIRST, wanted + _SPARE)
        self._examined: set[str] = set()
        self._by_name = by_name
        self._account_after: tuple[bytes, str] | None = None
        self._group_after: str | None = None
        self.is_whole = True  # False: there may be more, which was not looked at
        self.is_over = False
        self.is_ordered = False
        with directory.read() as conn:
            self._start(conn, reach(conn, locate(conn, search.base), search.scope), by_name)

    def _start(self, conn: Reading, wanted: Reach, by_name: bool | None) -> None:
        self._ready.extend(
            entry for entry in wanted.fixed if possible(self._filter, entry.kind) and self._judge(entry) is True
        )
        if wanted.leaf is not None:
            self._start_at_leaf(conn, wanted)
            return
        kinds = [kind for kind in wanted.kinds if possible(self._filter, kind)]
        if "unit" in kinds:
            named = unit_ids(self._filter)
            self._units = list(unit_entries(conn)) if named is None else sorted(named)
        self._kinds = [kind for kind in kinds if kind != "unit"]
        if not self._kinds:
            return
        self._hint = narrow(self._filter)
        if self._hint is None:
            self.is_ordered = by_name is not None and self._kinds == ["account"] and not self._units and not self._ready
            self._scan()
        else:
            self._look_up(conn, self._hint)

    def _scan(self) -> None:
        """Everybody, from the first."""
        self._subjects = None
        first = (_LAST_KEY, _LAST_ID) if self._by_name else (b"", "")
        self._account_after = first if "account" in self._kinds else None
        self._group_after = "" if "group" in self._kinds else None

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
            # an entry is named by the primary address; by others it is only found
            is_named = owner is not None and any(entry.key == place.key for entry in self._load(conn, [owner]))
            ids = [owner] if owner is not None and is_named else []
            self._subjects = ids
        if not ids:
            raise NoSuchPlace(missing(branch_text(conn, place.branch)))

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
        """For the next page as much may be examined again; what the index did not tell is looked for without it."""
        if not self.is_whole:
            self.is_whole, self.is_over = True, False
            if self._subjects is not None and not self._subjects:
                self._scan()
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
        found = [entry for entry in batch if self._judge(entry) is True]
        if not self._judged_by.isdisjoint(FILLED_IN):
            for entry in found:
                entry.forget(FILLED_IN)
        self._ready.extend(found)
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
            elif self._account_after is not None:
                batch = self._next_accounts(conn, self._account_after, size)
            elif self._group_after is not None:
                batch = self._next_groups(conn, self._group_after, size)
            else:
                return ()
            if batch:
                return batch

    def _look_further(self, conn: Reading) -> bool:
        """More of the index's candidates, as long as there are any."""
        while self._hint is not None:
            if self._most >= EXAMINED:
                self._hint, self.is_whole = None, False
                break
            self._most = min(EXAMINED, _MORE * self._most)
            if self._look_up(conn, self._hint):
                return True
        return False

    def _look_up(self, conn: Reading, hint: Hint) -> bool:
        """Whether there are any that were not examined before."""
        subjects, is_whole = self._finder.subjects(conn, hint, self._asker, self._most)
        self._subjects = [each for each in subjects if each not in self._examined]
        self._examined.update(subjects)
        if is_whole:
            self._hint = None
        return bool(self._subjects)

    def _load(self, conn: Reading, ids: list[str]) -> list[Entry]:
        found: list[Entry] = []
        if "account" in self._kinds:
            found += account_entries(conn, ids, self._wanted)
        if "group" in self._kinds and len(found) < len(ids):
            found += group_entries(conn, ids, self._wanted)
        fill_in(conn, found, self._judged_by, self._asker.id)
        return found

    def _next_accounts(self, conn: Reading, after: tuple[bytes, str], size: int) -> list[Entry]:
        key, last = after
        if self._by_name is None:
            rows = conn.rows(_BY_LOGIN, after=last, most=size)
            self._account_after = (b"", rows[-1][1]) if rows else None
        else:
            rows = conn.rows(_BY_NAME[self._by_name], after_key=key, after=last, most=size)
            self._account_after = (rows[-1][1], rows[-1][0]) if rows else None
        return self._load(conn, [row[0] for row in rows if row[0] not in self._examined])

    def _next_groups(self, conn: Reading, after: str, size: int) -> list[Entry]:
        rows = conn.rows(_GROUPS, after=after, most=size)
        self._group_after = rows[-1][1] if rows else None
        return self._load(conn, [row[0] for row in rows if row[0] not in self._examined])
