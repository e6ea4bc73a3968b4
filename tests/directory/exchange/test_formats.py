"""Every format holds every record, reads what other programs write, and blames the broken record alone.

RFC 2849, RFC 6350, RFC 2426, RFC 6068, RFC 8259, RFC 4180.
"""

from __future__ import annotations

import io
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from directory.exchange.formats import FORMATS, FormatName, format_of
from directory.exchange.kinds import GROUP, KINDS, MAILBOX, OFFICIAL, UNIT, Kind, Record
from directory.exchange.lines import Item, Lines
from directory.faults import Fault
from directory.words.names import tidy

FORMAT_NAMES: list[FormatName] = list(FORMATS)
SHOWN = {"suffix": "dc=city,dc=vn", "shown_title": "", "shown_unit": "", "inner_groups": (), "outside": ()}


def read(octets: bytes, form: FormatName, kind: Kind = OFFICIAL, encoding: str = "auto") -> list[Item]:
    lines = Lines(io.BytesIO(octets), "x", encoding)
    return list(FORMATS[form].reader(lines, kind, "x").items())


def records(octets: bytes, form: FormatName, kind: Kind = OFFICIAL, encoding: str = "auto") -> list[Record]:
    items = read(octets, form, kind, encoding)
    assert [item.fault for item in items] == [None] * len(items)
    return [item.record for item in items]


def written(form: FormatName, kind: Kind, found: list[Record]) -> bytes:
    out = io.StringIO(newline="")
    assert FORMATS[form].write(kind, [tuple(SHOWN | row for row in each) for each in found], out) == len(found)
    return out.getvalue().encode()


def told(kind: Kind, found: list[Record]) -> list[list[dict[str, Any]]]:
    """Without what is empty."""
    names = {column.name for column in kind.columns}
    return [[{k: v for k, v in row.items() if k in names and v not in ("", [])} for row in each] for each in found]


TEXT = st.text(st.sampled_from("aÂđỮ,;:\\\"' <>=#+-@{}[]\u0301|n😀0"), max_size=40).map(tidy)
FULL = TEXT.filter(bool)
LOCAL = st.text("abc019", min_size=1, max_size=6)
ADDRESS = LOCAL.map(lambda local: f"{local}@city.vn")
ADDRESSES = st.lists(ADDRESS, max_size=3, unique=True)
POST = st.fixed_dictionaries(
    {"unit": FULL, "position": FULL, "valid_from": st.just("2026-01-01")},
    optional={"title": FULL, "kind": st.just("acting"), "rank": st.just("7"), "decision": FULL},
)
PERSON = st.fixed_dictionaries(
    {"full_name": FULL, "given_name": FULL, "family_name": TEXT, "middle_name": TEXT, "address": ADDRESS},
    optional={"employee_code": FULL, "aliases": ADDRESSES, "phone": FULL, "quota": st.just("5G")},
)
RULE = st.dictionaries(st.sampled_from(["unit", "position"]), FULL, min_size=1).map(
    lambda rule: json.dumps(rule, ensure_ascii=False)
)
ROWS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "unit": st.fixed_dictionaries(
        {"id": LOCAL, "name": FULL, "type": FULL}, optional={"short_name": FULL, "parent": FULL, "order": st.just("3")}
    ),
    "mailbox": st.fixed_dictionaries(
        {"address": ADDRESS, "name": FULL}, optional={"unit": FULL, "aliases": ADDRESSES, "readers": ADDRESSES}
    ),
    "group": st.fixed_dictionaries(
        {"address": ADDRESS, "name": FULL},
        optional={"members": ADDRESSES, "rules": st.lists(RULE, max_size=2), "posting": st.just("named")},
    ),
}


@pytest.mark.parametrize("form", [name for name in FORMAT_NAMES if name != "csv"])
@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(PERSON, st.lists(POST, max_size=3)), max_size=3))
def test_an_official_comes_back_with_all_posts(form: FormatName, given_people: list[Any]) -> None:
    found = [tuple(person | post for post in posts) or (person,) for person, posts in given_people]
    assert told(OFFICIAL, records(written(form, OFFICIAL, found), form)) == told(OFFICIAL, found)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(PERSON, POST), max_size=3))
def test_in_a_table_every_post_is_a_line(given_people: list[Any]) -> None:
    found = [(person | post,) for person, post in given_people]
    assert told(OFFICIAL, records(written("csv", OFFICIAL, found), "csv")) == told(OFFICIAL, found)


@pytest.mark.parametrize("kind", [UNIT, MAILBOX, GROUP], ids=lambda kind: kind.name)
@pytest.mark.parametrize("form", FORMAT_NAMES)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_other_records_come_back(form: FormatName, kind: Kind, data: st.DataObject) -> None:
    found = [(row,) for row in data.draw(st.lists(ROWS[kind.name], max_size=3))]
    assert told(kind, records(written(form, kind, found), form, kind)) == told(kind, found)


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
@pytest.mark.parametrize("form", FORMAT_NAMES)
@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.binary(max_size=40)
        | st.sampled_from(
            (
                *(b'{"a": [', b'{"address": "x"}', b"]}", b"BEGIN:VCARD", b"END:VCARD", b"VERSION:4.0"),
                *(b"N:a;b\\;c,;;", b"EMAIL;PREF=x:a", b"dn: uid=a", b"cn:: QQ==", b"cn:: Q", b" folded", b"", b"-"),
                *(b"version: 2", b'"'),
            )
        ),
        max_size=12,
    )
)
def test_any_octets_are_records_or_faults(form: FormatName, kind: Kind, lines: list[bytes]) -> None:
    try:
        found = read(b"\n".join(lines), form, kind)
    except Fault:
        return
    lines_of = io.BytesIO(b"\n".join(lines))
    reader: Any
    try:
        reader = FORMATS[form].reader(Lines(lines_of, "x"), kind, "x")
    except Fault:
        return
    for item in found:
        assert bool(item.record) != bool(item.fault)
        assert reader.rejected(item, "vì sao; \n, đó")


@pytest.mark.parametrize("form", FORMAT_NAMES)
def test_what_was_rejected_can_be_read_again(form: FormatName) -> None:
    found: list[Record] = [
        ({"employee_code": f"CB{n}", "full_name": f"Lê {n}", "given_name": f"{n}", "address": f"a{n}@c.vn"},)
        for n in range(3)
    ]
    octets = written(form, OFFICIAL, found)
    reason = " ".join(["không có đơn vị"] * 9)
    for _ in range(2):  # the notes of an earlier time do not pile up
        lines = Lines(io.BytesIO(octets), "x")
        reader = FORMATS[form].reader(lines, OFFICIAL, "x")
        items = list(reader.items())
        octets = reader.rejects_head() + b"".join(reader.rejected(item, reason) for item in items)
        assert octets.count(reason.encode()) == 3
    assert [row["employee_code"] for (row,) in records(octets, form)] == ["CB0", "CB1", "CB2"]


def test_a_broken_object_spoils_no_other() -> None:
    octets = b"""[
{"full_name": "A", "address": "a"},
{"full_name": "B", "address": "b
{"full_name": "C", "address": "c"
{"full_name": "D", "address": "d", "posts": [
   {"unit": "SYT",
"position": "GD"}
]},
{"full_name": "E", "cao": 1}, {"full_name": "F", "address": "f", "quota": 5, "language": null}
]
"""
    items = read(octets, "json")
    assert [(item.line, bool(item.fault)) for item in items] == [
        (2, False), (3, True), (4, True), (5, False), (9, True), (9, False),
    ]  # fmt: skip
    assert items[3].record == ({"full_name": "D", "address": "d", "unit": "SYT", "position": "GD"},)
    assert items[5].record == ({"full_name": "F", "address": "f", "quota": "5"},)


def test_an_array_on_one_line_and_one_of_many_lines() -> None:
    found = [
        {"full_name": f"Lê {n}", "address": f"a{n}", "posts": [{"unit": "S{Y}T"}, {"unit": "["}]} for n in range(3)
    ]
    for indent in (None, 0, 2):
        octets = json.dumps(found, indent=indent).encode()
        assert [record[1]["unit"] for record in records(octets, "json")] == ["["] * 3


LDIF = """version: 1
# from another server,
  and this goes on
dn: ou=people,dc=city,dc=vn
objectClass: organizationalUnit
ou: people

dn:: dWlkPWFubnYsb3U9cGVvcGxlLGRjPWNpdHksZGM9dm4=
changetype: add
objectClass: inetOrgPerson
cn;lang-vi:: Tmd1eeG7hW4gVsSDbiBBbg==
sn: Nguy
 en
givenName: An
mail: annv@city.vn
mail: an@city.vn
userPassword:: e1NTSEF9eHh4
jpegPhoto:: /9j/
employeeNumber: CB1
ou: SYT
title: CV

dn: uid=b,dc=city,dc=vn
changetype: modify
replace: sn
sn: B
-

dn: uid=c,dc=city,dc=vn
cn:< file:///etc/passwd
"""


def test_ldif_of_another_server() -> None:
    first, second, third = read(LDIF.encode(), "ldif")
    assert first.record == (
        {
            "full_name": "Nguyễn Văn An",
            "family_name": "Nguyen",
            "given_name": "An",
            "address": "annv@city.vn",
            "aliases": ["an@city.vn"],
            "employee_code": "CB1",
            "unit": "SYT",
            "position": "CV",
        },
    )
    assert (first.line, second.line, third.line) == (8, 23, 29)
    assert "change" in str(second.fault)
    assert "URL" in str(third.fault)


def test_ldif_is_read_by_openldap(tmp_path: Path) -> None:
    row = {
        "full_name": "Nguyễn Văn An, nguyên Giám đốc",
        "given_name": "An",
        "family_name": "",
        "address": "a+b@city.vn",
        "phone": " :x" * 40,
        "unit": "S",
        "position": "GD",
    }
    file = tmp_path / "x.ldif"
    file.write_bytes(written("ldif", OFFICIAL, [(row,), (row | {"full_name": "B"},)]))
    # nothing is done, and so no server is asked
    command = ["ldapadd", "-n", "-v", "-x", "-H", "ldap://127.0.0.1:1", "-f", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.count('!adding new entry "uid=a\\+b@city.vn,ou=people,dc=city,dc=vn"') == 2
    assert f"add telephoneNumber:\n\t{row['phone']}\n" in done.stdout


VCARD = """BEGIN:VCARD\r
VERSION:3.0\r
PRODID:-//Apple Inc.//iOS 17//EN\r
N:Nguyễn;An;Văn,Hữu;;\r
FN:Nguyễn Văn Hữ\r
 u An\r
item1.EMAIL;type=INTERNET;type=WORK:an.nha@city.vn\r
EMAIL;type=INTERNET;type=pref:annv@city.vn\r
TEL;TYPE="cell,voice":0909 123 456\r
ORG:Sở Y tế\\, TP;Phòng Nghiệp vụ\r
TITLE:Chuyên viên\r
PHOTO;ENCODING=b;TYPE=JPEG:/9j/4AAQ\r
 SkZJRg==\r
END:VCARD\r
\r
BEGIN:VCARD\r
VERSION:2.1\r
N;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:=4E\r
END:VCARD\r
BEGIN:VCARD
VERSION:4.0
FN:Lê Bình
TEL;VALUE=uri;TYPE=work:tel:+84-28-3822;ext=5
EMAIL:mailto:binh@city.vn
BEGIN:VCARD
VERSION:4.0
KIND:org
FN:Sở Y tế
END:VCARD
noise
"""


def test_vcards_of_telephones() -> None:
    first, old, unended, noise = read(VCARD.encode(), "vcard")
    assert first.record == (
        {
            "full_name": "Nguyễn Văn Hữu An",
            "family_name": "Nguyễn",
            "given_name": "An",
            "middle_name": "Văn Hữu",
            "address": "annv@city.vn",
            "aliases": ["an.nha@city.vn"],
            "phone": "0909 123 456",
            "unit": "Phòng Nghiệp vụ",
            "position": "Chuyên viên",
        },
    )
    assert "2.1" in str(old.fault)
    assert "END:VCARD" in str(unended.fault)
    assert (noise.line, str(noise.fault)) == (30, "malformed line: noise")


def test_lines_of_vcard_and_ldif_are_folded_between_characters() -> None:
    row = {"full_name": "Đặng " * 60, "given_name": "x", "family_name": "", "address": "a@c.vn"}
    for line in written("vcard", OFFICIAL, [(row,)]).split(b"\r\n"):
        assert len(line) <= 75
        line.decode()
    for line in written("ldif", OFFICIAL, [(row,)]).split(b"\n"):
        assert len(line) <= 76
        assert line.isascii()


# --- sets of characters -----------------------------------------------------------------------------------------------

TABLE = "employee_code,họ và tên\r\nCB1,Nguyễn Văn An\r\n"


@pytest.mark.parametrize(
    ("octets", "encoding"),
    [
        (TABLE.encode(), "auto"),
        (TABLE.encode("utf-8-sig"), "auto"),
        (TABLE.encode("utf-16"), "auto"),
        (TABLE.encode("utf-16-be"), "auto"),
        (b"\xfe\xff" + TABLE.encode("utf-16-be"), "auto"),
        (TABLE.encode("utf-16-le"), "utf-16"),
        ("employee_code,họ va\u0300 tên\r\nCB1,Nguye\u0302\u0303n Va\u0306n An\r\n".encode(), "auto"),
        ("employee_code,name\nCB1,Nguyê\u0303n Văn An\n".encode("cp1258"), "windows-1258"),
        ("employee_code,name\nCB1,NguyÔn V¨n An\n".encode("cp1252"), "tcvn3"),
        ("employee_code,name\nCB1,NguyÔn V¨n An\n".encode(), "tcvn3"),
        ("employee_code,name\nCB1,Nguyeãn Vaên An\n".encode("cp1252"), "vni"),
        ("employee_code,name\nCB1,Nguyeãn Vaên An\n".encode(), "vni"),
        ("employee_code,name\nCB1,Nguyá»…n VÄƒn An\n".encode(), "misread-utf-8"),
    ],
)
def test_any_set_of_characters(octets: bytes, encoding: str) -> None:
    assert records(octets, "csv", encoding=encoding) == [({"employee_code": "CB1", "full_name": "Nguyễn Văn An"},)]


@pytest.mark.parametrize(
    ("octets", "encoding"),
    [
        ("Nguyê\u0303n Văn An".encode("cp1258"), "windows-1258"),
        ("NguyÔn V¨n An".encode("cp1252"), "tcvn3"),
        ("Nguyeãn Vaên An".encode("cp1252"), "vni"),
    ],
)
def test_a_line_in_an_old_set_is_named_with_what_it_should_read(octets: bytes, encoding: str) -> None:
    (item,) = read(b"employee_code,name\nCB1," + octets + b"\n", "csv")
    assert item.fault is not None
    assert item.fault.code == "line-encoding"
    assert item.fault.values == {"encoding": encoding, "reading": "CB1,Nguyễn Văn An"}


def test_a_heading_in_an_old_font_is_named() -> None:
    with pytest.raises(Fault, match="họ và tên"):
        read("mã,hä vµ tªn\n".encode(), "csv")


@pytest.mark.parametrize(
    ("name", "form"),
    [("a.csv", "csv"), ("a.LDIF", "ldif"), ("a.vcf", "vcard"), ("a.json", "json"), ("a.ndjson", "json"), ("-", "csv")],
)
def test_the_format_is_told_by_the_name(name: str, form: str) -> None:
    assert format_of(Path(name)) == form
