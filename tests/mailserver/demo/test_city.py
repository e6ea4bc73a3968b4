"""The demo city is what it is said to be, and the same each time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from directory.database import Directory, open_directory
from directory.finding.search import complete
from directory.mail import groups, mailboxes
from directory.mail.accounts import account_by_login, credentials_by_login
from directory.mail.recipients import count, may_post, may_send_as
from directory.staff import unit_types, units
from directory.staff.people import list_officials
from directory.tables import appointment
from mailserver.demo.city import DemoAccount, build_city
from security.passwords import verify_password

DOMAIN, PASSWORD = "tphcm.example", "demo-12345678"


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Directory]:
    opened = open_directory(f"sqlite:///{tmp_path_factory.mktemp('city') / 'directory.db'}")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def accounts(directory: Directory) -> list[DemoAccount]:
    return build_city(directory, DOMAIN, PASSWORD)


@pytest.mark.usefixtures("accounts")
def test_units_are_of_dated_types(directory: Directory) -> None:
    with directory.read() as conn:
        kinds = {row["code"]: row for row in unit_types.types(conn)}
        assert kinds["district"]["valid_until"] == "2025-06-30"
        today = list(units.tree(conn).by_id.values())
        before = list(units.tree(conn, "2025-06-30").by_id.values())
        by_type = {kind: [unit for unit in today if unit.type == kind] for kind in kinds}
        # Nghị quyết 1685/NQ-UBTVQH15: 113 wards, 54 communes, 1 special zone, and no districts any more
        assert [len(by_type[kind]) for kind in ("ward", "commune", "special-zone")] == [113, 54, 1]
        assert by_type["district"] == by_type["rural-district"] == []
        ended = [unit for unit in before if unit.type in ("district", "rural-district", "district-city")]
        assert len(ended) == 22
        for district in ended:
            followers = units.successions(conn, district.id)
            assert followers
            assert all(each.old_id == district.id for each in followers)
        assert len(by_type["department"]) == 14


def test_officials_have_names_titles_and_posts(directory: Directory, accounts: list[DemoAccount]) -> None:
    with directory.read() as conn:
        officials = list(list_officials(conn))
        assert len(officials) >= 60
        assert len({official.full_name for official in officials}) == len(officials)
        assert all(official.account.title and official.account.unit for official in officials)
        assert all(official.family_name and official.middle_name and official.given_name for official in officials)
        two_posts = conn.execute(
            select(appointment.c.person_id).group_by(appointment.c.person_id).having(func.count() > 1)
        ).all()
        assert len(two_posts) >= 5
        first = account_by_login(conn, accounts[0].address)
        assert first is not None
        assert (first.name, first.title) == ("Nguyễn Minh Khuê", "Trưởng phòng")
        # somebody reads postmaster's mail
        assert count(conn, f"postmaster@{DOMAIN}") == 1


def test_everybody_signs_in_with_the_password_that_is_printed(
    directory: Directory, accounts: list[DemoAccount]
) -> None:
    with directory.read() as conn:
        stored = set()
        for each in accounts:
            found = credentials_by_login(conn, each.address)
            assert found is not None
            assert found.account.status == "active"
            stored.add(found.password_hash)
    (one,) = stored
    assert verify_password(one, PASSWORD)
    assert {each.password for each in accounts} == {PASSWORD}


def test_unit_mailboxes_and_groups(directory: Directory, accounts: list[DemoAccount]) -> None:
    with directory.read() as conn:
        first = account_by_login(conn, accounts[0].address)
        office = account_by_login(conn, f"vanthu.vpub@{DOMAIN}")
        assert first is not None
        assert office is not None
        assert may_send_as(conn, first.id, office.login)
        assert [right.as_clerk for right in mailboxes.rights_on(conn, office.id)].count(True) == 1
        found = {group.address.partition("@")[0]: group for group in groups.list_groups(conn)}
        assert count(conn, f"chutich.phuongxa@{DOMAIN}") == 168
        assert count(conn, f"toanthe@{DOMAIN}") == len(list(list_officials(conn)))
        assert 200 > count(conn, f"canbo.chuchot@{DOMAIN}") > count(conn, f"giamdoc@{DOMAIN}") > 15
        assert found["toanthe"].posting == "named"
        assert may_post(conn, f"toanthe@{DOMAIN}", first.id)
        assert not may_post(conn, f"toanthe@{DOMAIN}", office.id)
        assert complete(conn, "chủ tịch sài gòn")[0].unit == "Phường Sài Gòn"


@pytest.mark.usefixtures("accounts")
def test_the_directory_is_consistent(directory: Directory) -> None:
    assert directory.check_consistency() == []


def test_the_same_city_each_time(accounts: list[DemoAccount], tmp_path: Path) -> None:
    again = open_directory(f"sqlite:///{tmp_path / 'directory.db'}")
    try:
        assert build_city(again, DOMAIN, PASSWORD) == accounts
    finally:
        again.close()
