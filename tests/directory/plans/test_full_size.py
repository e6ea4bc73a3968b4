"""The synthetic city of ``synthetic``, a twentieth of its size: the same shape, in a moment."""

from __future__ import annotations

from directory.database import Directory
from directory.plans import life
from tests.directory.conftest import Clock
from tests.directory.plans.conftest import differing, snapshot
from tests.directory.plans.synthetic import ON_THE_DAY, Sizes, build


def test_a_whole_city_is_reorganised_and_back(directory: Directory, clock: Clock) -> None:
    clock.now = ON_THE_DAY
    sizes = Sizes(districts=4, wards=28, new_wards=17, departments=3, divisions=4, officials=300)
    city = build(directory, sizes)
    before = snapshot(directory)
    with directory.write() as conn:
        found = life.propose(conn, "cli:an", city.plan)
        life.approve(conn, "cli:binh", found.id)
    effects = life.apply(directory, "cli:an", found.id)
    told = [fact.action for fact in effects.facts]
    assert (told.count("unit.add"), told.count("unit.close"), told.count("mailbox.add")) == (17, 32, 17)
    assert told.count("mailbox.close") == 28
    assert directory.check_consistency() == []
    life.undo(directory, "cli:an", found.id)
    assert directory.check_consistency() == []
    assert set(differing(before, snapshot(directory))) == {"account", "address"}
