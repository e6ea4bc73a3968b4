"""The check finds what is broken."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from directory.database import Directory
from directory.dkim import keys as dkim_keys
from directory.mail import groups, mailboxes
from directory.record import seal
from directory.staff import leaving
from tests.directory.conftest import City


@pytest.fixture
def full(any_city: City) -> Directory:
    with any_city.directory.write() as conn:
        an = any_city.join(conn, "Nguyễn Văn An", employee_code="CB1")
        gone = any_city.join(conn, "Lê Văn Cũ")
        any_city.join(conn, "Trần Chi", position="GD")
        leaving.leave(conn, "test", gone.account_id, last_day="2026-03-01", redirect_to=an.login)
        mailboxes.open_mailbox(conn, "test", address_text="vt", name="Văn thư", unit_id=any_city.units["SYT"])
        for number in (1, 2):
            group = groups.add_group(conn, "test", address_text=f"g{number}", name="Nhóm")
            groups.add_member(conn, "test", group.id, an.login)
        for selector in ("mot", "hai"):
            dkim_keys.make(conn, "test", "city.gov.vn", ("ed25519",), selector=selector)
            dkim_keys.activate(conn, "test", "city.gov.vn", selector, unseen=True)
    assert any_city.directory.check_consistency() == []
    return any_city.directory


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        ("DELETE FROM directory_state", "state row"),
        ("UPDATE domain SET is_primary = false", "0 of 1 domains are primary"),
        ("UPDATE address SET account_id = NULL WHERE address LIKE 'annv@%'", "annv@city.gov.vn has no owner"),
        ("UPDATE address SET state = 'active' WHERE address LIKE 'culv@%'", "active though its account is closed"),
        ("UPDATE address SET state = 'retired' WHERE address LIKE 'annv@%'", "does not own its primary address"),
        ("UPDATE address SET forward_to = NULL WHERE address LIKE 'culv@%'", "culv@city.gov.vn has no owner"),
        ("UPDATE account SET kind = 'role' WHERE login LIKE 'annv@%'", "does not fit its owner"),
        ("UPDATE account SET title = 'Vua' WHERE login LIKE 'annv@%'", "shows another title or unit"),
        (
            "UPDATE mail_group SET closed_at = NULL, address = 'x@y' WHERE address LIKE 'g1@%'",
            "does not own its address",
        ),
        (
            "INSERT INTO group_nested SELECT a.id, b.id FROM mail_group a, mail_group b WHERE a.id <> b.id",
            "contains itself",
        ),
        ("DELETE FROM search_word", "has no words"),
        ("UPDATE search_entry SET name = 'tran van an' WHERE address LIKE 'annv@%'", "another name beside the word an"),
        ("UPDATE search_entry SET address = 'x@y' WHERE address LIKE 'annv@%'", "out of date"),
        ("UPDATE audit_record SET actor = 'nobody' WHERE number = 3", "entry 3 was changed"),
        ("DELETE FROM audit_record WHERE number = 2", "entry 2 is missing"),
        (
            "INSERT INTO group_account SELECT g.id, a.id FROM mail_group g, account a WHERE a.status = 'closed'",
            "still named",
        ),
        ("UPDATE account SET opens_on = '2099-01-01' WHERE login LIKE 'annv@%'", "is to open though it is not locked"),
        ("UPDATE custody SET mailbox_id = (SELECT id FROM account WHERE login LIKE 'annv@%')", "which is not closed"),
        (
            "UPDATE custody SET holder_id = (SELECT id FROM account WHERE login LIKE 'culv@%'), unit_id = NULL",
            "culv@city.gov.vn still has custody",
        ),
        (
            "INSERT INTO departure SELECT id, id, '2099-01-01', 'planned', NULL, NULL, NULL, 0, '', '', '', 0, '', ''"
            " FROM account WHERE login LIKE 'annv@%' UNION ALL SELECT 'x', id, '2099-01-01', 'planned', NULL, NULL,"
            " NULL, 0, '', '', '', 0, '', '' FROM account WHERE login LIKE 'annv@%'",
            "is to leave more than once",
        ),
        ("UPDATE dkim_key SET state = 'active'", "more than one ed25519 key signs for city.gov.vn"),
        ("UPDATE dkim_key SET state = 'removed' WHERE selector = 'mot'", "has a private half"),
        ("UPDATE dkim_key SET secret = NULL WHERE selector = 'hai'", "or lacks it"),
    ],
)
def test_damage_is_found(full: Directory, damage: str, complaint: str) -> None:
    with full.write() as conn:
        conn.execute(text(damage))
    found = full.check_consistency()
    assert any(complaint in problem for problem in found), found


def test_two_versions_on_one_day_and_two_primary_posts(any_city: City) -> None:
    with any_city.directory.write() as conn:
        any_city.join(conn, "Nguyễn Văn An")
        columns = "valid_until, name, short_name, folded_name, type, parent_id, agency_code, sort_order, decision"
        conn.execute(
            text(
                f"INSERT INTO unit_version (unit_id, valid_from, {columns}) "
                f"SELECT unit_id, '2026-01-01', {columns} FROM unit_version WHERE short_name = 'SYT'"
            )
        )
        columns = "person_id, unit_id, position_id, title, kind, is_primary, rank, valid_from, valid_until, decision"
        conn.execute(text(f"INSERT INTO appointment (id, {columns}) SELECT 'another', {columns} FROM appointment"))
    found = any_city.directory.check_consistency()
    assert any("two versions on one day" in problem for problem in found)
    assert any("more than one primary post" in problem for problem in found)


def test_the_seal_names_the_newest_entry(full: Directory) -> None:
    with full.read() as conn:
        before = seal(conn)
    with full.write() as conn:
        groups.remove_group(conn, "test", groups.find_group(conn, "g1").id)
    with full.read() as conn:
        after = seal(conn)
    assert int(after.partition(":")[0]) == int(before.partition(":")[0]) + 1
    assert before != after
