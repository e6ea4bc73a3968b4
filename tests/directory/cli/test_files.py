"""Files of many, as an administrator types it."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from tests.directory.cli.terminal import Terminal

LISTS = (("unit", "export", "import", 3), ("official", "export", "import", 1), ("group", "export", "import", 1),
         ("mailbox", "export-list", "import-list", 1))  # fmt: skip


@pytest.mark.parametrize("suffix", [".csv", ".json", ".ldif", ".vcf"])
def test_everything_goes_out_and_comes_in_unchanged(citymail: Terminal, tmp_path: Path, an: str, suffix: str) -> None:
    citymail("mailbox", "add", "vanthu.syt", "--name", "Văn thư", "--unit", "SYT")
    citymail("group", "add", "nhom", "--name", "Nhóm")
    citymail("group", "add-member", "nhom", an)
    for kind, outward, inward, count in LISTS:
        file = tmp_path / f"{kind}{suffix}"
        assert citymail(kind, outward, str(file)) == f"{count} records written to {file}.\n"
        assert file.stat().st_mode & 0o077 == 0
        told = citymail.json(kind, inward, str(file))
        assert (told["added"], told["updated"], told["unchanged"], told["rejected"]) == (0, 0, count, 0)


def test_only_a_unit(citymail: Terminal, tmp_path: Path, an: str) -> None:
    assert citymail("unit", "export", "--unit", "SYT").count("\n") == 2
    assert an in citymail("official", "export", "--unit", "SYT", "--format", "vcard")
    assert citymail("official", "export", "--unit", "STC", "--format", "json") == "[\n]\n"
    assert "groups belong to no unit" in citymail.run("group", "export", "--unit", "STC", status=2).stderr


def test_a_dry_run_shows_what_would_differ(citymail: Terminal, tmp_path: Path, an: str) -> None:
    file = tmp_path / "x.csv"
    file.write_text("mã cán bộ,họ và tên,điện thoại\nCB1,Nguyễn Văn Ân,0909\nCB2,Lê Bình,\n")
    shown = citymail("official", "import", str(file), "--dry-run")
    assert f"~ line 2: {an}: full_name Nguyễn Văn An → Nguyễn Văn Ân; phone 0909\n" in shown
    assert "+ line 3: binhl@city.gov.vn: full_name Lê Bình\n" in shown
    assert shown.endswith("Dry run: 1 would be added, 1 updated, 0 unchanged, 0 rejected.\n")
    many = tmp_path / "many.csv"
    many.write_text("code,name\n" + "".join(f"M{number},Lê Văn {number}\n" for number in range(60)))
    assert "… and 10 more" in citymail("official", "import", str(many), "--dry-run")
    differences = tmp_path / "differences.csv"
    assert "~" not in citymail("official", "import", str(file), "--dry-run", "--differences", str(differences))
    with open(differences, encoding="utf-8", newline="") as table:
        assert list(csv.reader(table))[1:3] == [
            ["2", "updated", an, "full_name", "Nguyễn Văn An", "Nguyễn Văn Ân"],
            ["2", "updated", an, "phone", "", "0909"],
        ]


def test_all_or_nothing(citymail: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "units.csv"
    file.write_text("short_name,name,type,parent\nSXD,Sở Xây dựng,Sở,UBND\nSTP,Sở Tư pháp,Sở,ĐÂU\n")
    result = citymail.run("unit", "import", str(file), "--whole", status=5)
    assert result.stdout.startswith("Nothing was changed, for 1 were refused")
    citymail("unit", "show", "SXD", status=3)
    rejects = tmp_path / "units.rejects.csv"
    assert rejects.stat().st_mode & 0o077 == 0
    file.write_text(file.read_text().replace("ĐÂU", "SXD"))
    assert citymail.json("unit", "import", str(file), "--whole")["added"] == 2
    assert citymail.json("unit", "show", "STP")["path"] == ["UBND Thành phố", "Sở Xây dựng", "Sở Tư pháp"]


def test_an_old_list_is_named_and_read_where_somebody_says_so(citymail: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "cu.csv"
    file.write_bytes("code,name\nA1,NguyÔn V¨n An\n".encode("cp1252"))
    result = citymail.run("official", "import", str(file), status=5)
    assert "line 2: not UTF-8 but tcvn3; it probably reads “A1,Nguyễn Văn An”" in result.stderr
    assert citymail.json("official", "import", str(file), "--encoding", "tcvn3")["added"] == 1
    assert citymail.json("official", "show", "A1")["name"] == "Nguyễn Văn An"
