"""A whole city written out and taken in again is the same city, in every format, and a second time changes nothing."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from directory.administration import delegations
from directory.database import Directory
from directory.dates import days_after
from directory.exchange import importing
from directory.exchange.exporting import records
from directory.exchange.formats import FORMATS, FormatName
from directory.exchange.groups import GroupTaker
from directory.exchange.importing import Change, FileSettings, Import, Outcome, Taker
from directory.exchange.kinds import KINDS, KindName
from directory.exchange.mailboxes import MailboxTaker
from directory.exchange.officials import OfficialSettings, OfficialTaker
from directory.exchange.units import UnitTaker
from directory.faults import Fault, Refused
from directory.mail import aliases, domains, group_rights, groups, mailboxes
from directory.staff import provisioning, unit_changes
from directory.staff.catalogue import lay_out
from directory.staff.intake import Joiner
from directory.staff.people import find_official, list_officials, posts_of
from directory.staff.postings import positions
from directory.words.names import PersonName, tidy
from tests.directory.conftest import City

KINDS_IN_ORDER: tuple[KindName, ...] = ("unit", "official", "mailbox", "group")


def taker(kind: KindName) -> Taker:
    if kind == "official":
        return OfficialTaker(OfficialSettings())
    return {"unit": UnitTaker, "mailbox": MailboxTaker, "group": GroupTaker}[kind]()


def written(directory: Directory, kind: KindName, form: FormatName) -> str:
    out = io.StringIO(newline="")
    with directory.read() as conn:
        FORMATS[form].write(KINDS[kind], records(conn, kind), out)
    return out.getvalue()


def whole(directory: Directory, form: FormatName) -> list[str]:
    return [written(directory, kind, form) for kind in KINDS_IN_ORDER]


def take_in(directory: Directory, kind: KindName, text: str, folder: Path, **more: Any) -> Outcome:
    file = folder / "in"
    file.write_text(text, encoding="utf-8", newline="")
    form = more.pop("form", "csv")
    tell = more.pop("tell", lambda line, change: None)
    importer = Import(directory, "test", taker(kind), FileSettings(format=form, **more))
    return importer.run(file, folder / "rejects", tell=tell)


def bare(directory: Directory) -> None:
    """What an empty city has: domains, kinds of units, positions."""
    with directory.write() as conn:
        domains.add_domain(conn, "test", "city.vn")
        domains.add_domain(conn, "test", "khac.vn")
        lay_out(conn, "test")


def settle(directory: Directory) -> None:
    """One of everything that a file has to carry."""
    bare(directory)
    with directory.write() as conn:
        ids: dict[str, str] = {}
        for short, name, kind, above, code in (
            ("UBND", "Ủy ban nhân dân, Thành phố", "city", None, "H29"),
            ("SYT", 'Sở "Y tế"', "department", "UBND", "H29.4"),
            ("", "Văn phòng; Sở", "division", "SYT", ""),
            ("P. Sài Gòn", "Phường Sài Gòn", "ward", "UBND", ""),
        ):
            ids[short] = unit_changes.add_unit(
                *(conn, "test"),
                name=name,
                short_name=short,
                type_code=kind,
                valid_from="2025-07-01",
                parent_id=ids[above] if above else None,
                agency_code=code,
                sort_order=len(ids),
                decision="1685/NQ, 2025",
            ).id
        at = {position.code: position.id for position in positions(conn).values()}

        def join(full: str, unit: str, position: str, **more: Any) -> str:
            name = PersonName(full, full.split()[0], " ".join(full.split()[1:-1]), full.split()[-1])
            joiner = Joiner(name, ids[unit], at[position], "2025-07-01", **more)
            return provisioning.join(conn, "test", joiner).login

        an = join("Nguyễn Văn An", "SYT", "GD", employee_code="CB 1", phone="028 3822; số lẻ 5", quota_bytes=5 << 30)
        binh = join("Lê Bình", "", "CV", title='Chuyên viên, "chính"', kind="acting", rank=3, language="en")
        provisioning.appoint(
            *(conn, "test", an),
            unit_id=ids["P. Sài Gòn"],
            position_id=at["CT-P"],
            from_day="2025-09-01",
            until_day=days_after(conn.today, 400),
            kind="seconded",
            decision="12/QĐ",
        )
        provisioning.rename(conn, "test", binh, PersonName("Y Moan Êñuôl", "", "", "Y Moan"))
        aliases.add_alias(conn, "test", "giamdoc.syt", an)
        aliases.add_alias(conn, "test", "an@khac.vn", an)
        office = mailboxes.open_mailbox(
            conn, "test", address_text="vanthu.syt", name="Văn thư; Sở", unit_id=ids["SYT"], quota_bytes=1500
        )
        mailboxes.grant(conn, "test", office.id, find_official(conn, an).account.id, may_send=False)
        mailboxes.open_mailbox(conn, "test", address_text="hotro", name="Hỗ trợ", language="en")
        outer = groups.add_group(conn, "test", address_text="a.ngoai", name="Nhóm, ngoài", posting="named")
        inner = groups.add_group(conn, "test", address_text="b.trong", name="Nhóm trong")
        for member in (an, "vanthu.syt", "b.trong", "ai@example.org"):
            groups.add_member(conn, "test", outer.id, member)
        head = find_official(conn, an).account.id
        groups.set_posters(
            *(conn, "test", outer.id, [head]), group_ids=[inner.id], unit_ids=[ids["P. Sài Gòn"], ids["SYT"]]
        )
        groups.alter_group(conn, "test", inner.id, unit_id=ids["SYT"], is_moderated=True, hides_members=True)
        group_rights.set_moderators(conn, "test", inner.id, [head])
        groups.add_rule(conn, "test", inner.id, unit_id=ids["SYT"], position_id=at["GD"])
        groups.add_rule(conn, "test", inner.id, unit_type_code="ward")
        aliases.add_alias(conn, "test", "nhom.cu", "b.trong")


@pytest.mark.parametrize("form", list(FORMATS))
def test_an_empty_city_becomes_the_same(
    directory: Directory, other_directory: Directory, tmp_path: Path, form: FormatName
) -> None:
    settle(directory)
    bare(other_directory)
    texts = whole(directory, form)
    for kind, text in zip(KINDS_IN_ORDER, texts, strict=True):
        outcome = take_in(other_directory, kind, text, tmp_path, form=form)
        assert outcome.problems == []
        assert outcome.added
    assert whole(other_directory, form) == texts
    assert other_directory.check_consistency() == []
    for kind, text in zip(KINDS_IN_ORDER, texts, strict=True):
        outcome = take_in(other_directory, kind, text, tmp_path, form=form)
        assert (outcome.added, outcome.updated, outcome.problems) == (0, 0, [])


def test_on_either_engine(any_directory: Directory, tmp_path: Path) -> None:
    settle(any_directory)
    for kind in KINDS_IN_ORDER:
        outcome = take_in(any_directory, kind, written(any_directory, kind, "ldif"), tmp_path, form="ldif")
        assert (outcome.added, outcome.updated, outcome.problems) == (0, 0, [])


UNITS = "short_name,name,type,parent,order\nUBND,Ủy ban,city,,1\nSXD,Sở Xây dựng,department,UBND,2\n"


def test_units_are_made_altered_and_left_alone(any_city: City, tmp_path: Path) -> None:
    told: list[tuple[int, Change]] = []
    take_in(any_city.directory, "unit", UNITS.replace(",1\n", ",\n"), tmp_path)
    outcome = take_in(
        any_city.directory,
        "unit",
        "id,tên tắt,tên đơn vị,loại,cấp trên\n"
        f"{any_city.units['SYT']},SYT,Sở Sức khỏe,Sở,UBND\n"
        ",SXD,Sở Xây dựng,department,SYT\n"
        ",STC,Sở Tài chính,Sở,UBND\n"
        ",X,Không rõ,Làng,UBND\n"
        ",Y,Không cha,Sở,ĐÂU\n"
        "ID lạ,Z,Mã lạ,Sở,UBND\n",
        tmp_path,
        tell=lambda line, change: told.append((line, change)),
    )
    assert (outcome.added, outcome.updated, outcome.unchanged, outcome.rejected) == (0, 2, 1, 3)
    assert [(line, change.subject, [each.what for each in change.differences]) for line, change in told] == [
        (2, "SYT", ["name"]), (3, "SXD", ["parent_id"]), (4, "STC", []),
    ]  # fmt: skip


def test_all_or_nothing(any_city: City, tmp_path: Path) -> None:
    text = "employee_code,full_name,unit,position\nA1,Lê An,SYT,CV\nA2,Lê Bình,ĐÂU,CV\n"
    outcome = take_in(any_city.directory, "official", text, tmp_path, whole=True)
    assert (outcome.added, outcome.rejected, outcome.is_undone) == (1, 1, True)
    with any_city.directory.read() as conn, pytest.raises(Fault):
        find_official(conn, "A1")
    outcome = take_in(any_city.directory, "official", text.replace("ĐÂU", "STC"), tmp_path, whole=True)
    assert (outcome.added, outcome.is_undone) == (2, False)
    with any_city.directory.read() as conn:
        assert find_official(conn, "A2").account.unit == "Sở Tài chính"


def test_an_official_of_whom_one_post_is_refused_is_refused_wholly(any_city: City, tmp_path: Path) -> None:
    text = """[{"employee_code": "A1", "full_name": "Lê An", "posts": [
        {"unit": "SYT", "position": "CV"}, {"unit": "STC", "position": "CV", "valid_from": "2026-03-02",
         "valid_until": "2026-03-01"}]},
      {"employee_code": "A2", "full_name": "Lê Bình", "aliases": ["postmaster@example.org"]},
      {"employee_code": "A3", "full_name": "Lê Chi", "aliases": ["chi.moi"],
       "posts": [{"unit": "SYT", "position": "CV"}, {"unit": "STC", "position": "TP"}]}]"""
    outcome = take_in(any_city.directory, "official", text, tmp_path, form="json")
    assert (outcome.added, outcome.rejected) == (1, 2)
    with any_city.directory.read() as conn:
        for code in ("A1", "A2"):
            with pytest.raises(Fault):
                find_official(conn, code)
        assert find_official(conn, "chi.moi").employee_code == "A3"
    assert any_city.directory.check_consistency() == []


def test_a_dry_run_tells_every_difference(any_city: City, tmp_path: Path) -> None:
    take_in(any_city.directory, "official", "employee_code,full_name,phone\nA1,Lê An,1\n", tmp_path)
    told: list[Change] = []
    outcome = take_in(
        any_city.directory,
        "official",
        "employee_code,full_name,phone,unit,position\nA1,Lê Ân,2,SYT,CV\nA2,Lê Bình,,STC,CV\n",
        tmp_path,
        dry_run=True,
        tell=lambda line, change: told.append(change),
    )
    assert (outcome.added, outcome.updated) == (1, 1)
    assert [(each.what, each.before, each.after) for change in told for each in change.differences] == [
        ("full_name", "Lê An", "Lê Ân"),
        ("phone", "1", "2"),
        ("position", "", "CV SYT"),
        ("full_name", "", "Lê Bình"),
        ("position", "", "CV STC"),
    ]
    with any_city.directory.read() as conn:
        assert find_official(conn, "A1").full_name == "Lê An"


NAME = st.text(st.sampled_from("Âđỹ,;\"'\\ <:|x"), min_size=1, max_size=10).map(tidy).filter(bool)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    people=st.lists(st.tuples(NAME, NAME, NAME, st.sampled_from(["", "CV", "TP"])), min_size=1, max_size=4),
    form=st.sampled_from(list(FORMATS)),
)
def test_whatever_people_are_called(
    city: City, tmp_path: Path, people: list[tuple[str, str, str, str]], form: FormatName
) -> None:
    with city.directory.write() as conn:
        for family, given_name, phone, further in people:
            joined = city.join(conn, "Lê Tạm", phone=phone)
            full = tidy(f"{family} {given_name}")
            provisioning.rename(conn, "test", joined.person_id, PersonName(full, family, "", given_name))
            if further:
                provisioning.appoint(
                    *(conn, "test", joined.person_id),
                    unit_id=city.units["STC"],
                    position_id=city.positions[further],
                    from_day="2026-01-05",
                    title=phone,
                )
    text = written(city.directory, "official", form)
    outcome = take_in(city.directory, "official", text, tmp_path, form=form)
    assert (outcome.added, outcome.updated, outcome.problems) == (0, 0, [])
    assert written(city.directory, "official", form) == text


@pytest.mark.parametrize("dry_run", [False, True])
def test_an_administrator_takes_in_what_is_his_to_administer(any_city: City, tmp_path: Path, dry_run: bool) -> None:
    """And in a rehearsal on the copy he is no mightier."""
    directory = any_city.directory
    with directory.write() as conn:
        clerk = any_city.join(conn, "Đỗ Thị Hạnh").account_id
        any_city.join(conn, "Lê Xa", "STC", employee_code="X1")
        root = any_city.join(conn, "Trần Gốc", "UBND", "TP").account_id
        delegations.grant(conn, "test", root, "city-admin", below_rank=0)
        delegations.grant(conn, "test", clerk, "hr-clerk", unit_id=any_city.units["SYT"], below_rank=20)
    text = (
        "employee_code,full_name,phone,unit,position\n"
        "A1,Lê An,,SYT,CV\nA2,Lê Bình,,STC,CV\nX1,Lê Xa,0909,,\nA3,Lê Chi,,SYT,CV\n"
    )
    directory.administrator = clerk
    try:
        if dry_run and not directory.is_sqlite:
            # one transaction, which is undone by the first refusal
            with pytest.raises(Refused):
                take_in(directory, "official", text, tmp_path, dry_run=True, reason="vì việc")
            return
        outcome = take_in(directory, "official", text, tmp_path, dry_run=dry_run, reason="vì việc")
    finally:
        directory.administrator = ""
    assert (outcome.added, outcome.updated, outcome.rejected) == (2, 0, 2)
    assert [line for line, _ in outcome.problems] == [3, 4]
    with directory.read() as conn:
        codes = {each.employee_code for each in list_officials(conn)}
        assert codes >= (set() if dry_run else {"A1", "A3"})
        assert not codes & ({"A1", "A2", "A3"} if dry_run else {"A2"})
        assert find_official(conn, "X1").phone == ""


def test_an_import_goes_on_where_it_was_killed(any_city: City, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "BATCH", 5)
    lines = [f"A{number},Lê Văn {number},SYT,CV\nA{number},Lê Văn {number},STC,TP\n" for number in range(20)]
    text = "employee_code,full_name,unit,position\n" + "".join(lines)

    class Killed(BaseException):
        pass

    def stop(line: int, change: Change) -> None:
        if line == 23:
            raise Killed

    with pytest.raises(Killed):
        take_in(any_city.directory, "official", text, tmp_path, tell=stop)
    with any_city.directory.read() as conn:
        assert 0 < sum(1 for _ in list_officials(conn)) < 20
    outcome = take_in(any_city.directory, "official", text, tmp_path)
    assert outcome.problems == []
    assert outcome.unchanged >= 20
    with any_city.directory.read() as conn:
        assert all(len(posts_of(conn, each)) == 2 for each in list_officials(conn))
        assert sum(1 for _ in list_officials(conn)) == 20
    assert any_city.directory.check_consistency() == []
