"""Officials from CSV: nothing is lost, a second run changes nothing, broken lines spoil nobody else's."""

from __future__ import annotations

import csv
import io
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert

from directory.database import Directory
from directory.exchange import importing
from directory.exchange.importing import FileSettings, Import, Outcome
from directory.exchange.officials import OfficialSettings, OfficialTaker
from directory.faults import Fault
from directory.mail import domains
from directory.mail.accounts import credentials_by_login
from directory.mail.addresses import address_row
from directory.signing_in import scram_verifiers
from directory.staff import leaving, people
from directory.staff.people import find_official, list_officials, posts_of
from directory.tables import address
from security.passwords import hash_password, verify_password
from security.scram import make_verifier, new_verifier
from tests.directory.conftest import City

HEADING = "mã cán bộ,họ và tên,đơn vị,chức vụ,địa chỉ thư,mật khẩu,điện thoại,từ ngày"
GOOD = (
    "CB1,Nguyễn Văn An,SYT,Giám đốc,,,028,01/02/2026",
    "CB2,Nguyễn Văn An,Sở Tài chính,CV,,,,",
    'CB3,"Trần Thị Thu Hà",P.SG,Chủ tịch,ha.tran,,,2026-01-01',
)


def officials(directory: Directory, *, dry_run: bool = False, **more: object) -> Import:
    taker = OfficialTaker(OfficialSettings(**more))  # type: ignore[arg-type]
    return Import(directory, "test", taker, FileSettings(dry_run=dry_run))


@pytest.fixture
def run(any_city: City, tmp_path: Path):  # type: ignore[no-untyped-def]
    """Import lines under a heading; the outcome, and what the rejects file holds."""

    def import_(
        *lines: str, heading: str = HEADING, name: str = "officials.csv", raw: bytes | None = None, **more: object
    ) -> tuple[Outcome, list[list[str]]]:
        path, rejects = tmp_path / name, tmp_path / f"{name}.rejects"
        rejects.unlink(missing_ok=True)
        path.write_bytes(raw if raw is not None else "\r\n".join([heading, *lines, ""]).encode())
        outcome = officials(any_city.directory, **more).run(path, rejects)  # type: ignore[arg-type]
        if not rejects.exists():
            return outcome, []
        text = rejects.read_bytes().decode("utf-8", "surrogateescape")
        return outcome, list(csv.reader(io.StringIO(text, newline="")))

    yield import_
    assert any_city.directory.check_consistency() == []


def counts(outcome: Outcome) -> tuple[int, int, int, int]:
    return outcome.added, outcome.updated, outcome.unchanged, outcome.rejected


def test_officials_come_in_and_a_second_run_changes_nothing(any_city: City, run) -> None:  # type: ignore[no-untyped-def]
    assert counts(run(*GOOD)[0]) == (3, 0, 0, 0)
    with any_city.directory.read() as conn:
        an, other, ha = (find_official(conn, code) for code in ("CB1", "CB2", "CB3"))
        assert (an.account.login, an.account.title, an.phone) == ("annv@city.gov.vn", "Giám đốc", "028")
        assert posts_of(conn, an)[0].valid_from == "2026-02-01"
        assert (other.account.login, other.account.unit) == ("annv2@city.gov.vn", "Sở Tài chính")
        assert (ha.account.login, ha.middle_name) == ("ha.tran@city.gov.vn", "Thị Thu")
        version = conn.memory.version
    assert counts(run(*GOOD)[0]) == (0, 0, 3, 0)
    with any_city.directory.read() as conn:
        assert conn.memory.version == version


def test_changes_are_carried_over(any_city: City, run) -> None:  # type: ignore[no-untyped-def]
    run(*GOOD)
    outcome, _ = run(
        "CB1,Nguyễn Văn Ân,SYT,Giám đốc,,,0909,",
        "CB3,Trần Thị Thu Hà,SYT,CV,,,,02/03/2026",
        "CB4,Lê Mới,SYT,CV,,,,",
    )
    assert counts(outcome) == (1, 2, 0, 0)
    with any_city.directory.read() as conn:
        an, moved = find_official(conn, "CB1"), find_official(conn, "CB3")
        assert (an.full_name, an.phone, an.account.login) == ("Nguyễn Văn Ân", "0909", "annv@city.gov.vn")
        assert moved.account.unit == "Sở Y tế"
        assert [post.valid_until for post in posts_of(conn, moved)] == [None, "2026-03-01"]


def test_a_second_line_is_a_second_post(any_city: City, run) -> None:  # type: ignore[no-untyped-def]
    lines = ("CB1,Nguyễn Văn An,SYT,Giám đốc,,,,", "CB1,Nguyễn Văn An,P.SG,Chủ tịch,,,,")
    assert counts(run(*lines)[0]) == (1, 1, 0, 0)
    with any_city.directory.read() as conn:
        an = find_official(conn, "CB1")
        assert an.account.title == "Giám đốc"
        assert len(posts_of(conn, an)) == 2
    assert counts(run(*lines)[0]) == (0, 0, 2, 0)


def test_without_codes_the_address_tells_who_it_is(any_city: City, run) -> None:  # type: ignore[no-untyped-def]
    lines = ("Nguyễn Văn An,an@city.gov.vn", "Lê Bình,binh", "Lê Bình,binh")
    for expected in ((2, 0, 1, 0), (0, 0, 3, 0)):
        assert counts(run(*lines, heading="name,email")[0]) == expected
    with any_city.directory.read() as conn:
        assert [each.account.login for each in list_officials(conn)] == ["an@city.gov.vn", "binh@city.gov.vn"]


BAD = (
    (",,,,,,,", "neither employee code nor address"),
    ("CB9,,SYT,CV,,,,", "a name is missing"),
    ("CB9,Lê A,KHÔNG,CV,,,,", "there is no unit KHÔNG"),
    (
        "CB9,Lê A,SYT,Vua,,,,",
        "there is no position Vua; `citymail official positions` lists them, `define-position` makes one",
    ),
    ("CB9,Lê A,SYT,,,,,", "unit and position go together"),
    ("CB9,Lê A,SYT,CV,annv@example.org,,,", "example.org is not a domain of the city"),
    ("CB9,Lê A,SYT,CV,postmaster,,,", "the address postmaster@city.gov.vn is reserved for a function"),
    ("CB9,Lê A,SYT,CV,annv,,,", "the address annv@city.gov.vn was given out already"),
    ("CB9,Lê A,SYT,CV,,,,31/02/2026", "31/02/2026 is not a date (2025-07-01 or 01/07/2025)"),
    ("CB9,Lê A,SYT", "3 fields instead of 8"),
    ("CB9,Lê A,SYT,CV,,,,,,", "10 fields instead of 8"),
    ('CB9,"Lê A,SYT,CV,,,,', "malformed line: unexpected end of data"),
    ('CB9,"Lê" A,SYT,CV,,,,', "malformed line: ',' expected after '\"'"),
    (f"CB9,Lê A,SYT,CV,,{'x' * 1025},,", "the password is too long"),
    ("CB9,Lê A,SYT,CV,,mật khẩu,,", "the password is too short: 10 characters or more"),
    ("CB9,Lê A,SYT,CV,,0903 123 456,,", "the password is one of those that are guessed first"),
    ("CB9,Lê Văn Tám,SYT,CV,,LeVanTam2026,,", "the password is little more than the name or address"),
    (f"{'9' * 41},Lê A,SYT,CV,,,,", "employee_code is longer than 40 characters"),
    (f"CB9,{'A' * 201},SYT,CV,,,,", "name is longer than 200 characters"),
)


def test_bad_lines_are_refused_one_by_one_and_lost_nowhere(any_city: City, run) -> None:  # type: ignore[no-untyped-def]
    lines = [GOOD[0]]
    for number, (bad, _) in enumerate(BAD):
        lines += [bad, f"OK{number},Trần Văn Tốt,SYT,CV,,,,"]
    outcome, rejects = run(*lines)
    assert counts(outcome) == (1 + len(BAD), 0, 0, len(BAD))
    assert rejects[0] == ["rejected_line", "rejected_because", *HEADING.split(",")]
    assert [(int(row[0]), row[1]) for row in rejects[1:12]] == [
        (3 + 2 * number, reason) for number, (_, reason) in enumerate(BAD[:11])
    ]
    assert outcome.problems[0] == (3, BAD[0][1])


def test_a_rejects_file_is_corrected_and_imported_as_it_is(any_city: City, run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    run(GOOD[0], "CB9,Lê A,KHÔNG,CV,,,,", "CB8,Lê B,SYT")
    text = (tmp_path / "officials.csv.rejects").read_bytes()
    outcome, again = run(raw=text.replace("KHÔNG".encode(), b"SYT"), name="again.csv")
    assert counts(outcome) == (1, 0, 0, 1)
    # the columns in front do not pile up
    assert again[0].count("rejected_line") == 1
    assert again[1][1:] == ["5 fields instead of 10", "CB8", "Lê B", "SYT"]


def test_octets_that_are_no_utf8_are_kept(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    line = "CB7,Nguyễn Văn Cũ,SYT,CV,,,,".encode("utf-16-le").replace(b"\x00", b"\xff")
    outcome, rejects = run(raw=HEADING.encode() + b"\r\n" + line + b"\r\n" + GOOD[0].encode() + b"\r\n")
    assert counts(outcome) == (1, 0, 0, 1)
    assert rejects[1][1] == "not UTF-8 text"
    assert line in (tmp_path / "officials.csv.rejects").read_bytes()


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "file-empty"),
        (b"\r\n\r\n", "file-empty"),
        (b"\x89PNG\r\n\xff\xff", "file-encoding"),
        ("họ tên,chiều cao\r\n".encode(), "column-unknown"),
        ("họ tên,họ và tên,email\r\n".encode(), "column-double"),
        ("họ tên\r\n".encode(), "column-missing"),
        (b"email\r\n", "column-missing"),
        ('"họ tên,email\r\n'.encode(), "line-malformed"),
    ],
)
def test_files_that_are_no_use(city: City, tmp_path: Path, raw: bytes, code: str) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(raw)
    with pytest.raises(Fault) as caught:
        officials(city.directory).run(path, tmp_path / "rejects.csv")
    assert caught.value.code == code
    assert not (tmp_path / "rejects.csv").exists()


def test_the_rejects_cannot_overwrite_the_file(city: City, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("name,email\nAn,an\n")
    with pytest.raises(Fault) as caught:
        officials(city.directory).run(path, tmp_path / "." / "x.csv")
    assert caught.value.code == "file-same"


@pytest.mark.parametrize(
    ("heading", "line"),
    [
        ("\ufeffMÃ CÁN BỘ;Họ và tên;Đơn vị;Chức vụ", "CB1;Nguyễn Văn An;SYT;Giám đốc"),
        ("employee_code\tfull name\tunit\tposition", "CB1\tNguyễn Văn An\tsyt\tgiam doc"),
        ("Employee Code,family,middle,given,unit,position", "CB1,Nguyễn,Văn,An,SO Y TE,GD"),
    ],
)
def test_headings_and_delimiters(any_city: City, run, heading: str, line: str) -> None:  # type: ignore[no-untyped-def]
    assert counts(run(line, heading=heading)[0]) == (1, 0, 0, 0)
    with any_city.directory.read() as conn:
        an = find_official(conn, "CB1")
        assert (an.full_name, an.family_name, an.account.title) == ("Nguyễn Văn An", "Nguyễn", "Giám đốc")


def test_passwords(any_city: City, run) -> None:  # type: ignore[no-untyped-def]
    common = hash_password("chung")
    run(
        "CB1,Nguyễn Văn An,SYT,CV,,bí mật nào đó ,,",
        "CB2,Lê Bình,SYT,CV,,bí mật nào đó ,,",
        "CB3,Trần Chi,SYT,CV,,,,",
        common_password_hash=common,
        common_scram_verifier=new_verifier("chung"),
        must_change_password=True,
    )

    def stored(login: str) -> str:
        with any_city.directory.read() as conn:
            found = credentials_by_login(conn, login)
        assert found is not None
        assert found.must_change_password
        assert found.password_hash is not None
        return found.password_hash

    # a password is taken as it stands; the same one twice has two salts
    assert verify_password(stored("annv"), "bí mật nào đó ")
    assert stored("annv") != stored("binhl")
    assert stored("chit") == common
    # and each works with SCRAM at once
    for login, password in (("annv", "bí mật nào đó "), ("binhl", "bí mật nào đó "), ("chit", "chung")):
        with any_city.directory.read() as conn:
            found = credentials_by_login(conn, login)
            assert found is not None
            verifier = scram_verifiers.find(conn, found.account.id, stored(login))
        assert verifier is not None
        assert verifier == make_verifier(password, verifier.salt)
    # somebody who is in already keeps the password
    run("CB1,Nguyễn Văn An,SYT,CV,,khác,,", common_password_hash="!")
    assert verify_password(stored("annv"), "bí mật nào đó ")


def test_a_weak_password_is_taken_where_it_is_wanted(any_city: City, run) -> None:  # type: ignore[no-untyped-def]
    lines = ("CB1,Nguyễn Văn An,SYT,CV,,x,,", f"CB2,Lê Bình,SYT,CV,,{'x' * 1025},,")
    outcome, _ = run(*lines, allow_weak=True)
    assert counts(outcome) == (1, 0, 0, 1)
    with any_city.directory.read() as conn:
        found = credentials_by_login(conn, "annv")
    assert found is not None
    assert verify_password(found.password_hash, "x")


def test_settings_for_all(any_city: City, run) -> None:  # type: ignore[no-untyped-def]
    with any_city.directory.write() as conn:
        domains.add_domain(conn, "test", "new.vn")
    outcome, _ = run(
        "CB1,Nguyễn Văn An,,en",
        "CB2,Lê Bình,500M,vi",
        "CB3,Lê Cao,5 đồng,",
        "CB4,Lê Dài,,fr",
        heading="code,name,quota,language",
        quota_bytes=7,
        domain="new.vn",
    )
    assert counts(outcome) == (2, 0, 0, 2)
    with any_city.directory.read() as conn:
        an, binh = find_official(conn, "annv@new.vn").account, find_official(conn, "CB2").account
        assert (an.quota_bytes, an.language) == (7, "en")
        assert (binh.quota_bytes, binh.language) == (500 << 20, "vi")


def test_a_dry_run_tells_the_same_and_changes_nothing(any_city: City, run) -> None:  # type: ignore[no-untyped-def]
    lines = (*GOOD, "CB1,Nguyễn Văn An,P.SG,CT,,mật khẩu khác hẳn,,", "CB2,Khác Tên,SYT,CV,,,,", BAD[2][0])
    rehearsed, rejects = run(*lines, dry_run=True)
    assert rejects
    with any_city.directory.read() as conn:
        assert list(list_officials(conn)) == []
        assert conn.row(people._BY_CODE, code="CB1") is None
    done, _ = run(*lines)
    assert counts(rehearsed) == counts(done) == (3, 2, 0, 1)


def test_who_left_is_not_brought_back_by_a_file(any_city: City, run) -> None:  # type: ignore[no-untyped-def]
    run(*GOOD)
    with any_city.directory.write() as conn:
        leaving.leave(conn, "test", find_official(conn, "CB1").account.id, last_day="2026-03-01")
    outcome, _ = run(*GOOD)
    assert counts(outcome) == (0, 0, 2, 1)
    assert outcome.problems == [(2, "annv@city.gov.vn has left; bring back with 'official return'")]


def test_many_batches(any_city: City, run, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(importing, "BATCH", 7)
    lines = [f"CB{number},Nguyễn Văn An,SYT,CV,,,," for number in range(50)]
    assert counts(run(*lines)[0]) == (50, 0, 0, 0)
    with any_city.directory.read() as conn:
        logins = {each.account.login for each in list_officials(conn)}
    assert logins == {f"annv{number or ''}@city.gov.vn" for number in (0, *range(2, 51))}


def test_a_conflict_spoils_one_line_only(city: City, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What another program put into the table between the look and the leap is found by the database."""
    monkeypatch.setattr("directory.staff.intake.FreeAddresses.is_free", lambda self, found: True)
    with city.directory.write() as conn:
        conn.execute(
            insert(address),
            {"address": "lead@city.gov.vn", "state": "retired", "forward_to": "x@example.org", "created_at": 0},
        )
    path = tmp_path / "x.csv"
    path.write_text("code,name,address\nCB1,An,an\nCB2,Lê Ad,lead\nCB3,Chi,chi\n")
    outcome = officials(city.directory).run(path, tmp_path / "rejects.csv")
    assert counts(outcome) == (2, 0, 0, 1)
    assert outcome.problems[0][0] == 3
    with city.directory.read() as conn:
        assert find_official(conn, "CB3").account.login == "chi@city.gov.vn"


def test_two_imports_at_once(any_city: City, tmp_path: Path) -> None:
    outcomes: list[Outcome] = []

    def run(name: str) -> None:
        path = tmp_path / f"{name}.csv"
        path.write_text("code,name\n" + "".join(f"{name}{number},Nguyễn Văn An\n" for number in range(120)))
        importer = officials(any_city.directory)
        outcomes.append(importer.run(path, tmp_path / f"{name}.rejects"))

    threads = [threading.Thread(target=run, args=(name,)) for name in ("A", "B")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [counts(outcome) for outcome in outcomes] == [(120, 0, 0, 0)] * 2
    with any_city.directory.read() as conn:
        assert address_row(conn, "annv240@city.gov.vn") is not None
    assert any_city.directory.check_consistency() == []


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lines=st.lists(
        st.one_of(
            st.binary(max_size=60).map(lambda octets: octets.replace(b"\n", b"")),
            st.text(max_size=30).map(lambda text: text.replace("\n", "").encode("utf-8", "replace")),
            st.tuples(st.integers(0, 9), st.text(max_size=12)).map(
                lambda pair: f"CB{pair[0]},{pair[1]},SYT,CV,,,,".replace("\n", "").encode("utf-8", "replace")
            ),
        ),
        max_size=12,
    )
)
def test_every_line_of_any_file_is_accounted_for(city: City, tmp_path: Path, lines: list[bytes]) -> None:
    path, rejects = tmp_path / "noise.csv", tmp_path / "noise.rejects"
    rejects.unlink(missing_ok=True)
    path.write_bytes(HEADING.encode() + b"\n" + b"\n".join(lines) + b"\n")
    outcome = officials(city.directory).run(path, rejects)
    wanted = [line.rstrip(b"\r") for line in lines if line.strip()]
    assert sum(counts(outcome)) == len(wanted)
    if outcome.rejected:
        kept = rejects.read_bytes().split(b"\r\n", 1)[1]
        assert kept.count(b"\r\n") >= outcome.rejected
        assert sum(line in kept for line in wanted) >= outcome.rejected
    assert city.directory.check_consistency() == []
