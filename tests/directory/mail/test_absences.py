"""Absences: kept, over, checked, on record, and what the command says."""

from __future__ import annotations

import pytest

from directory import record
from directory.database import Directory
from directory.dates import days_after
from directory.faults import Fault
from directory.mail import absences, account_changes
from directory.mail.absences import Absence
from directory.mail.accounts import Account, account_by_login
from directory.staff import leaving
from tests.directory.conftest import City, found_city

AN, BINH = "annv@city.gov.vn", "binhtt@city.gov.vn"


@pytest.fixture
def town(directory: Directory) -> City:
    city = found_city(directory)
    with city.directory.write() as conn:
        city.join(conn, "Nguyễn Văn An")
        city.join(conn, "Trần Thị Bình")
    return city


def owner(town: City, login: str = AN) -> Account:
    with town.directory.read() as conn:
        found = account_by_login(conn, login)
    assert found is not None
    return found


def keep(town: City, first: int = 0, last: int = 3, **values: str) -> None:
    """Days are counted from today."""
    with town.directory.write() as conn:
        given = {"since": days_after(conn.today, first), "until": days_after(conn.today, last), **values}
        absences.keep(conn, AN, owner(town), **given)


def today(town: City) -> Absence | None:
    with town.directory.read() as conn:
        return absences.absent(conn, owner(town).id)


def refusal(town: City, **values: object) -> str:
    with pytest.raises(Fault) as raised:
        keep(town, **values)  # type: ignore[arg-type]
    return raised.value.code


def test_it_holds_from_the_first_day_to_the_last(town: City) -> None:
    assert today(town) is None
    for first, last, is_away in ((0, 0, True), (1, 3, False), (-5, 0, True), (-5, 2, True)):
        keep(town, first, last)
        assert (today(town) is not None) == is_away, (first, last)
    with town.directory.write() as conn:
        absences.end(conn, AN, owner(town))
    assert today(town) is None


def test_what_is_told(town: City) -> None:
    keep(town, text=" Đi công tác.\r\nHẹn gặp lại.\n", outside="Tôi đi vắng.", substitute="BinhTT@city.gov.vn ")
    found = today(town)
    assert found is not None
    assert (found.text, found.outside) == ("Đi công tác.\nHẹn gặp lại.", "Tôi đi vắng.")
    assert found.substitute == owner(town, BINH)
    keep(town, text="Khác")
    again = today(town)
    assert again is not None
    assert (again.text, again.outside, again.substitute) == ("Khác", "", None)
    assert again.id != found.id


def test_what_is_refused(town: City) -> None:
    assert refusal(town, first=-3, last=-1) == "absence-over"
    assert refusal(town, first=3, last=2) == "absence-over"
    assert refusal(town, last=absences.LONGEST) == "absence-long"
    assert refusal(town, until="30/02/2026") == "day-malformed"
    assert refusal(town, text="x" * (absences.LONGEST_TEXT + 1)) == "text-long"
    for nobody in (AN, "ai-do@city.gov.vn", "ban@ngoai.example"):
        assert refusal(town, substitute=nobody) == "absence-substitute"
    assert today(town) is None
    with town.directory.write() as conn, pytest.raises(Fault, match="not away"):
        absences.end(conn, AN, owner(town))


def test_who_was_locked_stands_in_and_who_left_does_not(town: City) -> None:
    keep(town, substitute=BINH)
    with town.directory.write() as conn:
        account_changes.lock(conn, "test", owner(town, BINH).id)
    found = today(town)
    assert found is not None
    assert found.substitute is not None
    with town.directory.write() as conn:
        leaving.leave(conn, "test", owner(town, BINH).id, last_day=days_after(conn.today, -1))
    found = today(town)
    assert found is not None
    assert found.substitute is None


def test_it_is_on_record_without_its_words(town: City) -> None:
    keep(town, text="Nằm viện", substitute=BINH)
    with town.directory.read() as conn:
        [entry] = record.search(conn, action="mailbox.absence")
    assert (entry.actor, entry.subject) == (AN, AN)
    assert BINH in entry.details
    assert "viện" not in entry.details
