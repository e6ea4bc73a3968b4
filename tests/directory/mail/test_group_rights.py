"""Moderated groups, hidden members, units and groups as senders: what the directory answers, on both engines."""

from __future__ import annotations

import pytest

from directory.administration import delegations
from directory.database import Writing
from directory.faults import Fault
from directory.mail import account_changes, aliases, group_rights, groups
from directory.mail.recipients import closed_to, may_post, resolve
from directory.staff import provisioning
from tests.directory.conftest import City


def joined(city: City, conn: Writing, *names: str, unit: str = "SYT") -> list[str]:
    return [city.join(conn, name, unit).account_id for name in names]


def test_a_moderated_group_is_named_and_not_entered(any_city: City) -> None:
    with any_city.directory.write() as conn:
        an, binh, chi = joined(any_city, conn, "Nguyễn Văn An", "Trần Văn Bình", "Lê Thị Chi")
        inner = groups.add_group(conn, "t", address_text="trong", name="Trong", is_moderated=True)
        outer = groups.add_group(conn, "t", address_text="ngoai", name="Ngoài")
        groups.add_accounts(conn, "t", inner.id, [binh, chi])
        groups.add_accounts(conn, "t", outer.id, [an])
        groups.add_member(conn, "t", inner.id, "ai@xa.example")
        groups.add_member(conn, "t", outer.id, inner.address)
        aliases.add_alias(conn, "t", "bidanh", inner.address)
        group_rights.set_moderators(conn, "t", inner.id, [chi])
    with any_city.directory.read() as conn:
        assert closed_to(conn, None) == closed_to(conn, an) == {inner.id}
        assert closed_to(conn, chi) == frozenset()
        for address in (inner.address, "bidanh@city.gov.vn"):
            found = resolve(conn, address, closed_to(conn, an))
            assert found is not None
            assert (found.accounts, found.external, found.held) == (frozenset(), frozenset(), {inner.address})
        found = resolve(conn, outer.address, closed_to(conn, an))
        assert found is not None
        assert (found.accounts, found.external, found.held) == ({an}, frozenset(), {inner.address})
        # whoever only counts, or asks who is a member, sees through it
        whole = resolve(conn, outer.address)
        assert whole is not None
        assert (whole.accounts, whole.external, whole.held) == ({an, binh, chi}, {"ai@xa.example"}, frozenset())
        assert [each.id for each in group_rights.moderators(conn, inner.id)] == [chi]
    with any_city.directory.write() as conn:
        groups.alter_group(conn, "t", inner.id, is_moderated=False)
        assert closed_to(conn, an) == frozenset()
        groups.remove_group(conn, "t", inner.id)
        assert group_rights.named_moderators(conn, inner.id) == []


def test_units_and_groups_may_write(any_city: City) -> None:
    with any_city.directory.write() as conn:
        (an,) = joined(any_city, conn, "Nguyễn Văn An")
        (binh, chi) = joined(any_city, conn, "Trần Văn Bình", "Lê Thị Chi", unit="STC")
        (dung,) = joined(any_city, conn, "Hồ Dũng", unit="P.SG")
        friends = groups.add_group(conn, "t", address_text="ban", name="Bạn")
        groups.add_accounts(conn, "t", friends.id, [binh])
        news = groups.add_group(conn, "t", address_text="tin", name="Tin", posting="named")
        groups.set_posters(conn, "t", news.id, [dung], group_ids=[friends.id], unit_ids=[any_city.units["SYT"]])
        writers = {who: may_post(conn, news.address, who) for who in (an, binh, chi, dung, None)}
        assert writers == {an: True, binh: True, chi: False, dung: True, None: False}
        # what is not named stays as it was
        groups.set_posters(conn, "t", news.id, [])
        assert (may_post(conn, news.address, dung), may_post(conn, news.address, an)) == (False, True)
        # whoever goes to another unit writes there no more
        provisioning.move(
            conn, "t", an, unit_id=any_city.units["STC"], position_id=any_city.positions["CV"], from_day=conn.today
        )  # fmt: skip
        assert not may_post(conn, news.address, an)
        groups.remove_group(conn, "t", friends.id)
        assert not may_post(conn, news.address, binh)


def test_who_is_told_of_what_waits(any_city: City) -> None:
    with any_city.directory.write() as conn:
        an, binh, chi = joined(any_city, conn, "Nguyễn Văn An", "Trần Văn Bình", "Lê Thị Chi")
        group = groups.add_group(
            conn, "t", address_text="nhom", name="Nhóm", unit_id=any_city.units["SYT"], is_moderated=True
        )  # fmt: skip

        def told() -> list[str]:
            return [each.id for each in group_rights.moderators(conn, group.id)]

        assert told() == []
        account_changes.set_admin(conn, "t", an, True)
        assert told() == [an]
        delegations.grant(conn, "t", binh, "list-moderator", unit_id=any_city.units["STC"])
        assert told() == [an]
        delegations.grant(conn, "t", binh, "list-moderator", unit_id=any_city.units["SYT"])
        assert told() == [binh]
        group_rights.set_moderators(conn, "t", group.id, [chi])
        assert told() == [chi]
        with pytest.raises(Fault):
            group_rights.set_moderators(conn, "t", group.id, ["nobody"])


def test_who_sees_hidden_members(any_city: City) -> None:
    with any_city.directory.write() as conn:
        an, binh, chi = joined(any_city, conn, "Nguyễn Văn An", "Trần Văn Bình", "Lê Thị Chi")
        group = groups.add_group(
            conn, "t", address_text="kin", name="Kín", unit_id=any_city.units["SYT"], hides_members=True
        )  # fmt: skip
        groups.add_accounts(conn, "t", group.id, [an])
        delegations.grant(conn, "t", binh, "list-moderator", unit_id=any_city.units["SYT"])
        delegations.grant(conn, "t", chi, "helpdesk", unit_id=any_city.units["SYT"])
        sees = {who: group_rights.may_see_members(conn, group.id, who) for who in (an, binh, chi, "")}
        assert sees == {an: False, binh: True, chi: False, "": False}
        groups.alter_group(conn, "t", group.id, hides_members=False)
        assert group_rights.may_see_members(conn, group.id, "")
