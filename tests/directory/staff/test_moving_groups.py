"""Who moves stays in the groups of the units that he leaves, unless the move takes him out."""

from __future__ import annotations

import pytest

from directory import record
from directory.database import Writing
from directory.faults import Fault
from directory.mail import groups
from directory.staff import people, postings, provisioning
from tests.directory.conftest import City


def furnished(city: City, conn: Writing) -> str:
    """An works in the health department, and is in a group of it, of the city, of nobody, and by a rule."""
    an = city.join(conn, "Nguyễn Văn An", "SYT", "CV").account_id
    root = city.units["UBND"]
    for name, unit in (("cuaso", city.units["SYT"]), ("toantp", root), ("khac", city.units["STC"]), ("tudo", None)):
        made = groups.add_group(conn, "test", address_text=name, name=name, unit_id=unit)
        groups.add_accounts(conn, "test", made.id, [an])
    rule = groups.add_group(conn, "test", address_text="theodonvi", name="Theo đơn vị", unit_id=city.units["SYT"])
    groups.add_rule(conn, "test", rule.id, unit_id=city.units["SYT"])
    return an


def in_groups(conn: Writing, account_id: str) -> list[str]:
    return [group.address.partition("@")[0] for group in groups.groups_of(conn, account_id)]


def move(city: City, conn: Writing, an: str, from_day: str, *, leave_groups: bool = False) -> None:
    provisioning.move(
        conn,
        "test",
        an,
        unit_id=city.units["STC"],
        position_id=city.positions["CV"],
        from_day=from_day,
        leave_groups=leave_groups,
    )


def test_he_is_taken_out_of_those_of_the_unit_he_leaves_where_it_is_said(any_city: City) -> None:
    with any_city.directory.write() as conn:
        an = furnished(any_city, conn)
        move(any_city, conn, an, conn.today, leave_groups=True)
        assert in_groups(conn, an) == ["khac", "toantp", "tudo"]
        (entry,) = record.search(conn, action="official.move")
        assert '"groups_left":["cuaso@city.gov.vn"]' in entry.details
        (gone,) = record.search(conn, action="group.member.remove")
        assert gone.subject == "cuaso@city.gov.vn"


def test_without_it_he_stays_and_it_is_told(any_city: City) -> None:
    with any_city.directory.write() as conn:
        an = furnished(any_city, conn)
        found = people.find_official(conn, an)
        before = postings.appointments_of(conn, found.person_id)
        move(any_city, conn, an, conn.today)
        assert in_groups(conn, an) == ["cuaso", "khac", "toantp", "tudo"]
        left = provisioning.groups_left(conn, found, before, conn.today)
        assert [group.address for group in left] == ["cuaso@city.gov.vn"]


def test_who_keeps_a_post_there_leaves_nothing(any_city: City) -> None:
    with any_city.directory.write() as conn:
        an = furnished(any_city, conn)
        provisioning.appoint(
            conn, "test", an, unit_id=any_city.units["SYT"], position_id=any_city.positions["TP"], from_day=conn.today
        )
        move(any_city, conn, an, conn.today, leave_groups=True)
        assert "cuaso" in in_groups(conn, an)


def test_not_before_the_day(any_city: City) -> None:
    with any_city.directory.write() as conn:
        an = furnished(any_city, conn)
        with pytest.raises(Fault, match="on the day only"):
            move(any_city, conn, an, "2099-01-01", leave_groups=True)
