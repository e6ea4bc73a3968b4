"""A process that is killed while it applies a plan leaves all or nothing, and the next one goes on."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from directory.housekeeping import tidy_up
from directory.plans import life
from directory.staff.units import tree
from tests.directory.plans.conftest import MERGER, Eve, plan_text, snapshot

# kills itself before the statement of this number within the writing transaction; 0: right before COMMIT
_CHILD = """
import os, signal, sys
from sqlalchemy import event
from directory.database import open_directory
from directory.plans import life

url, now, plan_id, number = sys.argv[1], float(sys.argv[2]), sys.argv[3], int(sys.argv[4])
directory = open_directory(url, clock=lambda: now)
writes = 0

@event.listens_for(directory.engine, "before_cursor_execute")
def count(connection, cursor, statement, parameters, context, many):
    global writes
    writes += statement.startswith(("INSERT", "UPDATE", "DELETE"))
    if writes == number or (statement == "COMMIT" and number == 0):
        os.kill(os.getpid(), signal.SIGKILL)

life.apply(directory, "cli:an", plan_id)
"""


@pytest.mark.parametrize("number", [1, 7, 30, 0])
def test_killed_in_the_middle(eve: Eve, number: int) -> None:
    plan_id = eve.propose(plan_text(MERGER))
    before = snapshot(eve.directory)
    arguments = [eve.directory.url, str(eve.directory.clock()), plan_id, str(number)]
    killed = subprocess.run([sys.executable, "-c", _CHILD, *arguments], capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert snapshot(eve.directory) == before
    with eve.directory.read() as conn:
        assert life.find_plan(conn, plan_id).state == "approved"
    assert eve.directory.check_consistency() == []
    tidy_up(eve.directory)
    with eve.directory.read() as conn:
        assert life.find_plan(conn, plan_id).state == "applied"
        assert tree(conn).find("P.TĐ").name == "Phường Tân Định mới"
    assert eve.directory.check_consistency() == []
