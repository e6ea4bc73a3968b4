"""Records in shared memory: what is put is found by everybody, and a full row forgets the oldest."""

from __future__ import annotations

import os
import threading

from hypothesis import given
from hypothesis import strategies as st

from security.shared_table import SharedTable


def test_what_is_put_is_found_until_it_is_dropped() -> None:
    table = SharedTable("dI", 64)
    with table.lock():
        assert table.get("an") is None
        table.put(1.0, (0.5, 7), "an")
        table.put(2.0, (1.5, 8), "an")
        table.put(2.0, (0.0, 0), "a", "n")
        assert table.get("an") == (1.5, 8)
        assert table.get("a", "n") == (0.0, 0)
        table.drop("an")
        table.drop("never there")
        assert table.get("an") is None
        assert table.get("a", "n") == (0.0, 0)


@given(names=st.lists(st.text(max_size=4), min_size=9, max_size=40, unique=True))
def test_a_full_row_forgets_what_was_not_touched_for_longest(names: list[str]) -> None:
    table = SharedTable("I", 8)
    with table.lock():
        for now, name in enumerate(names, 1):
            table.put(now, (now,), name)
        assert [name for name in names if table.get(name)] == names[-8:]


def test_threads_and_processes_lose_no_count() -> None:
    table = SharedTable("I", 64)

    def count() -> None:
        for _ in range(2000):
            with table.lock():
                found = table.get("an")
                table.put(1.0, (found[0] + 1 if found else 1,), "an")

    child = os.fork()
    if child == 0:
        count()
        os._exit(0)
    threads = [threading.Thread(target=count) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert os.waitpid(child, 0)[1] == 0
    with table.lock():
        assert table.get("an") == (6000,)
