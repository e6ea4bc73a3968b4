"""What is exported comes back as it was, whoever reads it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from directory.database import Directory, open_directory
from directory.exchange.exporting import records
from directory.exchange.formats import FORMATS, FormatName
from directory.exchange.importing import FileSettings, Import, Outcome
from directory.exchange.kinds import KINDS, KindName
from directory.exchange.officials import OfficialSettings, OfficialTaker
from directory.mail import aliases
from directory.sizes import parse_size, written_size
from directory.staff import leaving, people, provisioning, unit_changes
from directory.words.names import PersonName
from tests.directory.conftest import City, Clock, found_city


def exported(directory: Directory, kind: KindName = "official", form: FormatName = "csv", **options: Any) -> str:
    out = io.StringIO(newline="")
    with directory.read() as conn:
        FORMATS[form].write(KINDS[kind], records(conn, kind, **options), out)
    return out.getvalue()


def read_back(directory: Directory, text: str, folder: Path) -> Outcome:
    file = folder / "xuat.csv"
    file.write_text(text, encoding="utf-8", newline="")
    taker = OfficialTaker(OfficialSettings())
    outcome = Import(directory, "test", taker, FileSettings()).run(file, folder / "loi.csv")
    assert outcome.problems == []
    return outcome


def counts(outcome: Outcome) -> tuple[int, int, int, int]:
    return outcome.added, outcome.updated, outcome.unchanged, outcome.rejected


def staff(city: City) -> None:
    """People of every kind the file has to carry."""
    with city.directory.write() as conn:
        an = city.join(
            conn, "Nguyễn Văn An", employee_code="CB1", phone="028 3822", quota_bytes=5 << 30, title='Q. "GĐ"'
        )
        provisioning.appoint(
            *(conn, "test", an.person_id),
            unit_id=city.units["P.SG"],
            position_id=city.positions["CT"],
            from_day="2026-01-10",
            until_day="2027-12-31",
            kind="seconded",
            decision="12/QĐ-UBND, 2026",
        )
        provisioning.move(
            *(conn, "test", an.person_id),
            unit_id=city.units["STC"],
            position_id=city.positions["GD"],
            from_day="2026-02-01",
            kind="acting",
        )
        city.join(conn, "Lê Bình", language="en", quota_bytes=1500, address="binh.le")
        moan = city.join(conn, "Y Moan Êñuôl", employee_code="CB3")
        name = PersonName("Y Moan Êñuôl", "Êñuôl", "", "Y Moan")
        provisioning.rename(conn, "test", moan.person_id, name)
        gone = city.join(conn, "Trần Cũ", employee_code="CB4")
        leaving.leave(conn, "test", gone.account_id, last_day="2026-02-28")
        aliases.add_alias(conn, "test", "an", an.login)
        # two units of one short name are told apart by the rest of what they have
        provisioning.dismiss(conn, "test", moan.person_id, unit_id=city.units["SYT"], last_day="2026-02-28")


def test_the_same_directory_stays_as_it_is(any_city: City, tmp_path: Path) -> None:
    staff(any_city)
    text = exported(any_city.directory)
    assert text.startswith("employee_code,full_name,")
    assert "CB4" not in text
    assert counts(read_back(any_city.directory, text, tmp_path)) == (0, 0, 4, 0)
    assert exported(any_city.directory) == text


def test_another_directory_becomes_the_same(city: City, tmp_path: Path, clock: Clock) -> None:
    staff(city)
    text = exported(city.directory)
    other = open_directory(f"sqlite:///{tmp_path / 'other.db'}", clock=clock)
    found_city(other)
    assert counts(read_back(other, text, tmp_path)) == (3, 1, 0, 0)
    assert exported(other) == text
    assert other.check_consistency() == []
    other.close()


def test_only_a_unit_and_what_lies_below(city: City) -> None:
    staff(city)
    assert [line.split(",")[1] for line in exported(city.directory, within=[city.units["SYT"]]).splitlines()[1:]] == [
        "Lê Bình"
    ]


def test_a_unit_without_a_name_of_its_own_is_named_by_its_id(city: City, tmp_path: Path) -> None:
    with city.directory.write() as conn:
        for short in ("A", "B"):
            made = unit_changes.add_unit(
                *(conn, "test"),
                name="Phòng Tổng hợp",
                short_name="",
                type_code="department",
                valid_from="2020-01-01",
                parent_id=city.units["SYT" if short == "A" else "STC"],
            )
            city.units[short] = made.id
        city.join(conn, "Lê Bình", unit="B")
    text = exported(city.directory)
    assert city.units["B"] in text
    assert counts(read_back(city.directory, text, tmp_path)) == (0, 0, 1, 0)


@given(st.integers(0, (1 << 60) - 1) | st.sampled_from([0, 1, 1 << 10, 5 << 30, 3 << 39, 1023]))
def test_a_size_is_written_to_the_octet(size: int) -> None:
    if size < 1 << 53:
        assert parse_size(written_size(size)) == size


NAMES = st.text(st.sampled_from('ÂăđỮ,;"\t xyz'), min_size=1, max_size=12).filter(lambda name: name.strip() != "")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(NAMES, NAMES, st.sampled_from(["", "0", "5G", "7"])), min_size=1, max_size=4))
def test_whatever_people_are_called(city: City, tmp_path: Path, given_people: list[tuple[str, str, str]]) -> None:
    from directory.words.names import tidy

    with city.directory.write() as conn:
        for family, given_name, quota in given_people:
            name = PersonName(tidy(f"{family} {given_name}"), tidy(family), "", tidy(given_name))
            joiner = city.join(conn, "Lê Tạm", quota_bytes=parse_size(quota or "0"))
            provisioning.rename(conn, "test", joiner.person_id, name)
    text = exported(city.directory)
    with city.directory.read() as conn:
        number = sum(1 for _ in people.list_officials(conn))
    assert counts(read_back(city.directory, text, tmp_path)) == (0, 0, number, 0)
