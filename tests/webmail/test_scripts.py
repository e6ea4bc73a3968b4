"""What browsers get is what is written in ``webmail/front``, and no more than they need."""

from __future__ import annotations

import gzip
import re
import subprocess
from pathlib import Path

import pytest

from webmail.assets import FOLDER

PROJECT = Path(__file__).parents[2]
BUDGET = 60_000  # octets, compressed, on one page


def test_the_built_files_are_those_of_the_sources(tmp_path: Path) -> None:
    """After a change: ``make scripts``."""
    subprocess.run(["npm", "run", "--silent", "build", "--", f"--outdir={tmp_path}"], cwd=PROJECT, check=True)
    fresh = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    shipped = {path.name: path.read_bytes() for path in FOLDER.iterdir()}
    assert sorted(shipped) == sorted(fresh)
    assert shipped == fresh


@pytest.mark.parametrize("page", ["main", "compose"])
def test_a_page_loads_little_script(page: str) -> None:
    """The mail screen loads ``main``, writing ``compose`` besides; each brings what it imports."""
    names, waiting = {next(FOLDER.glob("early-*.js")).name}, {next(FOLDER.glob(f"{page}-*.js")).name}
    while waiting:
        name = waiting.pop()
        names.add(name)
        imported = re.findall(r"[\"']\./(\S+?\.js)[\"']", (FOLDER / name).read_text(encoding="utf-8"))
        waiting |= set(imported) - names
    assert sum(len(gzip.compress((FOLDER / name).read_bytes(), 9)) for name in names) <= BUDGET
