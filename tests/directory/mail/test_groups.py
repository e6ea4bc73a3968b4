"""Groups, aliases and unit mailboxes as they are administered."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from directory.faults import Fault
from directory.mail import aliases, groups, mailboxes
from directory.mail.accounts import names_of
from directory.mail.recipients import resolve
from directory.staff import leaving
from tests.directory.conftest import City


def refused(action: Callable[[], object]) -> str:
    with pytest.raises(Fault) as caught:
        action()
    return caught.value.code


def test_members_come_and_go(any_city: City) -> None:
    with any_city.directory.write() as conn:
        an, binh = any_city.join(conn, "Nguyễn Văn An"), any_city.join(conn, "Lê Bình")
        group = groups.add_group(conn, "test", address_text="nhom", name="Nhóm công tác")
        inner = groups.add_group(conn, "test", address_text="nhom2@city.gov.vn", name="Nhóm hai", posting="anyone")
        aliases.add_alias(conn, "test", "ban.tin", "x@example.org")
        for member, kind in (
            ("annv", "account"),
            (binh.login, "account"),
            ("nhom2", "group"),
            ("a@example.org", "outside"),
            ("ban.tin", "outside"),
            ("annv", "account"),
        ):
            assert groups.add_member(conn, "test", group.id, member) == kind
        rule = groups.add_rule(conn, "test", group.id, unit_id=any_city.units["SYT"])
        members = groups.members(conn, group.id)
        assert members.accounts == ((an.login, "Nguyễn Văn An"), (binh.login, "Lê Bình"))
        assert members.groups == (inner.address,)
        assert members.outside == ("a@example.org", "ban.tin@city.gov.vn")
        assert members.rules == (rule,)
        found = resolve(conn, group.address)
        assert found is not None
        # the alias in between is followed
        assert found.external == {"a@example.org", "x@example.org"}
        for member in ("annv", "nhom2", "a@example.org", rule.id):
            groups.remove_member(conn, "test", group.id, member)
        assert groups.members(conn, group.id).accounts == ((binh.login, "Lê Bình"),)
        assert refused(lambda: groups.remove_member(conn, "test", group.id, "annv")) == "member-unknown"
        assert groups.add_accounts(conn, "test", group.id, [an.account_id, binh.account_id]) == 1
        assert names_of(conn, [an.account_id, "nobody"]) == {an.account_id: ("Nguyễn Văn An", an.login)}
    assert any_city.directory.check_consistency() == []


def test_what_a_group_cannot_be(any_city: City) -> None:
    with any_city.directory.write() as conn:
        any_city.join(conn, "Nguyễn Văn An")
        group = groups.add_group(conn, "test", address_text="nhom", name="Nhóm")

        def add(address: str, name: str = "Nhóm", posting: str = "internal") -> Callable[[], object]:
            return lambda: groups.add_group(conn, "test", address_text=address, name=name, posting=posting)

        assert refused(add("annv")) == "address-taken"
        assert refused(add("nhom")) == "address-taken"
        assert refused(add("a b")) == "address-malformed"
        assert refused(add("x@example.org")) == "domain-unknown"
        assert refused(add("moi", name=" ")) == "name-empty"
        assert refused(add("moi", name="x" * 301)) == "text-long"
        assert refused(add("moi", posting="whoever")) == "value-invalid"
        assert refused(lambda: groups.find_group(conn, "annv")) == "group-unknown"
        assert refused(lambda: groups.add_member(conn, "test", "nothing", "annv")) == "group-unknown"
        for member, code in (
            ("nobody", "address-unknown"),
            ("@example.org", "address-malformed"),
            ("a b@example.org", "address-malformed"),
            ("a@localhost", "address-malformed"),
        ):
            assert refused(lambda member=member: groups.add_member(conn, "test", group.id, member)) == code
        assert refused(lambda: groups.add_rule(conn, "test", group.id, unit_id="x")) == "unit-unknown"
        assert refused(lambda: groups.add_rule(conn, "test", group.id, unit_type_code="x")) == "unit-type-unknown"
        assert refused(lambda: groups.add_rule(conn, "test", group.id, position_id="x")) == "position-unknown"
        assert refused(lambda: groups.set_posters(conn, "test", group.id, ["x"])) == "account-unknown"


def test_a_removed_group_is_gone_from_everywhere_and_its_address_stays_taken(any_city: City) -> None:
    with any_city.directory.write() as conn:
        an = any_city.join(conn, "Nguyễn Văn An")
        inner = groups.add_group(conn, "test", address_text="trong", name="Trong")
        outer = groups.add_group(conn, "test", address_text="ngoai", name="Ngoài")
        groups.add_member(conn, "test", inner.id, an.login)
        groups.add_member(conn, "test", outer.id, inner.address)
        groups.remove_group(conn, "test", inner.id)
        assert resolve(conn, inner.address) is None
        found = resolve(conn, outer.address)
        assert found is not None
        assert found.accounts == frozenset()
        assert [group.address for group in groups.list_groups(conn)] == [outer.address]
        assert refused(lambda: groups.find_group(conn, inner.id)) == "group-unknown"
        assert refused(lambda: groups.add_group(conn, "test", address_text="trong", name="Khác")) == "address-taken"
    assert any_city.directory.check_consistency() == []


def test_a_group_is_renamed_and_found(any_city: City) -> None:
    from directory.finding.search import complete

    with any_city.directory.write() as conn:
        group = groups.add_group(conn, "test", address_text="nhom", name="Tổ phòng chống lụt bão")
        groups.alter_group(conn, "test", group.id, name="Tổ ứng phó thiên tai", posting="anyone")
        assert [found.name for found in complete(conn, "thien tai")] == ["Tổ ứng phó thiên tai"]
        assert complete(conn, "lut bao") == []
        assert groups.find_group(conn, "nhom").posting == "anyone"
        assert [found.id for found in groups.list_groups(conn, "ung pho")] == [group.id]
        assert list(groups.list_groups(conn, "lut bao")) == []
        assert refused(lambda: groups.alter_group(conn, "test", group.id, name=" ")) == "name-empty"


def test_aliases(any_city: City) -> None:
    with any_city.directory.write() as conn:
        an, binh = any_city.join(conn, "Nguyễn Văn An"), any_city.join(conn, "Lê Bình")
        group = groups.add_group(conn, "test", address_text="nhom", name="Nhóm")
        for alias, target, leads_to in (
            ("an", "annv", an.login),
            ("an.nguyen", "an", an.login),  # of an alias: of its owner
            ("nhom.moi", "nhom", group.address),
            ("lien.he", "x@Example.ORG", "x@example.org"),
            ("phongvien", "lien.he", "x@example.org"),
        ):
            made = aliases.add_alias(conn, "test", alias, target)
            assert (made.address, made.leads_to) == (f"{alias}@city.gov.vn", leads_to)
        assert [alias.address.partition("@")[0] for alias in aliases.list_aliases(conn)] == [
            "an.nguyen",
            "an",
            "lien.he",
            "nhom.moi",
            "phongvien",
        ]
        assert {alias.leads_to for alias in aliases.list_aliases(conn, "example")} == {"x@example.org"}
        for alias, target, code in (
            ("an", "binhl", "address-taken"),
            ("annv", "binhl", "address-taken"),
            ("moi", "moi", "alias-loop"),
            ("moi", "nobody", "address-unknown"),
            ("moi", "a b@example.org", "address-malformed"),
            ("moi", "@example.org", "address-malformed"),
            ("mới", "annv", "address-malformed"),
            ("moi@example.org", "annv", "domain-unknown"),
        ):
            assert refused(lambda a=alias, t=target: aliases.add_alias(conn, "test", a, t)) == code
        assert refused(lambda: aliases.find_alias(conn, "annv")) == "address-primary"
        assert refused(lambda: aliases.remove_alias(conn, "test", "annv")) == "address-primary"
        assert refused(lambda: aliases.find_alias(conn, "nobody")) == "alias-unknown"
        # retired for good: nobody else gets it, its owner may
        aliases.remove_alias(conn, "test", "an")
        assert resolve(conn, "an@city.gov.vn") is None
        assert refused(lambda: aliases.remove_alias(conn, "test", "an")) == "alias-unknown"
        assert refused(lambda: aliases.add_alias(conn, "test", "an", "binhl")) == "address-taken"
        assert refused(lambda: any_city.join(conn, "Trần An", address="an")) == "address-taken"
        aliases.add_alias(conn, "test", "an", "annv")
        assert resolve(conn, "an@city.gov.vn") == resolve(conn, an.login)
        leaving.leave(conn, "test", an.account_id, last_day="2026-03-01", redirect_to=binh.login)
        assert aliases.find_alias(conn, "an").state == "redirect"
        aliases.remove_alias(conn, "test", "an")
        assert resolve(conn, "an@city.gov.vn") is None
        assert resolve(conn, "annv@city.gov.vn") == resolve(conn, binh.login)
    assert any_city.directory.check_consistency() == []


def test_unit_mailboxes(any_city: City) -> None:
    with any_city.directory.write() as conn:
        an = any_city.join(conn, "Nguyễn Văn An")

        def open_(address: str, **more: str) -> Callable[[], object]:
            given = {"name": "Hộp thư"} | more
            return lambda: mailboxes.open_mailbox(conn, "test", address_text=address, **given)  # type: ignore[arg-type]

        unit = mailboxes.open_mailbox(
            conn, "test", address_text="vanthu.syt", name="Văn thư", unit_id=any_city.units["SYT"], quota_bytes=5
        )
        assert (unit.kind, unit.unit, unit.quota_bytes) == ("unit", "Sở Y tế", 5)
        # a function may have a reserved name, a person may not
        role = mailboxes.open_mailbox(conn, "test", address_text="abuse", name="Phản ánh")
        assert (role.kind, role.unit) == ("role", "")
        assert refused(open_("abuse")) == "address-taken"
        assert refused(open_("a b")) == "address-malformed"
        assert refused(open_("x", name="")) == "name-empty"
        assert refused(open_("x", name="x" * 301)) == "text-long"
        assert refused(open_("x", unit_id="nowhere")) == "unit-unknown"
        assert refused(lambda: mailboxes.grant(conn, "test", an.account_id, an.account_id)) == "value-invalid"
        assert refused(lambda: mailboxes.grant(conn, "test", unit.id, "nobody")) == "account-unknown"
        assert refused(lambda: mailboxes.revoke(conn, "test", unit.id, an.account_id)) == "member-unknown"
        mailboxes.grant(conn, "test", unit.id, an.account_id, may_send=False)
        (right,) = mailboxes.rights_on(conn, unit.id)
        assert (right.may_read, right.may_send, right.as_clerk) == (True, False, False)
        mailboxes.grant(conn, "test", unit.id, an.account_id, may_read=False, may_send=False)
        assert mailboxes.rights_on(conn, unit.id) == []
        leaving.leave(conn, "test", role.id, last_day="2026-03-01", redirect_to=unit.login)
        assert resolve(conn, "abuse@city.gov.vn") == resolve(conn, unit.login)
    assert any_city.directory.check_consistency() == []
