"""Completion finds whom one means, best first."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from directory.database import Directory, Writing
from directory.finding import search
from directory.finding.search import Suggestion, complete
from directory.ldap.vocabulary import Vocabulary
from directory.mail import aliases, groups, mailboxes
from directory.staff import leaving, postings, provisioning
from directory.staff.intake import Intake, Joiner
from directory.tables import search_word
from directory.words.names import split_name
from tests.directory.conftest import City

PEOPLE = (
    ("Nguyễn Văn An", "SYT", "CV"),
    ("Nguyễn Thị Ân", "SYT", "CV"),
    ("Trần Thị Thu Hà", "STC", "TP"),
    ("Lê Văn Hạ", "STC", "CV"),
    ("Phạm Đức Anh", "P.SG", "CT"),
    ("Đỗ An Bình", "P.BT", "CV"),
    ("Võ Hùng", "SYT", "GD"),
)


@pytest.fixture
def staffed(any_city: City) -> City:
    with any_city.directory.write() as conn:
        for number, (full, unit, position) in enumerate(PEOPLE):
            any_city.join(conn, full, unit, position, phone=f"0909 12{number} 456")
        mailboxes.open_mailbox(
            conn, "test", address_text="vanthu.syt", name="Văn thư Sở Y tế", unit_id=any_city.units["SYT"]
        )
        groups.add_group(conn, "test", address_text="toan.syt", name="Toàn thể Sở Y tế")
    return any_city


def names(city: City, text: str, limit: int = 10) -> list[str]:
    with city.directory.read() as conn:
        return [found.name for found in complete(conn, text, limit)]


def test_a_suggestion_is_complete(staffed: City) -> None:
    with staffed.directory.read() as conn:
        assert complete(conn, "duc anh") == [
            Suggestion("Phạm Đức Anh", "anhpd@city.gov.vn", "Chủ tịch", "Phường Sài Gòn", "person")
        ]
        assert complete(conn, "toàn thể sở") == [
            Suggestion("Toàn thể Sở Y tế", "toan.syt@city.gov.vn", "", "", "group")
        ]


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("an", "Nguyễn Văn An"),
        ("nguyen van a", "Nguyễn Văn An"),
        ("an ng", "Nguyễn Văn An"),
        ("NGUYỄN VĂN", "Nguyễn Văn An"),
        ("hà", "Trần Thị Thu Hà"),
        ("hạ", "Lê Văn Hạ"),
        ("thu ha", "Trần Thị Thu Hà"),
        ("ttth", "Trần Thị Thu Hà"),
        ("nva", "Nguyễn Văn An"),
        ("annv", "Nguyễn Văn An"),
        ("annv@", "Nguyễn Văn An"),
        ("HATTT@city.gov", "Trần Thị Thu Hà"),
        ("chu tich sai gon", "Phạm Đức Anh"),
        ("giám đốc y tế", "Võ Hùng"),
        ("hung syt", "Võ Hùng"),
        ("van thu", "Văn thư Sở Y tế"),
        ("vanthu.syt", "Văn thư Sở Y tế"),
        ("a\u0302n", "Nguyễn Thị Ân"),
        ("  (an)  ", "Nguyễn Văn An"),
        ("nguyeenx van an", "Nguyễn Văn An"),
        ("nguye64n thi5 a6n", "Nguyễn Thị Ân"),
        ("ddoox", "Đỗ An Bình"),
        ("haj", "Lê Văn Hạ"),
        ("haf", "Trần Thị Thu Hà"),
        ("ddwcs", "Phạm Đức Anh"),
        ("121456", "Nguyễn Thị Ân"),
        ("2 456", "Trần Thị Thu Hà"),
        ("0909.123.456", "Lê Văn Hạ"),
        ("bình 456", "Đỗ An Bình"),
        ("an sg", "Phạm Đức Anh"),
        ("anh psg", "Phạm Đức Anh"),
        ("vtsyt", "Văn thư Sở Y tế"),
    ],
)
def test_what_is_typed_and_what_comes_first(staffed: City, typed: str, first: str) -> None:
    assert names(staffed, typed)[0] == first


def test_given_names_come_before_middle_names_and_exact_marks_first(staffed: City) -> None:
    assert names(staffed, "an") == ["Nguyễn Văn An", "Đỗ An Bình", "Nguyễn Thị Ân", "Phạm Đức Anh"]
    assert names(staffed, "ân")[0] == "Nguyễn Thị Ân"
    assert names(staffed, "ha")[:2] == ["Trần Thị Thu Hà", "Lê Văn Hạ"]


@pytest.mark.parametrize(
    "typed", ["", "   ", "?!", "@nowhere", "nobody at all", "zzz", "%", "_", "annv@elsewhere", "#6", "56", "999456"]
)
def test_nothing_is_found(staffed: City, typed: str) -> None:
    assert names(staffed, typed) == []


def test_who_ranks_the_same_comes_in_the_order_of_a_list(any_city: City) -> None:
    with any_city.directory.write() as conn:
        for full in ("Vũ Thị Ánh", "Lê Ảnh", "Đặng Văn Ánh", "Đặng An Ánh", "Trần Anh", "Ngô Ánh", "Bùi Ạnh"):
            any_city.join(conn, full)
        any_city.join(conn, "Zô Ánh", position="GD")
    assert names(any_city, "anh") == [
        *("Trần Anh", "Zô Ánh"),
        *("Lê Ảnh", "Đặng An Ánh", "Đặng Văn Ánh", "Ngô Ánh", "Vũ Thị Ánh", "Bùi Ạnh"),
    ]
    assert names(any_city, "ánh")[:2] == ["Zô Ánh", "Đặng An Ánh"]


def test_a_new_telephone_number_is_found_and_the_old_one_is_not(staffed: City) -> None:
    with staffed.directory.write() as conn:
        provisioning.update_person(conn, "test", "annv", phone="+84 (28) 777-888")
    assert names(staffed, "777888") == ["Nguyễn Văn An"]
    assert names(staffed, "120456") == []
    with staffed.directory.read() as conn:
        assert complete(conn, "777888", by_phone=False) == []


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("guyen", ["Nguyễn Văn An", "Nguyễn Thị Ân"]),
        ("guyễn an", ["Nguyễn Văn An", "Nguyễn Thị Ân"]),
        ("van guy", ["Nguyễn Văn An"]),
        ("oan", ["Toàn thể Sở Y tế"]),
        ("uy", []),  # too short
        ("456", ["x"] * 7),  # digits of telephones come first
    ],
)
def test_the_middle_of_a_word_where_nothing_else_is_found(staffed: City, typed: str, found: list[str]) -> None:
    with staffed.directory.read() as conn:
        names_found = [each.name for each in complete(conn, typed, vocabulary=Vocabulary())]
        assert len(names_found) == len(found)
        if "x" not in found:
            assert names_found == found
            assert complete(conn, typed) == []


def test_every_look_up_is_by_an_index(any_directory: Directory) -> None:
    questions = [search._BY_ADDRESS, search._FREQUENCY, search._SUGGESTIONS, *search._MATCHING.values()]
    ranges = {f"{end}{number}": "x" for end in ("low", "high") for number in range(search.MAX_WORDS)}
    values = {**ranges, "limit": 5, **{f"entry_{place}": place for place in range(search._TOGETHER)}}
    with any_directory.engine.connect() as connection:
        if not any_directory.is_sqlite:
            # of tables this small it would rather read all; where it has no index, it must
            connection.exec_driver_sql("SET enable_seqscan = off")
        for question in questions:
            sql, parameters = question.prepare(any_directory.engine.dialect, values)
            explain = "EXPLAIN QUERY PLAN " if any_directory.is_sqlite else "EXPLAIN "
            cursor = connection.connection.cursor()
            cursor.execute(explain + sql, parameters)
            plan = "\n".join(str(row) for row in cursor.fetchall())
            assert "Seq Scan" not in plan, plan
            assert not re.search(r"SCAN (?!\(subquery|anon)", plan), plan


def test_the_limit_holds_and_nobody_comes_twice(staffed: City) -> None:
    for typed in ("n", "a", "nguyen", "h", "syt"):
        found = names(staffed, typed, 3)
        assert len(found) <= 3
        assert len(set(found)) == len(found)


def test_changes_are_found_and_the_past_is_not(staffed: City) -> None:
    directory = staffed.directory
    with directory.write() as conn:
        provisioning.rename(conn, "test", "annv", split_name("Nguyễn Hoàng Yến"))
        leaving.leave(conn, "test", find(conn, "hungv"), last_day="2026-03-01")
        provisioning.move(
            conn,
            "test",
            "halv",
            unit_id=staffed.units["P.SG"],
            position_id=staffed.positions["TP"],
            from_day="2026-03-02",
        )
        aliases.add_alias(conn, "test", "chi.ha", "hattt")
    assert names(staffed, "hoang yen") == ["Nguyễn Hoàng Yến"]
    assert "Nguyễn Văn An" not in names(staffed, "an")
    assert names(staffed, "vo hung") == []
    assert names(staffed, "truong phong sai gon") == ["Lê Văn Hạ"]
    assert names(staffed, "chi.ha") == ["Trần Thị Thu Hà"]
    assert directory.check_consistency() == []


def find(conn, login: str) -> str:  # type: ignore[no-untyped-def]
    from directory.staff.people import find_official

    return find_official(conn, login).account.id


def test_common_words_among_many(any_city: City) -> None:
    """A city of one thousand Nguyễns: the rare word leads, and the answer is still right."""
    rng = random.Random(7)
    with any_city.directory.write() as conn:
        intake = Intake(conn, "test")
        for number in range(1000):
            full = f"Nguyễn {rng.choice(('Văn', 'Thị', 'Hữu'))} {rng.choice(('An', 'Bình', 'Châu', 'Dũng'))}"
            if number == 500:
                full = "Nguyễn Văn Khuê"
            intake.join(
                Joiner(split_name(full), any_city.units["SYT"], any_city.positions["CV"], valid_from="2026-01-01")
            )
        intake.flush()
    assert names(any_city, "nguyen van khue") == ["Nguyễn Văn Khuê"]
    assert names(any_city, "k nguyen") == ["Nguyễn Văn Khuê"]
    assert len(names(any_city, "nguyen", 10)) == 10
    assert set(names(any_city, "nguyễn thị an", 50)) == {"Nguyễn Thị An"}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=40))
def test_any_text_gives_an_answer(city: City, typed: str) -> None:
    with city.directory.write() as conn:
        if not names(city, "An"):
            city.join(conn, "Nguyễn Văn An")
    with city.directory.read() as conn:
        assert len(complete(conn, typed, 5)) <= 5


@pytest.mark.parametrize("full", [each[0] for each in PEOPLE])
def test_everyone_is_found_by_every_word_prefix_of_the_name(staffed: City, full: str) -> None:
    for word in full.split():
        for length in range(1, len(word) + 1):
            assert full in names(staffed, word[:length], 20)


def test_an_alias_is_indexed_as_it_would_be_anew(city: City) -> None:
    def words(conn: Writing) -> set[tuple[object, ...]]:
        return {tuple(row) for row in conn.execute(select(search_word))}

    with city.directory.write() as conn:
        for name, position in (("Nguyễn Văn An", "CV"), ("Lê Thị Bình", "CT"), ("Chi", "CV")):
            joined = city.join(conn, name, "SYT", position)
            aliases.add_alias(conn, "test", f"bidanh.{joined.login.partition('@')[0]}", joined.login)
            before = words(conn)
            postings.refresh(conn, [joined.person_id])
            assert words(conn) == before
