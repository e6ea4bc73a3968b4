"""One mailbox of many messages, and what mail clients do to it, step by step.

``first`` is the first time after the mailbox was filled; ``cold`` is after the page cache was dropped, in a new
session; all else is warm.  Steps that change something do so to copies, so that the mailbox is the same for every
run.  What a server does not offer is left out.
"""

from __future__ import annotations

import os
import random
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.benchmarks import corpus
from tests.benchmarks.blocking_imap import Appending, BlockingImap
from tests.benchmarks.contender import COLLECTOR, PASSWORD, Contender
from tests.benchmarks.figures import Figure, Values, percentile, spread
from tests.benchmarks.metering import Meter, drop_page_cache
from tests.benchmarks.series import Series

_LIST = "(UID FLAGS ENVELOPE INTERNALDATE RFC822.SIZE BODYSTRUCTURE)"
_HEADERS = "BODY.PEEK[HEADER.FIELDS (SUBJECT FROM DATE)]"
_BATCH = 100
_SMALL_STEPS = 200
_SEARCHES = {
    "unseen": "UNSEEN",
    "since": "SINCE 1-Jan-2024",
    "subject": f"SUBJECT {corpus.SUBJECT_MARK}",
    "from": "FROM user77@",
    "body": f"BODY {corpus.RARE_WORD}",
    "text": f"TEXT {corpus.RARE_WORD}",
}
_SORTS = {"arrival": "(ARRIVAL)", "date": "(REVERSE DATE)", "subject": "(SUBJECT)"}


@dataclass(frozen=True)
class Sync(Series):
    count: int
    # How many are marked, copied, moved, removed and appended.
    marked: int
    moved: int
    appended: int

    figures = (
        Figure("load_per_s", "filled by MULTIAPPEND, messages/s", "more"),
        Figure("list_first_ms", "full list, first time, ms", "less"),
        Figure("open_ms", "connect, LOGIN, SELECT, ms", "less"),
        Figure("select_ms_p50", "SELECT, p50, ms", "less"),
        Figure("select_cold_ms", "SELECT, cold, ms", "less"),
        Figure("flags_ms", "FETCH 1:* (UID FLAGS), ms", "less"),
        Figure("list_ms", "FETCH 1:*, ENVELOPE, BODYSTRUCTURE …, ms", "less"),
        Figure("list_cold_ms", "the same, cold, ms", "less"),
        Figure("list_mb", "the same, MB"),
        Figure("last_ms_p50", "last 50 ENVELOPE, p50, ms", "less"),
        Figure("last_ms_p99", "last 50 ENVELOPE, p99, ms", "less"),
        Figure("any_ms_p50", "50 anywhere, p50, ms", "less"),
        Figure("any_ms_p99", "50 anywhere, p99, ms", "less"),
        Figure("body_ms_p50", "one body, p50, ms", "less"),
        Figure("body_ms_p99", "one body, p99, ms", "less"),
        Figure("bodies_mb_per_s", "bodies, MB/s", "more"),
        Figure("bodies_cold_mb_per_s", "bodies, cold, MB/s", "more"),
        Figure("headers_ms", "FETCH 1:* header fields, ms", "less"),
        Figure("mark_ms", "STORE +FLAGS, ms", "less"),
        Figure("unmark_ms", "STORE -FLAGS.SILENT, ms", "less"),
        Figure("mark_one_ms_p50", "STORE one, p50, ms", "less"),
        Figure("mark_one_ms_p99", "STORE one, p99, ms", "less"),
        Figure("copy_ms", "COPY, ms", "less"),
        Figure("move_ms", "MOVE, ms", "less"),
        Figure("delete_ms", "STORE \\Deleted, ms", "less"),
        Figure("expunge_ms", "EXPUNGE, ms", "less"),
        Figure("append_per_s", "APPEND one by one, messages/s", "more"),
        Figure("multiappend_per_s", "MULTIAPPEND, messages/s", "more"),
        *(Figure(f"sort_{name}_ms", f"SORT {keys}, ms", "less") for name, keys in _SORTS.items()),
        Figure("thread_ms", "THREAD REFERENCES, ms", "less"),
        Figure("changes_ms", "CHANGEDSINCE, ten changed, ms", "less"),
        Figure("resync_ms", "connect to synced by QRESYNC, ms", "less"),
        Figure("search_first_ms", "the first SEARCH TEXT, ms", "less"),
        *(Figure(f"search_{name}_ms", f"SEARCH {what.split()[0]}, ms", "less") for name, what in _SEARCHES.items()),
        Figure("search_words_ms", "SEARCH SUBJECT in Vietnamese, ms", "less"),
        *(Figure(f"search_{name}_hits", f"hits of {name}") for name in (*_SEARCHES, "words")),
    )

    @property
    def title(self) -> str:
        return f"one mailbox of {self.count:,}"

    @property
    def settings(self) -> str:
        return f"{self.marked:,} marked, {self.moved:,} copied and moved, {self.appended:,} appended"

    def prepare(self, contender: Contender) -> Values:
        """Fill the mailbox."""
        with Meter(contender.roots), _client(contender) as client:
            start = time.perf_counter()
            for first in range(0, self.count, _BATCH):
                append_together(client, "INBOX", corpus_items(first, min(first + _BATCH, self.count)))
            seconds = time.perf_counter() - start
            client.command("SELECT INBOX")
            return {"load_per_s": self.count / seconds, "list_first_ms": client.timed(f"FETCH 1:* {_LIST}")}

    def measure(self, contender: Contender, run: int) -> Values:
        steps = _Steps(self, contender, run)
        with Meter(contender.roots) as meter:
            if os.geteuid() == 0:
                steps.cold()
            with _client(contender) as client:
                client.command("SELECT INBOX")
                steps.reading(client)
                steps.marking(client)
                steps.moving(client)
                steps.appending(client)
                steps.sorting(client)
                steps.changes(client)
                steps.searching(client)
        return steps.values | meter.figures()


@contextmanager
def _client(contender: Contender) -> Iterator[BlockingImap]:
    client = BlockingImap(contender.imap_port, COLLECTOR, PASSWORD)
    try:
        yield client
        client.close()
    except BaseException:
        client.abort()
        raise


def corpus_items(first: int, end: int) -> list[Appending]:
    """Messages as APPEND takes them."""
    return [
        (corpus.flags(number), corpus.internal_date(number), corpus.message(number)) for number in range(first, end)
    ]


def append_together(client: BlockingImap, mailbox: str, items: list[Appending]) -> None:
    if client.offers("MULTIAPPEND"):
        client.append(mailbox, items)
    else:
        for item in items:
            client.append(mailbox, [item])


@dataclass(slots=True)
class _Steps:
    size: Sync
    contender: Contender
    run: int
    values: Values = field(default_factory=dict)

    def cold(self) -> None:
        drop_page_cache()
        with _client(self.contender) as client:
            self.values["select_cold_ms"] = client.timed("SELECT INBOX")
        drop_page_cache()
        with _client(self.contender) as client:
            client.command("SELECT INBOX")
            self.values["list_cold_ms"] = client.timed(f"FETCH 1:* {_LIST}")
        drop_page_cache()
        with _client(self.contender) as client:
            client.command("SELECT INBOX")
            self.values["bodies_cold_mb_per_s"] = self._bodies(client)

    def reading(self, client: BlockingImap) -> None:
        selects = []
        for _ in range(20):
            client.command("CLOSE")
            selects.append(client.timed("SELECT INBOX"))
        self.values["select_ms_p50"] = percentile(selects, 50)
        start = time.perf_counter()
        with _client(self.contender) as another:
            another.command("SELECT INBOX")
            self.values["open_ms"] = 1e3 * (time.perf_counter() - start)
        self.values["flags_ms"] = client.timed("FETCH 1:* (UID FLAGS)")
        start = time.perf_counter()
        octets = client.count(f"FETCH 1:* {_LIST}")
        self.values |= {"list_ms": 1e3 * (time.perf_counter() - start), "list_mb": octets / 1e6}
        rng = random.Random(self.run)
        last = self.size.count
        lists = [client.timed(f"FETCH {last - 49}:{last} (UID FLAGS ENVELOPE)") for _ in range(_SMALL_STEPS)]
        starts = [rng.randint(1, last - 50) for _ in range(_SMALL_STEPS)]
        anywhere = [client.timed(f"FETCH {at}:{at + 49} (UID FLAGS ENVELOPE)") for at in starts]
        bodies = [client.timed(f"FETCH {rng.randint(1, last)} BODY.PEEK[]") for _ in range(_SMALL_STEPS)]
        self.values |= spread("last_ms", lists) | spread("any_ms", anywhere) | spread("body_ms", bodies)
        self.values["bodies_mb_per_s"] = self._bodies(client)
        self.values["headers_ms"] = client.timed(f"FETCH 1:* {_HEADERS}")

    def _bodies(self, client: BlockingImap) -> float:
        start = time.perf_counter()
        octets = client.count(f"FETCH 1:{self.size.moved} BODY.PEEK[]")
        return octets / 1e6 / (time.perf_counter() - start)

    def marking(self, client: BlockingImap) -> None:
        self.values["mark_ms"] = client.timed(f"STORE 1:{self.size.marked} +FLAGS ($Bench)")
        self.values["unmark_ms"] = client.timed(f"STORE 1:{self.size.marked} -FLAGS.SILENT ($Bench)")
        # On and off again, so that every one of them is a change.
        ones = [client.timed(f"STORE {place * 7 + 1} {sign}FLAGS (\\Flagged)") for place in range(50) for sign in "+-"]
        self.values |= spread("mark_one_ms", ones)

    def moving(self, client: BlockingImap) -> None:
        for mailbox in ("Copies", "Moved"):
            _make_empty(client, mailbox)
        self.values["copy_ms"] = client.timed(f"COPY 1:{self.size.moved} Copies")
        if client.offers("MOVE"):
            client.command("SELECT Copies")
            self.values["move_ms"] = client.timed("MOVE 1:* Moved")
            client.command("SELECT Moved")
        else:
            client.command("SELECT Copies")
        self.values["delete_ms"] = client.timed("STORE 1:* +FLAGS.SILENT (\\Deleted)")
        self.values["expunge_ms"] = client.timed("EXPUNGE")
        client.command("SELECT INBOX")
        for mailbox in ("Copies", "Moved"):
            client.command(f"DELETE {mailbox}")

    def appending(self, client: BlockingImap) -> None:
        items = corpus_items(100_000, 100_000 + self.size.appended)
        _make_empty(client, "Appended")
        start = time.perf_counter()
        for item in items:
            client.append("Appended", [item])
        self.values["append_per_s"] = len(items) / (time.perf_counter() - start)
        if client.offers("MULTIAPPEND"):
            _make_empty(client, "Appended")
            start = time.perf_counter()
            for first in range(0, len(items), _BATCH):
                client.append("Appended", items[first : first + _BATCH])
            self.values["multiappend_per_s"] = len(items) / (time.perf_counter() - start)
        client.command("DELETE Appended")

    def sorting(self, client: BlockingImap) -> None:
        if client.offers("SORT"):
            for name, keys in _SORTS.items():
                self.values[f"sort_{name}_ms"] = client.timed(f"SORT {keys} UTF-8 ALL")
        if client.offers("THREAD=REFERENCES"):
            self.values["thread_ms"] = client.timed("THREAD REFERENCES UTF-8 ALL")

    def changes(self, client: BlockingImap) -> None:
        if not client.offers("CONDSTORE"):
            return
        selected = client.command("SELECT INBOX (CONDSTORE)")
        modseq, validity = (
            int(found[1])
            for name in (b"HIGHESTMODSEQ", b"UIDVALIDITY")
            if (found := re.search(name + rb" (\d+)", selected)) is not None
        )
        for place in random.Random(self.run).sample(range(1, self.size.count), 10):
            client.command(f"STORE {place} +FLAGS.SILENT ($Run{self.run})")
        self.values["changes_ms"] = client.timed(f"FETCH 1:* (FLAGS) (CHANGEDSINCE {modseq})")
        if client.offers("QRESYNC"):
            start = time.perf_counter()
            with _client(self.contender) as another:
                another.command("ENABLE QRESYNC")
                another.command(f"SELECT INBOX (QRESYNC ({validity} {modseq}))")
                self.values["resync_ms"] = 1e3 * (time.perf_counter() - start)

    def searching(self, client: BlockingImap) -> None:
        words = corpus.COMMON_WORDS.encode()
        searches = {name: f"SEARCH {what}".encode() for name, what in _SEARCHES.items()}
        self.values["search_first_ms"] = client.timed(f"SEARCH TEXT {corpus.RARE_WORD}")
        searches["words"] = b"SEARCH CHARSET UTF-8 SUBJECT {%d+}\r\n%s" % (len(words), words)
        for name, command in searches.items():
            start = time.perf_counter()
            answer = client.command(command)
            self.values[f"search_{name}_ms"] = 1e3 * (time.perf_counter() - start)
            found = re.search(rb"\* SEARCH([ \d]*)", answer)
            self.values[f"search_{name}_hits"] = len(found[1].split()) if found else 0


def _make_empty(client: BlockingImap, mailbox: str) -> None:
    client.command(f"DELETE {mailbox}", check=False)
    client.command(f"CREATE {mailbox}")
