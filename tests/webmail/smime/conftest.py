"""The town hall with certificates, in place of the one without."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.webmail.certified_hall import Authorities, certified_hall
from tests.webmail.town_hall import TownHall


@pytest.fixture
def authorities(tmp_path: Path) -> Iterator[Authorities]:
    with certified_hall(tmp_path) as made:
        yield made


@pytest.fixture
def hall(authorities: Authorities) -> TownHall:
    return authorities.hall
